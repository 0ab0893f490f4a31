/** Pictures to learn from, of either kind: drawn ones with labels, or the images of a data set that nothing held out is among. */
import { PipelineError } from '../../core/errors.js';
import { machineMemory } from '../../core/memory.js';
import type { Random } from '../../core/random.js';
import type { ArtifactReader } from '../../engine/stage.js';
import { readLabelledImages } from '../artifacts/labelled-images.js';
import { imagesOf, readStimuli } from '../artifacts/stimuli.js';
import { openImages } from '../images/image-source.js';
import { planesToPixels } from '../images/pixels.js';

/** label of a word among drawn pictures: a mirrored word is another word */
const WORD = 3;
const SHARE_OF_MEMORY = 1 / 2;
const GIGABYTE = 1e9;

export interface Pictures {
  /** uint8 [picture, size, size, 3] */
  readonly pixels: Uint8Array;
  readonly count: number;
  readonly size: number;
  /** pictures of data sets are never mirrored: whether they hold words is not known */
  mirrors(index: number): boolean;
}

export function labelledPictures(reader: ArtifactReader): Pictures {
  const { images, labels, size, count } = readLabelledImages(reader);
  return { pixels: images, count, size, mirrors: (index) => labels[index] !== WORD };
}

/**
 * Images of the training part, resized; if there are more than `most`, a seeded choice.
 * Errors: E_DATA when the training part is empty; E_ENVIRONMENT when the pictures would take more than half of the memory, before any is read.
 */
export function trainingStimuli(reader: ArtifactReader, size: number, most: number, random: Random, signal: AbortSignal): Pictures {
  const stimuli = readStimuli(reader);
  const all = imagesOf(stimuli, 'train');
  if (all.length === 0) throw new PipelineError('E_DATA', 'the stimuli have no training part', { hint: 'Connect stimuli whose split has training images.' });
  const chosen = random.permutation(all.length).subarray(0, most).map((i) => all[i] as number).sort();
  requireRoom(chosen.length, size);
  const source = openImages(stimuli.brick, stimuli.dataset, { size, crop: 'centre', mean: [0, 0, 0], std: [1, 1, 1] });
  try {
    const planes = new Float32Array(3 * size * size);
    const pixels = new Uint8Array(chosen.length * planes.length);
    chosen.forEach((nsdId, i) => {
      signal.throwIfAborted();
      source.read(nsdId, planes, 0);
      pixels.set(planesToPixels(planes, size, size), i * planes.length);
    });
    return { pixels, count: chosen.length, size, mirrors: () => false };
  } finally {
    source.close();
  }
}

/** Errors: E_ENVIRONMENT. @param memory of the machine, bytes */
export function requireRoom(count: number, size: number, memory = machineMemory()): void {
  const needed = count * 3 * size * size;
  const most = memory * SHARE_OF_MEMORY;
  if (needed <= most) return;
  const gigabytes = (bytes: number): string => `${(bytes / GIGABYTE).toPrecision(3)} GB`;
  throw new PipelineError('E_ENVIRONMENT', `${count} pictures of ${size} pixels do not fit into the memory of this machine`, {
    facts: { expected: `at most ${gigabytes(most)}, half of the memory: training needs the rest`, found: gigabytes(needed) },
    hint: `Lower pictures to ${Math.floor(most / (3 * size * size))} or less, or lower size.`,
  });
}
