/** What the known brain says about attribution maps: whether they lie on what the area answers to, and whether the brain's own maps look like them. */
import type { ReportBlock } from '../../core/report-block.js';
import type { ArtifactReader } from '../../engine/stage.js';
import { NpyFile } from '../../formats/npy.js';
import { finiteOrNull, median } from '../../math/statistics.js';
import { pearsonColumns } from '../../math/statistics-correlation.js';
import { ATTRIBUTION_MAPS, readAttributions, type Control, type InsideBoxes } from '../artifacts/attributions.js';
import type { Voxels } from '../artifacts/voxels.js';
import { boxMask, sharesInside } from '../attribute/localisation.js';
import { displayMap } from '../attribute/overlay.js';
import { INSIDE_BAR, summarizeCompleteness, summarizeInside, type InsideSummary } from '../attribute/summary.js';
import type { Truth } from '../simulate/truth.js';
import { areaOf, membersOf } from './true-region.js';

/** what a stranger would call a hit: the box labels of each area. Early voxels answer to contours anywhere. */
const LABELS_OF_AREA: Readonly<Record<string, readonly string[]>> = { face: ['face'], body: ['body'], place: ['house', 'scene'], word: ['word'], early: [] };

export interface AttributionCheck {
  readonly roi: string;
  readonly area: string;
  readonly control: Control;
  readonly largestBox: number;
  readonly images: readonly { readonly nsdId: number; readonly response: number; readonly inside: InsideBoxes | null; readonly agreement: number | null }[];
  /** over images whose boxes cover less than `largestBox` */
  readonly inside: InsideSummary;
  /** over all images with a box */
  readonly insideAll: InsideSummary;
  readonly completeness: ReturnType<typeof summarizeCompleteness>;
  /** median correlation with the true brain's own maps; null without a reference */
  readonly agreement: number | null;
}

/** Errors: E_DATA for a region without planted voxels. */
export function checkAttributions(reader: ArtifactReader, reference: ArtifactReader | undefined, truth: Pick<Truth, 'index' | 'labels'>, voxels: Pick<Voxels, 'rois' | 'position'>, params: { readonly smoothing: number; readonly largest_box: number }): AttributionCheck {
  const file = readAttributions(reader);
  const area = areaOf(truth, membersOf(truth, voxels, file.roi));
  const labels = LABELS_OF_AREA[area] ?? [];
  const maps = new NpyFile(reader.path(ATTRIBUTION_MAPS));
  const own = reference === undefined ? undefined : readAttributions(reference);
  const ownMaps = reference === undefined ? undefined : new NpyFile(reference.path(ATTRIBUTION_MAPS));
  const ownRow = new Map(own?.entries.map((entry) => [entry.nsdId, entry.row]));
  try {
    const images = file.entries.map((entry) => {
      const map = maps.rows(entry.row, 1).data as Float32Array;
      const boxes = (truth.labels.get(entry.nsdId)?.boxes ?? []).filter((box) => labels.includes(box.label));
      const row = own?.size === file.size ? ownRow.get(entry.nsdId) : undefined;
      const other = row === undefined ? undefined : (ownMaps?.rows(row, 1).data as Float32Array);
      return {
        nsdId: entry.nsdId, response: entry.response,
        inside: boxes.length === 0 ? null : { ...sharesInside(map, boxMask(boxes, file.size), file.size, params.smoothing), difference: entry.inside?.difference ?? null },
        agreement: other === undefined ? null : finiteOrNull(pearsonColumns(displayMap(map, file.size, params.smoothing), displayMap(other, file.size, params.smoothing), 1)[0] as number),
      };
    });
    return {
      roi: file.roi, area, control: file.control, largestBox: params.largest_box, images,
      inside: summarizeInside(images.filter(({ inside }) => inside !== null && inside.covered < params.largest_box)), insideAll: summarizeInside(images),
      completeness: summarizeCompleteness(file.entries, file.tolerance),
      agreement: finiteOrNull(median(images.map(({ agreement }) => agreement ?? NaN))),
    };
  } finally {
    maps.close();
    ownMaps?.close();
  }
}

/** For the flat table of truth.check. Names are stable: pipelines state bars on them. */
export function attributionFigures({ inside, insideAll, completeness, agreement }: AttributionCheck): Readonly<Record<string, number | null>> {
  return {
    inside_images: inside.images,
    inside: inside.smoothed,
    inside_raw: inside.raw,
    inside_contrast: inside.contrast,
    inside_chance: inside.chance,
    inside_no_model: inside.difference,
    inside_stronger_half: inside.strongerHalf,
    above_bar: inside.aboveBar,
    above_bar_raw: inside.rawAboveBar,
    inside_all_boxes: insideAll.smoothed,
    completeness_gap: completeness.largest,
    incomplete: completeness.incomplete,
    nodes: completeness.mostNodes,
    true_agreement: agreement,
  };
}

export function attributionBlocks(check: AttributionCheck): ReportBlock[] {
  const { inside, insideAll } = check;
  return [
    {
      kind: 'metrics', title: `${check.control === 'none' ? '' : 'CONTROL (shuffled readout): '}Where the attribution of ${check.roi} lies`,
      values: {
        [`images with boxes under ${check.largestBox}`]: inside.images, 'median share inside, smoothed': inside.smoothed, 'median share inside, raw': inside.raw, 'chance (median cover)': inside.chance,
        'median share of positive less negative (chance 0)': inside.contrast,
        'median share of |image − baseline| (no model)': inside.difference, [`images at or above ${INSIDE_BAR}`]: inside.aboveBar, [`images at or above ${INSIDE_BAR}, raw`]: inside.rawAboveBar,
        'median share, half with the larger response': inside.strongerHalf, 'images with a box of any size': insideAll.images, 'median share, any size': insideAll.smoothed,
        'largest completeness gap': check.completeness.largest, 'images not complete': check.completeness.incomplete, 'median correlation with the true brain\'s maps': check.agreement,
      },
    },
  ];
}
