/** The scores as CSV and JSON. A value that is not defined is `NaN` in CSV (pandas reads it as such) and null in JSON. */
import type { JsonObject } from '../../core/json.js';
import type { Voxels } from '../artifacts/voxels.js';
import type { RegionScores, Summary } from './score-regions.js';
import type { Scores } from './score-voxels.js';

/** digits written: more than any score's sampling error, few enough to read */
const DIGITS = 7;

const field = (value: number | string): string => {
  if (typeof value === 'number') return Number.isFinite(value) ? String(Number(value.toPrecision(DIGITS))) : String(value);
  return /[",\n]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value;
};

function csv(columns: readonly string[], rows: Iterable<readonly (number | string)[]>): string {
  const lines = [columns.join(',')];
  for (const row of rows) lines.push(row.map(field).join(','));
  return `${lines.join('\n')}\n`;
}

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
export function voxelCsv({ voxels, ncsnr, alpha, means, trials, p, adjusted }: VoxelTable): string {
  const columns = ['voxel', 'x', 'y', 'z', 'ncsnr', 'alpha', 'r', 'r2', 'noise_ceiling', 'r2_over_nc', 'determination', 'baseline_determination', 'trial_r', 'trial_r2', 'trial_noise_ceiling', 'trial_r2_over_nc', 'p', 'q'];
  const rows = Array.from({ length: voxels.voxelCount }, (_, v) => [
    v, ...voxels.position.subarray(3 * v, 3 * v + 3), ncsnr[v], alpha[v],
    means.r[v], means.r2[v], means.ceiling[v], means.normalised[v], means.determination[v], means.baseline[v],
    trials.r[v], trials.r2[v], trials.ceiling[v], trials.normalised[v], p[v] ?? NaN, adjusted[v] ?? NaN,
  ] as number[]);
  return csv(columns, rows);
}

export interface RegionPair {
  readonly means: RegionScores;
  readonly trials: RegionScores;
}

/** One row a region and kind of measurement. */
export function regionCsv(regions: readonly RegionPair[]): string {
  const interval = (name: string): string[] => [`median_${name}`, `${name}_low`, `${name}_high`];
  const columns = ['region', 'measurement', 'voxels', ...interval('r'), 'r_undefined', ...interval('r2'), ...interval('r2_over_nc'), 'below_ceiling', 'share_above_1', 'median_noise_ceiling', 'median_determination', 'baseline_determination', 'share_significant'];
  const values = (s: Summary): number[] => [s.median, s.low, s.high];
  const row = (measurement: string, s: RegionScores): (number | string)[] => [
    s.name, measurement, s.voxels, ...values(s.r), s.r.undefined, ...values(s.r2), ...values(s.normalised), s.belowCeiling, s.aboveOne, s.ceiling, s.determination, s.baseline, s.significant,
  ];
  return csv(columns, regions.flatMap(({ means, trials }) => [row('repeat-mean', means), row('single-trial', trials)]));
}

/** NaN and infinities become null. */
export function definedOrNull(value: number): number | null {
  return Number.isFinite(value) ? value : null;
}

export function regionJson(scores: RegionScores): JsonObject {
  const summary = (s: Summary): JsonObject => ({ median: definedOrNull(s.median), low: definedOrNull(s.low), high: definedOrNull(s.high), undefined: s.undefined });
  return {
    name: scores.name, voxels: scores.voxels, r: summary(scores.r), r2: summary(scores.r2), normalised: summary(scores.normalised),
    belowCeiling: scores.belowCeiling, aboveOne: definedOrNull(scores.aboveOne), ceiling: definedOrNull(scores.ceiling),
    determination: definedOrNull(scores.determination), baseline: definedOrNull(scores.baseline), significant: definedOrNull(scores.significant),
  };
}
