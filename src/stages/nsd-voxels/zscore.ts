/** Z-scoring of single trials within a session. */
import { PipelineError } from '../../core/errors.js';

export const ZSCORE_MODES = ['session', 'session-train-only', 'none'] as const;

/**
 * z = (b − mean)/sd over the trials of the session that count (all of them, or training trials only), sd with n − 1, in place.
 * A voxel without variance over those trials, or with a NaN, is set to NaN and its entry of `invalid` raised: nothing is silently repaired.
 * @shape betas: float32 [trial, voxel]; counts: which trials define mean and sd; invalid: uint8 [voxel]
 * @source NSD data manual (within-session z-scoring; voxels that are all 0 in a session are invalid there)
 */
export function zscoreSession(betas: Float32Array, voxelCount: number, counts: (trial: number) => boolean, invalid: Uint8Array): void {
  const trials = betas.length / voxelCount;
  const sum = new Float64Array(voxelCount);
  let n = 0;
  for (let t = 0; t < trials; t += 1) {
    if (!counts(t)) continue;
    n += 1;
    for (let v = 0; v < voxelCount; v += 1) sum[v] = (sum[v] as number) + (betas[t * voxelCount + v] as number);
  }
  if (n < 2) {
    throw new PipelineError('E_DATA', 'a session has too few trials that define its mean and standard deviation', { facts: { expected: 'at least 2', found: n }, hint: 'Use zscore: session, or another split.' });
  }
  const mean = sum.map((total) => total / n);
  const squares = new Float64Array(voxelCount);
  for (let t = 0; t < trials; t += 1) {
    if (!counts(t)) continue;
    for (let v = 0; v < voxelCount; v += 1) {
      const d = (betas[t * voxelCount + v] as number) - (mean[v] as number);
      squares[v] = (squares[v] as number) + d * d;
    }
  }
  const sd = squares.map((total) => Math.sqrt(total / (n - 1)));
  for (let v = 0; v < voxelCount; v += 1) if (!((sd[v] as number) > 0)) invalid[v] = 1;
  // A NaN in a trial that does not count leaves mean and deviation intact, but not the voxel.
  for (let i = 0; i < betas.length; i += 1) if (Number.isNaN(betas[i])) invalid[i % voxelCount] = 1;
  for (let t = 0; t < trials; t += 1) {
    for (let v = 0; v < voxelCount; v += 1) {
      const at = t * voxelCount + v;
      betas[at] = (sd[v] as number) > 0 ? ((betas[at] as number) - (mean[v] as number)) / (sd[v] as number) : NaN;
    }
  }
}
