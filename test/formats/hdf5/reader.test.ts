import { copyFileSync, mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { Random } from '../../../src/core/random.js';
import type { DType, Tensor } from '../../../src/core/tensor.js';
import { openHdf5, type Range } from '../../../src/formats/hdf5/index.js';
import { expectFailure, fixture, NPY_CODES, ramp, survivesDamage, temporary } from '../support.js';

const SHAPE = [30, 3, 4, 5] as const;
const all = ramp(SHAPE, 'int16');
const whole = (shape: readonly number[]): Range[] => shape.map((extent): Range => [0, extent]);

function read(path: string, name: string, ranges?: readonly Range[]): Tensor {
  const file = openHdf5(path);
  try {
    const dataset = file.dataset(name);
    return dataset.readSlice(ranges ?? whole(dataset.shape));
  } finally {
    file.close();
  }
}

/** Reads everything a file offers, as a fuzzer's target. */
function readAll(path: string): void {
  const file = openHdf5(path);
  try {
    for (const name of file.names()) {
      const dataset = file.dataset(name);
      dataset.readSlice(whole(dataset.shape));
    }
  } finally {
    file.close();
  }
}

describe('datasets that h5py wrote', () => {
  test.each(['betas.h5', 'betas.blocks.h5', 'betas.contiguous.h5', 'latest.h5'])('%s: whole, and a hyperslab', (name) => {
    expect(read(fixture(`hdf5/${name}`), 'betas').data).toEqual(all);
    const slab = read(fixture(`hdf5/${name}`), 'betas', [[3, 17], [1, 3], [0, 4], [2, 5]]);
    expect(slab.shape).toEqual([14, 2, 4, 3]);
    let i = 0;
    for (let t = 3; t < 17; t += 1) for (let z = 1; z < 3; z += 1) for (let y = 0; y < 4; y += 1) for (let x = 2; x < 5; x += 1) {
      expect(slab.data[i++]).toBe(all[((t * 3 + z) * 4 + y) * 5 + x]);
    }
  });

  test('a hyperslab goes into an array that fits it, and into no other', async () => {
    const file = openHdf5(fixture('hdf5/betas.h5'));
    const dataset = file.dataset('betas');
    const target = new Int16Array(120);
    dataset.readInto([[4, 6], [0, 3], [0, 4], [0, 5]], target);
    expect(target).toEqual(all.subarray(4 * 60, 6 * 60));
    await expectFailure(() => dataset.readInto([[4, 6], [0, 3], [0, 4], [0, 5]], new Int16Array(119)), /119 elements of 2 bytes/, 'E_DATA');
    await expectFailure(() => dataset.readInto([[4, 6], [0, 3], [0, 4], [0, 5]], new Float32Array(120)), /120 elements of 4 bytes/, 'E_DATA');
    await expectFailure(() => dataset.readInto([[29, 31], [0, 3], [0, 4], [0, 5]], target), /./, 'E_DATA');
    file.close();
  });

  test.each(['betas.h5', 'betas.blocks.h5', 'betas.contiguous.h5', 'latest.h5'])('%s: columns at any places, in their order', (name) => {
    const file = openHdf5(fixture(`hdf5/${name}`));
    const places = new Random(1).permutation(60).subarray(0, 23);
    const columns = file.dataset('betas').readColumns(places);
    file.close();
    for (let t = 0; t < 30; t += 1) places.forEach((place, i) => expect(columns[t * 23 + i]).toBe(all[t * 60 + place]));
  });

  test.each(Object.entries(NPY_CODES) as [DType, string][])('%s is read with its values', (dtype, code) => {
    const array = read(fixture('hdf5/types.h5'), dtype === 'bool' ? 'bool' : code);
    expect(array.dtype).toBe(dtype);
    expect(array.data).toEqual(ramp(dtype === 'bool' ? [9] : [3, 5], dtype));
  });

  test('big-endian numbers, a group, a single number and an empty dataset', () => {
    const path = fixture('hdf5/types.h5');
    expect(read(path, 'big-endian').data).toEqual(ramp([7], 'float64'));
    expect(read(path, 'group/inner').data).toEqual(ramp([4], 'int32'));
    expect(read(path, 'scalar')).toEqual({ dtype: 'float32', shape: [], data: Float32Array.of(2.5) });
    expect(read(path, 'empty').shape).toEqual([0, 3]);
    expect(read(fixture('hdf5/userblock.h5'), 'a').data).toEqual(ramp([4], 'int32'));
  });

  test('an image of a compressed brick, and the last of a brick of 73000 of which one was written', () => {
    const images = ramp([6, 9, 9, 3], 'uint8');
    expect(read(fixture('hdf5/brick.gzip-shuffle.h5'), 'imgBrick', [[4, 5], [0, 9], [0, 9], [0, 3]]).data).toEqual(images.subarray(4 * 243, 5 * 243));
    expect(read(fixture('hdf5/brick.sparse.h5'), 'imgBrick', [[72999, 73000], [0, 9], [0, 9], [0, 3]]).data).toEqual(images.subarray(5 * 243));
    expect(read(fixture('hdf5/brick.sparse.h5'), 'imgBrick', [[5, 6], [0, 9], [0, 9], [0, 3]]).data).toEqual(new Uint8Array(243));
  });

  test('shape, type and chunks are told', () => {
    const file = openHdf5(fixture('hdf5/betas.h5'));
    expect(file.names()).toEqual(['betas']);
    expect(file.dataset('/betas')).toMatchObject({ shape: SHAPE, dtype: 'int16', chunks: [30, 1, 1, 1] });
    file.close();
    const contiguous = openHdf5(fixture('hdf5/betas.contiguous.h5'));
    expect(contiguous.dataset('betas').chunks).toBeNull();
    contiguous.close();
  });

  test('several files stay open side by side', () => {
    const files = ['betas.h5', 'latest.h5', 'betas.blocks.h5'].map((name) => openHdf5(fixture(`hdf5/${name}`)));
    for (const file of files) expect(file.dataset('betas').readSlice(whole(SHAPE)).data).toEqual(all);
    files.forEach((file) => file.close());
  });
});

describe('what is refused', () => {
  test.each([
    ['external-link.h5', 'a', /link into another file[^]*secret\.h5/],
    ['external-link.h5', 'group/a', /cannot be|no dataset/],
    ['external-storage.secret.h5', 'a', /cannot be read/],
    ['external-storage.urandom.h5', 'a', /cannot be read/],
    ['external-storage.self.h5', 'a', /cannot be read/],
    ['external-storage.stdin.h5', 'a', /cannot be read/],
    ['external-storage.fd.h5', 'a', /cannot be read/],
    ['virtual.h5', 'a', /virtual dataset[^]*secret\.h5/],
    ['soft-links.h5', 'a', /./],
    ['soft-links.h5', 'broken', /leads nowhere/],
    ['lzf.h5', 'a', /LZF/],
    ['corrupt-chunk.h5', 'a', /cannot be read/],
    ['bomb.h5', 'a', /too much|impossible/],
  ])('%s %s', (name, dataset, words) => expectFailure(() => read(fixture(`hdf5/hostile/${name}`), dataset), words));

  test('external data are not found either when they lie in the working directory', async () => {
    const folder = join(dirname(temporary('x')), 'beside');
    mkdirSync(folder);
    for (const name of ['secret.h5', 'secret.bin', 'external-storage.secret.h5', 'virtual.h5', 'external-link.h5']) copyFileSync(fixture(`hdf5/hostile/${name}`), join(folder, name));
    for (const name of ['external-storage.secret.h5', 'virtual.h5', 'external-link.h5']) await expectFailure(() => read(join(folder, name), 'a'), /./);
  });

  test.each([['text', /type/], ['half', /type/], ['u8', /unsigned/], ['complex', /type/], ['null', /shape/], ['group', /a group/], ['missing', /no dataset[^]*group/]])('%s', (name, words) =>
    expectFailure(() => read(fixture('hdf5/types.h5'), name), words));

  test('a soft link inside the file is followed', () => {
    expect(read(fixture('hdf5/hostile/soft-links.h5'), 'there').data).toEqual(ramp([4], 'int32'));
  });

  test('slices outside the dataset', async () => {
    for (const ranges of [[[0, 31], [0, 3], [0, 4], [0, 5]], [[-1, 3], [0, 3], [0, 4], [0, 5]], [[5, 3], [0, 3], [0, 4], [0, 5]], [[0, 1]], [[0, 0.5], [0, 3], [0, 4], [0, 5]]] as Range[][]) {
      await expectFailure(() => read(fixture('hdf5/betas.h5'), 'betas', ranges), /30, 3, 4, 5/, 'E_DATA');
    }
    const file = openHdf5(fixture('hdf5/betas.h5'));
    await expectFailure(() => file.dataset('betas').readColumns(Int32Array.of(60)), /0 … 59/, 'E_DATA');
    file.close();
  });

  test('text, nothing and half a file', async () => {
    await expectFailure(() => openHdf5(temporary('a.h5', 'words')), /cannot be opened as HDF5/);
    await expectFailure(() => openHdf5(temporary('a.h5', '')), /empty/);
  });

  test('damage ends in a result or E_FORMAT, and good files are read after it', async () => {
    let refused = 0;
    for (const name of ['betas.h5', 'betas.blocks.h5', 'latest.h5', 'types.h5', 'betas.contiguous.h5']) refused += await survivesDamage(fixture(`hdf5/${name}`), 150, readAll);
    expect(refused).toBeGreaterThan(150);
    expect(read(fixture('hdf5/betas.blocks.h5'), 'betas').data).toEqual(all);
  });
});
