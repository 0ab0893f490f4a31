import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { Random } from '../../../src/core/random.js';
import { tensor } from '../../../src/core/tensor.js';
import { Hdf5Writer } from '../../../src/formats/hdf5/index.js';
import { nsdAffine, writeNifti } from '../../../src/formats/nifti.js';
import { readNpy } from '../../../src/formats/npy.js';
import { lookAhead } from '../../../src/stages/nsd-voxels/look-ahead.js';
import { extractTrials, type TrialsTask } from '../../../src/stages/nsd-voxels/trials.js';

const folder = mkdtempSync(join(tmpdir(), 'trials-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const GRID = [5, 4, 3] as const;
const SIZE = 60;
const TRIALS = 6;
const SESSIONS = 3;
const VOXELS = Int32Array.of(0, 7, 8, 31, 59);
const betas = Array.from({ length: SESSIONS }, () => new Int16Array(TRIALS * SIZE));
const random = new Random('trials');
for (const session of betas) session.forEach((_, i) => (session[i] = Math.round(600 * random.normal())));

const name = (s: number, format: string): string => join(folder, `session${s}.${format}`);
for (const [s, data] of betas.entries()) {
  await writeNifti(name(s, 'nii.gz'), { shape: [...GRID, TRIALS], affine: nsdAffine(GRID, 1.8), dtype: 'int16' }, data);
  const writer = new Hdf5Writer(name(s, 'hdf5'));
  writer.createDataset('betas', { dtype: 'int16', shape: [TRIALS, 3, 4, 5], chunks: [TRIALS, 1, 1, 1] });
  writer.writeSlice('betas', [[0, TRIALS], [0, 3], [0, 4], [0, 5]], tensor('int16', [TRIALS, 3, 4, 5], data));
  writer.close();
}

const task = (format: 'nii.gz' | 'hdf5', change: Partial<TrialsTask> = {}): TrialsTask => ({
  paths: betas.map((_, s) => name(s, format)), format, trialsPerSession: TRIALS, voxels: VOXELS, grid: GRID, counts: undefined, cpus: 1,
  signal: new AbortController().signal, progress: () => undefined, ...change,
});

describe('trials of all sessions', () => {
  it('are percent signal change at the voxels, session after session, from both formats alike', async () => {
    const expected = betas.flatMap((data) => Array.from({ length: TRIALS }, (_, t) => [...VOXELS].map((v) => Math.fround((data[t * SIZE + v] as number) / 300))).flat());
    for (const format of ['nii.gz', 'hdf5'] as const) {
      const path = join(folder, `${format}.npy`);
      const done: number[] = [];
      expect([...(await extractTrials(path, task(format, { progress: (n) => done.push(n) })))]).toEqual([0, 0, 0, 0, 0]);
      const { shape, data } = readNpy(path);
      expect(shape).toEqual([SESSIONS * TRIALS, VOXELS.length]);
      expect([...(data as Float32Array)]).toEqual(expected);
      expect(done).toEqual([1, 2, 3]);
    }
  });

  it('have the same bytes with one session under way and with three', async () => {
    const [one, three] = [join(folder, 'one.npy'), join(folder, 'three.npy')];
    const counts = (t: number): boolean => t % 4 !== 0;
    await extractTrials(one, task('nii.gz', { counts }));
    await extractTrials(three, task('nii.gz', { counts, cpus: 3 }));
    expect(readFileSync(three).equals(readFileSync(one))).toBe(true);
  });

  it('are refused where a session has another number of trials than the design, naming the session', async () => {
    await expect(extractTrials(join(folder, 'bad.npy'), task('nii.gz', { trialsPerSession: 5 }))).rejects.toMatchObject({ code: 'E_FORMAT', message: 'session 1 does not hold the trials of the design', facts: { expected: 5, found: TRIALS } });
    await expect(extractTrials(join(folder, 'bad.npy'), task('hdf5', { grid: [5, 3, 4] }))).rejects.toMatchObject({ code: 'E_FORMAT', facts: { expected: '[trial, 4, 3, 5]' } });
    await expect(extractTrials(join(folder, 'bad.npy'), task('nii.gz', { grid: [5, 3, 4], cpus: 2 }))).rejects.toMatchObject({ code: 'E_FORMAT', facts: { found: '(5, 4, 3, 6)' } });
  });
});

describe('looking ahead', () => {
  it('hands over in order, whatever ends first, with at most so many under way', async () => {
    let [running, most] = [0, 0];
    const start = async (i: number): Promise<number> => {
      running += 1;
      most = Math.max(most, running);
      await new Promise((resolve) => setTimeout(resolve, i % 2 === 0 ? 20 : 1));
      running -= 1;
      return i;
    };
    const seen: number[] = [];
    for await (const i of lookAhead(7, 3, start)) seen.push(i);
    expect(seen).toEqual([0, 1, 2, 3, 4, 5, 6]);
    expect(most).toBe(3);
  });

  it('fails with the first failure in order and waits for what still runs', async () => {
    let ended = 0;
    const start = async (i: number): Promise<number> => {
      await new Promise((resolve) => setTimeout(resolve, i === 1 ? 30 : 1));
      ended += 1;
      if (i > 0) return Promise.reject(new Error(`item ${i}`));
      return i;
    };
    const seen: number[] = [];
    await expect((async () => {
      for await (const i of lookAhead(9, 3, start)) seen.push(i);
    })()).rejects.toThrow('item 1');
    expect(seen).toEqual([0]);
    expect(ended).toBe(4); // items 0 … 3 were started, none of them left running
  });
});
