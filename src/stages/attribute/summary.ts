/** The few figures of many maps: medians over images, and how many reach a bar. Used by the report of a model's maps and by the check against the truth. */
import { finiteOrNull, median } from '../../math/statistics.js';
import type { AttributionEntry, InsideBoxes } from '../artifacts/attributions.js';

/** A map that lies this far inside points at what the region answers to; the share of images that reach it is reported beside the median. */
export const INSIDE_BAR = 0.7;

export interface InsideSummary {
  /** images with boxes */
  readonly images: number;
  /** of them, those whose map has no positive part */
  readonly undefined: number;
  /** medians over the images that have a value */
  readonly smoothed: number | null;
  readonly raw: number | null;
  readonly contrast: number | null;
  readonly difference: number | null;
  readonly chance: number | null;
  /** share of the images (undefined ones count as below) at or above the bar, smoothed and raw */
  readonly aboveBar: number | null;
  readonly rawAboveBar: number | null;
  /** median (smoothed) over the half of the images with the larger response */
  readonly strongerHalf: number | null;
}

/** Images without boxes are left out. */
export function summarizeInside(entries: readonly Pick<AttributionEntry, 'response' | 'inside'>[]): InsideSummary {
  const boxed = entries.flatMap(({ response, inside }) => (inside === null ? [] : [{ response, ...inside }]));
  const medianOf = (list: typeof boxed, key: keyof InsideBoxes): number | null => finiteOrNull(median(list.map((entry) => entry[key] ?? NaN)));
  const above = (key: 'smoothed' | 'raw'): number | null => finiteOrNull(boxed.filter((entry) => (entry[key] ?? 0) >= INSIDE_BAR).length / boxed.length);
  const stronger = [...boxed].sort((a, b) => b.response - a.response).slice(0, Math.ceil(boxed.length / 2));
  return {
    images: boxed.length,
    undefined: boxed.filter((entry) => entry.smoothed === null).length,
    smoothed: medianOf(boxed, 'smoothed'), raw: medianOf(boxed, 'raw'), contrast: medianOf(boxed, 'contrast'), difference: medianOf(boxed, 'difference'), chance: medianOf(boxed, 'covered'),
    aboveBar: above('smoothed'), rawAboveBar: above('raw'), strongerHalf: medianOf(stronger, 'smoothed'),
  };
}

/** Over the images whose method promises completeness; nulls when there is none. */
export function summarizeCompleteness(entries: readonly AttributionEntry[], tolerance: number): { readonly largest: number | null; readonly median: number | null; readonly incomplete: number; readonly mostNodes: number | null } {
  const gaps = entries.flatMap(({ completenessGap }) => (completenessGap === null ? [] : [completenessGap]));
  const nodes = entries.flatMap((entry) => (entry.nodes === null ? [] : [entry.nodes]));
  return {
    largest: gaps.length === 0 ? null : Math.max(...gaps), median: finiteOrNull(median(gaps)),
    incomplete: gaps.filter((gap) => !(gap <= tolerance)).length, mostNodes: nodes.length === 0 ? null : Math.max(...nodes),
  };
}

/** Medians of the areas under the deletion and insertion curves. */
export function summarizeCurves(entries: readonly AttributionEntry[]): { readonly deletion: number | null; readonly insertion: number | null } {
  const medianOf = (key: 'deletion' | 'insertion'): number | null => finiteOrNull(median(entries.map((entry) => entry.curves?.[key] ?? NaN)));
  return { deletion: medianOf('deletion'), insertion: medianOf('insertion') };
}
