/**
 * Single-trial betas of the simulated subject, in NSD's units and formats. For voxel v, session s and trial t of image i:
 *
 *     beta = offset(v, s) + amplitude(v)·gain(s)·( z(v, i) + noise(v, t) / ncsnr(v) )   percent signal change,
 *
 * z the noiseless signal with mean 0 and sd 1 over the stimuli, noise ~ N(0, 1). Brain voxels that were not planted hold noise only. Stored as
 * int16 of 300·beta, rounded half away from zero and saturated, 0 outside the brain. Gain and offset differ between sessions and are constant
 * within one, so that z-scoring within sessions recovers z + noise/ncsnr up to a scale. Noise is drawn from a stream of its own for every voxel
 * and session, so that any session can be made again without the others.
 */
import { Random } from '../../../core/random.js';
import { NiftiWriter, nsdAffine } from '../../../formats/nifti.js';
import { Hdf5Writer } from '../../../formats/hdf5/index.js';
import { VOXEL_MM } from './volumes.js';
import type { Anatomy } from './anatomy.js';

const SCALE = 300;
const LARGEST = 32_767;
const SMALLEST = -32_768;
const REPETITION_SECONDS = 4 / 3;
const GAIN_SD = 0.08;
const OFFSET_SD = 0.4;
const BASELINE: readonly [number, number] = [0.5, 2.5];
const AMPLITUDE: readonly [number, number] = [0.6, 1.4];
/** sd of brain voxels without a signal, percent */
const SILENT_SD = 1.5;
const GZIP_LEVEL = 1;

export interface BetaModel {
  readonly seed: string;
  readonly anatomy: Anatomy;
  readonly trialsPerSession: number;
  /** row of `signals` for every simulated trial */
  readonly trialRows: Int32Array;
  /** float32 [image, voxel]: z(v, i) */
  readonly signals: Float32Array;
  /** sd of the noise in units of the signal, per planted voxel; 0 = none */
  readonly noise: Float32Array;
  /** float64 [session]: common to all voxels */
  readonly gains: Float64Array;
}

/** From which everything that is drawn for a subject comes, but its stimuli. */
export function subjectSeed(seed: number, subject: number): string {
  return `simulated subject/1/${seed}/${subject}`;
}

/** Gains near 1, one a session. */
export function sessionGains(seed: string, sessions: number): Float64Array {
  const random = new Random(`${seed}/gains`);
  return Float64Array.from({ length: sessions }, () => Math.exp(random.normal(0, GAIN_SD)));
}

/** Positions of all voxels inside the brain mask, ascending. */
export function brainPositions(anatomy: Anatomy): Int32Array {
  return Int32Array.from(Array.from(anatomy.brain.keys()).filter((p) => anatomy.brain[p] === 1));
}

/** @shape int16 [trialsPerSession] into `out`; `planted` is the voxel's number, −1 for a silent one */
export function voxelBetas(model: Omit<BetaModel, 'anatomy'>, position: number, planted: number, session: number, out: Int16Array): void {
  const voxel = new Random(`${model.seed}/betas/${position}`);
  const baseline = voxel.uniform(...BASELINE);
  const amplitude = voxel.uniform(...AMPLITUDE);
  const random = new Random(`${model.seed}/betas/${position}/${session}`);
  const offset = baseline + random.normal(0, OFFSET_SD);
  const gain = amplitude * (model.gains[session] as number);
  const noise = planted < 0 ? SILENT_SD : (model.noise[planted] as number);
  const voxels = model.noise.length;
  const first = session * model.trialsPerSession;
  for (let t = 0; t < out.length; t += 1) {
    const signal = planted < 0 ? 0 : (model.signals[(model.trialRows[first + t] as number) * voxels + planted] as number);
    const beta = SCALE * (offset + gain * (signal + noise * random.normal()));
    const rounded = beta < 0 ? -Math.floor(0.5 - beta) : Math.floor(beta + 0.5);
    out[t] = rounded > LARGEST ? LARGEST : rounded < SMALLEST ? SMALLEST : rounded;
  }
}

/** All betas of one session. @shape int16 [brain voxel, trial] */
export function sessionBetas(model: BetaModel, brain: Int32Array, session: number): Int16Array {
  const planted = plantedAt(model.anatomy);
  const trials = model.trialsPerSession;
  const betas = new Int16Array(brain.length * trials);
  brain.forEach((position, b) => {
    voxelBetas(model, position, planted.get(position) ?? -1, session, betas.subarray(b * trials, (b + 1) * trials));
  });
  return betas;
}

export function plantedAt(anatomy: Anatomy): ReadonlyMap<number, number> {
  return new Map(Array.from(anatomy.positions, (position, v) => [position, v]));
}

/** `/betas` int16 (trial, z, y, x), one voxel's trials a chunk: MATLAB's X × Y × Z × 750. Written one horizontal slice at a time. */
export function writeBetasHdf5(path: string, anatomy: Anatomy, brain: Int32Array, betas: Int16Array): void {
  const [nx, ny, nz] = anatomy.grid;
  const trials = betas.length / brain.length;
  const writer = new Hdf5Writer(path);
  try {
    writer.createDataset('betas', { dtype: 'int16', shape: [trials, nz, ny, nx], chunks: [trials, 1, 1, 1] });
    const plane = nx * ny;
    const slab = new Int16Array(trials * plane);
    let b = 0;
    for (let z = 0; z < nz; z += 1) {
      slab.fill(0);
      for (; b < brain.length && (brain[b] as number) < (z + 1) * plane; b += 1) {
        const within = (brain[b] as number) - z * plane;
        for (let t = 0; t < trials; t += 1) slab[t * plane + within] = betas[b * trials + t] as number;
      }
      writer.writeSlice('betas', [[0, trials], [z, z + 1], [0, ny], [0, nx]], { dtype: 'int16', shape: [trials, 1, ny, nx], data: slab });
    }
  } finally {
    writer.close();
  }
}

/** int16 (x, y, z, trial), x fastest. */
export async function writeBetasNifti(path: string, anatomy: Anatomy, brain: Int32Array, betas: Int16Array): Promise<void> {
  const trials = betas.length / brain.length;
  const writer = new NiftiWriter(path, {
    shape: [...anatomy.grid, trials], dtype: 'int16', affine: nsdAffine(anatomy.grid, VOXEL_MM), repetition: REPETITION_SECONDS, gzip: true, level: GZIP_LEVEL,
  });
  const frame = new Int16Array(anatomy.brain.length);
  for (let t = 0; t < trials; t += 1) {
    brain.forEach((position, b) => { frame[position] = betas[b * trials + t] as number; });
    await writer.append(frame);
  }
  await writer.close();
}
