import { describe, expect, it } from 'vitest';
import { sizeOf, tensor, viewAs } from '../../src/core/tensor.js';

describe('viewAs', () => {
  it('reads misaligned bytes of a Buffer as well as aligned ones', () => {
    const numbers = Float32Array.from([1.5, -2, 3]);
    const padded = Buffer.concat([Buffer.from([7]), Buffer.from(numbers.buffer)]);
    const aligned = new Uint8Array(numbers.buffer);
    expect(Array.from(viewAs('float32', padded.subarray(1)))).toEqual([1.5, -2, 3]);
    expect(viewAs('float32', aligned).buffer).toBe(numbers.buffer);
  });
});

describe('tensor', () => {
  it('refuses data that do not fill the shape, and shapes that are none', () => {
    expect(() => tensor('float32', [2, 3], new Float32Array(5))).toThrow(/does not fill its shape/);
    expect(() => sizeOf([2, -1])).toThrow(/not a list of non-negative integers/);
    expect(() => sizeOf([2 ** 40, 2 ** 40])).toThrow(/more than 2\^53/);
    expect(tensor('int32', []).data.length).toBe(1);
  });
});
