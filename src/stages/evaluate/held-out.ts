/**
 * What an evaluation compares: predictions and measurements of test images, which must not be among the images the readout was fitted on.
 * Voxels, features and readout must belong together; nothing is matched by position on trust.
 */
import { PipelineError } from '../../core/errors.js';
import { requireOwnFeatures, requireUnseen } from '../artifacts/belonging.js';
import type { FittedOn } from '../artifacts/fitted-on.js';
import { positionsOf, type Features } from '../artifacts/features.js';
import { imagesOf, type Stimuli } from '../artifacts/stimuli.js';
import type { Readout } from '../artifacts/readout.js';
import { voxelIdentity, type Voxels } from '../artifacts/voxels.js';

export interface HeldOut {
  /** int32 [image], ascending: test images with a recorded response */
  readonly nsdIds: Int32Array;
  /** int32 [image]: positions among the features */
  readonly featureRows: Int32Array;
  /** int32 [image]: repeats averaged */
  readonly repeats: Int32Array;
  /** float32 [image, voxel]: means over repeats */
  readonly means: Float32Array;
  /** test images of the split without a recorded response */
  readonly unseen: number;
}

const FEWEST_IMAGES = 3;

/** Errors: E_LEAK if a test image had a part in the fit (see `requireUnseen`); E_DATA if fewer than three test images were recorded or inputs do not belong together. */
export function heldOut(stimuli: Stimuli, features: Features, voxels: Voxels, readout: Readout, fit: FittedOn): HeldOut {
  requireMatch(features, voxels, readout);
  const test = imagesOf(stimuli, 'test');
  requireUnseen(stimuli, test, fit, features);
  const wanted = new Set(test);
  const positions = Int32Array.from(voxels.means.nsdIds.keys()).filter((i) => wanted.has(voxels.means.nsdIds[i] as number));
  const nsdIds = Int32Array.from(positions, (i) => voxels.means.nsdIds[i] as number);
  if (nsdIds.length < FEWEST_IMAGES) {
    throw new PipelineError('E_DATA', 'too few test images have a recorded response', {
      facts: { expected: `at least ${FEWEST_IMAGES}`, found: `${nsdIds.length} of ${test.length}` },
      hint: 'Load more sessions, or hold out more images in nsd.stimuli.',
    });
  }
  return {
    nsdIds,
    featureRows: positionsOf(features.nsdIds, nsdIds, 'features'),
    repeats: Int32Array.from(positions, (i) => voxels.means.repeats[i] as number),
    means: voxels.means.rows(positions),
    unseen: test.length - nsdIds.length,
  };
}

function requireMatch(features: Features, voxels: Voxels, readout: Readout): void {
  requireOwnFeatures(readout, features);
  if (readout.voxelCount !== voxels.voxelCount || JSON.stringify(readout.rois) !== JSON.stringify(voxels.rois)) {
    throw new PipelineError('E_DATA', 'the readout was fitted on other voxels', {
      facts: { expected: `${readout.voxelCount} voxels in ${readout.rois.length} regions`, found: `${voxels.voxelCount} voxels in ${voxels.rois.length} regions` },
      hint: 'Connect the voxels that the readout was fitted on.',
    });
  }
  const identity = voxelIdentity(voxels);
  if (readout.voxels !== identity) {
    throw new PipelineError('E_DATA', 'the readout was fitted on the voxels of another subject', {
      facts: { expected: `voxels ${readout.voxels.slice(0, 8)} (their places and published ncsnr)`, found: identity.slice(0, 8) },
      hint: 'Connect the voxels that the readout was fitted on; other sessions of the same subject are allowed.',
    });
  }
}
