/**
 * Medians over the voxels of a region, with intervals from a bootstrap over images. Voxels without a defined score are left out of the median
 * and counted beside it.
 */
import { percentileInterval } from '../../math/bootstrap.js';
import { countNaN, median, quantile } from '../../math/statistics.js';
import { normalise, type Scores } from './score-voxels.js';

export interface Region {
  readonly name: string;
  readonly voxels: readonly number[];
}

export interface Summary {
  readonly median: number;
  /** percentile interval over bootstrap replicates of the median; NaN without replicates */
  readonly low: number;
  readonly high: number;
  /** voxels whose value is not defined */
  readonly undefined: number;
}

export interface RegionScores {
  readonly name: string;
  readonly voxels: number;
  readonly r: Summary;
  readonly r2: Summary;
  readonly normalised: Summary;
  /** voxels whose noise ceiling is below the threshold or unknown: not in `normalised` */
  readonly belowCeiling: number;
  /** share of the normalised voxels above 1 */
  readonly aboveOne: number;
  readonly ceiling: number;
  /** first and third quartile of the noise ceiling over all voxels of the region */
  readonly ceilingQuartiles: readonly [number, number];
  readonly determination: number;
  readonly baseline: number;
  /** share of the voxels with a defined r whose adjusted p is at most 0.05; NaN without a permutation test */
  readonly significant: number;
}

export interface Replicates {
  /** float32 [replicate, voxel] */
  readonly r: Float32Array;
  readonly count: number;
  readonly level: number;
}

const SIGNIFICANCE = 0.05;

/** @param adjusted p adjusted over all voxels, float64 [voxel]; empty without a permutation test */
export function scoreRegion({ name, voxels }: Region, scores: Scores, threshold: number, replicates: Replicates | undefined, adjusted: Float64Array): RegionScores {
  const of = (values: Float64Array): Float64Array => Float64Array.from(voxels, (v) => values[v] as number);
  const intervals = replicates === undefined ? undefined : replicateMedians(voxels, scores.ceiling, threshold, replicates);
  const summary = (values: Float64Array, medians: Float64Array | undefined): Summary => {
    const [low, high] = medians === undefined || replicates === undefined ? [NaN, NaN] : percentileInterval(medians, replicates.level);
    return { median: median(values), low, high, undefined: countNaN(values) };
  };
  const [r, normalised, ceiling] = [of(scores.r), of(scores.normalised), of(scores.ceiling)];
  const defined = normalised.filter((value) => !Number.isNaN(value));
  const tested = adjusted.length === 0 ? new Float64Array(0) : of(adjusted).filter((q) => !Number.isNaN(q));
  return {
    name,
    voxels: voxels.length,
    r: summary(r, intervals?.r),
    r2: summary(of(scores.r2), intervals?.r2),
    normalised: summary(normalised, intervals?.normalised),
    belowCeiling: ceiling.filter((value) => Number.isNaN(normalise(1, value, threshold))).length,
    aboveOne: share(defined, (value) => value > 1),
    ceiling: median(ceiling),
    ceilingQuartiles: [quantile(ceiling, 1 / 4), quantile(ceiling, 3 / 4)],
    determination: median(of(scores.determination)),
    baseline: median(of(scores.baseline)),
    significant: share(tested, (q) => q <= SIGNIFICANCE),
  };
}

function share(values: Float64Array, holds: (value: number) => boolean): number {
  return values.length === 0 ? NaN : values.filter(holds).length / values.length;
}

function replicateMedians(voxels: readonly number[], ceiling: Float64Array, threshold: number, { r, count }: Replicates) {
  const width = r.length / count;
  const medians = { r: new Float64Array(count), r2: new Float64Array(count), normalised: new Float64Array(count) };
  const values = { r: new Float64Array(voxels.length), r2: new Float64Array(voxels.length), normalised: new Float64Array(voxels.length) };
  for (let b = 0; b < count; b += 1) {
    voxels.forEach((v, i) => {
      const one = r[b * width + v] as number;
      const squared = Math.sign(one) * one * one;
      values.r[i] = one;
      values.r2[i] = squared;
      values.normalised[i] = normalise(squared, ceiling[v] as number, threshold);
    });
    medians.r[b] = median(values.r);
    medians.r2[b] = median(values.r2);
    medians.normalised[b] = median(values.normalised);
  }
  return medians;
}
