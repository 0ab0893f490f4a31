/**
 * Discrete Fourier transforms of any length in float64: iterative radix 2 for powers of two, Bluestein's chirp for the rest.
 * Plans are made once per length and hold their own work space.
 */
import { PipelineError } from '../core/errors.js';

/** Bluestein: the transform as a convolution with a chirp (w), carried out by a padded transform with a precomputed kernel (k). */
interface Chirp {
  readonly inner: Fft;
  readonly wr: Float64Array;
  readonly wi: Float64Array;
  readonly kr: Float64Array;
  readonly ki: Float64Array;
  readonly ar: Float64Array;
  readonly ai: Float64Array;
}

/**
 * X[k] = Σ_j x[j]·exp(∓2πi·jk/n), in place on separate real and imaginary parts, without normalisation.
 * @source Cooley & Tukey 1965; Bluestein 1970
 */
export class Fft {
  readonly length: number;
  readonly #cos: Float64Array;
  readonly #sin: Float64Array;
  readonly #reversed: Uint32Array | undefined;
  readonly #chirp: Chirp | undefined;

  constructor(length: number) {
    if (!Number.isInteger(length) || length < 1) throw new PipelineError('E_DATA', `Fourier length ${length} is not a positive integer`);
    this.length = length;
    const powerOfTwo = (length & (length - 1)) === 0;
    const table = powerOfTwo ? length / 2 : 0;
    this.#cos = Float64Array.from({ length: table }, (_, i) => Math.cos((2 * Math.PI * i) / length));
    this.#sin = Float64Array.from({ length: table }, (_, i) => Math.sin((2 * Math.PI * i) / length));
    if (powerOfTwo) {
      const bits = Math.round(Math.log2(length));
      this.#reversed = Uint32Array.from({ length }, (_, i) => {
        let reversed = 0;
        for (let bit = 0; bit < bits; bit += 1) reversed |= ((i >> bit) & 1) << (bits - 1 - bit);
        return reversed;
      });
      this.#chirp = undefined;
      return;
    }
    this.#reversed = undefined;
    let padded = 1;
    while (padded < 2 * length - 1) padded *= 2;
    const wr = new Float64Array(length);
    const wi = new Float64Array(length);
    const kr = new Float64Array(padded);
    const ki = new Float64Array(padded);
    for (let j = 0; j < length; j += 1) {
      // j² modulo 2n keeps the angle exact for large j
      const angle = (Math.PI * ((j * j) % (2 * length))) / length;
      wr[j] = Math.cos(angle);
      wi[j] = -Math.sin(angle);
      kr[j] = Math.cos(angle);
      ki[j] = Math.sin(angle);
      if (j > 0) {
        kr[padded - j] = Math.cos(angle);
        ki[padded - j] = Math.sin(angle);
      }
    }
    const inner = new Fft(padded);
    inner.forward(kr, ki);
    this.#chirp = { inner, wr, wi, kr, ki, ar: new Float64Array(padded), ai: new Float64Array(padded) };
  }

  /** exponent −2πi·jk/n */
  forward(re: Float64Array, im: Float64Array): void {
    if (this.#chirp === undefined) this.#radix2(re, im);
    else this.#bluestein(re, im);
  }

  /** exponent +2πi·jk/n, not divided by n: swapping the parts conjugates twice */
  inverse(re: Float64Array, im: Float64Array): void {
    this.forward(im, re);
  }

  #radix2(re: Float64Array, im: Float64Array): void {
    const n = this.length;
    const reversed = this.#reversed as Uint32Array;
    for (let i = 0; i < n; i += 1) {
      const j = reversed[i] as number;
      if (j <= i) continue;
      const r = re[i] as number;
      const m = im[i] as number;
      re[i] = re[j] as number;
      im[i] = im[j] as number;
      re[j] = r;
      im[j] = m;
    }
    for (let size = 2; size <= n; size *= 2) {
      const half = size / 2;
      const step = n / size;
      for (let start = 0; start < n; start += size) {
        for (let k = 0, t = 0; k < half; k += 1, t += step) {
          const c = this.#cos[t] as number;
          const s = this.#sin[t] as number;
          const a = start + k;
          const b = a + half;
          const xr = re[b] as number;
          const xi = im[b] as number;
          const vr = xr * c + xi * s;
          const vi = xi * c - xr * s;
          const ur = re[a] as number;
          const ui = im[a] as number;
          re[a] = ur + vr;
          im[a] = ui + vi;
          re[b] = ur - vr;
          im[b] = ui - vi;
        }
      }
    }
  }

  #bluestein(re: Float64Array, im: Float64Array): void {
    const n = this.length;
    const { inner, wr, wi, kr, ki, ar, ai } = this.#chirp as Chirp;
    const padded = inner.length;
    ar.fill(0);
    ai.fill(0);
    for (let j = 0; j < n; j += 1) {
      const c = wr[j] as number;
      const s = wi[j] as number;
      ar[j] = (re[j] as number) * c - (im[j] as number) * s;
      ai[j] = (re[j] as number) * s + (im[j] as number) * c;
    }
    inner.forward(ar, ai);
    for (let j = 0; j < padded; j += 1) {
      const r = ar[j] as number;
      const m = ai[j] as number;
      ar[j] = r * (kr[j] as number) - m * (ki[j] as number);
      ai[j] = r * (ki[j] as number) + m * (kr[j] as number);
    }
    inner.inverse(ar, ai);
    for (let j = 0; j < n; j += 1) {
      const r = (ar[j] as number) / padded;
      const m = (ai[j] as number) / padded;
      const c = wr[j] as number;
      const s = wi[j] as number;
      re[j] = r * c - m * s;
      im[j] = r * s + m * c;
    }
  }
}

/** Frequencies in cycles per sample, as numpy.fft.fftfreq(n). @shape float64 [n] */
export function fftFrequencies(n: number): Float64Array {
  return Float64Array.from({ length: n }, (_, i) => (i < Math.ceil(n / 2) ? i : i - n) / n);
}
