/** `LabelledImages`: pictures with what they show, for training a backbone. Drawn by stimuli.draw; files from elsewhere need the same layout. */
import { readNpy } from '../../formats/npy.js';
import type { ArtifactReader } from '../../engine/stage.js';
import { PipelineError } from '../../core/errors.js';

/** Classes of a cell, in the order of their numbers in cells.npy. */
export const CELL_CLASSES = ['face', 'body', 'place', 'word', 'object', 'background', 'clutter'] as const;
/** side of the grid of cells */
export const CELL_GRID = 8;

export const LABELLED_FILES = {
  /** uint8 [image, size, size, 3] */
  images: 'images.npy',
  /** uint8 [image, 8, 8]: index into the cell classes */
  cells: 'cells.npy',
  /** {"categories": ["face", …], "labels": [0, …]} */
  labels: 'labels.json',
} as const;

export interface LabelledImages {
  readonly images: Uint8Array;
  readonly labels: Uint8Array;
  readonly cells: Uint8Array;
  readonly size: number;
  readonly count: number;
}

/** Errors: E_DATA when the three files do not belong together. */
export function readLabelledImages(reader: ArtifactReader): LabelledImages {
  const images = readNpy(reader.path(LABELLED_FILES.images));
  const cells = readNpy(reader.path(LABELLED_FILES.cells));
  const { labels } = reader.json<{ labels: number[] }>(LABELLED_FILES.labels);
  const [count, size] = images.shape as readonly [number, number];
  if (images.dtype !== 'uint8' || images.shape.length !== 4 || cells.shape[0] !== count || labels.length !== count) {
    throw new PipelineError('E_DATA', 'pictures, cells and labels do not belong together', {
      facts: { expected: 'uint8 [n, size, size, 3], uint8 [n, 8, 8] and n labels', found: `[${images.shape.join(', ')}], [${cells.shape.join(', ')}] and ${labels.length}` },
      hint: 'Make all three with one stimuli.draw stage.',
    });
  }
  return { images: images.data as Uint8Array, labels: Uint8Array.from(labels), cells: cells.data as Uint8Array, size, count };
}
