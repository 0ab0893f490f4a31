/** The stimuli of the simulated subject as NSD stores them: one HDF5 brick of all 73,000 images, of which only those shown are drawn. */
import { Hdf5Writer, openHdf5 } from '../../formats/hdf5/index.js';
import { BRICK_DATASET } from '../nsd/layout.js';
import { drawStimulus } from './drawing/stimulus.js';
import { BRICK_IMAGES } from './tree/design.js';
import type { LabelledStimulus } from './tree/annotations.js';

/** The same picture for every subject: it depends on the simulator's seed and the image's number only. */
export const stimulusSeed = (seed: number, nsdId: number): string => `nsd stimulus/${seed}/${nsdId}`;

/**
 * `/imgBrick` uint8 (73000, size, size, 3), one image a chunk; chunks of images that nobody was shown stay unallocated.
 * @param nsdIds ascending
 * @param between called after every image; may throw to stop
 */
export async function writeBrick(path: string, seed: number, size: number, nsdIds: Int32Array, between: (done: number) => Promise<void>): Promise<readonly LabelledStimulus[]> {
  const writer = new Hdf5Writer(path);
  const labels: LabelledStimulus[] = [];
  try {
    writer.createDataset(BRICK_DATASET, { dtype: 'uint8', shape: [BRICK_IMAGES, size, size, 3], chunks: [1, size, size, 3] });
    for (const nsdId of nsdIds) {
      const { rgb, category, boxes } = drawStimulus(stimulusSeed(seed, nsdId), size);
      writer.writeSlice(BRICK_DATASET, [[nsdId, nsdId + 1], [0, size], [0, size], [0, 3]], { dtype: 'uint8', shape: [1, size, size, 3], data: rgb });
      labels.push({ nsdId, category, boxes });
      await between(labels.length);
    }
  } finally {
    writer.close();
  }
  return labels;
}

/** Reads single images of a brick. */
export function openBrick(path: string, size: number): { read(nsdId: number): Uint8Array; close(): void } {
  const file = openHdf5(path);
  const dataset = file.dataset(BRICK_DATASET);
  return {
    read: (nsdId) => dataset.readSlice([[nsdId, nsdId + 1], [0, size], [0, size], [0, 3]]).data as Uint8Array,
    close: () => file.close(),
  };
}
