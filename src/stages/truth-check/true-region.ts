/** Which planted voxels a region of the loaded data holds: the one bridge between what an experiment names and what is known. */
import { PipelineError } from '../../core/errors.js';
import type { Voxels } from '../artifacts/voxels.js';
import { findRoi } from '../response/functional.js';
import type { Planted } from '../simulate/planted.js';
import type { Truth } from '../simulate/truth.js';

/** True voxels of a region; the loader has its own numbering. Errors: E_DATA for a region without voxels. */
export function membersOf(planted: Pick<Planted, 'numbers'>, voxels: Pick<Voxels, 'rois'>, name: string): number[] {
  const members = findRoi(voxels.rois, name).voxels.map((voxel) => planted.numbers[voxel] as number);
  if (members.length === 0) {
    throw new PipelineError('E_DATA', `region "${name}" holds no planted voxel`, { hint: 'Choose a region of the simulated subject: floc-faces, floc-bodies, floc-places, floc-words or prf-visualrois.' });
  }
  return members;
}

/** The area that most of the voxels belong to. */
export function areaOf(truth: Pick<Truth, 'index'>, members: readonly number[]): string {
  const counts = new Map<string, number>();
  for (const v of members) {
    const area = truth.index.voxels[v]?.area ?? '';
    counts.set(area, (counts.get(area) ?? 0) + 1);
  }
  return [...counts].sort((a, b) => b[1] - a[1])[0]?.[0] ?? '';
}
