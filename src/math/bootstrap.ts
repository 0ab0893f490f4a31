/**
 * Bootstrap over images: voxels and trials are not independent observations, images are. Only the resampling and the interval are here; what is
 * recomputed per replicate is the caller's.
 */
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
