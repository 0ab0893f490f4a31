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
import { membersOf } from '../../../src/stages/truth-check/true-region.js';
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
/** true voxels of the region that the maps explain */
const MEMBERS = [0];
const PARAMS = { smoothing: 0, largest_box: 0.25 };
const peak = (at: number, elsewhere = 0): number[] => Array.from({ length: PLANE }, (_, p) => (p === at ? 3 : p === 15 ? elsewhere : 0));

describe('the check of attributions', () => {
  it('takes boxes of what the area responds to, and keeps large boxes out of the figure for small ones', () => {
    const check = checkAttributions(attributions('plain', { 1: peak(0, 1), 2: peak(0), 3: peak(0) }), undefined, truth, MEMBERS, PARAMS);
    expect(check.area).toBe('face');
    expect(check.inside).toMatchObject({ images: 1, smoothed: 0.75, raw: 0.75, chance: 0.125, aboveBar: 1 });
    expect(check.insideAll).toMatchObject({ images: 2, smoothed: 0.875 });
    expect(check.images[2]?.inside).toBeNull();
    expect(attributionFigures(check)).toMatchObject({ inside: 0.75, inside_chance: 0.125, completeness_gap: 0.003, incomplete: 0, true_agreement: null });
  });

  it('correlates each map with the reference\'s map of the same image, in any order, and counts the images where that is defined', () => {
    const own = attributions('own', { 1: peak(0, 1), 2: peak(5), 3: peak(7), 4: [] });
    const other = attributions('other', { 3: peak(7), 1: peak(0, 1).map((x) => -2 * x), 4: peak(2), 2: peak(5), 9: peak(1) }, { of: 'true brain', baseline: 'mean' });
    const check = checkAttributions(own, other, truth, MEMBERS, PARAMS);
    const [first, second, third, flat] = check.images.map(({ agreement }) => agreement);
    expect(first).toBeCloseTo(-1, 6);
    expect(second).toBeCloseTo(1, 6);
    expect(third).toBeCloseTo(1, 6);
    expect(flat).toBeNull();
    expect(check.agreement).toBeCloseTo(1, 6);
    expect(attributionFigures(check)).toMatchObject({ agreement_images: 3 });
  });

  const references: readonly [string, Partial<AttributionsFile>, RegExp][] = [
    ['of a model', { of: 'model' }, /not of the true brain/],
    ['of another region', { roi: 'words' }, /another response/],
    ['with something subtracted', { minus: ['places'], weight: 1 }, /another response/],
    ['by another method', { method: 'gradient' }, /made otherwise/],
    ['of another size', { size: 8 }, /made otherwise/],
  ];
  references.forEach(([what, more, message], i) => {
    it(`refuses a reference ${what}`, () => {
      const other = attributions(`reference-${i}`, { 1: peak(0) }, { of: 'true brain', ...more });
      expect(() => checkAttributions(attributions(`compared-${i}`, { 1: peak(0) }), other, truth, MEMBERS, PARAMS)).toThrow(expect.objectContaining({ code: 'E_DATA', message: expect.stringMatching(message) as string }) as Error);
    });
  });

  it('refuses a reference that lacks images, and takes the regions to subtract in any order', () => {
    const own = attributions('many', { 1: peak(0), 2: peak(1), 3: peak(2) }, { minus: ['a', 'b'] });
    const part = attributions('part', { 2: peak(1) }, { of: 'true brain', minus: ['b', 'a'], weight: 1 });
    expect(() => checkAttributions(own, part, truth, MEMBERS, PARAMS)).toThrow(expect.objectContaining({ code: 'E_DATA', facts: { expected: 'all 3 images', found: '2 are missing (first: 1)' } }) as Error);
    const whole = attributions('whole', { 1: peak(0), 2: peak(1), 3: peak(2) }, { of: 'true brain', minus: ['b', 'a'], weight: 1 });
    expect(checkAttributions(own, whole, truth, MEMBERS, PARAMS).agreementImages).toBe(3);
  });

  it('marks the figures of a control', () => {
    const check = checkAttributions(attributions('control', { 1: peak(0) }, { control: 'shuffled-readout' }), undefined, truth, MEMBERS, PARAMS);
    expect(attributionBlocks(check)[0]).toMatchObject({ title: expect.stringContaining('CONTROL') });
  });
});

describe('membersOf', () => {
  const rois = [{ set: 'faces', label: null, name: 'faces', voxels: [0, 2] }, { set: 'empty', label: null, name: 'empty', voxels: [] }];

  it('names the planted voxels of a region, and refuses one without voxels', () => {
    expect(membersOf({ numbers: Int32Array.of(7, 8, 9) }, { rois }, 'faces')).toEqual([7, 9]);
    expect(() => membersOf({ numbers: Int32Array.of(7, 8, 9) }, { rois }, 'empty')).toThrow(/region "empty" holds no voxel/);
  });
});
