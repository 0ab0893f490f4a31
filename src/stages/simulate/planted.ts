/** Which planted voxel stands behind each voxel that the loader found. The two number voxels differently; they meet at the place in the volume. */
import { PipelineError } from '../../core/errors.js';
import type { Voxels } from '../artifacts/voxels.js';
import type { Truth, TruthVoxel } from './truth.js';

export interface Planted {
  /** int32 [voxel]: number of the planted voxel */
  readonly numbers: Int32Array;
  readonly voxels: readonly TruthVoxel[];
}

/** Errors: E_DATA if some voxel was not planted: the voxels are not those of this simulated subject. */
export function plantedVoxels(truth: Truth, voxels: Pick<Voxels, 'voxelCount' | 'position'>): Planted {
  const at = new Map(truth.index.voxels.map((voxel, number) => [voxel.position.join(), number]));
  const numbers = Int32Array.from({ length: voxels.voxelCount }, (_, v) => {
    const position = Array.from(voxels.position.subarray(3 * v, 3 * v + 3)).join();
    const number = at.get(position);
    if (number !== undefined) return number;
    throw new PipelineError('E_DATA', `the voxel at ${position} was not planted`, {
      facts: { expected: 'voxels of the simulated subject that the truth belongs to', found: `${voxels.voxelCount} voxels, ${at.size} planted` }, hint: 'Connect truth and voxels of the same nsd.simulate stage, with regions that hold planted voxels only (floc-… and prf-visualrois).',
    });
  });
  return { numbers, voxels: Array.from(numbers, (number) => truth.index.voxels[number] as TruthVoxel) };
}
