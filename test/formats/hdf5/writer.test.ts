import { readFileSync, statSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { tensor, type DType, type Shape } from '../../../src/core/tensor.js';
import { Hdf5Writer, openHdf5, type Range } from '../../../src/formats/hdf5/index.js';
import { expectFailure, NPY_CODES, ramp, temporary } from '../support.js';

const whole = (shape: Shape): Range[] => shape.map((extent): Range => [0, extent]);

function writeSample(path: string): void {
  const writer = new Hdf5Writer(path);
  writer.createDataset('betas', { dtype: 'int16', shape: [30, 3, 4, 5], chunks: [30, 1, 1, 1] });
  writer.createDataset('deep/er/floats', { dtype: 'float32', shape: [4, 6], compression: 6 });
  const betas = ramp([30, 3, 4, 5], 'int16');
  writer.writeSlice('betas', whole([30, 3, 4, 5]), tensor('int16', [30, 3, 4, 5], betas));
  for (let row = 0; row < 4; row += 1) writer.writeSlice('deep/er/floats', [[row, row + 1], [0, 6]], tensor('float32', [1, 6], ramp([4, 6], 'float32').subarray(row * 6, (row + 1) * 6)));
  writer.close();
}

describe('files that we write', () => {
  test.each((Object.keys(NPY_CODES) as DType[]).filter((dtype) => dtype !== 'bool'))('%s is read back', (dtype) => {
    const path = temporary('a.h5');
    const writer = new Hdf5Writer(path);
    writer.createDataset('a', { dtype: dtype as Exclude<DType, 'bool'>, shape: [3, 5] });
    writer.writeSlice('a', [[0, 3], [0, 5]], tensor(dtype, [3, 5], ramp([3, 5], dtype)));
    writer.close();
    const file = openHdf5(path);
    expect(file.dataset('a').dtype).toBe(dtype);
    expect(file.dataset('a').readSlice([[0, 3], [0, 5]]).data).toEqual(ramp([3, 5], dtype));
    file.close();
  });

  test('chunks, groups and compression are as asked', () => {
    const path = temporary('a.h5');
    writeSample(path);
    const file = openHdf5(path);
    expect(file.dataset('betas').chunks).toEqual([30, 1, 1, 1]);
    expect(file.dataset('betas').readSlice(whole([30, 3, 4, 5])).data).toEqual(ramp([30, 3, 4, 5], 'int16'));
    expect(file.dataset('deep/er/floats').readSlice([[0, 4], [0, 6]]).data).toEqual(ramp([4, 6], 'float32'));
    file.close();
  });

  test('the same data written later give the same bytes', async () => {
    const [first, second] = [temporary('a.h5'), temporary('b.h5')];
    const now = Date.now();
    writeSample(first);
    expect(Date.now()).toBeGreaterThanOrEqual(now);
    // HDF5 keeps times in whole seconds.
    await setTimeout(2100);
    writeSample(second);
    expect(readFileSync(second).equals(readFileSync(first))).toBe(true);
  });

  test('the bytes do not depend on what the library did before', () => {
    const [first, second] = [temporary('a.h5'), temporary('b.h5')];
    writeSample(first);
    const other = new Hdf5Writer(temporary('c.h5'));
    other.createDataset('noise', { dtype: 'uint8', shape: [1000, 777], compression: 9 });
    other.writeSlice('noise', [[0, 1000], [0, 777]], tensor('uint8', [1000, 777], ramp([1000, 777], 'uint8')));
    writeSample(second);
    other.close();
    expect(readFileSync(second).equals(readFileSync(first))).toBe(true);
  });

  test('images never written take no room', () => {
    const path = temporary('brick.h5');
    const writer = new Hdf5Writer(path);
    writer.createDataset('imgBrick', { dtype: 'uint8', shape: [73000, 425, 425, 3], chunks: [1, 425, 425, 3] });
    const image = ramp([1, 425, 425, 3], 'uint8');
    for (const row of [2950, 17, 72999]) writer.writeSlice('imgBrick', [[row, row + 1], [0, 425], [0, 425], [0, 3]], tensor('uint8', [1, 425, 425, 3], image));
    writer.close();
    expect(statSync(path).size).toBeLessThan(3 * image.length + 100_000);
    const file = openHdf5(path);
    const brick = file.dataset('imgBrick');
    expect(brick.shape).toEqual([73000, 425, 425, 3]);
    const row = (at: number): Uint8Array => brick.readSlice([[at, at + 1], [0, 425], [0, 425], [0, 3]]).data as Uint8Array;
    expect(Buffer.compare(row(72999), image)).toBe(0);
    expect(row(2951).every((value) => value === 0)).toBe(true);
    file.close();
  });
});

describe('what is refused', () => {
  test('shapes, chunks, names and slices that do not fit', async () => {
    const writer = new Hdf5Writer(temporary('a.h5'));
    await expectFailure(() => writer.createDataset('a', { dtype: 'int16', shape: [] }), /axis/, 'E_DATA');
    await expectFailure(() => writer.createDataset('a', { dtype: 'int16', shape: [3, 0] }), /axis/, 'E_DATA');
    await expectFailure(() => writer.createDataset('a', { dtype: 'int16', shape: [3, 2], chunks: [4, 2] }), /chunks/, 'E_DATA');
    writer.createDataset('a', { dtype: 'int16', shape: [3, 2] });
    await expectFailure(() => writer.createDataset('a', { dtype: 'int16', shape: [3, 2] }), /new name/, 'E_DATA');
    await expectFailure(() => writer.writeSlice('a', [[0, 1], [0, 2]], tensor('int32', [1, 2])), /int16/, 'E_DATA');
    await expectFailure(() => writer.writeSlice('a', [[3, 4], [0, 2]], tensor('int16', [1, 2])), /\[3, 2\]/, 'E_DATA');
    await expectFailure(() => writer.writeSlice('b', [[0, 1]], tensor('int16', [1])), /created/, 'E_DATA');
    writer.close();
  });

  test('a full disk is told as such', async () => {
    await expectFailure(() => {
      const writer = new Hdf5Writer('/dev/full');
      writer.createDataset('a', { dtype: 'uint8', shape: [1 << 20] });
      writer.writeSlice('a', [[0, 1 << 20]], tensor('uint8', [1 << 20]));
      writer.close();
    }, /ENOSPC/, 'E_NO_SPACE');
  });
});
