/**
 * Which planted voxel stands behind each voxel that the loader found, and whether they are the same brain's at all. The two number voxels differently;
 * they meet at the place in the volume. Places alone prove nothing: all simulated subjects have patches at nearly equal places. Betas do: the truth
 * determines those of a session to the last bit.
 */
import { PipelineError } from '../../core/errors.js';
import { pearsonColumns } from '../../math/statistics-correlation.js';
import type { Voxels } from '../artifacts/voxels.js';
import { sessionGains, subjectSeed, voxelBetas } from './tree/betas.js';
import type { Truth, TruthVoxel } from './truth.js';

export type LoadedVoxels = Pick<Voxels, 'subject' | 'grid' | 'voxelCount' | 'position' | 'trials'>;

export interface Planted {
  /** int32 [voxel]: number of the planted voxel */
  readonly numbers: Int32Array;
  readonly voxels: readonly TruthVoxel[];
}

/** Least correlation of responses with the betas of which they are an affine map; both are float32 at worst. */
const SAME = 1 - 1e-8;

/**
 * Errors: E_DATA if some voxel was not planted, or its responses in the first session are not, up to offset and scale, the betas that the truth gives:
 * the voxels are not those of this simulated subject.
 */
export function plantedVoxels(truth: Pick<Truth, 'index' | 'nsdIds' | 'signals'>, voxels: LoadedVoxels): Planted {
  const at = new Map(truth.index.voxels.map((voxel, number) => [voxel.position.join(), number]));
  const found = Array.from({ length: voxels.voxelCount }, (_, v) => at.get(placeOf(voxels, v).join()));
  const strangers = found.flatMap((number, v) => (number === undefined ? [v] : []));
  if (strangers.length > 0) {
    throw new PipelineError('E_DATA', `the voxel at ${placeOf(voxels, strangers[0] as number).join()} was not planted`, {
      facts: { expected: 'voxels of the simulated subject that the truth belongs to', found: `${strangers.length} of ${voxels.voxelCount} voxels at places where none was planted` },
      hint: 'Connect truth and voxels of the same nsd.simulate stage, with regions that hold planted voxels only (floc-… and prf-visualrois).',
    });
  }
  const numbers = Int32Array.from(found as number[]);
  requireSameBrain(truth, voxels, numbers);
  return { numbers, voxels: Array.from(numbers, (number) => truth.index.voxels[number] as TruthVoxel) };
}

function placeOf({ position }: Pick<Voxels, 'position'>, v: number): Int32Array {
  return position.subarray(3 * v, 3 * v + 3);
}

function requireSameBrain(truth: Pick<Truth, 'index' | 'nsdIds' | 'signals'>, voxels: LoadedVoxels, numbers: Int32Array): void {
  const { index } = truth;
  if (voxels.subject !== index.subject) refuse(`subject ${index.subject}`, `subject ${voxels.subject}`);
  const { session, nsdIds } = voxels.trials;
  const count = session.reduce((trials, one) => trials + (one === 0 ? 1 : 0), 0);
  const rowOf = new Map(Array.from(truth.nsdIds, (nsdId, row) => [nsdId, row]));
  const rows = Int32Array.from(nsdIds.subarray(0, count), (nsdId) => rowOf.get(nsdId) ?? -1);
  const unknown = rows.reduce((trials, row) => trials + (row < 0 ? 1 : 0), 0);
  if (unknown > 0) refuse(`trials of the ${truth.nsdIds.length} images that the truth answers to`, `${unknown} of ${count} trials of the first session show other images`);
  const seed = subjectSeed(index.seed, index.subject);
  const model = {
    seed, trialsPerSession: count, trialRows: rows, signals: truth.signals(), gains: sessionGains(seed, 1),
    noise: Float32Array.from(index.voxels, (voxel) => (index.noise ? 1 / voxel.ncsnr : 0)),
  };
  const responses = voxels.trials.rows(0, count);
  const betas = new Int16Array(count);
  const [nx, ny] = voxels.grid;
  const others = numbers.filter((number, v) => {
    const [x, y, z] = placeOf(voxels, v) as unknown as [number, number, number];
    voxelBetas(model, x + nx * (y + ny * z), number, 0, betas);
    const own = Float32Array.from(betas.keys(), (t) => responses[t * numbers.length + v] as number);
    return !((pearsonColumns(Float32Array.from(betas), own, 1)[0] as number) >= SAME);
  }).length;
  if (others > 0) refuse('responses that the true brain gives, with its noise', `${others} of ${numbers.length} voxels at the same places respond otherwise in the first session`);
}

function refuse(expected: string, found: string): never {
  throw new PipelineError('E_DATA', 'truth and voxels are not of the same simulated brain', { facts: { expected, found }, hint: 'Connect truth and voxels of the same nsd.simulate stage.' });
}
