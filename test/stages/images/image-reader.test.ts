/** The thread runs the build (see vitest.config.ts); what it is compared with runs here. */
import { execFile } from 'node:child_process';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { afterEach, describe, expect, it } from 'vitest';
import type { PipelineError } from '../../../src/core/errors.js';
import { Random } from '../../../src/core/random.js';
import { Hdf5Writer } from '../../../src/formats/hdf5/index.js';
import { ImageReader, type ReaderSetting } from '../../../src/stages/images/image-reader.js';
import { openImages } from '../../../src/stages/images/image-source.js';
import { failure, fixture, temporary } from '../../formats/support.js';

const SIZE = 24;
const preprocessing = { size: SIZE, crop: 'centre', mean: [0, 0, 0], std: [1, 1, 1] } as const;
const brick = (count: number): ReaderSetting => {
  const path = temporary('brick.h5');
  const random = new Random('brick');
  const writer = new Hdf5Writer(path);
  writer.createDataset('imgBrick', { dtype: 'uint8', shape: [count, 40, 50, 3], chunks: [1, 40, 50, 3] });
  for (let i = 0; i < count; i += 1) {
    writer.writeSlice('imgBrick', [[i, i + 1], [0, 40], [0, 50], [0, 3]], { dtype: 'uint8', shape: [1, 40, 50, 3], data: Uint8Array.from({ length: 6000 }, () => random.integer(0, 256)) });
  }
  writer.close();
  return { path, dataset: 'imgBrick', preprocessing };
};

const readers: ImageReader[] = [];
const open = (setting: ReaderSetting, batch: number): ImageReader => {
  const reader = new ImageReader(setting, batch);
  readers.push(reader);
  return reader;
};
afterEach(async () => {
  for (const reader of readers.splice(0)) await reader.close();
});

/** What reading on this thread gives. */
function here({ path, dataset, preprocessing }: ReaderSetting, rows: readonly number[]): Float32Array {
  const source = openImages(path, dataset, preprocessing);
  try {
    const planes = new Float32Array(rows.length * 3 * SIZE * SIZE);
    rows.forEach((row, i) => source.read(row, planes, i * 3 * SIZE * SIZE));
    return planes;
  } finally {
    source.close();
  }
}

async function all(reader: ImageReader, rows: readonly number[], batch: number): Promise<Float32Array> {
  const found = new Float32Array(Math.ceil(rows.length / batch) * batch * 3 * SIZE * SIZE);
  let at = 0;
  for await (const planes of reader.batches(rows)) {
    found.set(planes, at);
    at += planes.length;
  }
  expect(at).toBe(found.length);
  return found.subarray(0, rows.length * 3 * SIZE * SIZE);
}

describe('reading ahead', () => {
  it.each([1, 4, 5, 16])('gives the bytes of reading on the spot: 11 images, batches of %i, twice over', async (batch) => {
    const setting = brick(11);
    const rows = [10, 3, 3, 0, 7, 1, 2, 9, 8, 5, 4];
    const reader = open(setting, batch);
    expect(await all(reader, rows, batch)).toEqual(here(setting, rows));
    expect(await all(reader, [...rows].reverse(), batch)).toEqual(here(setting, [...rows].reverse()));
  });

  it('has nothing to give for no rows', async () => {
    expect(await all(open(brick(1), 4), [], 4)).toHaveLength(0);
  });

  it('goes on with other rows after a loop that was left early', async () => {
    const setting = brick(9);
    const reader = open(setting, 2);
    for await (const planes of reader.batches([0, 1, 2, 3, 4, 5, 6, 7, 8])) {
      expect(planes).toEqual(here(setting, [0, 1]));
      break;
    }
    expect(await all(reader, [8, 7, 6], 2)).toEqual(here(setting, [8, 7, 6]));
  });
});

describe('what goes wrong in the thread', () => {
  const told = ({ code, message, facts, hint }: PipelineError): object => ({ code, message, facts, hint });

  it.each<[string, (good: ReaderSetting) => ReaderSetting, readonly number[]]>([
    ['a row outside', (good) => good, [0, 1, 11]],
    ['a damaged chunk', (good) => ({ ...good, path: fixture('hdf5/hostile/corrupt-chunk.h5'), dataset: 'a' }), [0]],
    ['a dataset that is not there', (good) => ({ ...good, dataset: 'pictures' }), [0]],
    ['a file that is not there', (good) => ({ ...good, path: join(good.path, 'nowhere.h5') }), [0]],
    ['images that are not square without a crop', (good) => ({ ...good, preprocessing: { ...preprocessing, crop: 'none' } }), [0]],
  ])('%s is the error that reading on the spot gives', async (_, change, rows) => {
    const setting = change(brick(11));
    const reader = open(setting, 2);
    expect(told(await failure(() => all(reader, rows, 2)))).toEqual(told(await failure(() => here(setting, rows))));
  });

  it('an error is told when its batch is due, and the reader serves on', async () => {
    const setting = brick(4);
    const reader = open(setting, 1);
    const seen: number[] = [];
    const error = await failure(async () => {
      for await (const planes of reader.batches([0, 1, 99, 2])) seen.push(planes.length);
    });
    expect(error.message).toContain('image 99');
    expect(seen).toHaveLength(2);
    expect(await all(reader, [3, 2], 1)).toEqual(here(setting, [3, 2]));
  });

  it('who waits when the thread ends is told so, and who asks after it', async () => {
    const reader = open(brick(2), 1);
    const waiting = failure(() => all(reader, [0, 1], 1));
    await reader.close();
    expect(await waiting).toMatchObject({ code: 'E_STAGE_CRASHED' });
    expect(await failure(() => all(reader, [0], 1))).toMatchObject({ code: 'E_STAGE_CRASHED' });
  });
});

it.each([
  ['closed', 'await reader.close();', 0],
  ['closed in the middle of reading', 'reader.batches([3, 4, 5]); await reader.close();', 0],
])('a process ends by itself once its reader is %s', async (_, end, code) => {
  const script = `
    const { ImageReader } = await import(${JSON.stringify(pathToFileURL(resolve('dist/stages/images/image-reader.js')).href)});
    const reader = new ImageReader(${JSON.stringify(brick(6))}, 1);
    for await (const planes of reader.batches([0, 1, 2])) break;
    ${end}`;
  const child = promisify(execFile)(process.execPath, ['--input-type=module', '-e', script], { timeout: 30_000 });
  await expect(child).resolves.toMatchObject({ stderr: '' });
  expect(child.child.exitCode).toBe(code);
});
