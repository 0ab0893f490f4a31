/** Regions of interest from label volumes, and the voxels that are analysed: the union of the chosen sets. */
import { PipelineError } from '../../core/errors.js';
import { readColourTable } from '../../formats/ctab.js';
import { readNifti } from '../../formats/nifti.js';
import type { ArtifactReader } from '../../engine/stage.js';
import type { Roi } from '../artifacts/voxels.js';
import { colourTable, roiVolume } from '../nsd/layout.js';

export interface Regions {
  readonly grid: readonly [number, number, number];
  /** positions x + X·(y + Y·z), ascending */
  readonly voxels: Int32Array;
  readonly rois: readonly Roi[];
}

/**
 * A label > 0 in any set makes a voxel part of the analysis. −1 (not cortex) and 0 (no label) belong to no region. Regions are keyed by (set, label):
 * names repeat across sets (V1v stands in prf-visualrois and in Kastner2015).
 * Errors: E_FORMAT for volumes on different grids or with fractional labels; E_DATA when no voxel is left.
 */
export function readRegions(nsd: ArtifactReader, subject: number, space: string, sets: readonly string[]): Regions {
  const volumes = sets.map((set) => {
    const image = readNifti(nsd.path(roiVolume(subject, space, set)));
    return { set, shape: image.shape, labels: image.data.data as ArrayLike<number>, names: readColourTable(nsd.path(colourTable(subject, set))) };
  });
  const first = volumes[0];
  if (first === undefined) throw new PipelineError('E_DATA', 'no set of regions was chosen', { hint: 'Name at least one set in roi_sets.' });
  const grid = first.shape.slice(0, 3) as unknown as readonly [number, number, number];
  const size = grid[0] * grid[1] * grid[2];
  const inAny = new Uint8Array(size);
  for (const { set, shape, labels } of volumes) {
    if (shape.length < 3 || shape.slice(0, 3).some((extent, axis) => extent !== grid[axis]) || labels.length !== size) {
      throw new PipelineError('E_FORMAT', `the region volume "${set}" is on another grid`, { facts: { expected: grid.join(' × '), found: shape.join(' × ') }, hint: 'Take all regions of one subject and space.' });
    }
    for (let i = 0; i < size; i += 1) {
      const label = labels[i] as number;
      if (!Number.isInteger(label)) {
        throw new PipelineError('E_FORMAT', `the region volume "${set}" holds the label ${label}`, { facts: { expected: '−1, 0 or a positive integer', found: label, voxel: i }, hint: 'Give the volume as NSD publishes it: it was probably resampled.' });
      }
      if (label > 0) inAny[i] = 1;
    }
  }
  const voxels = Int32Array.from({ length: inAny.reduce((sum, x) => sum + x, 0) });
  for (let i = 0, v = 0; i < size; i += 1) if (inAny[i] === 1) voxels[v++] = i;
  if (voxels.length === 0) throw new PipelineError('E_DATA', 'the chosen regions hold no voxel', { facts: { expected: 'labels above 0', found: sets.join(', ') }, hint: 'Choose other sets.' });

  const rois: Roi[] = [];
  for (const { set, labels, names } of volumes) {
    const members = new Map<number, number[]>();
    const union: number[] = [];
    voxels.forEach((position, v) => {
      const label = labels[position] as number;
      if (label <= 0) return;
      union.push(v);
      const list = members.get(label);
      if (list === undefined) members.set(label, [v]);
      else list.push(v);
    });
    rois.push({ set, label: null, name: set, voxels: union });
    for (const label of [...new Set([...names.keys(), ...members.keys()])].sort((a, b) => a - b)) {
      // a label that the table does not name keeps its number as its name
      if (label > 0) rois.push({ set, label, name: names.get(label) ?? String(label), voxels: members.get(label) ?? [] });
    }
  }
  return { grid, voxels, rois };
}
