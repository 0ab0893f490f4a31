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

export function writeStimuli(writer: ArtifactWriter, images: readonly StimulusImage[], brick: ArtifactFile, dataset: string): void {
  const sorted = [...images].sort((a, b) => a.nsdId - b.nsdId);
  for (let i = 1; i < sorted.length; i += 1) {
    if (sorted[i]?.nsdId === sorted[i - 1]?.nsdId) {
      throw new PipelineError('E_LEAK', `image ${sorted[i]?.nsdId ?? ''} stands twice in the split`, { hint: 'Give every image exactly one part of the split.' });
    }
  }
  writer.json(INDEX, { dataset, images: sorted });
  writer.adopt(BRICK, brick);
}

export function readStimuli(reader: ArtifactReader): Stimuli {
  const file = reader.json<StimuliFile>(INDEX);
  return { images: file.images, dataset: file.dataset, brick: reader.path(BRICK), brickFile: reader.file(BRICK) };
}

/** nsdIds of the images in some parts of the split, ascending. */
export function imagesOf(stimuli: Stimuli, ...splits: readonly Split[]): Int32Array {
  return Int32Array.from(stimuli.images.filter((image) => splits.includes(image.split)).map((image) => image.nsdId));
}
