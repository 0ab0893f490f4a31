/** What shuffled images would score: p of every voxel and of every region, the latter also corrected for looking at all regions. */
import type { Random } from '../../core/random.js';
import type { TensorService } from '../../core/tensor-service.js';
import { largestStatisticP, permutationP } from '../../math/statistics-inference.js';
import { median, quantile } from '../../math/statistics.js';
import { permutedCorrelations } from '../../solvers/index.js';
import type { Region } from './score-regions.js';

/** A shuffled r that is below the true one by less than its rounding (float32, some 1e-6) counts as reaching it: the p value errs upwards only. */
const ROUNDING = 1e-5;

/** upper end of a central 95 % range */
const CHANCE_QUANTILE = 0.975;

export interface PermutationTest {
  /** float64 [voxel]: one-sided p of r; NaN where r is not defined; empty without a test */
  readonly p: Float64Array;
  /** float64 [region]: one-sided p of the median r; NaN without a test */
  readonly regionP: Float64Array;
  /** float64 [region]: the same, corrected over the family; NaN for regions outside it */
  readonly familyP: Float64Array;
  /** median r over all voxels under shuffled images: its median and 97.5th percentile; NaN without a test */
  readonly chance: { readonly median: number; readonly high: number };
}

export interface TestedScores {
  /** float32 [image, voxel] */
  readonly predicted: Float32Array;
  readonly measured: Float32Array;
  readonly images: number;
  /** float64 [voxel] */
  readonly r: Float64Array;
  /** the first one holds all voxels and is not part of the family */
  readonly regions: readonly Region[];
}

export async function permutationTest(service: TensorService, { predicted, measured, images, r, regions }: TestedScores, count: number, random: Random, progress: (done: number) => void, signal: AbortSignal): Promise<PermutationTest> {
  const voxels = r.length;
  const undefinedP = new Float64Array(regions.length).fill(NaN);
  if (count === 0) return { p: new Float64Array(0), regionP: undefinedP, familyP: undefinedP, chance: { median: NaN, high: NaN } };
  const statistic = (values: Float64Array, { voxels: members }: Region): number => median(Float64Array.from(members, (v) => values[v] as number));
  const atLeast = new Float64Array(voxels);
  const nulls = new Float64Array(count * regions.length);
  const visit = (shuffled: Float64Array, shuffle: number): void => {
    for (let v = 0; v < voxels; v += 1) if ((shuffled[v] as number) >= (r[v] as number) - ROUNDING) atLeast[v] = (atLeast[v] as number) + 1;
    regions.forEach((region, k) => { nulls[shuffle * regions.length + k] = statistic(shuffled, region); });
    progress(shuffle + 1);
  };
  await permutedCorrelations(service, predicted, measured, images, voxels, { count, random, visit }, signal);

  const observed = regions.map((region) => statistic(r, region));
  const ofRegion = (k: number): Float64Array => Float64Array.from({ length: count }, (_, shuffle) => nulls[shuffle * regions.length + k] as number);
  const family = Float64Array.from({ length: count * (regions.length - 1) }, (_, at) => nulls[Math.floor(at / (regions.length - 1)) * regions.length + 1 + (at % (regions.length - 1))] as number);
  const medians = ofRegion(0);
  return {
    p: Float64Array.from(r, (value, v) => (Number.isNaN(value) ? NaN : (1 + (atLeast[v] as number)) / (1 + count))),
    regionP: Float64Array.from(observed, (value, k) => permutationP(value - ROUNDING, ofRegion(k))),
    familyP: Float64Array.of(NaN, ...largestStatisticP(observed.slice(1).map((value) => value - ROUNDING), family)),
    chance: { median: median(medians), high: quantile(medians, CHANCE_QUANTILE) },
  };
}
