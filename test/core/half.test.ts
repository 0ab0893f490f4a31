import { expect, test } from 'vitest';
import { bfloat16ToFloat32, float16ToFloat32 } from '../../src/core/half.js';

test('float16: zeros, subnormals, the ends of the range, infinities and NaN', () => {
  const codes = [0x0000, 0x8000, 0x0001, 0x03ff, 0x0400, 0x3c00, 0x3555, 0xc000, 0x7bff, 0x7c00, 0xfc00, 0x7e00];
  expect([...float16ToFloat32(Uint16Array.from(codes))]).toEqual([0, -0, 2 ** -24, 1023 * 2 ** -24, 2 ** -14, 1, 1365 / 4096, -2, 65504, Infinity, -Infinity, NaN]);
});

test('float16: every positive code is larger than the one before, by the spacing of its exponent', () => {
  const values = float16ToFloat32(Uint16Array.from({ length: 0x7c00 }, (_, code) => code));
  for (let code = 1; code < values.length; code += 1) {
    const exponent = Math.max(1, (code - 1) >> 10);
    expect((values[code] as number) - (values[code - 1] as number)).toBe(2 ** (exponent - 25));
  }
  const negative = float16ToFloat32(Uint16Array.from({ length: 0x7c00 }, (_, code) => code | 0x8000));
  expect(negative).toEqual(values.map((value) => -value));
});

test('bfloat16 is the upper half of a float32', () => {
  expect([...bfloat16ToFloat32(Uint16Array.of(0x3f80, 0xc049, 0x0001, 0x7f80, 0x8000, 0x7fc0))]).toEqual([1, -3.140625, 2 ** -133, Infinity, -0, NaN]);
});
