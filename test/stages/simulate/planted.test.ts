import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { readNpy, writeNpy } from '../../../src/formats/npy.js';
import { readVoxels, VOXEL_FILES, type Voxels } from '../../../src/stages/artifacts/voxels.js';
import { plantedVoxels } from '../../../src/stages/simulate/planted.js';
import { readTruth, type Truth, type TruthIndex } from '../../../src/stages/simulate/truth.js';
import { readerOf, type Problem } from '../readout-ridge/encoding-rig.js';
import { writeProblemWithTruth } from '../truth-oracle/problem-with-truth.js';

const root = mkdtempSync(join(tmpdir(), 'planted-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));
const PROBLEM: Problem = { images: 20, testImages: 6, voxels: 5, ncsnr: 0.7, seed: 'planted' };
const paths = writeProblemWithTruth(root, PROBLEM) as { truth: string; voxels: string };

/** The truth as written, or another one. */
function truthOf(change: Partial<TruthIndex> = {}): Truth {
  const truth = readTruth(readerOf(paths.truth));
  return { ...truth, index: { ...truth.index, ...change } };
}
const voxelsOf = (change: Partial<Voxels> = {}): Voxels => ({ ...readVoxels(readerOf(paths.voxels)), ...change });

describe('plantedVoxels', () => {
  it('finds the planted voxel behind each loaded one, however both are numbered and scaled', () => {
    const voxels = voxelsOf();
    const scaled: Voxels = { ...voxels, trials: { ...voxels.trials, rows: (start, count) => voxels.trials.rows(start, count).map((value) => 0.3 * value - 2) } };
    for (const given of [voxels, scaled]) {
      const planted = plantedVoxels(truthOf(), given);
      expect([...planted.numbers]).toEqual([4, 3, 2, 1, 0]);
      planted.voxels.forEach(({ position }, v) => expect([...position]).toEqual([3 * v, 3 * v + 1, 3 * v + 2]));
    }
  });

  it('looks at the first session only, so that any number of sessions may have been loaded', () => {
    const voxels = voxelsOf();
    const trials = { ...voxels.trials, session: Int32Array.from([...voxels.trials.session, 1]), nsdIds: Int32Array.from([...voxels.trials.nsdIds, 10]) };
    expect(plantedVoxels(truthOf(), { ...voxels, trials }).numbers).toHaveLength(5);
  });

  const refused: readonly [string, () => unknown, RegExp][] = [
    ['another simulator seed, with the same places and images', () => plantedVoxels(truthOf({ seed: 1 }), voxelsOf()), /5 of 5 voxels at the same places respond otherwise/],
    ['another subject', () => plantedVoxels(truthOf({ subject: 2 }), voxelsOf()), /subject 1/],
    ['the same brain with other noise', () => plantedVoxels(truthOf({ voxels: truthOf().index.voxels.map((voxel) => ({ ...voxel, ncsnr: 0.8 })) }), voxelsOf()), /5 of 5 voxels/],
    ['betas without noise', () => plantedVoxels(truthOf({ noise: false }), voxelsOf()), /5 of 5 voxels/],
    ['images that the truth does not know', () => plantedVoxels({ ...truthOf(), nsdIds: Int32Array.from({ length: 20 }, (_, i) => 10 * (i + 2)) }, voxelsOf()), /3 of 60 trials of the first session show other images/],
    ['voxels at places where none was planted', () => plantedVoxels(truthOf(), voxelsOf({ position: voxelsOf().position.map((x, i) => (i < 6 ? x + 50 : x)) })), /2 of 5 voxels at places where none was planted/],
  ];
  for (const [what, run, found] of refused) {
    it(`refuses ${what}`, () => {
      expect(run).toThrow(expect.objectContaining({ code: 'E_DATA', facts: expect.objectContaining({ found: expect.stringMatching(found) as string }) as object }) as Error);
    });
  }

  it('notices a single voxel of another brain', () => {
    const file = join(paths.voxels, VOXEL_FILES.trials);
    const bytes = readFileSync(file);
    const trials = readNpy(file);
    const data = (trials.data as Float32Array).slice();
    for (let t = 0; t < 60; t += 1) data[t * 5 + 2] = Math.sin(t);
    writeNpy(file, { dtype: 'float32', shape: trials.shape, data });
    expect(() => plantedVoxels(truthOf(), voxelsOf())).toThrow(/not of the same simulated brain/);
    writeFileSync(file, bytes);
  });
});
