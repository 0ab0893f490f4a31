/** The scores as CSV and JSON. A value that is not defined is `NaN` in CSV (pandas reads it as such) and null in JSON. */
import { writeCsv } from '../../formats/csv.js';
import { finiteOrNull } from '../../math/statistics.js';
import type { RegionEntry, SummaryEntry } from '../artifacts/scores.js';
import type { Voxels } from '../artifacts/voxels.js';
import type { RegionScores, Summary } from './score-regions.js';
import type { Scores } from './score-voxels.js';

/** digits written: more than any score's sampling error, few enough to read */
const DIGITS = 7;

const rounded = (value: number): number => Number(value.toPrecision(DIGITS));

export interface VoxelTable {
  readonly voxels: Voxels;
  readonly ncsnr: Float32Array;
  readonly alpha: Float64Array;
  readonly means: Scores;
  readonly trials: Scores;
  /** float64 [voxel]; empty without a permutation test */
  readonly p: Float64Array;
  readonly adjusted: Float64Array;
}

/** One row a voxel, in the order of the artifact. */
export function writeVoxelCsv(path: string, { voxels, ncsnr, alpha, means, trials, p, adjusted }: VoxelTable): void {
  const columns = ['voxel', 'x', 'y', 'z', 'ncsnr', 'alpha', 'r', 'r2', 'noise_ceiling', 'r2_over_nc', 'determination', 'baseline_determination', 'trial_r', 'trial_r2', 'trial_noise_ceiling', 'trial_r2_over_nc', 'p', 'q'];
  const rows = Array.from({ length: voxels.voxelCount }, (_, v) => [
    v, ...voxels.position.subarray(3 * v, 3 * v + 3), ncsnr[v], alpha[v],
    means.r[v], means.r2[v], means.ceiling[v], means.normalised[v], means.determination[v], means.baseline[v],
    trials.r[v], trials.r2[v], trials.ceiling[v], trials.normalised[v], p[v] ?? NaN, adjusted[v] ?? NaN,
  ] as number[]);
  writeCsv(path, columns, rows.map((row) => row.map(rounded)));
}

export interface RegionPair {
  readonly means: RegionScores;
  readonly trials: RegionScores;
}

/** One row a region and kind of measurement. */
export function writeRegionCsv(path: string, regions: readonly RegionPair[]): void {
  const interval = (name: string): string[] => [`median_${name}`, `${name}_low`, `${name}_high`];
  const columns = ['region', 'measurement', 'voxels', ...interval('r'), 'r_undefined', ...interval('r2'), ...interval('r2_over_nc'), 'below_ceiling', 'share_above_1', 'median_noise_ceiling', 'noise_ceiling_q1', 'noise_ceiling_q3', 'median_determination', 'baseline_determination', 'share_significant'];
  const values = (s: Summary): number[] => [s.median, s.low, s.high];
  const row = (measurement: string, s: RegionScores): (number | string)[] => [
    s.name, measurement, ...[s.voxels, ...values(s.r), s.r.undefined, ...values(s.r2), ...values(s.normalised), s.belowCeiling, s.aboveOne, s.ceiling, ...s.ceilingQuartiles, s.determination, s.baseline, s.significant].map(rounded),
  ];
  writeCsv(path, columns, regions.flatMap(({ means, trials }) => [row('repeat-mean', means), row('single-trial', trials)]));
}

export function regionEntry(scores: RegionScores): RegionEntry {
  const summary = (s: Summary): SummaryEntry => ({ median: finiteOrNull(s.median), low: finiteOrNull(s.low), high: finiteOrNull(s.high), undefined: s.undefined });
  const [first, third] = scores.ceilingQuartiles;
  return {
    name: scores.name, voxels: scores.voxels, r: summary(scores.r), r2: summary(scores.r2), normalised: summary(scores.normalised),
    belowCeiling: scores.belowCeiling, aboveOne: finiteOrNull(scores.aboveOne), ceiling: finiteOrNull(scores.ceiling),
    ceilingQuartiles: [finiteOrNull(first), finiteOrNull(third)],
    determination: finiteOrNull(scores.determination), baseline: finiteOrNull(scores.baseline), significant: finiteOrNull(scores.significant),
  };
}
