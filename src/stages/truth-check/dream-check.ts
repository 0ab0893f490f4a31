/**
 * What the true brain says to the dreams: whether each target's pictures drive its own region beyond any natural stimulus, and more than the other
 * regions. Pure arithmetic on true responses; regions are lists of true voxels.
 */
import { finiteOrNull, percentileOfScore, quantile } from '../../math/statistics.js';

const HIGH_QUANTILE = 0.99;

export interface DreamRegion {
  /** of the target */
  readonly name: string;
  readonly roi: string;
  /** true voxels, at least one */
  readonly members: readonly number[];
}

/** Values that are not defined (a target without dreams, no stimuli) are null. */
export interface DreamCheck {
  readonly target: string;
  readonly roi: string;
  readonly response: number | null;
  readonly percentile: number | null;
  readonly natural99: number | null;
  readonly naturalMax: number | null;
  /** above the response of every region that competes; null when none does */
  readonly largest: boolean | null;
  readonly passed: boolean;
  readonly dreams: readonly { readonly file: string; readonly response: number | null; readonly percentile: number | null }[];
  /** by target: response of its region to this target's dreams */
  readonly others: Readonly<Record<string, number | null>>;
}

/**
 * Regions of which one holds the other (or that are equal) do not compete: a face patch and all face patches should both answer to a face.
 */
export function compete(one: readonly number[], other: readonly number[]): boolean {
  const within = (part: readonly number[], whole: ReadonlySet<number>): boolean => part.every((v) => whole.has(v));
  return !within(one, new Set(other)) && !within(other, new Set(one));
}

/**
 * A target passes when the mean response of its region to its dreams lies above the 99th percentile of that region's responses to all stimuli, and above
 * the mean responses of all regions that compete.
 * @shape responses: float32 [dream, voxel]; natural: float32 [stimulus, voxel]; dreams in the order of `responses`
 */
export function checkDreams(regions: readonly DreamRegion[], dreams: readonly { readonly target: string; readonly file: string }[], responses: Float32Array, natural: Float32Array, voxelCount: number): readonly DreamCheck[] {
  const byRegion = regions.map((region) => regionMeans(responses, voxelCount, region.members));
  return regions.map((region, r) => {
    const rows = dreams.flatMap((dream, i) => (dream.target === region.name ? [i] : []));
    const means = byRegion.map((each) => rows.reduce((sum, i) => sum + (each[i] as number), 0) / rows.length);
    const rivals = regions.flatMap((other, k) => (compete(region.members, other.members) ? [means[k] as number] : []));
    const stimuli = regionMeans(natural, voxelCount, region.members);
    const high = quantile(stimuli, HIGH_QUANTILE);
    const mean = means[r] as number;
    const largest = rivals.length === 0 ? null : rivals.every((rival) => rival < mean);
    return {
      target: region.name, roi: region.roi, response: finiteOrNull(mean), percentile: finiteOrNull(percentileOfScore(stimuli, mean)),
      natural99: finiteOrNull(high), naturalMax: finiteOrNull(quantile(stimuli, 1)),
      largest, passed: mean > high && largest !== false,
      dreams: rows.map((i) => {
        const response = byRegion[r]?.[i] as number;
        return { file: dreams[i]?.file ?? '', response: finiteOrNull(response), percentile: finiteOrNull(percentileOfScore(stimuli, response)) };
      }),
      others: Object.fromEntries(regions.map((other, k) => [other.name, finiteOrNull(means[k] as number)])),
    };
  });
}

/** For the flat table of truth.check. Names are stable: pipelines state bars on them. */
export function dreamFigures(checks: readonly DreamCheck[]): Readonly<Record<string, number | null>> {
  return {
    targets: checks.length,
    targets_passed: checks.filter((check) => check.passed).length,
    ...Object.fromEntries(checks.flatMap((check) => [
      [`response.${check.target}`, check.response], [`percentile.${check.target}`, check.percentile], [`passed.${check.target}`, check.passed ? 1 : 0],
    ])),
  };
}

/** Mean over a region's voxels. @shape signals: float32 [row, voxel]; result: float64 [row] */
function regionMeans(signals: Float32Array, voxelCount: number, members: readonly number[]): Float64Array {
  return Float64Array.from({ length: signals.length / voxelCount }, (_, i) => members.reduce((sum, v) => sum + (signals[i * voxelCount + v] as number), 0) / members.length);
}
