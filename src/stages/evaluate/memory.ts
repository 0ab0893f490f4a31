/** Refuses an evaluation that this machine cannot hold: known from its sizes before anything is predicted. */
import { refuseBeyondMemory } from '../memory.js';

export interface EvaluationSizes {
  /** test images */
  readonly images: number;
  readonly voxels: number;
  readonly features: number;
  /** bootstrap samples */
  readonly bootstrap: number;
  readonly regions: number;
}

const FLOAT = 4;
const DOUBLE = 8;
/** voxels that a bootstrap multiplies out at a time, and the float32 values [replicate, voxel] that live then */
const TILE = 2048;
const LIVE = 10;
/** float32 values [image, voxel]: predictions, means, mean squares, and two standardised copies in a permutation test with its rotations */
const PER_IMAGE = 6;
const REPLICATED_TWICE = 10;

/**
 * Bytes, n images, v voxels, p features, b samples, k regions: 4pv weights · 24nv responses and predictions, and what a permutation test makes of them ·
 * 4bv replicates (of one measurement at a time) · 40b·min(v, 2048) moments of a tile · 8bn counts and weights · 80bk replicates of regions.
 */
export function evaluationBytes({ images, voxels, features, bootstrap, regions }: EvaluationSizes): number {
  return (
    FLOAT * features * voxels + PER_IMAGE * FLOAT * images * voxels + FLOAT * bootstrap * voxels + LIVE * FLOAT * bootstrap * Math.min(voxels, TILE) +
    2 * FLOAT * bootstrap * images + REPLICATED_TWICE * DOUBLE * bootstrap * regions
  );
}

/** Errors: E_ENVIRONMENT if the evaluation needs more bytes than there are. */
export function requireEvaluationMemory(sizes: EvaluationSizes, available?: number): void {
  const { images, voxels, features, bootstrap } = sizes;
  refuseBeyondMemory({
    what: 'the evaluation', bytes: evaluationBytes(sizes), sizes: `${images} test images, ${voxels} voxels, ${features} features and ${bootstrap} bootstrap samples`,
    hint: 'Lower the parameter bootstrap, or fit fewer voxels.',
  }, available);
}
