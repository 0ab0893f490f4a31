import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { tensor, type DType } from '../../src/core/tensor.js';
import { NpyFile, NpyWriter, readNpy, readNpyHeader, readNpyRows, writeNpy } from '../../src/formats/npy.js';
import { expectFailure, fixture, NPY_CODES, ramp, survivesDamage, temporary } from './support.js';

const dtypes = Object.keys(NPY_CODES) as DType[];

describe('arrays that NumPy saved', () => {
  test.each(dtypes)('%s is read with its values', (dtype) => {
    const array = readNpy(fixture(`npy/2d.${NPY_CODES[dtype]}.npy`));
    expect(array.dtype).toBe(dtype);
    expect(array.shape).toEqual([3, 5]);
    expect(array.data).toEqual(ramp([3, 5], dtype));
  });

  test('Fortran order is turned into row-major order', () => {
    expect(readNpyHeader(fixture('npy/fortran.f4.npy')).fortranOrder).toBe(true);
    expect(readNpy(fixture('npy/fortran.f4.npy')).data).toEqual(ramp([2, 3, 4], 'float32'));
  });

  test('big-endian numbers are turned into the machine\'s', () => {
    expect(readNpy(fixture('npy/big-endian.i4.npy')).data).toEqual(ramp([7], 'int32'));
  });

  test.each(['version2', 'version3'])('a header of %s is read', (name) => {
    expect(readNpy(fixture(`npy/${name}.f4.npy`)).data).toEqual(ramp([4, 2], 'float32'));
  });

  test('a single number and an empty array keep their shapes', () => {
    expect(readNpy(fixture('npy/scalar.f8.npy'))).toEqual(tensor('float64', [], Float64Array.of(2.5)));
    expect(readNpy(fixture('npy/empty.f4.npy')).shape).toEqual([0, 3]);
  });

  test('rows in the middle are read without the rest', () => {
    const all = ramp([6, 2, 3, 2], 'int16');
    const rows = readNpyRows(fixture('npy/4d.i2.npy'), 2, 3);
    expect(rows.shape).toEqual([3, 2, 3, 2]);
    expect(rows.data).toEqual(all.subarray(2 * 12, 5 * 12));
  });
});

describe('arrays that we write', () => {
  test.each(dtypes)('%s gives the very bytes that NumPy writes', (dtype) => {
    const path = temporary('a.npy');
    writeNpy(path, tensor(dtype, [3, 5], ramp([3, 5], dtype)));
    expect(readFileSync(path).equals(readFileSync(fixture(`npy/2d.${NPY_CODES[dtype]}.npy`)))).toBe(true);
  });

  test('columns written in any order equal an array written at once, and are read back by rows and columns', async () => {
    const [whole, pieces] = [temporary('whole.npy'), temporary('columns.npy')];
    const data = ramp([6, 7], 'float32') as Float32Array;
    writeNpy(whole, tensor('float32', [6, 7], data));
    const part = (rows: number[], from: number, to: number): Float32Array => Float32Array.from(rows.flatMap((row) => [...data.subarray(row * 7 + from, row * 7 + to)]));
    const all = [0, 1, 2, 3, 4, 5];
    const writer = new NpyWriter(pieces, 'float32', [6, 7]);
    writer.writeColumns(3, 7, part(all, 3, 7));
    writer.writeColumns(0, 3, part(all, 0, 3));
    writer.close();
    expect(readFileSync(pieces).equals(readFileSync(whole))).toBe(true);
    const file = new NpyFile(pieces);
    expect(file.columns([4, 5, 1], 2, 5)).toEqual(tensor('float32', [3, 3], part([4, 5, 1], 2, 5)));
    expect(file.columns([4, 5, 0, 1], 0, 7).data).toEqual(part([4, 5, 0, 1], 0, 7));
    await expectFailure(() => file.columns([0], 5, 8), /columns 5 … 8 are not in/, 'E_DATA');
    await expectFailure(() => file.columns([5, 6], 0, 7), /row 6 is not in/, 'E_DATA');
    file.close();
    const short = new NpyWriter(temporary('short.npy'), 'float32', [6, 7]);
    await expectFailure(() => short.writeColumns(0, 2, part(all, 0, 3)), /do not fit/, 'E_DATA');
    short.writeColumns(0, 3, part(all, 0, 3));
    await expectFailure(() => short.close(), /before it was full/, 'E_DATA');
  });

  test('an array written in pieces equals one written at once', () => {
    const [whole, pieces] = [temporary('whole.npy'), temporary('pieces.npy')];
    const data = ramp([6, 7], 'float32');
    writeNpy(whole, tensor('float32', [6, 7], data));
    const writer = new NpyWriter(pieces, 'float32', [6, 7]);
    for (let row = 0; row < 6; row += 2) writer.append(data.subarray(row * 7, (row + 2) * 7));
    writer.close();
    expect(readFileSync(pieces).equals(readFileSync(whole))).toBe(true);
  });

  test('what is written is read back, whatever the shape and type', () => {
    fc.assert(
      fc.property(fc.constantFrom(...dtypes), fc.array(fc.integer({ min: 0, max: 5 }), { maxLength: 4 }), (dtype, shape) => {
        const path = temporary('a.npy');
        const written = tensor(dtype, shape, ramp(shape, dtype));
        writeNpy(path, written);
        expect(readNpy(path)).toEqual(written);
      }),
      { seed: 7, numRuns: 60 },
    );
  });

  test('too few, too many and wrong elements are refused', async () => {
    const writer = new NpyWriter(temporary('a.npy'), 'float32', [2, 2]);
    await expectFailure(() => writer.append(new Float64Array(1)), /float32[^]*Float64Array/, 'E_DATA');
    await expectFailure(() => writer.append(new Float32Array(5)), /4 elements/, 'E_DATA');
    await expectFailure(() => writer.close(), /before it was full/, 'E_DATA');
  });
});

describe('files that are refused', () => {
  test.each([
    ['object.npy', /Python objects/],
    ['structured.npy', /structured/],
    ['complex.npy', /<c16/],
  ])('%s', (name, words) => expectFailure(() => readNpy(fixture(`npy/${name}`)), words));

  test('a header that is code, not a dict, is not evaluated', async () => {
    const header = (text: string): Buffer => {
      const prefix = Buffer.from('\x93NUMPY\x01\x00\x00\x00', 'latin1');
      prefix.writeUInt16LE(text.length, 8);
      return Buffer.concat([prefix, Buffer.from(text)]);
    };
    for (const text of [
      "{'descr': __import__('os').system('true'), 'fortran_order': False, 'shape': (1,)}",
      "{'descr': '<f4', 'fortran_order': False, 'shape': (1,), 'shape': (2,)}",
      "{'descr': '<f4', 'fortran_order': False, 'shape': (-1,)}",
      "{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999, 99999999999)}",
      "{'descr': '<f4', 'fortran_order': 0, 'shape': (1,)}",
      "{'descr': '<f4', 'shape': (1,)}",
      "{'descr': '<f4', 'fortran_order': False, 'shape': (1,)} + 1",
      "{'descr': '<f\\x34', 'fortran_order': False, 'shape': (1,)}",
      "{'descr': '|f4', 'fortran_order': False, 'shape': (1,)}",
    ]) {
      await expectFailure(() => readNpy(temporary('a.npy', header(text))), /header|shape|dtype/);
    }
  });

  test('rows of a Fortran-ordered array and rows outside are refused', async () => {
    await expectFailure(() => new NpyFile(fixture('npy/fortran.f4.npy')), /Fortran/);
    await expectFailure(() => readNpyRows(fixture('npy/4d.i2.npy'), 5, 2), /rows 0 … 6/, 'E_DATA');
  });

  test('a missing file, a folder and a pipe are told from damage, and a pipe does not hang', async () => {
    await expectFailure(() => readNpy('/nowhere/a.npy'), /ENOENT/, 'E_EXTERNAL_MISSING');
    await expectFailure(() => readNpy(fixture('npy')), /folder/);
    const pipe = temporary('pipe');
    execFileSync('mkfifo', [pipe]);
    await expectFailure(() => readNpy(pipe), /special file/);
  });

  test('damage ends in a result or E_FORMAT', async () => {
    const refused = await survivesDamage(fixture('npy/2d.f4.npy'), 400, readNpy);
    expect(refused).toBeGreaterThan(200);
    await survivesDamage(fixture('npy/2d.b1.npy'), 200, readNpy);
    await survivesDamage(fixture('npy/fortran.f4.npy'), 200, readNpy);
  });
});

test('a writer that is abandoned half-way hides no other error, and abandoning after close is nothing', () => {
  const path = temporary('abandoned.npy');
  const writer = new NpyWriter(path, 'float32', [4]);
  writer.append(Float32Array.from([1, 2]));
  writer.abandon();
  writer.abandon();
  expect(() => readNpy(path)).toThrow();
  const whole = new NpyWriter(path, 'float32', [1]);
  whole.append(Float32Array.from([3]));
  whole.close();
  whole.abandon();
  expect(Array.from(readNpy(path).data as Float32Array)).toEqual([3]);
});
