/** Refuses a fit that this machine cannot hold, before anything large is read. */
import { ridgeBytes, type RidgeSizes } from '../../solvers/index.js';
import { refuseBeyondMemory } from '../memory.js';

/** Errors: E_ENVIRONMENT if the fit needs more bytes than there are. */
export function requireMemory(sizes: RidgeSizes, available?: number): void {
  refuseBeyondMemory({
    what: 'the ridge fit', bytes: ridgeBytes(sizes), sizes: `${sizes.rows} rows, ${sizes.features} features and ${sizes.targets} voxels`,
    hint: 'Extract fewer layers, a smaller grid or a smaller percent of channels, or fit fewer voxels.',
  }, available);
}
