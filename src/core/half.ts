/**
 * Sixteen-bit floating point numbers to float32, exactly. float16 is IEEE 754 binary16 (1 sign, 5 exponent, 10 fraction bits); bfloat16 is the upper half
 * of a float32. Infinities and signed zeros stay; a NaN becomes a NaN of the same sign and leading fraction bits.
 */

const FRACTION_BITS = 10;
const BIAS = 15;
const CODES = 65536;
let table: Float32Array | undefined;

/** @param bits one binary16 number per element */
export function float16ToFloat32(bits: Uint16Array, out: Float32Array = new Float32Array(bits.length)): Float32Array {
  table ??= float16Table();
  for (let i = 0; i < bits.length; i += 1) out[i] = table[bits[i] as number] as number;
  return out;
}

/** @param bits one bfloat16 number per element */
export function bfloat16ToFloat32(bits: Uint16Array, out: Float32Array = new Float32Array(bits.length)): Float32Array {
  const words = new Uint32Array(out.buffer, out.byteOffset, out.length);
  for (let i = 0; i < bits.length; i += 1) words[i] = (bits[i] as number) << 16;
  return out;
}

/** value = (−1)^s · 2^(e−15) · (1 + f/1024); e = 0: (−1)^s · 2^(−14) · f/1024; e = 31: ±∞ or NaN */
function float16Table(): Float32Array {
  const out = new Float32Array(CODES);
  const words = new Uint32Array(out.buffer);
  for (let code = 0; code < CODES; code += 1) {
    const sign = (code & 0x8000) === 0 ? 1 : -1;
    const exponent = (code >> FRACTION_BITS) & 0x1f;
    const fraction = code & 0x3ff;
    if (exponent === 0x1f) words[code] = ((code & 0x8000) << 16) | 0x7f800000 | (fraction << 13);
    else out[code] = sign * (exponent === 0 ? 2 ** (1 - BIAS - FRACTION_BITS) * fraction : 2 ** (exponent - BIAS - FRACTION_BITS) * (fraction + (1 << FRACTION_BITS)));
  }
  return out;
}
