/**
 * Scores of a region: medians and means over its voxels, with intervals from a bootstrap over images. Voxels without a defined score are left out and
 * counted beside it.
 */
import { percentileInterval } from '../../math/bootstrap.js';
import { countNaN, median, quantile } from '../../math/statistics.js';
import { normalise, type Scores } from './score-voxels.js';

export interface Region {
  readonly name: string;
  readonly voxels: readonly number[];
}

export interface Estimate {
  readonly value: number;
  /** percentile interval over bootstrap replicates; NaN without replicates */
  readonly low: number;
  readonly high: number;
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
  /** mean over voxels of r */
  readonly meanR: Estimate;
  /**
   * (Σ r/Σ √NC)², with the sign of Σ r, over the voxels with a defined r and a known ceiling, however low: no voxel is left out for its ceiling, and none
   * divides by nearly 0. In r and not in r², because sums of r² add up the 1/n of chance of every voxel.
   */
  readonly pooled: Estimate;
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
  /** float64 [replicate] of every score of REPLICATED; empty without a bootstrap */
  readonly replicates: readonly Float64Array[];
}

export interface Replicates {
  /** float32 [replicate, voxel] */
  readonly r: Float32Array;
  readonly count: number;
  readonly level: number;
}

/** What a region's replicates hold, in this order. */
export const REPLICATED = ['r', 'r2', 'r2_over_nc', 'mean_r', 'pooled_r2_over_nc'] as const;

const SIGNIFICANCE = 0.05;

/** @param adjusted p adjusted over all voxels, float64 [voxel]; empty without a permutation test */
export function scoreRegion({ name, voxels }: Region, scores: Scores, threshold: number, replicates: Replicates | undefined, adjusted: Float64Array): RegionScores {
  const of = (values: Float64Array): Float64Array => Float64Array.from(voxels, (v) => values[v] as number);
  const [r, r2, ceiling, normalised] = [of(scores.r), of(scores.r2), of(scores.ceiling), of(scores.normalised)];
  const drawn = replicates === undefined ? [] : replicateScores(voxels, ceiling, threshold, replicates);
  const interval = (score: number): readonly [number, number] => (replicates === undefined ? [NaN, NaN] : percentileInterval(drawn[score] as Float64Array, replicates.level));
  const summary = (values: Float64Array, score: number): Summary => {
    const [low, high] = interval(score);
    return { median: median(values), low, high, undefined: countNaN(values) };
  };
  const estimate = (value: number, score: number): Estimate => {
    const [low, high] = interval(score);
    return { value, low, high };
  };
  const defined = normalised.filter((value) => !Number.isNaN(value));
  const tested = adjusted.length === 0 ? new Float64Array(0) : of(adjusted).filter((q) => !Number.isNaN(q));
  return {
    name,
    voxels: voxels.length,
    r: summary(r, 0),
    r2: summary(r2, 1),
    normalised: summary(normalised, 2),
    meanR: estimate(mean(r), 3),
    pooled: estimate(pooledShare(r, ceiling), 4),
    belowCeiling: ceiling.filter((value) => Number.isNaN(normalise(1, value, threshold))).length,
    aboveOne: share(defined, (value) => value > 1),
    ceiling: median(ceiling),
    ceilingQuartiles: [quantile(ceiling, 1 / 4), quantile(ceiling, 3 / 4)],
    determination: median(of(scores.determination)),
    baseline: median(of(scores.baseline)),
    significant: share(tested, (q) => q <= SIGNIFICANCE),
    replicates: drawn,
  };
}

function share(values: Float64Array, holds: (value: number) => boolean): number {
  return values.length === 0 ? NaN : values.filter(holds).length / values.length;
}

/** NaN left out; NaN if nothing is left. */
function mean(values: Float64Array): number {
  let [sum, count] = [0, 0];
  for (const value of values) {
    if (Number.isNaN(value)) continue;
    sum += value;
    count += 1;
  }
  return sum / count;
}

/** ±(Σ r/Σ √NC)² over voxels where both are defined; NaN if there is none or all ceilings are 0. */
function pooledShare(r: Float64Array, ceiling: Float64Array): number {
  let [reached, possible] = [0, 0];
  r.forEach((value, i) => {
    if (Number.isNaN(value) || Number.isNaN(ceiling[i])) return;
    reached += value;
    possible += Math.sqrt(ceiling[i] as number);
  });
  return possible > 0 ? Math.sign(reached) * (reached / possible) ** 2 : NaN;
}

/** @param ceiling of the region's voxels, held fixed: only images are resampled */
function replicateScores(voxels: readonly number[], ceiling: Float64Array, threshold: number, { r, count }: Replicates): Float64Array[] {
  const width = r.length / count;
  const out = REPLICATED.map(() => new Float64Array(count));
  const [one, squared, normalised] = [new Float64Array(voxels.length), new Float64Array(voxels.length), new Float64Array(voxels.length)];
  for (let b = 0; b < count; b += 1) {
    voxels.forEach((v, i) => {
      const value = r[b * width + v] as number;
      one[i] = value;
      squared[i] = Math.sign(value) * value * value;
      normalised[i] = normalise(squared[i] as number, ceiling[i] as number, threshold);
    });
    [median(one), median(squared), median(normalised), mean(one), pooledShare(one, ceiling)].forEach((value, score) => { (out[score] as Float64Array)[b] = value; });
  }
  return out;
}

/** Percentile interval of every voxel. @shape low, high: float64 [voxel]; NaN without replicates */
export function voxelIntervals(voxels: number, replicates: Replicates | undefined): { readonly low: Float64Array; readonly high: Float64Array } {
  const [low, high] = [new Float64Array(voxels).fill(NaN), new Float64Array(voxels).fill(NaN)];
  if (replicates === undefined) return { low, high };
  const column = new Float64Array(replicates.count);
  for (let v = 0; v < voxels; v += 1) {
    for (let b = 0; b < replicates.count; b += 1) column[b] = replicates.r[b * voxels + v] as number;
    [low[v], high[v]] = percentileInterval(column, replicates.level);
  }
  return { low, high };
}
