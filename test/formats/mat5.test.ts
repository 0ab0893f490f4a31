import { readFileSync } from 'node:fs';
import { deflateSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { sizeOf, type DType } from '../../src/core/tensor.js';
import { readMat5, writeMat5 } from '../../src/formats/mat5.js';
import { expectFailure, fixture, NPY_CODES, ramp, survivesDamage, temporary } from './support.js';

const file = (name: string): string => fixture(`mat/${name}`);

/** a row-major array as MATLAB keeps it */
function columnMajor<A extends ArrayLike<unknown> & { slice(): A }>(data: A, rows: number, columns: number): A {
  const out = data.slice();
  for (let i = 0; i < rows; i += 1) for (let j = 0; j < columns; j += 1) (out as unknown as unknown[])[i + rows * j] = data[i * columns + j];
  return out;
}

describe('variables that SciPy wrote', () => {
  test.each(['numbers.mat', 'numbers.compressed.mat'])('%s: every numeric class, column-major', (name) => {
    const variables = readMat5(file(name));
    expect(variables['masterordering']).toEqual({ dtype: 'float64', shape: [1, 40], data: Float64Array.from(ramp([40], 'uint16')) });
    expect(variables['subjectim']).toEqual({ dtype: 'float64', shape: [8, 10], data: columnMajor(ramp([8, 10], 'float64'), 8, 10) });
    expect(variables['single']?.data).toEqual(columnMajor(ramp([2, 3], 'float32'), 2, 3));
    expect(variables['cube']?.shape).toEqual([2, 3, 4]);
    // element (1, 2, 3) of the row-major ramp
    expect(variables['cube']?.data[1 + 2 * (2 + 3 * 3)]).toBe(ramp([24], 'float64')[(1 * 3 + 2) * 4 + 3]);
    for (const dtype of ['int8', 'uint8', 'int16', 'uint16', 'int32', 'uint32', 'int64'] as const) {
      expect(variables[NPY_CODES[dtype]]).toEqual({ dtype, shape: [2, 3], data: columnMajor(ramp([2, 3], dtype), 2, 3) });
    }
    expect(variables['one']?.data).toEqual(Float64Array.of(7));
    expect(variables['empty']).toEqual({ dtype: 'float64', shape: [0, 3], data: new Float64Array(0) });
  });

  test.each(['narrowed.mat', 'narrowed.big-endian.mat'])('%s: doubles stored as narrower integers, as MATLAB does', (name) => {
    const variables = readMat5(file(name));
    expect(variables['wide']).toEqual({ dtype: 'float64', shape: [3, 4], data: columnMajor(Float64Array.from(ramp([12], 'uint16')), 3, 4) });
    expect(variables['tiny']).toEqual({ dtype: 'float64', shape: [1, 3], data: Float64Array.of(1, 2, 3) });
  });

  test('a logical array is a boolean one', () => {
    expect(readMat5(file('logical.mat'))['a']).toEqual({ dtype: 'bool', shape: [2, 3], data: columnMajor(ramp([2, 3], 'bool'), 2, 3) });
  });

  test('only what is wanted is read, so that a struct beside it does no harm', () => {
    expect(Object.keys(readMat5(file('struct.mat'), ['c']))).toEqual(['c']);
  });
});

describe('variables that we write', () => {
  test('are read back, whatever the class, shape and values', () => {
    const dtypes = Object.keys(NPY_CODES) as DType[];
    fc.assert(
      fc.property(fc.constantFrom(...dtypes), fc.array(fc.integer({ min: 0, max: 5 }), { minLength: 2, maxLength: 3 }), fc.constantFrom(1, 100, 1e6, 0.5), (dtype, shape, factor) => {
        const path = temporary('a.mat');
        const data = ramp(shape, dtype);
        if (dtype === 'float64') (data as Float64Array).forEach((value, i) => ((data as Float64Array)[i] = value * factor));
        writeMat5(path, { name: { dtype, shape, data } });
        expect(readMat5(path)).toEqual({ name: { dtype, shape, data } });
        expect(data.length).toBe(sizeOf(shape));
      }),
      { seed: 5, numRuns: 120 },
    );
  });

  test('negative zero, NaN and infinity survive', () => {
    const data = Float64Array.of(-0, NaN, Infinity, 1);
    const path = temporary('a.mat');
    writeMat5(path, { a: { dtype: 'float64', shape: [2, 2], data }, b: { dtype: 'float64', shape: [1, 1], data: Float64Array.of(-0) } });
    expect(readMat5(path)['a']?.data).toEqual(data);
    expect(Object.is(readMat5(path)['b']?.data[0], -0)).toBe(true);
  });

  test('the same variables give the same bytes', () => {
    const [first, second] = [temporary('a.mat'), temporary('b.mat')];
    const variables = { a: { dtype: 'float64', shape: [2, 3], data: ramp([2, 3], 'float64') } } as const;
    writeMat5(first, variables);
    writeMat5(second, variables);
    expect(readFileSync(first).equals(readFileSync(second))).toBe(true);
  });

  test('names and shapes that MATLAB cannot have are refused', async () => {
    const data = new Float64Array(2);
    await expectFailure(() => writeMat5(temporary('a.mat'), { '1a': { dtype: 'float64', shape: [1, 2], data } }), /letter/, 'E_DATA');
    await expectFailure(() => writeMat5(temporary('a.mat'), { a: { dtype: 'float64', shape: [2], data } }), /extents/, 'E_DATA');
  });
});

describe('files that are refused', () => {
  test.each([
    ['struct.mat', /a struct/],
    ['sparse.mat', /sparse/],
    ['text.mat', /text/],
    ['complex.mat', /complex/],
    ['cell.mat', /cell/],
    ['level4.mat', /Level 4/],
    ['version73.mat', /7\.3/],
  ])('%s', (name, words) => expectFailure(() => readMat5(file(name)), words));

  test('a compressed variable that is a megabyte of zeros is refused', async () => {
    const header = readFileSync(file('numbers.mat')).subarray(0, 128);
    const bomb = deflateSync(Buffer.alloc(1 << 20));
    const tag = Buffer.alloc(8);
    tag.writeUInt32LE(15, 0);
    tag.writeUInt32LE(bomb.length, 4);
    await expectFailure(() => readMat5(temporary('a.mat', Buffer.concat([header, tag, bomb]))), /more than one|one variable|not a variable/);
  });

  test('damage ends in a result or E_FORMAT', async () => {
    for (const name of ['numbers.mat', 'numbers.compressed.mat', 'narrowed.mat', 'narrowed.big-endian.mat', 'struct.mat', 'logical.mat']) {
      expect(await survivesDamage(file(name), 250, (path) => readMat5(path))).toBeGreaterThan(80);
    }
  });
});
