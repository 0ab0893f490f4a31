/** Refuses a fit that this machine cannot hold, before anything large is read. */
import { PipelineError } from '../../core/errors.js';
import { machineMemory } from '../../core/memory.js';
import { ridgeBytes, type RidgeSizes } from '../../solvers/index.js';

const GIGABYTE = 1e9;

/** Errors: E_ENVIRONMENT if the fit needs more bytes than there are. */
export function requireMemory(sizes: RidgeSizes, available = machineMemory()): void {
  const needed = ridgeBytes(sizes);
  if (needed <= available) return;
  const gigabytes = (bytes: number): string => `${(bytes / GIGABYTE).toPrecision(3)} GB`;
  throw new PipelineError('E_ENVIRONMENT', 'the ridge fit does not fit into the memory of this machine', {
    facts: { expected: `at most ${gigabytes(available)}`, found: `about ${gigabytes(needed)} for ${sizes.rows} rows, ${sizes.features} features and ${sizes.targets} voxels` },
    hint: 'Extract fewer layers, a smaller grid or a smaller percent of channels, or fit fewer voxels.',
  });
}
