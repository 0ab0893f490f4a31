/**
 * Where the objects of COCO's annotations lie in the pictures of NSD, which are square crops of COCO's photographs. Boxes become fractions of the
 * crop; what lies outside it is cut off.
 */
import { PipelineError } from '../../core/errors.js';
import { readCsvColumns } from '../../formats/csv.js';
import { readJsonRecords } from '../../formats/json-records.js';
import type { LabelledBox } from '../artifacts/image-selection.js';

/** Shares of the photograph's height and width that were cut off. */
interface Crop {
  readonly top: number;
  readonly bottom: number;
  readonly left: number;
  readonly right: number;
}

interface CroppedPhotograph {
  readonly nsdId: number;
  readonly crop: Crop;
}

/** `(top, bottom, left, right)`, as `cropBox` of nsd_stim_info_merged.csv has it; undefined for anything else, or if it leaves nothing of the photograph. */
export function parseCropBox(text: string): Crop | undefined {
  const match = /^\(([^,]+),([^,]+),([^,]+),([^,]+)\)$/.exec(text.trim());
  const [top, bottom, left, right] = (match ?? []).slice(1).map(Number);
  const all = [top, bottom, left, right];
  if (match === null || !all.every((x) => x !== undefined && x >= 0 && x < 1)) return undefined;
  // nothing would be left of the photograph
  if ((top as number) + (bottom as number) >= 1 || (left as number) + (right as number) >= 1) return undefined;
  return { top: top as number, bottom: bottom as number, left: left as number, right: right as number };
}

/**
 * x' = (x/width − left)/(1 − left − right), y' likewise, clipped to [0, 1]; undefined when nothing is left of the box.
 * @param bbox x, y, width, height in pixels of the photograph
 */
export function boxInCrop(label: string, bbox: readonly [number, number, number, number], photograph: { readonly width: number; readonly height: number }, crop: Crop): LabelledBox | undefined {
  const [x, y, w, h] = bbox;
  const across = (at: number): number => Math.min(1, Math.max(0, (at / photograph.width - crop.left) / (1 - crop.left - crop.right)));
  const down = (at: number): number => Math.min(1, Math.max(0, (at / photograph.height - crop.top) / (1 - crop.top - crop.bottom)));
  const box = { label, x0: across(x), y0: down(y), x1: across(x + w), y1: down(y + h) };
  return box.x1 > box.x0 && box.y1 > box.y0 ? box : undefined;
}

export interface FoundBoxes {
  /** by nsdId; images without a box are absent, and so are those in `crowded` */
  readonly boxes: ReadonlyMap<number, readonly LabelledBox[]>;
  /** nsdIds of images with a crowd of a named category: its box spans many objects and the ground between, so where they lie is not known */
  readonly crowded: ReadonlySet<number>;
}

/**
 * Boxes of the named categories, one an object. Images with a crowd of them (`iscrowd: 1`) are left out.
 * @param table path of nsd_stim_info_merged.csv
 * @param instances paths of the instance annotations; photographs are looked for in all of them
 * @param images nsdIds wanted
 * Errors: E_FORMAT for a crop or annotation that cannot be read; E_DATA for a category that the annotations do not have (naming those they do).
 */
export async function boxesOf(table: string, instances: readonly string[], images: Int32Array, labels: readonly string[]): Promise<FoundBoxes> {
  const photographs = await photographsOf(table, new Set(images));
  const boxes = new Map<number, LabelledBox[]>();
  const crowded = new Set<number>();
  for (const path of instances) {
    const sizes = new Map<number, { width: number; height: number }>();
    const names = new Map<number, string>();
    const found: { readonly photograph: number; readonly category: number; readonly bbox: readonly [number, number, number, number]; readonly crowd: boolean }[] = [];
    // Annotations may stand before the images and categories that they refer to: they are joined afterwards.
    await readJsonRecords(path, {
      images: (record) => {
        const { id, width, height } = record as Record<'id' | 'width' | 'height', number>;
        if (photographs.has(id)) sizes.set(id, { width, height });
      },
      categories: (record) => {
        const { id, name } = record as { id: number; name: string };
        names.set(id, name);
      },
      annotations: (record) => {
        const { image_id: photograph, category_id: category, bbox, iscrowd } = record as { image_id: number; category_id: number; bbox: [number, number, number, number]; iscrowd?: number };
        if (photographs.has(photograph)) found.push({ photograph, category, bbox, crowd: iscrowd === 1 });
      },
    });
    const known = [...names.values()];
    const unknown = labels.find((label) => !known.includes(label));
    if (unknown !== undefined) {
      throw new PipelineError('E_DATA', `"${unknown}" is not a category of the annotations`, { facts: { expected: known.join(', '), found: unknown, path }, hint: 'Name categories of the annotations in labels.' });
    }
    for (const { photograph, category, bbox, crowd } of found) {
      const label = names.get(category);
      const size = sizes.get(photograph);
      if (label === undefined || !labels.includes(label)) continue;
      if (size === undefined || !Array.isArray(bbox) || bbox.length !== 4 || !bbox.every(Number.isFinite)) {
        throw new PipelineError('E_FORMAT', `an annotation of photograph ${photograph} cannot be placed`, { facts: { expected: 'a bbox of 4 numbers, and the size of its photograph', found: JSON.stringify(bbox ?? null), path }, hint: 'Give the instance annotations as COCO publishes them.' });
      }
      for (const { nsdId, crop } of photographs.get(photograph) ?? []) {
        const box = boxInCrop(label, bbox, size, crop);
        if (box === undefined) continue;
        if (crowd) crowded.add(nsdId);
        else boxes.set(nsdId, [...(boxes.get(nsdId) ?? []), box]);
      }
    }
  }
  for (const nsdId of crowded) boxes.delete(nsdId);
  return { boxes, crowded };
}

/** By COCO's number; the table is read as a stream. */
async function photographsOf(table: string, wanted: ReadonlySet<number>): Promise<Map<number, CroppedPhotograph[]>> {
  const photographs = new Map<number, CroppedPhotograph[]>();
  await readCsvColumns(table, ['nsdId', 'cocoId', 'cropBox'], ([nsdId, cocoId, cropBox]) => {
    const id = Number(nsdId);
    if (!wanted.has(id)) return;
    const crop = parseCropBox(cropBox ?? '');
    if (crop === undefined) {
      throw new PipelineError('E_FORMAT', `the crop of image ${id} (nsdId) cannot be read in "${table}"`, { facts: { expected: '(top, bottom, left, right) as shares', found: cropBox ?? '' }, hint: 'Give nsd_stim_info_merged.csv as it is published.' });
    }
    photographs.set(Number(cocoId), [...(photographs.get(Number(cocoId)) ?? []), { nsdId: id, crop }]);
  });
  return photographs;
}
