/** What the known brain says about attribution maps: whether they lie on what the area answers to, and whether the brain's own maps look like them. */
import { isDeepStrictEqual } from 'node:util';
import { PipelineError } from '../../core/errors.js';
import type { ReportBlock } from '../../core/report-block.js';
import type { ArtifactReader } from '../../engine/stage.js';
import { NpyFile } from '../../formats/npy.js';
import { finiteOrNull, median } from '../../math/statistics.js';
import { pearsonColumns } from '../../math/statistics-correlation.js';
import { ATTRIBUTION_MAPS, readAttributions, type AttributionsFile, type Control, type InsideBoxes } from '../artifacts/attributions.js';
import { boxMask, sharesInside } from '../attribute/localisation.js';
import { displayMap } from '../attribute/overlay.js';
import { INSIDE_BAR, summarizeCompleteness, summarizeInside, type InsideSummary } from '../attribute/summary.js';
import { objectiveText, type Objective } from '../response/objective.js';
import type { Truth } from '../simulate/truth.js';
import { areaOf } from './true-region.js';

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
  /** images that it is a median of: a map without variation has no correlation */
  readonly agreementImages: number;
}

/**
 * @param members true voxels of the region that the maps explain
 * Errors: E_DATA for a reference that the maps cannot be compared with.
 */
export function checkAttributions(reader: ArtifactReader, reference: ArtifactReader | undefined, truth: Pick<Truth, 'index' | 'labels'>, members: readonly number[], params: { readonly smoothing: number; readonly largest_box: number }): AttributionCheck {
  const file = readAttributions(reader);
  const area = areaOf(truth, members);
  const labels = LABELS_OF_AREA[area] ?? [];
  const maps = new NpyFile(reader.path(ATTRIBUTION_MAPS));
  const own = reference === undefined ? undefined : readAttributions(reference);
  const ownMaps = reference === undefined ? undefined : new NpyFile(reference.path(ATTRIBUTION_MAPS));
  const ownRow = new Map(own?.entries.map((entry) => [entry.nsdId, entry.row]));
  if (own !== undefined) requireReference(file, own);
  try {
    const images = file.entries.map((entry) => {
      const map = maps.rows(entry.row, 1).data as Float32Array;
      const boxes = (truth.labels.get(entry.nsdId)?.boxes ?? []).filter((box) => labels.includes(box.label));
      const row = ownRow.get(entry.nsdId);
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
      agreementImages: images.filter(({ agreement }) => agreement !== null).length,
    };
  } finally {
    maps.close();
    ownMaps?.close();
  }
}

/** Errors: E_DATA unless the reference is the true brain's, of the same question by the same method, and holds every image. Its baseline may be another. */
function requireReference(file: AttributionsFile, reference: AttributionsFile): void {
  const refuse = (what: string, expected: string, found: string): never => {
    throw new PipelineError('E_DATA', `the maps cannot be compared with the reference: ${what}`, { facts: { expected, found }, hint: 'Connect a truth.attribute stage with the objective, the method and the images of the maps.' });
  };
  const describe = ({ method, size }: AttributionsFile): string => `${method}, ${size} pixels`;
  if (reference.of !== 'true brain') refuse('it is not of the true brain', 'maps of the true brain', `maps of a ${reference.of}`);
  if (!isDeepStrictEqual(objective(file), objective(reference))) refuse('it explains another response', objectiveText(file), objectiveText(reference));
  if (describe(file) !== describe(reference)) refuse('it was made otherwise', describe(file), describe(reference));
  const known = new Set(reference.entries.map(({ nsdId }) => nsdId));
  const missing = file.entries.filter(({ nsdId }) => !known.has(nsdId));
  if (missing.length > 0) refuse('it lacks images', `all ${file.entries.length} images`, `${missing.length} are missing (first: ${String(missing[0]?.nsdId)})`);
}

/** What is raised less what is subtracted, in whatever order the latter is listed. */
function objective({ roi, minus = [], weight = 1 }: Objective): unknown {
  return { roi, minus: [...minus].sort(), weight: minus.length === 0 ? 0 : weight };
}

/** For the flat table of truth.check. Names are stable: pipelines state bars on them. */
export function attributionFigures({ inside, insideAll, completeness, agreement, agreementImages }: AttributionCheck): Readonly<Record<string, number | null>> {
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
    agreement_images: agreementImages,
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
        'largest completeness gap': check.completeness.largest, 'images not complete': check.completeness.incomplete, 'median correlation with the true brain\'s maps': check.agreement, 'images of that median': check.agreementImages,
      },
    },
  ];
}
