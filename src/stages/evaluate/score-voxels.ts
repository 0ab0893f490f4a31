/** Scores of every voxel on the test images, against means over repeats and against single trials, apart. NaN is a result here and stays one. */
import { ColumnAgreement, signedSquares } from '../../math/statistics-correlation.js';
import { noiseCeiling } from '../../math/statistics-reliability.js';
import type { Voxels } from '../artifacts/voxels.js';
import type { HeldOut } from './held-out.js';

/** All arrays float64 [voxel]. */
export interface Scores {
  /** Pearson's r of prediction and measurement over rows; NaN where either does not vary */
  readonly r: Float64Array;
  /** sign(r)·r² */
  readonly r2: Float64Array;
  /** largest r² that the repeats allow */
  readonly ceiling: Float64Array;
  /** r2/ceiling; NaN where r is, or where the ceiling is unknown or below the threshold. Not clipped: above 1 is possible by chance. */
  readonly normalised: Float64Array;
  /** R² of the prediction itself (scale and offset count), and of the mean of the training responses */
  readonly determination: Float64Array;
  readonly baseline: Float64Array;
  readonly rows: number;
}

/** What a region's replicate needs: r²/NC of a bootstrapped r. NaN below the threshold. */
export function normalise(r2: number, ceiling: number, threshold: number): number {
  return ceiling >= threshold && ceiling > 0 ? r2 / ceiling : NaN;
}

/** @shape predictions, held.means: float32 [image, voxel]; trainingMean: float32 [voxel] */
export function scoreMeans(predictions: Float32Array, held: HeldOut, ncsnr: Float32Array, trainingMean: Float32Array, threshold: number): Scores {
  const voxels = ncsnr.length;
  const agreement = new ColumnAgreement(voxels);
  const baseline = new ColumnAgreement(voxels);
  for (let at = 0; at < predictions.length; at += voxels) {
    agreement.addRow(predictions, at, held.means, at);
    baseline.addRow(trainingMean, 0, held.means, at);
  }
  return collect(agreement, baseline, noiseCeiling(ncsnr, held.repeats), threshold);
}

const TRIALS_AT_ONCE = 256;

export interface TrialScores {
  readonly scores: Scores;
  /** float32 [image, voxel]: mean over the trials of a test image of the squared response, which with the means gives the scatter within images */
  readonly squares: Float32Array;
}

/** Every trial of a test image against the one prediction for that image; trials pass in chunks. @shape as `scoreMeans` */
export function scoreTrials(predictions: Float32Array, held: HeldOut, voxels: Voxels, ncsnr: Float32Array, trainingMean: Float32Array, threshold: number, signal: AbortSignal): TrialScores {
  const width = voxels.voxelCount;
  const rowOf = new Map(Array.from(held.nsdIds, (nsdId, row) => [nsdId, row]));
  const agreement = new ColumnAgreement(width);
  const baseline = new ColumnAgreement(width);
  const squares = new Float32Array(held.nsdIds.length * width);
  const { nsdIds } = voxels.trials;
  for (let start = 0; start < nsdIds.length; start += TRIALS_AT_ONCE) {
    signal.throwIfAborted();
    const count = Math.min(TRIALS_AT_ONCE, nsdIds.length - start);
    const wanted = Array.from({ length: count }, (_, t) => rowOf.get(nsdIds[start + t] as number));
    if (wanted.every((row) => row === undefined)) continue;
    const trials = voxels.trials.rows(start, count);
    wanted.forEach((row, t) => {
      if (row === undefined) return;
      agreement.addRow(predictions, row * width, trials, t * width);
      baseline.addRow(trainingMean, 0, trials, t * width);
      const share = 1 / (held.repeats[row] as number);
      for (let v = 0, to = row * width, at = t * width; v < width; v += 1, to += 1, at += 1) squares[to] = (squares[to] as number) + share * (trials[at] as number) ** 2;
    });
  }
  return { scores: collect(agreement, baseline, noiseCeiling(ncsnr, [1]), threshold), squares };
}

function collect(agreement: ColumnAgreement, baseline: ColumnAgreement, ceiling: Float64Array, threshold: number): Scores {
  const r = agreement.pearson();
  const r2 = signedSquares(r);
  return {
    r, r2, ceiling,
    normalised: r2.map((value, v) => normalise(value, ceiling[v] as number, threshold)),
    determination: agreement.determination(), baseline: baseline.determination(), rows: agreement.rows,
  };
}

/** Prediction for the mean training row: the mean training response, b + Σ_j mean_j·w_j. @shape float32 [voxel] */
export function meanTrainingResponse(weights: Float32Array, intercept: Float32Array, featureMean: Float64Array): Float32Array {
  const voxels = intercept.length;
  const sums = Float64Array.from(intercept);
  for (let j = 0; j < featureMean.length; j += 1) {
    const mean = featureMean[j] as number;
    for (let v = 0, at = j * voxels; v < voxels; v += 1, at += 1) sums[v] = (sums[v] as number) + mean * (weights[at] as number);
  }
  return Float32Array.from(sums);
}
