/**
 * The rows of a fit: training images only, as means over repeats or as single trials. Held-out images are refused here, row by row, whatever the
 * split says about itself.
 */
import { PipelineError } from '../../core/errors.js';
import type { TargetColumns } from '../../solvers/index.js';
import { imagesOf, type Split, type Stimuli } from '../artifacts/stimuli.js';
import type { Voxels } from '../artifacts/voxels.js';

export type Targets = 'repeat-mean' | 'single-trial';

export interface TrainingRows {
  /** int32 [row] */
  readonly nsdIds: Int32Array;
  /** int32 [row]: positions among the means or the trials of the voxels, ascending */
  readonly positions: Int32Array;
  /** training images of the split without a recorded response */
  readonly unseen: number;
}

/**
 * @param parts of the split that rows are taken from
 * Errors: E_LEAK if a row belongs to a test image or to one that all subjects share; E_DATA if there is no row at all.
 */
export function trainingRows(stimuli: Stimuli, voxels: Pick<Voxels, 'means' | 'trials'>, targets: Targets, parts: readonly Split[] = ['train', 'validation']): TrainingRows {
  const wanted = new Set(imagesOf(stimuli, ...parts));
  const source = targets === 'repeat-mean' ? voxels.means.nsdIds : voxels.trials.nsdIds;
  const positions = Int32Array.from(source.keys()).filter((i) => wanted.has(source[i] as number));
  const nsdIds = Int32Array.from(positions, (i) => source[i] as number);
  if (nsdIds.length === 0) {
    throw new PipelineError('E_DATA', 'no training image has a recorded response', {
      facts: { expected: `images of ${parts.map((part) => `"${part}"`).join(' or ')} among the voxels`, found: `${wanted.size} training images, ${source.length} rows of responses, none in common` },
      hint: 'Make voxels and stimuli from the same nsd.source.',
    });
  }
  refuseHeldOut(nsdIds, stimuli);
  return { nsdIds, positions, unseen: wanted.size - new Set(nsdIds).size };
}

/** The shared images are the test images of every subject: a split that trains on one is as wrong as one that has an image in two parts. */
function refuseHeldOut(nsdIds: Int32Array, stimuli: Stimuli): void {
  const held = new Set(stimuli.images.filter((image) => image.split === 'test' || image.shared).map((image) => image.nsdId));
  const leaked = new Set(nsdIds.filter((nsdId) => held.has(nsdId)));
  if (leaked.size === 0) return;
  throw new PipelineError('E_LEAK', `image ${String([...leaked][0])} (nsdId) is held out and in the training rows`, {
    facts: { expected: 'no image of the test part and no shared image among the training rows', found: `${leaked.size} of them` },
    hint: 'Split the images again (nsd.stimuli).',
  });
}

/** Responses of the rows, a range of voxels at a time. @shape float32 [row, voxel] */
export function responsesOf(voxels: Voxels, targets: Targets, { positions }: TrainingRows): TargetColumns {
  const source = targets === 'repeat-mean' ? voxels.means : voxels.trials;
  return { rows: positions.length, targets: voxels.voxelCount, read: (from, to) => source.columns(positions, from, to) };
}
