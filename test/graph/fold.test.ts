/** Folding of what exporters compute from constants: as the runtime would, or not at all. */
import { describe, expect, it } from 'vitest';
import { tensor } from '../../src/core/tensor.js';
import type { Tensor } from '../../src/core/tensor.js';
import { fold } from '../../src/graph/onnx/fold.js';

const LARGEST = 2n ** 63n - 1n;
const ints = (...values: (bigint | number)[]): Tensor => tensor('int64', [values.length], BigInt64Array.from(values, BigInt));
const floats = (...values: number[]): Tensor => tensor('float32', [values.length], Float32Array.from(values));
const folded = (op: string, inputs: readonly Tensor[], attributes = {}): (number | bigint)[] | undefined => {
  const data = fold(op, inputs, attributes)?.[0]?.data;
  return data === undefined ? undefined : Array.from(data as ArrayLike<number | bigint>);
};

describe('integers', () => {
  it.each([
    ['a quotient by 0', 'Div', [ints(7), ints(0)], {}],
    ['a remainder by 0', 'Mod', [ints(7), ints(0)], {}],
    ['an infinity', 'Cast', [floats(-Infinity)], { to: 7 }],
    ['what is no number', 'Cast', [floats(NaN)], { to: 7 }],
    ['a number beyond the type', 'Cast', [floats(3e9)], { to: 6 }],
    ['a sum that a double does not hold', 'Add', [ints(2n ** 53n - 1n), ints(5)], {}],
    ['a product that a double does not hold', 'Mul', [ints(3037000500n), ints(3037000499n)], {}],
    ['arithmetic with the end of int64', 'Sub', [ints(LARGEST), ints(1)], {}],
    ['the end of int64 as a real number', 'Cast', [ints(LARGEST)], { to: 1 }],
    ['a large number that means no end', 'Concat', [ints(2n ** 60n), ints(1)], { axis: 0 }],
  ] as const)('are left to the runtime: %s', (_, op, inputs, attributes) => {
    expect(folded(op, inputs, attributes)).toBeUndefined();
  });

  it('keep "to the end" where they are moved, compared or chosen', () => {
    expect(folded('Concat', [ints(LARGEST, 1), ints(-LARGEST - 1n)], { axis: 0 })).toEqual([LARGEST, 1n, -LARGEST]);
    expect(folded('Min', [ints(LARGEST, LARGEST), ints(7, LARGEST)])).toEqual([7n, LARGEST]);
    expect(folded('Less', [ints(3), ints(LARGEST)])).toEqual([1]);
    expect(folded('Cast', [ints(LARGEST)], { to: 7 })).toEqual([LARGEST]);
  });
});

describe('Mod', () => {
  // numpy.mod and numpy.fmod of the same numbers, numpy 2
  it('has the sign of the divisor, also of an infinite one', () => {
    expect(folded('Mod', [floats(1, -1, 5, -7, 7, NaN, Infinity, 3), floats(Infinity, Infinity, -Infinity, 4, -4, 1, 1, 0)])).toEqual([1, Infinity, -Infinity, 1, -1, NaN, NaN, NaN]);
    expect(folded('Mod', [floats(-0, 0, -0, 0), floats(1, -3, -1, 2)])).toEqual([0, -0, -0, 0]);
  });
  it('with fmod has the sign of the dividend', () => {
    expect(folded('Mod', [floats(1, -1, -7, 7), floats(Infinity, Infinity, 4, -4)], { fmod: 1 })).toEqual([1, -1, -3, 3]);
  });
});
