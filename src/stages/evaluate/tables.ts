/** The scores as CSV and JSON. A value that is not defined is `NaN` in CSV (pandas reads it as such) and null in JSON. */
import { writeCsv } from '../../formats/csv.js';
import { finiteOrNull } from '../../math/statistics.js';
import type { EstimateEntry, RegionEntry, SummaryEntry } from '../artifacts/scores.js';
import type { Voxels } from '../artifacts/voxels.js';
import type { Estimate, RegionScores, Summary } from './score-regions.js';
import type { Scores } from './score-voxels.js';

/** digits written: more than any score's sampling error, few enough to read */
const DIGITS = 7;

const rounded = (value: number): number => Number(value.toPrecision(DIGITS));

export interface VoxelIntervals {
  readonly low: Float64Array;
  readonly high: Float64Array;
}

export interface VoxelTable {
  readonly voxels: Voxels;
  readonly ncsnr: Float32Array;
  readonly alpha: Float64Array;
  readonly means: Scores;
  readonly trials: Scores;
  /** float64 [voxel]: bootstrap intervals of r; NaN without a bootstrap */
  readonly intervals: { readonly means: VoxelIntervals; readonly trials: VoxelIntervals };
  /** float64 [voxel]: noise ceiling from the repeats of the test images alone */
  readonly testCeiling: Float64Array;
  /** float64 [voxel]; empty without a permutation test */
  readonly p: Float64Array;
  readonly adjusted: Float64Array;
}

/** One row a voxel, in the order of the artifact. */
export function writeVoxelCsv(path: string, { voxels, ncsnr, alpha, means, trials, intervals, testCeiling, p, adjusted }: VoxelTable): void {
  const columns = ['voxel', 'x', 'y', 'z', 'ncsnr', 'alpha', 'r', 'r_low', 'r_high', 'r2', 'noise_ceiling', 'noise_ceiling_test', 'r2_over_nc', 'determination', 'baseline_determination', 'trial_r', 'trial_r_low', 'trial_r_high', 'trial_r2', 'trial_noise_ceiling', 'trial_r2_over_nc', 'p', 'q'];
  const rows = Array.from({ length: voxels.voxelCount }, (_, v) => [
    v, ...voxels.position.subarray(3 * v, 3 * v + 3), ncsnr[v], alpha[v],
    means.r[v], intervals.means.low[v], intervals.means.high[v], means.r2[v], means.ceiling[v], testCeiling[v], means.normalised[v], means.determination[v], means.baseline[v],
    trials.r[v], intervals.trials.low[v], intervals.trials.high[v], trials.r2[v], trials.ceiling[v], trials.normalised[v], p[v] ?? NaN, adjusted[v] ?? NaN,
  ] as number[]);
  writeCsv(path, columns, rows.map((row) => row.map(rounded)));
}

export interface RegionPair {
  readonly means: RegionScores;
  readonly trials: RegionScores;
  /** one-sided p of the median r on repeat means under shuffled images, alone and corrected over the family of regions; NaN without a test */
  readonly p: number;
  readonly familyP: number;
  /** median over voxels of the noise ceiling from the repeats of the test images alone */
  readonly testCeiling: number;
}

/** One row a region and kind of measurement. */
export function writeRegionCsv(path: string, regions: readonly RegionPair[]): void {
  const interval = (name: string): string[] => [`median_${name}`, `${name}_low`, `${name}_high`];
  const columns = ['region', 'measurement', 'voxels', ...interval('r'), 'r_undefined', ...interval('r2'), ...interval('r2_over_nc'), 'mean_r', 'mean_r_low', 'mean_r_high', 'pooled_r2_over_nc', 'pooled_low', 'pooled_high', 'below_ceiling', 'share_above_1', 'median_noise_ceiling', 'noise_ceiling_q1', 'noise_ceiling_q3', 'median_noise_ceiling_test', 'median_determination', 'baseline_determination', 'share_significant', 'p', 'p_family'];
  const values = (s: Summary): number[] => [s.median, s.low, s.high];
  const estimate = (e: Estimate): number[] => [e.value, e.low, e.high];
  const row = (measurement: string, s: RegionScores, testCeiling: number, p: number, familyP: number): (number | string)[] => [
    s.name, measurement,
    ...[
      s.voxels, ...values(s.r), s.r.undefined, ...values(s.r2), ...values(s.normalised), ...estimate(s.meanR), ...estimate(s.pooled),
      s.belowCeiling, s.aboveOne, s.ceiling, ...s.ceilingQuartiles, testCeiling, s.determination, s.baseline, s.significant, p, familyP,
    ].map(rounded),
  ];
  // The permutation test and the ceiling from test repeats are of the repeat means.
  writeCsv(path, columns, regions.flatMap(({ means, trials, testCeiling, p, familyP }) => [row('repeat-mean', means, testCeiling, p, familyP), row('single-trial', trials, NaN, NaN, NaN)]));
}

export function regionEntry(scores: RegionScores): RegionEntry {
  const summary = (s: Summary): SummaryEntry => ({ median: finiteOrNull(s.median), low: finiteOrNull(s.low), high: finiteOrNull(s.high), undefined: s.undefined });
  const estimate = (e: Estimate): EstimateEntry => ({ value: finiteOrNull(e.value), low: finiteOrNull(e.low), high: finiteOrNull(e.high) });
  const [first, third] = scores.ceilingQuartiles;
  return {
    name: scores.name, voxels: scores.voxels, r: summary(scores.r), r2: summary(scores.r2), normalised: summary(scores.normalised), meanR: estimate(scores.meanR), pooled: estimate(scores.pooled),
    belowCeiling: scores.belowCeiling, aboveOne: finiteOrNull(scores.aboveOne), ceiling: finiteOrNull(scores.ceiling),
    ceilingQuartiles: [finiteOrNull(first), finiteOrNull(third)],
    determination: finiteOrNull(scores.determination), baseline: finiteOrNull(scores.baseline), significant: finiteOrNull(scores.significant),
  };
}
