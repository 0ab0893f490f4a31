/**
 * `Stimuli`: which images there are, how they are split, and where their pixels stand. The split is by image, never by trial, and is made once
 * (nsd.stimuli); every later stage takes it from here. The pixels stay in the HDF5 brick, which is read row by row.
 */
import { PipelineError } from '../../core/errors.js';
import type { ArtifactFile, ArtifactReader, ArtifactWriter } from '../../engine/stage.js';

/** `validation` images are part of training for the final fit and held out inside it; `test` images are never fitted on. */
export type Split = 'train' | 'validation' | 'test';

export interface StimulusImage {
  /** 0-based row of the brick */
  readonly nsdId: number;
  readonly cocoId: number | null;
  readonly split: Split;
  /** one of the images that every subject saw */
  readonly shared: boolean;
  /** 0-based trial of its first showing: work done in this order stays valid when sessions are added */
  readonly firstTrial: number;
}

export interface Stimuli {
  /** sorted by nsdId */
  readonly images: readonly StimulusImage[];
  /** dataset of the brick: uint8 [image, height, width, colour (RGB)] */
  readonly dataset: string;
  /** absolute path of the HDF5 brick */
  readonly brick: string;
  readonly brickFile: ArtifactFile;
}

interface StimuliFile {
  readonly dataset: string;
  readonly images: readonly StimulusImage[];
}

const INDEX = 'stimuli.json';
const BRICK = 'stimuli.hdf5';

/** Errors: E_LEAK for an image that stands twice, or for crops of one COCO photograph in two parts. */
export function writeStimuli(writer: ArtifactWriter, images: readonly StimulusImage[], brick: ArtifactFile, dataset: string): void {
  const sorted = [...images].sort((a, b) => a.nsdId - b.nsdId);
  requireSeparateParts(sorted);
  writer.json(INDEX, { dataset, images: sorted });
  writer.adopt(BRICK, brick);
}

/** Errors: as `writeStimuli`: a split from elsewhere is held to the same rule. */
export function readStimuli(reader: ArtifactReader): Stimuli {
  const file = reader.json<StimuliFile>(INDEX);
  requireSeparateParts(file.images);
  return { images: file.images, dataset: file.dataset, brick: reader.path(BRICK), brickFile: reader.file(BRICK) };
}

/** nsdIds of the images in some parts of the split, ascending. */
export function imagesOf(stimuli: Stimuli, ...splits: readonly Split[]): Int32Array {
  return Int32Array.from(stimuli.images.filter((image) => splits.includes(image.split)).map((image) => image.nsdId));
}

/** COCO photographs of which the images are crops, each once, ascending. */
export function photographsOf(stimuli: Stimuli, nsdIds: Iterable<number>): number[] {
  const wanted = new Set(nsdIds);
  const photographs = stimuli.images.flatMap((image) => (wanted.has(image.nsdId) && image.cocoId !== null ? [image.cocoId] : []));
  return [...new Set(photographs)].sort((a, b) => a - b);
}

/** An image, and a photograph of which it is a crop, belongs to one part only. */
function requireSeparateParts(images: readonly StimulusImage[]): void {
  const ids = new Set<number>();
  const first = new Map<number, StimulusImage>();
  for (const image of images) {
    if (ids.has(image.nsdId)) {
      throw new PipelineError('E_LEAK', `image ${image.nsdId} stands twice in the split`, { facts: { expected: 'every image once', found: 'twice' }, hint: 'Give every image exactly one part of the split.' });
    }
    ids.add(image.nsdId);
    if (image.cocoId === null) continue;
    const other = first.get(image.cocoId) ?? image;
    first.set(image.cocoId, other);
    if (other.split !== image.split) {
      throw new PipelineError('E_LEAK', `images ${other.nsdId} (${other.split}) and ${image.nsdId} (${image.split}) are crops of one photograph`, {
        facts: { expected: 'every COCO photograph in one part of the split', found: `cocoId ${image.cocoId} in two` },
        hint: 'Check nsd_stim_info_merged.csv: in the published table no photograph occurs twice.',
      });
    }
  }
}
