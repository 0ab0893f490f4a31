import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { tensor } from '../../../src/core/tensor.js';
import type { ArtifactReader } from '../../../src/engine/stage.js';
import { writeNpy } from '../../../src/formats/npy.js';
import { ATTRIBUTION_MAPS, type AttributionEntry, type AttributionsFile } from '../../../src/stages/artifacts/attributions.js';
import type { Truth, TruthVoxel } from '../../../src/stages/simulate/truth.js';
import { attributionBlocks, attributionFigures, checkAttributions } from '../../../src/stages/truth-check/attribution-check.js';
import { readerOf } from '../readout-ridge/encoding-rig.js';

const root = mkdtempSync(join(tmpdir(), 'attribution-check-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));
const SIZE = 4;
const PLANE = SIZE * SIZE;

/** Maps by image: values of the red plane. */
function attributions(name: string, maps: Readonly<Record<number, readonly number[]>>, more: Partial<AttributionsFile> = {}): ArtifactReader {
  const folder = join(root, name);
  mkdirSync(folder);
  const ids = Object.keys(maps).map(Number);
  const data = new Float32Array(ids.length * 3 * PLANE);
  ids.forEach((id, row) => data.set(maps[id] ?? [], row * 3 * PLANE));
  writeNpy(join(folder, ATTRIBUTION_MAPS), tensor('float32', [ids.length, 3, SIZE, SIZE], data));
  const entries = ids.map((nsdId, row): AttributionEntry => ({ nsdId, row, overlay: '', response: nsdId, baselineResponse: 0, nodes: 64, completenessGap: nsdId / 1000, inside: null, curves: null }));
  writeFileSync(join(folder, 'attributions.json'), JSON.stringify({ of: 'model', method: 'integrated-gradients', control: 'none', baseline: 'grey', tolerance: 0.01, smoothing: 0, size: SIZE, roi: 'faces', entries, ...more }));
  return readerOf(folder);
}

const voxel = (area: TruthVoxel['area'], x: number): TruthVoxel => ({ area, position: [x, 0, 0], hemisphere: 'lh', ncsnr: 1, prf: { x: 0, y: 0, sigma: 1 }, tuning: { templates: {} } });
const corner = { x0: 0, y0: 0, x1: 0.5, y1: 0.25 };
const truth: Pick<Truth, 'index' | 'labels'> = {
  index: { subject: 1, seed: 1, imageSize: SIZE, noise: true, voxels: [voxel('face', 5), voxel('place', 6)] },
  labels: new Map([
    [1, { category: 0, boxes: [{ label: 'face', ...corner }] }],
    [2, { category: 0, boxes: [{ label: 'face', x0: 0, y0: 0, x1: 1, y1: 1 }] }],
    [3, { category: 2, boxes: [{ label: 'house', ...corner }] }],
  ]),
};
const voxels = {
  rois: [{ set: 'faces', label: null, name: 'faces', voxels: [0, 1] }, { set: 'empty', label: null, name: 'empty', voxels: [1] }],
  // the second voxel of the loaded data was not planted
  position: Int32Array.of(5, 0, 0, 9, 9, 9),
};
const PARAMS = { smoothing: 0, largest_box: 0.25 };
const peak = (at: number, elsewhere = 0): number[] => Array.from({ length: PLANE }, (_, p) => (p === at ? 3 : p === 15 ? elsewhere : 0));

describe('the check of attributions', () => {
  it('takes boxes of what the area responds to, and keeps large boxes out of the figure for small ones', () => {
    const check = checkAttributions(attributions('plain', { 1: peak(0, 1), 2: peak(0), 3: peak(0) }), undefined, truth, voxels, PARAMS);
    expect(check.area).toBe('face');
    expect(check.inside).toMatchObject({ images: 1, smoothed: 0.75, raw: 0.75, chance: 0.125, aboveBar: 1 });
    expect(check.insideAll).toMatchObject({ images: 2, smoothed: 0.875 });
    expect(check.images[2]?.inside).toBeNull();
    expect(attributionFigures(check)).toMatchObject({ inside: 0.75, inside_chance: 0.125, completeness_gap: 0.003, incomplete: 0, true_agreement: null });
  });

  it('correlates each map with the reference\'s map of the same image, in any order', () => {
    const own = attributions('own', { 1: peak(0, 1), 2: peak(5), 3: peak(7) });
    const other = attributions('other', { 3: peak(7), 1: peak(0, 1).map((x) => -2 * x) });
    const check = checkAttributions(own, other, truth, voxels, PARAMS);
    const [first, second, third] = check.images.map(({ agreement }) => agreement);
    expect(first).toBeCloseTo(-1, 6);
    expect(second).toBeNull();
    expect(third).toBeCloseTo(1, 6);
    expect(check.agreement).toBeCloseTo(0, 6);
  });

  it('marks the figures of a control', () => {
    const check = checkAttributions(attributions('control', { 1: peak(0) }, { control: 'shuffled-readout' }), undefined, truth, voxels, PARAMS);
    expect(attributionBlocks(check)[0]).toMatchObject({ title: expect.stringContaining('CONTROL') });
  });

  it('refuses a region without planted voxels', () => {
    expect(() => checkAttributions(attributions('nowhere', { 1: peak(0) }, { roi: 'empty' }), undefined, truth, voxels, PARAMS)).toThrow(/region "empty" holds no planted voxel/);
  });
});
