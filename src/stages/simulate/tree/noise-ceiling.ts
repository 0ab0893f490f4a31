/**
 * ncsnr of the simulated betas, as NSD computes it from the files: z-score within each session (n − 1), keep images shown three times, noise
 * variance = mean over images of the unbiased variance over the three trials, ncsnr = √max(0, 1 − v²)/v with v the noise sd. split1 and split2 use
 * every other image of the list sorted by the subject's image number. Written by its own rules, so that the loader's recomputation is checked
 * against a second implementation.
 */
import { nsdAffine, writeNifti } from '../../../formats/nifti.js';
import { REPEATS } from './design.js';
import { plantedAt, voxelBetas } from './betas.js';
import { VOXEL_MM } from './volumes.js';
import type { Anatomy } from './anatomy.js';
import type { BetaModel } from './betas.js';

export interface Ncsnr {
  /** float32 by position in the volume; NaN outside the brain */
  readonly all: Float32Array;
  readonly split1: Float32Array;
  readonly split2: Float32Array;
}

/** @param ordering image number of every simulated trial; every image occurs three times */
export function ncsnrOf(model: BetaModel, brain: Int32Array, ordering: Int32Array, sessions: number): Ncsnr {
  const size = model.anatomy.brain.length;
  const volumes = { all: new Float32Array(size).fill(NaN), split1: new Float32Array(size).fill(NaN), split2: new Float32Array(size).fill(NaN) };
  const trials = model.trialsPerSession;
  const order = trialsByImage(ordering);
  const planted = plantedAt(model.anatomy);
  const raw = new Int16Array(trials);
  const z = new Float64Array(sessions * trials);
  for (const position of brain) {
    for (let session = 0; session < sessions; session += 1) {
      voxelBetas(model, position, planted.get(position) ?? -1, session, raw);
      zscore(raw, z, session * trials);
    }
    const [odd, even, images] = noiseVariances(z, order);
    volumes.all[position] = ratio((odd.sum + even.sum) / images);
    volumes.split1[position] = ratio(odd.sum / odd.count);
    volumes.split2[position] = ratio(even.sum / even.count);
  }
  return volumes;
}

/** Trials grouped by image, images ascending. @shape int32 [image · 3] */
function trialsByImage(ordering: Int32Array): Int32Array {
  const order = Int32Array.from(ordering.keys());
  return order.sort((a, b) => (ordering[a] as number) - (ordering[b] as number) || a - b);
}

function zscore(raw: Int16Array, out: Float64Array, offset: number): void {
  let sum = 0;
  for (const value of raw) sum += value;
  const mean = sum / raw.length;
  let squares = 0;
  for (const value of raw) squares += (value - mean) ** 2;
  const sd = Math.sqrt(squares / (raw.length - 1));
  for (let t = 0; t < raw.length; t += 1) out[offset + t] = ((raw[t] as number) - mean) / sd;
}

function noiseVariances(z: Float64Array, order: Int32Array): readonly [{ sum: number; count: number }, { sum: number; count: number }, number] {
  const odd = { sum: 0, count: 0 };
  const even = { sum: 0, count: 0 };
  for (let i = 0; i < order.length; i += REPEATS) {
    const a = z[order[i] as number] as number;
    const b = z[order[i + 1] as number] as number;
    const c = z[order[i + 2] as number] as number;
    const mean = (a + b + c) / REPEATS;
    const variance = ((a - mean) ** 2 + (b - mean) ** 2 + (c - mean) ** 2) / (REPEATS - 1);
    const half = (i / REPEATS) % 2 === 0 ? odd : even;
    half.sum += variance;
    half.count += 1;
  }
  return [odd, even, odd.count + even.count];
}

function ratio(variance: number): number {
  return Math.sqrt(Math.max(0, 1 - variance)) / Math.sqrt(variance);
}

export async function writeNcsnr(path: (name: string) => string, anatomy: Anatomy, ncsnr: Ncsnr): Promise<void> {
  const options = { shape: anatomy.grid, dtype: 'float32', affine: nsdAffine(anatomy.grid, VOXEL_MM) } as const;
  await writeNifti(path('ncsnr'), options, ncsnr.all);
  await writeNifti(path('ncsnr_split1'), options, ncsnr.split1);
  await writeNifti(path('ncsnr_split2'), options, ncsnr.split2);
}
