/** Captions and instances of the drawn stimuli in COCO's format, as text backbones and category analyses read them. */
import { Random } from '../../../core/random.js';
import { COCO_HEIGHT, COCO_WIDTH } from './experiment-files.js';
import type { Box } from '../drawing/canvas.js';
import type { CocoEntry } from './experiment-files.js';

export interface LabelledStimulus {
  readonly nsdId: number;
  readonly category: number;
  readonly boxes: readonly Box[];
}

const LABELS = ['face', 'body', 'house', 'scene', 'word', 'object'] as const;
const CAPTIONS_AN_IMAGE = 5;
const NUMBERS = ['no', 'one', 'two', 'three', 'four'];
const NAMES: Readonly<Record<string, readonly [string, string]>> = {
  face: ['a face', 'faces'], body: ['a person seen from behind', 'people seen from behind'], house: ['a house', 'houses'],
  scene: ['a place drawn in perspective', 'places'], word: ['a written word', 'written words'], object: ['an object', 'objects'],
};

/** @returns the JSON of `captions_<split>.json` and `instances_<split>.json` for the images of one split */
export function cocoAnnotations(stimuli: readonly LabelledStimulus[], coco: readonly CocoEntry[], split: CocoEntry['split']): { readonly captions: object; readonly instances: object } {
  const info = { description: 'Simulated stimuli, drawn by a program', version: '1' };
  const mine = stimuli.filter(({ nsdId }) => (coco[nsdId] as CocoEntry).split === split);
  const images = mine.map(({ nsdId }) => {
    const id = (coco[nsdId] as CocoEntry).cocoId;
    return { id, width: COCO_WIDTH, height: COCO_HEIGHT, file_name: `${String(id).padStart(12, '0')}.jpg` };
  });
  const captions = mine.flatMap((stimulus) => captionsOf(stimulus).map((caption, k) => {
    const image = (coco[stimulus.nsdId] as CocoEntry).cocoId;
    return { id: image * CAPTIONS_AN_IMAGE + k, image_id: image, caption };
  }));
  const instances = mine.flatMap(({ nsdId, boxes }) => boxes.map((box, k) => {
    const entry = coco[nsdId] as CocoEntry;
    // the drawn picture is the part of the photograph that was not cropped
    const side = COCO_HEIGHT;
    const bbox = [entry.cropLeft * COCO_WIDTH + box.x0 * side, box.y0 * side, (box.x1 - box.x0) * side, (box.y1 - box.y0) * side].map((value) => Math.round(value * 100) / 100);
    const [x, y, w, h] = bbox as [number, number, number, number];
    return {
      id: entry.cocoId * 100 + k, image_id: entry.cocoId, category_id: LABELS.indexOf(box.label as (typeof LABELS)[number]) + 1,
      bbox, area: Math.round(w * h * 100) / 100, iscrowd: 0, segmentation: [[x, y, x + w, y, x + w, y + h, x, y + h]],
    };
  }));
  const categories = LABELS.map((name, i) => ({ id: i + 1, name, supercategory: 'drawn' }));
  return { captions: { info, images, annotations: captions }, instances: { info, images, annotations: instances, categories } };
}

function captionsOf({ nsdId, category, boxes }: LabelledStimulus): readonly string[] {
  const random = new Random(`simulated caption/1/${nsdId}`);
  const counts = new Map<string, number>();
  for (const box of boxes) counts.set(box.label, (counts.get(box.label) ?? 0) + 1);
  const parts = [...counts].map(([label, count]) => {
    const [one, many] = NAMES[label] ?? ['something', 'things'];
    return count === 1 ? one : `${NUMBERS[count] ?? 'several'} ${many}`;
  });
  const what = category === 5 || parts.length === 0 ? 'a jumble of parts without order' : parts.join(' and ');
  const forms = [`A drawing of ${what}.`, `${what.charAt(0).toUpperCase()}${what.slice(1)} on a textured background.`, `A picture that shows ${what}.`, `There is ${what} in the picture.`, `A computer drawing with ${what}.`];
  return [...random.permutation(forms.length)].map((i) => forms[i] as string);
}
