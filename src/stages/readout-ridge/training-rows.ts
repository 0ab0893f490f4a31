/**
 * The rows of a fit: features and responses of training images only, as means over repeats or as single trials. Held-out images are refused here,
 * row by row, whatever the split says about itself.
 */
import { PipelineError } from '../../core/errors.js';
import { positionsOf, type Features } from '../artifacts/features.js';
import { imagesOf, type Stimuli } from '../artifacts/stimuli.js';
import type { Voxels } from '../artifacts/voxels.js';

export interface TrainingRows {
  /** int32 [row] */
  readonly nsdIds: Int32Array;
  /** float32 [row, feature] */
  readonly features: Float32Array;
  /** float32 [row, voxel] */
  readonly responses: Float32Array;
  /** training images of the split without a recorded response */
  readonly unseen: number;
}

/** Errors: E_LEAK if a row belongs to a test image; E_DATA if a training image has no features, or if there is no row at all. */
export function trainingRows(stimuli: Stimuli, features: Features, voxels: Voxels, targets: 'repeat-mean' | 'single-trial'): TrainingRows {
  const wanted = new Set(imagesOf(stimuli, 'train', 'validation'));
  const source = targets === 'repeat-mean' ? voxels.means.nsdIds : voxels.trials.nsdIds;
  const positions = Int32Array.from(source.keys()).filter((i) => wanted.has(source[i] as number));
  const nsdIds = Int32Array.from(positions, (i) => source[i] as number);
  if (nsdIds.length === 0) {
    throw new PipelineError('E_DATA', 'no training image has a recorded response', {
      facts: { expected: 'images of the parts train and validation among the voxels', found: `${wanted.size} training images, ${source.length} rows of responses, none in common` },
      hint: 'Make voxels and stimuli from the same nsd.source.',
    });
  }
  refuseHeldOut(nsdIds, stimuli);
  return {
    nsdIds,
    features: features.rows(positionsOf(features.nsdIds, nsdIds, 'features')),
    responses: targets === 'repeat-mean' ? voxels.means.rows(positions) : trialRows(voxels, positions),
    unseen: wanted.size - new Set(nsdIds).size,
  };
}

function refuseHeldOut(nsdIds: Int32Array, stimuli: Stimuli): void {
  const held = new Set(imagesOf(stimuli, 'test'));
  const leaked = nsdIds.find((nsdId) => held.has(nsdId));
  if (leaked === undefined) return;
  throw new PipelineError('E_LEAK', `image ${leaked} (nsdId) is in the training rows and in the test part`, {
    facts: { expected: 'every image in one part of the split', found: `${nsdIds.filter((nsdId) => held.has(nsdId)).length} test images among the training rows` },
    hint: 'Split the images again (nsd.stimuli).',
  });
}

/** Runs of neighbouring trials are read together. @shape float32 [n, voxel] for ascending positions */
function trialRows(voxels: Voxels, positions: Int32Array): Float32Array {
  const out = new Float32Array(positions.length * voxels.voxelCount);
  for (let i = 0; i < positions.length; ) {
    let run = 1;
    while (i + run < positions.length && positions[i + run] === (positions[i] as number) + run) run += 1;
    out.set(voxels.trials.rows(positions[i] as number, run), i * voxels.voxelCount);
    i += run;
  }
  return out;
}
