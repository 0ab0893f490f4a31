import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import type { StageDefinition } from '../../../src/engine/stage.js';
import { readNpy, writeNpy } from '../../../src/formats/npy.js';
import { createOnnxRuntimeService } from '../../../src/runtime/onnxruntime-service.js';
import { ridgeBytes, type RidgeFit } from '../../../src/solvers/index.js';
import { readFeatures } from '../../../src/stages/artifacts/features.js';
import { readReadout } from '../../../src/stages/artifacts/readout.js';
import { readVoxels } from '../../../src/stages/artifacts/voxels.js';
import { expandAlphas } from '../../../src/stages/readout-ridge/alphas.js';
import { requireMemory } from '../../../src/stages/readout-ridge/memory.js';
import { fitWarnings } from '../../../src/stages/readout-ridge/report.js';
import stage from '../../../src/stages/readout-ridge/stage.js';
import { constantVoxel, FEATURES, readerOf, runOn, writeProblem, type Problem, type Ran } from './encoding-rig.js';

const definition = stage as unknown as StageDefinition;
const root = mkdtempSync(join(tmpdir(), 'readout-'));
const service = createOnnxRuntimeService({ threads: 1 });
afterAll(async () => {
  await service.dispose();
  rmSync(root, { recursive: true, force: true });
});

const PROBLEM: Problem = { images: 90, testImages: 20, voxels: 9, ncsnr: 2, seed: 'readout' };
let made = 0;
async function fit(problem: Problem, params: object): Promise<Ran & { readonly inputs: Record<string, string> }> {
  made += 1;
  const base = join(root, String(made));
  writeProblem(base, problem);
  const inputs = { features: join(base, 'features'), voxels: join(base, 'voxels'), stimuli: join(base, 'stimuli') };
  return { ...(await runOn(definition, params, inputs, join(base, 'readout'), service)), inputs };
}

describe('readout.ridge', () => {
  it('writes weights that reproduce a planted noiseless map on images it has not seen', async () => {
    const run = await fit({ ...PROBLEM, ncsnr: Infinity }, { alphas: [1e-6, 1e-3, 1] });
    const readout = readReadout(run.output);
    expect([readout.featureCount, readout.voxelCount, readout.rois.length]).toEqual([FEATURES, 9, 4]);
    expect(readout.layers.map((layer) => layer.name)).toEqual(['early', 'late']);
    const features = readFeatures(readerOf(run.inputs['features'] as string));
    const voxels = readVoxels(readerOf(run.inputs['voxels'] as string));
    const row = features.rows([89]);
    const measured = voxels.means.rows([89]);
    for (let v = 0; v < 8; v += 1) {
      let predicted = readout.intercept[v] as number;
      for (let j = 0; j < FEATURES; j += 1) predicted += (row[j] as number) * (readout.weights[j * 9 + v] as number);
      expect(predicted).toBeCloseTo(measured[v] as number, 4);
    }
  });

  it('uses every training image and no test image, and records which', async () => {
    const run = await fit(PROBLEM, {});
    const index = run.output.json<{ trainingImages: number[]; alphas: number[]; constantVoxels: number }>('readout.json');
    expect(index.trainingImages).toEqual(Array.from({ length: 70 }, (_, i) => 10 * (i + 1)));
    expect(index.alphas).toHaveLength(15);
    expect(index.constantVoxels).toBe(1);
    expect(run.progress.at(-1)?.[0]).toBe(run.progress.at(-1)?.[1]);
  });

  it('does not change when responses of test images change', async () => {
    const one = await fit(PROBLEM, {});
    const voxels = one.inputs['voxels'] as string;
    const means = readNpy(join(voxels, 'means.npy'));
    (means.data as Float32Array).fill(99, 70 * 9);
    writeNpy(join(voxels, 'means.npy'), means);
    const two = await runOn(definition, {}, one.inputs, join(root, 'again'), service);
    for (const file of one.output.files) expect(readFileSync(two.output.path(file.name)).equals(readFileSync(one.output.path(file.name))), file.name).toBe(true);
  });

  it('fits single trials, three rows an image, with all trials of an image in one fold', async () => {
    const run = await fit(PROBLEM, { targets: 'single-trial' });
    const blocks = run.output.json<{ kind: string; values: Record<string, number> }[]>('report.json');
    const metrics = blocks.find((block) => block.kind === 'metrics')?.values;
    expect(metrics).toMatchObject({ 'training rows': 210, 'training images': 70 });
  });

  it('reads the trials of scattered rows in the order asked for', async () => {
    const run = await fit(PROBLEM, {});
    const { trials } = readVoxels(readerOf(run.inputs['voxels'] as string));
    const wanted = [5, 6, 7, 200, 3];
    expect([...trials.gather(wanted)]).toEqual(wanted.flatMap((row) => [...trials.rows(row, 1)]));
  });

  it('gives a voxel that does not vary weight 0 and NaN for alpha and score, and counts it', async () => {
    const run = await fit(PROBLEM, {});
    const v = constantVoxel(PROBLEM);
    const weights = readNpy(run.output.path('weights.npy')).data as Float32Array;
    for (let j = 0; j < FEATURES; j += 1) expect(weights[j * 9 + v]).toBe(0);
    expect((readNpy(run.output.path('alpha.npy')).data as Float64Array)[v]).toBeNaN();
    expect((readNpy(run.output.path('cv_score.npy')).data as Float32Array)[v]).toBeNaN();
    expect(run.warnings).toContain('1 voxels do not vary over the training rows: their weights are 0 and their scores NaN.');
  });

  it('warns when more than 5 % of the voxels choose an end of the grid', async () => {
    const run = await fit(PROBLEM, { alphas: [1e6, 1e7, 1e8] });
    expect(run.warnings.some((text) => /8 of 9 voxels chose the smallest alpha \(1.00e\+6\)/.test(text))).toBe(true);
    const counted = { edgeCount: { lowest: 5, highest: 6 }, alphas: Float64Array.of(1, 10, 100), constantTargets: 0, unscoredTargets: 0 } as unknown as RidgeFit;
    expect(fitWarnings(counted, 100)).toEqual(['6 of 100 voxels chose the largest alpha (100): the best one may lie outside the grid.']);
  });

  it('warns of voxels that vary and that no fold could score', () => {
    const counted = { edgeCount: { lowest: 0, highest: 0 }, alphas: Float64Array.of(1, 10), constantTargets: 0, unscoredTargets: 3 } as unknown as RidgeFit;
    expect(fitWarnings(counted, 100)).toEqual(['3 voxels vary and have no score in any fold: no penalty was chosen, their weights are 0 and alpha is NaN.']);
  });

  it('refuses folds too small for a correlation', async () => {
    await expect(fit(PROBLEM, { folds: 8, score: 'correlation' })).rejects.toMatchObject({ code: 'E_DATA', message: 'folds are too small to be scored by correlation' });
  });

  it('refuses a split in which an image is both training and test image', async () => {
    await expect(fit({ ...PROBLEM, leak: 30 }, {})).rejects.toMatchObject({ code: 'E_LEAK', message: 'image 30 stands twice in the split' });
  });

  it('refuses a shared image among the training rows, whatever part the split gives it', async () => {
    await expect(fit({ ...PROBLEM, sharedInTraining: 40 }, {})).rejects.toMatchObject({ code: 'E_LEAK', message: 'image 40 (nsdId) is held out and in the training rows', facts: { found: '1 of them' } });
  });

  it('records the model that the features came from', async () => {
    const run = await fit({ ...PROBLEM, backbone: 'network' }, {});
    expect(readReadout(run.output).backbone).toBe(readFeatures(readerOf(run.inputs['features'] as string)).backbone);
    expect(readReadout(run.output).backbone).toMatch(/^[0-9a-f]+$/);
  });
});

describe('the memory of a fit', () => {
  const sizes = { rows: 9000, features: 60_000, targets: 15_000, alphas: 15, tile: 4096 };

  it('is bounded below by the features and a tile, grows with every size, and hardly with voxels beyond the tile', () => {
    const whole = 4 * (9000 * 60_000 + 4096 * (9000 + 60_000));
    expect(ridgeBytes(sizes)).toBeGreaterThan(whole);
    expect(ridgeBytes(sizes)).toBeLessThan(5 * whole);
    expect(ridgeBytes({ ...sizes, targets: 10 * sizes.targets })).toBeLessThan(1.01 * ridgeBytes(sizes));
    for (const name of ['rows', 'features', 'targets', 'alphas'] as const) expect(ridgeBytes({ ...sizes, [name]: 2 * sizes[name] }), name).toBeGreaterThan(ridgeBytes(sizes));
    expect(ridgeBytes({ ...sizes, tile: 512 })).toBeLessThan(ridgeBytes(sizes));
  });

  it('is refused before the fit when the machine has less, naming both in GB', () => {
    expect(() => requireMemory(sizes, 1e12)).not.toThrow();
    let thrown: unknown;
    try {
      requireMemory(sizes, 8e9);
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toMatchObject({ code: 'E_ENVIRONMENT', facts: { expected: 'at most 8.00 GB', found: `about ${(ridgeBytes(sizes) / 1e9).toPrecision(3)} GB for 9000 rows, 60000 features and 15000 voxels` } });
  });
});

describe('the grid of penalties', () => {
  it('is even in the logarithm, with both ends exact', () => {
    const grid = expandAlphas({ from: 0.1, to: 1000, count: 5 });
    [0.1, 1, 10, 100, 1000].forEach((alpha, i) => expect(grid[i]).toBeCloseTo(alpha, 10));
    expect([grid[0], grid[4]]).toEqual([0.1, 1000]);
    expect(expandAlphas([3, 1])).toEqual([3, 1]);
    expect(expandAlphas({ from: 2, to: 2, count: 1 })).toEqual([2]);
  });

  it('is refused when it runs backwards or cannot reach its end', () => {
    expect(() => expandAlphas({ from: 10, to: 1, count: 3 })).toThrow('"alphas" is not a grid');
    expect(() => expandAlphas({ from: 1, to: 10, count: 1 })).toThrow('"alphas" is not a grid');
  });
});
