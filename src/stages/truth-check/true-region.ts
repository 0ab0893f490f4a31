/** Which planted voxels a region of the loaded data holds: the one bridge between what an experiment names and what is known. */
import type { Voxels } from '../artifacts/voxels.js';
import { findRoi } from '../response/functional.js';
import type { Planted } from '../simulate/planted.js';
import type { Truth } from '../simulate/truth.js';

/** True voxels of a region; the loader has its own numbering. Errors: E_DATA for a region that is not there, or has no voxels (`findRoi`). */
export function membersOf(planted: Pick<Planted, 'numbers'>, voxels: Pick<Voxels, 'rois'>, name: string): number[] {
  return findRoi(voxels.rois, name).voxels.map((voxel) => planted.numbers[voxel] as number);
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
