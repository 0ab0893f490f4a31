/**
 * Predicted responses of many images. Features are read in blocks: those of all images of a data set do not fit into memory, their responses do.
 */
import type { Features } from '../artifacts/features.js';
import { predictRows, type FoldedReadout } from './functional.js';

const IMAGES_AT_ONCE = 512;

/**
 * For several functionals in one pass over the features.
 * @param positions of the images among the features
 * @shape result: one float64 [image] a functional, images as in `positions`
 * Errors: E_DATA as for `predictRows`.
 */
export function predictImages(features: Features, positions: Int32Array, folds: readonly FoldedReadout[], signal: AbortSignal): Float64Array[] {
  const responses = folds.map(() => new Float64Array(positions.length));
  for (let start = 0; start < positions.length; start += IMAGES_AT_ONCE) {
    signal.throwIfAborted();
    const rows = features.rows(positions.subarray(start, start + IMAGES_AT_ONCE));
    folds.forEach((fold, f) => responses[f]?.set(predictRows(fold, rows), start));
  }
  return responses;
}
