import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readCsvColumns } from '../../../src/formats/csv.js';
import { readColourTable } from '../../../src/formats/ctab.js';
import { openHdf5 } from '../../../src/formats/hdf5/index.js';
import { readMat5 } from '../../../src/formats/mat5.js';
import { readNifti, streamNiftiFrames } from '../../../src/formats/nifti.js';
import { createOnnxRuntimeService } from '../../../src/runtime/onnxruntime-service.js';
import stage from '../../../src/stages/nsd-simulate/stage.js';
import { BRICK_DATASET, EXPERIMENT_DESIGN, STIMULUS_BRICK, STIMULUS_TABLE, betasFile, colourTable, functionalFolder, ncsnrVolume, roiVolume } from '../../../src/stages/nsd/layout.js';
import { drawStimulus } from '../../../src/stages/simulate/drawing/stimulus.js';
import { stimulusSeed } from '../../../src/stages/simulate/stimulus-brick.js';
import { areaMeans, readTruth, trueResponses } from '../../../src/stages/simulate/truth.js';
import { runStage } from './run-stage.js';
import type { StageDefinition } from '../../../src/engine/stage.js';
import type { Truth } from '../../../src/stages/simulate/truth.js';
import type { StageRun } from './run-stage.js';

const TINY = {
  subject: 2, seed: 5, sessions: 2, trials_per_session: 75, shared_images: 15, voxels_per_area: 6, early_voxels: 8, ncsnr_low: 1.5, ncsnr_high: 3,
  image_size: 96, grid: [12, 14, 10], exemplars: 8, calibration_images: 16,
};
const SPACE = 'func1pt8mm';
const BETAS = 'betas_fithrf_GLMdenoise_RR';
const TRIALS = 150;
const IMAGES = 50;
const folder = mkdtempSync(join(tmpdir(), 'simulate-'));
const services = { tensor: createOnnxRuntimeService({ threads: 1 }) };
const definition = stage as unknown as StageDefinition;
let run: StageRun;
let truth: Truth;
let nsdIds: number[];
const file = (name: string): string => join(run.folder('nsd'), name);

beforeAll(async () => {
  run = await runStage(definition, TINY, join(folder, 'a'), join(folder, 'memo'), services);
  truth = readTruth(run.reader('truth'));
  const design = readMat5(file(EXPERIMENT_DESIGN));
  nsdIds = Array.from({ length: TRIALS }, (_, t) => Number(design['subjectim']?.data[1 + 8 * (Number(design['masterordering']?.data[t]) - 1)]) - 1);
});
afterAll(async () => {
  await services.tensor.dispose();
  rmSync(folder, { recursive: true });
});

describe('a simulated subject', () => {
  it('is designed as NSD: 1-based indices, every image three times, the first thousand images of all subjects shared', () => {
    const design = readMat5(file(EXPERIMENT_DESIGN));
    expect(design['masterordering']?.shape).toEqual([1, 30000]);
    expect(design['subjectim']?.shape).toEqual([8, 10000]);
    expect(design['stimpattern']?.shape).toEqual([40, 12, 75]);
    const counts = new Map<number, number>();
    for (const id of nsdIds) counts.set(id, (counts.get(id) ?? 0) + 1);
    expect(counts.size).toBe(IMAGES);
    expect(new Set(counts.values())).toEqual(new Set([3]));
    const shared = new Set(Array.from((design['sharedix']?.data ?? []) as ArrayLike<number>, (id) => Number(id) - 1));
    expect(shared.size).toBe(1000);
    expect([...counts.keys()].filter((id) => shared.has(id)).length).toBe(15);
    let slots = 0;
    for (let i = 0; i < 40 * 12 * 75; i += 40) slots += Number(design['stimpattern']?.data[i]);
    expect(slots).toBe(75);
  });

  it('has a stimulus table that counts images from 0 and trials from 1, and behaviour that counts both from 1', async () => {
    const rows = new Map<number, string[]>();
    await readCsvColumns(file(STIMULUS_TABLE), ['nsdId', 'subject2', 'subject2_rep0', 'subject2_rep2', 'cropBox', 'cocoId', 'shared1000'], (fields) => rows.set(Number(fields[0]), fields));
    expect(rows.size).toBe(73000);
    nsdIds.forEach((id, t) => {
      if (nsdIds.indexOf(id) !== t) return;
      expect(rows.get(id)?.slice(1, 3)).toEqual(['1', String(t + 1)]);
      expect(rows.get(id)?.[3]).toBe(String(nsdIds.lastIndexOf(id) + 1));
    });
    expect(rows.get(0)?.[4]).toMatch(/^\(0, 0, 0(\.\d+)?, 0(\.\d+)?\)$/);
    expect(new Set([...rows.values()].map((row) => row[5])).size).toBe(73000);
    const lines = readFileSync(file('nsddata/ppdata/subj02/behav/responses.tsv'), 'utf8').trimEnd().split('\n').map((line) => line.split('\t'));
    expect(lines.length).toBe(TRIALS + 1);
    expect(lines.slice(1).map((line) => Number(line[4]) - 1)).toEqual(nsdIds);
  });

  it('shows pictures that stand in the brick under their nsdId, and nothing anywhere else', () => {
    const brick = openHdf5(file(STIMULUS_BRICK));
    const dataset = brick.dataset(BRICK_DATASET);
    expect(dataset.shape).toEqual([73000, 96, 96, 3]);
    const row = (id: number): Uint8Array => dataset.readSlice([[id, id + 1], [0, 96], [0, 96], [0, 3]]).data as Uint8Array;
    for (const id of truth.nsdIds.subarray(0, 5)) {
      const drawn = drawStimulus(stimulusSeed(5, id), 96);
      expect(Buffer.from(row(id)).equals(Buffer.from(drawn.rgb))).toBe(true);
      expect(truth.labels.get(id)?.category).toBe(drawn.category);
    }
    const hidden = Array.from({ length: 100 }, (_, i) => i * 7).find((id) => !truth.nsdIds.includes(id)) as number;
    expect(row(hidden).every((value) => value === 0)).toBe(true);
    brick.close();
  });

  it('writes the same int16 betas as (trial, z, y, x) in HDF5 and (x, y, z, trial) in NIfTI, 0 outside the brain', async () => {
    const [nx, ny, nz] = TINY.grid as [number, number, number];
    const hdf5 = openHdf5(file(betasFile(2, SPACE, BETAS, 1, 'hdf5')));
    const dataset = hdf5.dataset('betas');
    expect([dataset.dtype, dataset.shape, dataset.chunks]).toEqual(['int16', [75, nz, ny, nx], [75, 1, 1, 1]]);
    const all = dataset.readSlice([[0, 75], [0, nz], [0, ny], [0, nx]]).data as Int16Array;
    hdf5.close();
    const mask = readNifti(file(`${functionalFolder(2, SPACE)}/brainmask.nii.gz`)).data.data as Uint8Array;
    let frames = 0;
    const header = await streamNiftiFrames(file(betasFile(2, SPACE, BETAS, 1, 'nii.gz')), (t, frame) => {
      // C order (z, y, x) and Fortran order (x, y, z) are the same bytes
      expect(Buffer.from(frame.buffer, frame.byteOffset, frame.byteLength).equals(Buffer.from(all.slice(t * frame.length, (t + 1) * frame.length).buffer))).toBe(true);
      frames += 1;
    });
    expect(header.shape).toEqual([nx, ny, nz, 75]);
    expect(frames).toBe(75);
    mask.forEach((inside, p) => {
      let different = false;
      for (let t = 1; t < 75; t += 1) different ||= all[t * mask.length + p] !== all[p];
      expect(different).toBe(inside === 1);
    });
  });

  it('marks its voxels with the labels of its areas, one hemisphere a file', () => {
    const sets = { face: 'floc-faces', body: 'floc-bodies', place: 'floc-places', word: 'floc-words', early: 'prf-visualrois' } as const;
    const [nx, ny] = TINY.grid as [number, number, number];
    for (const [area, set] of Object.entries(sets)) {
      const load = (name: string): Float32Array => readNifti(file(roiVolume(2, SPACE, name))).data.data as Float32Array;
      const both = load(set);
      const left = load(`lh.${set}`);
      const right = load(`rh.${set}`);
      const labelled = Array.from(both.keys()).filter((p) => (both[p] as number) > 0);
      const planted = truth.areas[area as keyof typeof sets].map((v) => {
        const [x, y, z] = truth.index.voxels[v]?.position as [number, number, number];
        return x + nx * (y + ny * z);
      });
      expect(labelled).toEqual([...planted].sort((a, b) => a - b));
      both.forEach((label, p) => expect(Math.max(left[p] as number, right[p] as number)).toBe(label));
      expect(Math.min(...both)).toBe(-1);
      const names = readColourTable(file(colourTable(2, set)));
      expect(names.get(0)).toBe('Unknown');
      for (const p of labelled) expect(names.has(both[p] as number)).toBe(true);
    }
  });

  it('holds the planted signal and the planted ncsnr in its betas', () => {
    const [nx, ny, nz] = TINY.grid as [number, number, number];
    const published = readNifti(file(ncsnrVolume(2, SPACE, BETAS))).data.data as Float32Array;
    const signals = truth.signals();
    const voxels = truth.index.voxels.length;
    const sessions = [1, 2].map((session) => {
      const hdf5 = openHdf5(file(betasFile(2, SPACE, BETAS, session, 'hdf5')));
      const data = hdf5.dataset('betas').readSlice([[0, 75], [0, nz], [0, ny], [0, nx]]).data as Int16Array;
      hdf5.close();
      return data;
    });
    const errors: number[] = [];
    const rows = new Map(Array.from(truth.nsdIds, (id, i) => [id, i]));
    truth.index.voxels.forEach((voxel, v) => {
      const [x, y, z] = voxel.position;
      const p = x + nx * (y + ny * z);
      const means = new Float64Array(IMAGES);
      sessions.forEach((data, s) => {
        const raw = Array.from({ length: 75 }, (_, t) => data[t * nx * ny * nz + p] as number);
        const mean = raw.reduce((a, b) => a + b, 0) / 75;
        const sd = Math.sqrt(raw.reduce((a, b) => a + (b - mean) ** 2, 0) / 74);
        raw.forEach((value, t) => {
          const i = rows.get(nsdIds[s * 75 + t] as number) as number;
          means[i] = (means[i] as number) + (value - mean) / sd / 3;
        });
      });
      const expected = Array.from({ length: IMAGES }, (_, i) => signals[i * voxels + v] as number);
      const r = pearson(expected, Array.from(means));
      // ncsnr ≥ 1.5 and three repeats: the ceiling of r is at least .93; a voxel that never varies has no signal
      if (expected.some((value) => value !== 0)) expect(r).toBeGreaterThan(0.8);
      errors.push((published[p] as number) - voxel.ncsnr);
    });
    const middle = errors.sort((a, b) => a - b)[Math.floor(errors.length / 2)] as number;
    // standard error of one estimate from 50 images of three trials is about ncsnr / √(2·50)
    expect(Math.abs(middle)).toBeLessThan(0.2);
    expect(published[0]).toBeNaN();
  });

  it('draws nothing again when only the noise changes, and the same parameters give the same bytes', async () => {
    const quiet = await runStage(definition, { ...TINY, ncsnr_low: 4, ncsnr_high: 5 }, join(folder, 'b'), join(folder, 'memo'), services);
    expect(quiet.produced).toEqual([]);
    const again = await runStage(definition, TINY, join(folder, 'c'), join(folder, 'other memo'), services);
    expect(again.produced.length).toBe(3);
    for (const output of ['nsd', 'truth']) {
      const digests = (of: StageRun): string[] => of.reader(output).files.map((entry) => `${entry.name} ${entry.digest}`);
      expect(digests(again)).toEqual(digests(run));
      expect(digests(quiet)).not.toEqual(digests(run));
    }
    expect(readTruth(quiet.reader('truth')).index.voxels.map(({ prf, tuning }) => ({ prf, tuning }))).toEqual(truth.index.voxels.map(({ prf, tuning }) => ({ prf, tuning })));
  });

  it('lets the true brain answer to any picture: a stimulus gets the response that is on record', async () => {
    const pictures = Array.from(truth.nsdIds.subarray(0, 3), (id) => ({ rgb: drawStimulus(stimulusSeed(5, id), 96).rgb, height: 96, width: 96 }));
    const found = await trueResponses(services.tensor, truth, pictures);
    const voxels = truth.index.voxels.length;
    expect(Array.from(found)).toEqual(Array.from(truth.signals().subarray(0, 3 * voxels)));
    const natural = areaMeans(truth, truth.signals(), 'early');
    expect(natural.reduce((a, b) => a + b, 0) / natural.length).toBeCloseTo(0, 4);
  });

  it('refuses designs that NSD cannot have', async () => {
    const attempt = async (given: object): Promise<unknown> => runStage(definition, { ...TINY, ...given }, join(folder, 'bad'), join(folder, 'bad memo'), services);
    await expect(attempt({ sessions: 1, trials_per_session: 74 })).rejects.toMatchObject({ code: 'E_OUT_OF_RANGE', message: expect.stringContaining('three times') as string });
    await expect(attempt({ shared_images: 51 })).rejects.toMatchObject({ code: 'E_OUT_OF_RANGE' });
    await expect(attempt({ voxels_per_area: 400 })).rejects.toMatchObject({ code: 'E_OUT_OF_RANGE', message: expect.stringContaining('too small') as string });
    await expect(attempt({ ncsnr_low: 3, ncsnr_high: 1 })).rejects.toMatchObject({ code: 'E_OUT_OF_RANGE' });
  });
});

function pearson(a: readonly number[], b: readonly number[]): number {
  const ma = a.reduce((x, y) => x + y, 0) / a.length;
  const mb = b.reduce((x, y) => x + y, 0) / b.length;
  const dot = (f: (i: number) => number): number => a.reduce((sum, _, i) => sum + f(i), 0);
  const da = (i: number): number => (a[i] as number) - ma;
  const db = (i: number): number => (b[i] as number) - mb;
  return dot((i) => da(i) * db(i)) / Math.sqrt(dot((i) => da(i) ** 2) * dot((i) => db(i) ** 2));
}
