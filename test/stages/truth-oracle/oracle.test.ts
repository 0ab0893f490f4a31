/** The oracle's penalty: against scikit-learn, and against the readout and the evaluation that it is compared with. */
import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { PipelineError } from '../../../src/core/errors.js';
import { tensor } from '../../../src/core/tensor.js';
import type { StageDefinition } from '../../../src/engine/stage.js';
import { readNpy } from '../../../src/formats/npy.js';
import { createOnnxRuntimeService } from '../../../src/runtime/onnxruntime-service.js';
import { scorePenalties } from '../../../src/solvers/index.js';
import { columnsOf } from '../../../src/solvers/ridge/targets.js';
import type { ScoresFile } from '../../../src/stages/artifacts/scores.js';
import { VOXEL_FILES } from '../../../src/stages/artifacts/voxels.js';
import evaluation from '../../../src/stages/evaluate/stage.js';
import readout from '../../../src/stages/readout-ridge/stage.js';
import { chooseOracle } from '../../../src/stages/truth-oracle/choose.js';
import stage from '../../../src/stages/truth-oracle/stage.js';
import { signalAndMeans } from '../../../src/stages/truth-oracle/targets.js';
import { readerOf, runOn, writeProblem, type Problem } from '../readout-ridge/encoding-rig.js';
import { writeProblemWithTruth } from './problem-with-truth.js';

const service = createOnnxRuntimeService({ threads: 1 });
const root = mkdtempSync(join(tmpdir(), 'oracle-alpha-'));
afterAll(async () => {
  await service.dispose();
  rmSync(root, { recursive: true, force: true });
});

interface OracleProblem {
  readonly train: number;
  readonly test: number;
  readonly features: number;
  readonly voxels: number;
  readonly x: readonly number[];
  readonly signal: readonly number[];
  readonly measured: readonly number[];
  readonly noiseless: readonly (readonly number[])[];
  readonly found: readonly (readonly number[])[];
  readonly alpha: readonly number[];
  readonly atAlpha: readonly number[];
}
const oracle = JSON.parse(readFileSync(new URL('../../oracles/oracle-alpha.json', import.meta.url), 'utf8')) as { alphas: number[]; problems: OracleProblem[] };
/** correlations from float32 predictions */
const TOLERANCE = 1e-4;

describe('scorePenalties and chooseOracle', () => {
  for (const problem of oracle.problems) {
    it(`score every penalty as scikit-learn does and choose its best, ${problem.train} rows and ${problem.features} features`, async () => {
      const { train, test, features, voxels } = problem;
      const y = new Float32Array((train + test) * 2 * voxels);
      for (let i = 0; i < train + test; i += 1) {
        for (let v = 0; v < voxels; v += 1) {
          y[i * 2 * voxels + v] = (i < train ? problem.measured : problem.signal)[i * voxels + v] as number;
          y[i * 2 * voxels + voxels + v] = problem.measured[i * voxels + v] as number;
        }
      }
      const path = await scorePenalties(service, tensor('float32', [train + test, features], Float32Array.from(problem.x)), columnsOf(tensor('float32', [train + test, 2 * voxels], y)), {
        alphas: oracle.alphas, held: Int32Array.from({ length: test }, (_, i) => train + i), standardize: true, scaleFloor: 0, score: 'correlation', tile: 3,
      });
      const expected = oracle.alphas.flatMap((_, a) => [...(problem.noiseless[a] ?? []), ...(problem.found[a] ?? [])]);
      expect(path.scores.length).toBe(expected.length);
      expected.forEach((value, i) => { expect(Math.abs(value - (path.scores[i] as number))).toBeLessThan(TOLERANCE); });
      const choice = chooseOracle(path.alphas, path.scores);
      expect([...choice.alpha]).toEqual(problem.alpha);
      problem.atAlpha.forEach((value, v) => { expect(Math.abs(value - (choice.measured[v] as number))).toBeLessThan(TOLERANCE); });
    });
  }

  it('take the larger penalty of two that are equally good, and none where nothing is defined', () => {
    const choice = chooseOracle(Float64Array.of(1, 10, 100), Float64Array.of(0.5, NaN, 0.1, 0.3, 0.5, NaN, 0.2, 0.4, 0.4, NaN, 0.3, 0.5));
    expect([...choice.alpha]).toEqual([10, NaN]);
    expect([choice.noiseless[0], choice.measured[0], choice.edge]).toEqual([0.5, 0.2, 0]);
  });
});

describe('signalAndMeans', () => {
  // voxel v of row i: 10·i + v; planted voxels are numbered 2, 0, 1 and one is not loaded
  const columns = (rows: number, first: number) => columnsOf(tensor('float32', [rows, 3], Float32Array.from({ length: rows * 3 }, (_, at) => first + 10 * Math.floor(at / 3) + (at % 3))));
  const targets = signalAndMeans({ training: columns(2, 100), measured: columns(2, 500), signals: Float32Array.of(-1, -2, -3, -4, -5, -6, -7, -8), numbers: Int32Array.of(2, 0, 1) });

  it('puts noiseless signals before measured means, under the same training rows, in the order of the voxels', () => {
    expect([targets.rows, targets.targets]).toEqual([4, 6]);
    expect([...targets.read(0, 6)]).toEqual([100, 101, 102, 100, 101, 102, 110, 111, 112, 110, 111, 112, -3, -1, -2, 500, 501, 502, -7, -5, -6, 510, 511, 512]);
  });

  it('reads any range as the columns of the whole, across the middle too', () => {
    const whole = targets.read(0, 6);
    for (let from = 0; from < 6; from += 1) {
      for (let to = from + 1; to <= 6; to += 1) expect([...targets.read(from, to)], `${from} … ${to}`).toEqual([...whole].filter((_, at) => at % 6 >= from && at % 6 < to));
    }
  });
});

const PROBLEM: Problem = { images: 80, testImages: 25, voxels: 6, ncsnr: 0.6, seed: 'oracle alpha' };
const ALPHAS = [0.1, 10, 100, 1000];

const csv = (path: string): Record<string, number>[] => {
  const [header, ...rows] = readFileSync(path, 'utf8').trim().split('\n').map((line) => line.split(','));
  return rows.map((row) => Object.fromEntries((header ?? []).map((name, i) => [name, Number(row[i])])));
};

describe('truth.oracle', () => {
  const base = join(root, 'problem');
  const inputs = writeProblemWithTruth(base, PROBLEM);
  const definition = stage as unknown as StageDefinition;

  it('scores each voxel as the evaluation of a readout with that penalty does, and no other penalty follows the signal better', async () => {
    const run = await runOn(definition, { alphas: ALPHAS }, inputs, join(base, 'oracle'), service);
    const found = csv(join(run.folder, 'voxels.csv'));
    const { truth: _, ...given } = inputs;
    const evaluated = new Map<number, Record<string, number>[]>();
    for (const alpha of ALPHAS) {
      await runOn(readout as unknown as StageDefinition, { alphas: [alpha] }, given, join(base, `readout ${alpha}`), service);
      await runOn(evaluation as unknown as StageDefinition, { bootstrap: 0, permutations: 0 }, { ...given, readout: join(base, `readout ${alpha}`) }, join(base, `scores ${alpha}`), service);
      evaluated.set(alpha, csv(join(base, `scores ${alpha}`, 'voxels.csv')));
    }
    const signals = readNpy(join(base, 'clean', 'voxels', VOXEL_FILES.means)).data as Float32Array;
    for (let v = 0; v < PROBLEM.voxels - 1; v += 1) {
      const { alpha, r, r_noiseless: best } = found[v] as Record<string, number>;
      expect(Math.abs((r as number) - (evaluated.get(alpha as number)?.[v]?.['r'] as number))).toBeLessThan(TOLERANCE);
      for (const other of ALPHAS) expect(correlationWithSignal(join(base, `scores ${other}`), signals, v)).toBeLessThan((best as number) + TOLERANCE);
    }
    expect(found.at(-1)).toMatchObject({ alpha: NaN, r: NaN, r2_over_nc: NaN });
  });

  it('gives the same bytes in tiles that end within a half and across the middle', async () => {
    const run = async (tile: number) => runOn(definition, { alphas: ALPHAS, tile }, inputs, join(base, `tile ${tile}`), service);
    const [whole, tiled] = [await run(4096), await run(5)];
    expect(readFileSync(join(tiled.folder, 'voxels.csv'), 'utf8')).toBe(readFileSync(join(whole.folder, 'voxels.csv'), 'utf8'));
  });

  it('has the noise ceiling of an evaluation with the defaults of both, of the same images and voxels, and can take it from training images alone', async () => {
    const { truth: _, ...given } = inputs;
    const facts = async (params: object): Promise<object[]> => {
      const key = JSON.stringify(params).replace(/\W/g, '');
      await runOn(readout as unknown as StageDefinition, { alphas: [10] }, given, join(base, `readout of ${key}`), service);
      const scored = await runOn(evaluation as unknown as StageDefinition, { ...params, bootstrap: 0, permutations: 0 }, { ...given, readout: join(base, `readout of ${key}`) }, join(base, `scores of ${key}`), service);
      const ideal = await runOn(definition, { ...params, alphas: ALPHAS }, inputs, join(base, `oracle of ${key}`), service);
      return [scored, ideal].map(({ output }) => {
        const { ncsnr, minNoiseCeiling, zscore, testImages, voxelIdentity, resampling, bootstrap, repeatMean } = output.json<ScoresFile>('scores.json');
        return { ncsnr, minNoiseCeiling, zscore, testImages, voxelIdentity, resampling, bootstrap, ceilings: repeatMean.map(({ ceiling }) => ceiling) };
      });
    };
    for (const params of [{}, { ncsnr: 'training' }]) {
      const [scored, ideal] = await facts(params);
      expect(ideal).toEqual(scored);
    }
  });

  it('hands out scores and no weights', async () => {
    const run = await runOn(definition, { alphas: ALPHAS }, inputs, join(base, 'again'), service);
    expect(readdirSync(run.folder).sort()).toEqual(['report.json', 'scores.json', 'voxels.csv']);
    expect(run.output.json<{ trainingImages: number; images: number; features: number }>('scores.json')).toMatchObject({ trainingImages: 55, images: 25, features: 12, singleTrial: [] });
  });

  it('refuses voxels that were not planted', async () => {
    const other = join(root, 'other');
    writeProblem(other, { ...PROBLEM, voxels: 7 });
    const error: unknown = await runOn(definition, { alphas: ALPHAS }, { ...inputs, voxels: join(other, 'voxels') }, join(base, 'never'), service).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(PipelineError);
    expect((error as PipelineError).message).toBe('the voxel at 18,19,20 was not planted');
    expect(readerOf(inputs['truth'] as string).has('truth.json')).toBe(true);
  });
});

function correlationWithSignal(folder: string, signals: Float32Array, voxel: number): number {
  const predictions = readNpy(join(folder, 'predictions.npy')).data as Float32Array;
  const { voxels, images, testImages } = PROBLEM;
  const p = Float64Array.from({ length: testImages }, (_, i) => predictions[i * voxels + voxel] as number);
  const s = Float64Array.from({ length: testImages }, (_, i) => signals[(images - testImages + i) * voxels + voxel] as number);
  const centred = (x: Float64Array): Float64Array => x.map((value) => value - x.reduce((a, b) => a + b, 0) / x.length);
  const [a, b] = [centred(p), centred(s)];
  const dot = (u: Float64Array, w: Float64Array): number => u.reduce((sum, value, i) => sum + value * (w[i] as number), 0);
  return dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b));
}
