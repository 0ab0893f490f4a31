/**
 * Bootstrap over images: voxels and trials are not independent observations, images are. Only the resampling and the interval are here; what is
 * recomputed per replicate is the caller's.
 */
import { PipelineError } from '../core/errors.js';
import type { Random } from '../core/random.js';
import { quantileOfSorted, sortedDefined } from './statistics.js';

/**
 * How often each image is drawn in each replicate (drawing n of n with replacement).
 * @shape float32 [replicate, image], non-negative integers; each row sums to n
 * @source Efron & Tibshirani 1993, chapter 6
 */
export function resampleCounts(random: Random, images: number, replicates: number): Float32Array {
  const counts = new Float32Array(replicates * images);
  for (let b = 0; b < replicates; b += 1) {
    for (let i = 0; i < images; i += 1) {
      const drawn = b * images + random.integer(0, images);
      counts[drawn] = (counts[drawn] as number) + 1;
    }
  }
  return counts;
}

/**
 * Percentile interval: quantiles (1 − level)/2 and (1 + level)/2 of the replicates.
 * @shape replicates: [b], NaN left out; NaN, NaN if nothing is left; level in (0, 1)
 * @source Efron & Tibshirani 1993, equation 13.5
 */
export function percentileInterval(replicates: ArrayLike<number>, level: number): readonly [low: number, high: number] {
  const sorted = sortedDefined(replicates);
  return [quantileOfSorted(sorted, (1 - level) / 2), quantileOfSorted(sorted, (1 + level) / 2)];
}

export interface PairedDifference {
  /** a − b */
  readonly difference: number;
  /** percentile interval of the difference */
  readonly low: number;
  readonly high: number;
  /** two-sided: 2·(1 + the smaller of #{d ≤ 0} and #{d ≥ 0})/(1 + replicates), at most 1 */
  readonly p: number;
}

/**
 * The difference of one score between two models, by a bootstrap in which both were scored on the same resamples of the same images: what an image's
 * luck adds to both cancels, as it does not in two separate intervals.
 * @shape replicatesA, replicatesB: [replicate]; element b of both from one resample; pairs with a NaN left out. All NaN if nothing is left or an estimate is NaN.
 * Errors: E_DATA for lists of two lengths.
 * @source Efron & Tibshirani 1993, chapters 13 and 15 (achieved significance level)
 */
export function pairedDifference(a: number, b: number, replicatesA: ArrayLike<number>, replicatesB: ArrayLike<number>, level: number): PairedDifference {
  if (replicatesA.length !== replicatesB.length) {
    throw new PipelineError('E_DATA', 'bootstrap replicates of two models are not paired', {
      facts: { expected: 'as many of one as of the other', found: `${replicatesA.length} and ${replicatesB.length}` },
      hint: 'Score both models with the same images and the same parameters.',
    });
  }
  const difference = a - b;
  const differences = sortedDefined(Float64Array.from({ length: replicatesA.length }, (_, k) => (replicatesA[k] as number) - (replicatesB[k] as number)));
  if (Number.isNaN(difference) || differences.length === 0) return { difference, low: NaN, high: NaN, p: NaN };
  const [low, high] = percentileInterval(differences, level);
  const [below, above] = [differences.filter((d) => d <= 0).length, differences.filter((d) => d >= 0).length];
  return { difference, low, high, p: Math.min(1, (2 * (1 + Math.min(below, above))) / (1 + differences.length)) };
}
