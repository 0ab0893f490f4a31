import { readFileSync } from 'node:fs';
import { afterAll, describe, expect, it } from 'vitest';
import { PipelineError } from '../../../src/core/errors.js';
import { Random } from '../../../src/core/random.js';
import { tensor, type Tensor } from '../../../src/core/tensor.js';
import { createOnnxRuntimeService } from '../../../src/runtime/onnxruntime-service.js';
import { crossValidatedRidge, crossValidatedRidgeByColumns, type RidgeOptions } from '../../../src/solvers/index.js';

interface Case {
  name: string; rows: number; features: number; targets: number; seed: number; standardize: boolean;
  firstRow: number[]; lastTargets: number[]; scores: Record<'negative-mse' | 'r2' | 'correlation', number[]>; alpha: number[]; weights: number[]; intercept: number[];
}
const oracle = JSON.parse(readFileSync(new URL('../../oracles/ridge.json', import.meta.url), 'utf8')) as { alphas: number[]; cases: Case[] };

const service = createOnnxRuntimeService({ threads: 1 });
afterAll(() => service.dispose());

/** The matrices of tools/oracles/ridge.py, value for value. */
function matrices({ rows: n, features: p, targets: v, seed }: Case): { x: Tensor<'float32'>; y: Tensor<'float32'>; folds: Int32Array } {
  let state = seed;
  const draw = (): number => {
    state = Number((1664525n * BigInt(state) + 1013904223n) % 4294967296n);
    return (state >>> 8) / 2 ** 24 - 0.5;
  };
  const u = Float64Array.from({ length: n * p }, draw);
  const x = Float32Array.from(u, (value, at) => (at % p === 5 ? 3.5 : value * 10 ** ((at % p) % 3) + ((at % p) % 7)));
  const y = new Float32Array(n * v);
  for (let i = 0; i < n; i += 1) {
    for (let t = 0; t < v; t += 1) {
      let signal = 0;
      for (let k = 0; k < 6; k += 1) signal += u[i * p + ((7 * t + 11 * k) % p)] as number;
      y[i * v + t] = signal + ((t * t) / 8) * draw() + t;
    }
  }
  return { x: tensor('float32', [n, p], x), y: tensor('float32', [n, v], y), folds: Int32Array.from({ length: n }, (_, i) => (i * i + Math.floor(i / 3)) % 4) };
}

function gap(found: ArrayLike<number>, expected: ArrayLike<number>): number {
  let [worst, scale] = [0, 0];
  for (let i = 0; i < expected.length; i += 1) {
    const difference = Math.abs((found[i] as number) - (expected[i] as number));
    if (!(difference <= worst)) worst = difference;
    scale = Math.max(scale, Math.abs(expected[i] as number));
  }
  expect(found.length).toBe(expected.length);
  return worst / scale;
}

function planted(n: number, p: number, noise: readonly number[], seed: string): { x: Tensor<'float32'>; y: Tensor<'float32'>; folds: Int32Array } {
  const random = new Random(seed);
  const x = Float32Array.from({ length: n * p }, () => random.normal());
  const v = noise.length;
  const w = Float64Array.from({ length: p * v }, () => random.normal(0, 1 / Math.sqrt(p)));
  const y = new Float32Array(n * v);
  for (let i = 0; i < n; i += 1) {
    for (let t = 0; t < v; t += 1) {
      let signal = 0;
      for (let j = 0; j < p; j += 1) signal += (x[i * p + j] as number) * (w[j * v + t] as number);
      y[i * v + t] = signal + (noise[t] as number) * random.normal();
    }
  }
  return { x: tensor('float32', [n, p], x), y: tensor('float32', [n, v], y), folds: Int32Array.from({ length: n }, (_, i) => i % 5) };
}

const ALPHAS = [0.1, 1, 10, 100, 1000];
const codeOf = (run: () => Promise<unknown>): Promise<string> => run().then(() => 'nothing', (error: unknown) => (error instanceof PipelineError ? `${error.code} ${error.message} ${JSON.stringify(error.facts)}` : String(error)));

describe('cross-validated ridge equals scikit-learn', () => {
  for (const example of oracle.cases) {
    it(`chooses the same penalties, scores and weights: ${example.name}, x=[${example.rows}, ${example.features}] v=${example.targets}`, async () => {
      const { x, y, folds } = matrices(example);
      expect(gap(x.data.subarray(0, 4), example.firstRow)).toBeLessThan(1e-8);
      expect(gap(y.data.subarray(-3), example.lastTargets)).toBeLessThan(1e-8);
      const fit = await crossValidatedRidge(service, x, y, { alphas: oracle.alphas, folds, standardize: example.standardize });
      expect(fit.form).toBe(example.name.startsWith('dual') ? 'dual' : 'primal');
      expect([...fit.alpha]).toEqual(example.alpha);
      expect(gap(fit.cvScores, example.scores['negative-mse'])).toBeLessThan(1e-5);
      expect(gap(fit.weights, example.weights)).toBeLessThan(1e-5);
      expect(gap(fit.intercept, example.intercept)).toBeLessThan(1e-5);
      expect(fit.constantFeatures).toBe(1);
      for (const score of ['r2', 'correlation'] as const) {
        const other = await crossValidatedRidge(service, x, y, { alphas: oracle.alphas, folds, standardize: example.standardize, score });
        expect(gap(other.cvScores, example.scores[score])).toBeLessThan(1e-5);
      }
    });
  }
});

interface HimalayaCase extends Omit<Case, 'scores'> {
  score: number[];
}
const himalaya = JSON.parse(readFileSync(new URL('../../oracles/ridge-himalaya.json', import.meta.url), 'utf8')) as { alphas: number[]; cases: HimalayaCase[] };

describe('cross-validated ridge equals himalaya', () => {
  for (const example of himalaya.cases) {
    it(`chooses the same penalties, best scores and weights: ${example.name}, x=[${example.rows}, ${example.features}] v=${example.targets}`, async () => {
      const { x, y, folds } = matrices({ ...example, scores: { 'negative-mse': [], r2: [], correlation: [] } });
      expect(gap(x.data.subarray(0, 4), example.firstRow)).toBeLessThan(1e-8);
      expect(gap(y.data.subarray(-3), example.lastTargets)).toBeLessThan(1e-8);
      const fit = await crossValidatedRidge(service, x, y, { alphas: himalaya.alphas, folds, standardize: false });
      expect([...fit.alpha]).toEqual(example.alpha);
      expect(gap(fit.cvScore, example.score)).toBeLessThan(1e-5);
      expect(gap(fit.weights, example.weights)).toBeLessThan(1e-5);
      expect(gap(fit.intercept, example.intercept)).toBeLessThan(1e-5);
    });
  }
});

describe('cross-validated ridge', () => {
  it('gives the same fit in its dual and its primal form', async () => {
    const { x, y, folds } = planted(150, 140, [0.2, 1, 3, 0.5], 'forms');
    const dual = await crossValidatedRidge(service, x, y, { alphas: ALPHAS, folds, form: 'dual' });
    const primal = await crossValidatedRidge(service, x, y, { alphas: ALPHAS, folds, form: 'primal' });
    expect([...dual.alpha]).toEqual([...primal.alpha]);
    expect(gap(dual.weights, primal.weights)).toBeLessThan(1e-6);
    expect(gap(dual.cvScores, primal.cvScores)).toBeLessThan(2e-5); // predictions are float32
  });

  it('satisfies the normal equations in float64: X̃ᵀ(y − X̃w) = αw for every target', async () => {
    const { x, y, folds } = planted(200, 130, [0.1, 1, 4], 'normal equations');
    const fit = await crossValidatedRidge(service, x, y, { alphas: ALPHAS, folds });
    for (let t = 0; t < 3; t += 1) {
      const residual = Float64Array.from({ length: 200 }, (_, i) => {
        let predicted = fit.intercept[t] as number;
        for (let j = 0; j < 130; j += 1) predicted += (x.data[i * 130 + j] as number) * (fit.weights[j * 3 + t] as number);
        return (y.data[i * 3 + t] as number) - predicted;
      });
      let worst = 0;
      for (let j = 0; j < 130; j += 1) {
        const scale = fit.featureScale[j] as number;
        let left = 0;
        for (let i = 0; i < 200; i += 1) left += (((x.data[i * 130 + j] as number) - (fit.featureMean[j] as number)) / scale) * (residual[i] as number);
        worst = Math.max(worst, Math.abs(left - (fit.alpha[t] as number) * (fit.weights[j * 3 + t] as number) * scale));
      }
      expect(worst).toBeLessThan(2e-4); // both sides are sums of 200 products of order 1, with weights stored as float32
      expect(Math.abs(residual.reduce((sum, r) => sum + r, 0))).toBeLessThan(1e-4);
    }
  });

  it('chooses larger penalties and reports lower scores for noisier targets', async () => {
    const noise = [0.05, 0.05, 0.05, 1, 1, 1, 20, 20, 20];
    const { x, y, folds } = planted(300, 60, noise, 'noise levels');
    const fit = await crossValidatedRidge(service, x, y, { alphas: [0.01, 0.1, 1, 10, 100, 1000, 10000], folds, score: 'r2' });
    const mean = (array: ArrayLike<number>, from: number): number => Math.log10((array[from] as number) * (array[from + 1] as number) * (array[from + 2] as number)) / 3;
    expect(mean(fit.alpha, 3)).toBeGreaterThan(mean(fit.alpha, 0));
    expect(mean(fit.alpha, 6)).toBeGreaterThan(mean(fit.alpha, 3));
    // r² of the truth is 1/(1 + noise²): 0.9975, 0.5, 0.0025; estimation with 60 features in 240 rows costs part of it
    for (const t of [0, 1, 2]) expect(fit.cvScore[t]).toBeGreaterThan(0.99);
    for (const t of [3, 4, 5]) expect(fit.cvScore[t]).toBeGreaterThan(0.3);
    for (const t of [3, 4, 5]) expect(fit.cvScore[t]).toBeLessThan(0.6);
    for (const t of [6, 7, 8]) expect(fit.cvScore[t]).toBeLessThan(0.05);
  });

  it('takes the larger penalty of an exact tie, and gives constant targets weight 0, a NaN score and their value', async () => {
    const { x, folds } = planted(50, 20, [1], 'tie');
    const y = Float32Array.from({ length: 100 }, (_, at) => (at % 2) * 7);
    const fit = await crossValidatedRidge(service, x, tensor('float32', [50, 2], y), { alphas: ALPHAS, folds });
    expect(fit.constantTargets).toBe(2);
    expect([...fit.alpha]).toEqual([NaN, NaN]);
    expect([...fit.cvScore]).toEqual([NaN, NaN]);
    expect(fit.weights.every((w) => w === 0)).toBe(true);
    expect([...fit.intercept]).toEqual([0, 7]);
    // Zero features make every penalty predict the mean: an exact tie of a target that varies.
    const zero = tensor('float32', [50, 3], new Float32Array(150).fill(2));
    const tied = await crossValidatedRidge(service, zero, planted(50, 3, [1], 'y').y, { alphas: ALPHAS, folds });
    expect([...tied.alpha]).toEqual([1000]);
    expect(tied.constantFeatures).toBe(3);
    expect(tied.edgeCount).toEqual({ lowest: 0, highest: 1 });
  });

  it('gives the same bits with one thread and with two, and the same values in tiles of 3 targets as in one', async () => {
    const data = planted(180, 200, [0.1, 0.5, 1, 2, 4, 8, 1, 0.3], 'threads');
    const options: RidgeOptions = { alphas: ALPHAS, folds: data.folds };
    const double = createOnnxRuntimeService({ threads: 2 });
    try {
      const one = await crossValidatedRidge(service, data.x, data.y, options);
      const two = await crossValidatedRidge(double, data.x, data.y, options);
      expect(Buffer.from(one.weights.buffer).equals(Buffer.from(two.weights.buffer))).toBe(true);
      expect(Buffer.from(one.cvScores.buffer).equals(Buffer.from(two.cvScores.buffer))).toBe(true);
      const tiled = await crossValidatedRidge(service, data.x, data.y, { ...options, tile: 3 });
      expect([...tiled.alpha]).toEqual([...two.alpha]);
      expect(gap(tiled.weights, two.weights)).toBeLessThan(1e-6);
    } finally {
      await double.dispose();
    }
  });

  it('reads targets and hands over weights by ranges of a tile, with the bits of a fit in memory', async () => {
    const { x, y, folds } = planted(90, 40, [0.1, 1, 2, 0.3, 4, 1, 1], 'by ranges');
    const options: RidgeOptions = { alphas: ALPHAS, folds, tile: 3 };
    const whole = await crossValidatedRidge(service, x, y, options);
    const read: string[] = [];
    const weights = new Float32Array(40 * 7);
    const columns = (from: number, to: number): Float32Array => {
      read.push(`${from}-${to}`);
      return Float32Array.from({ length: 90 * (to - from) }, (_, at) => y.data[Math.floor(at / (to - from)) * 7 + from + (at % (to - from))] as number);
    };
    const fit = await crossValidatedRidgeByColumns(service, x, { rows: 90, targets: 7, read: columns }, (from, to, part) => part.forEach((w, at) => (weights[Math.floor(at / (to - from)) * 7 + from + (at % (to - from))] = w)), options);
    expect(weights).toEqual(whole.weights);
    expect(fit.cvScores).toEqual(whole.cvScores);
    expect(fit.intercept).toEqual(whole.intercept);
    expect([...new Set(read)]).toEqual(['0-3', '3-6', '6-7']);
  });

  it('does not depend on the units of features and targets when it standardises', async () => {
    const { x, y, folds } = planted(80, 30, [0.5], 'units');
    const run = async (features: Tensor<'float32'>, targets: Tensor<'float32'>) => crossValidatedRidge(service, features, targets, { alphas: ALPHAS, folds, score: 'r2' });
    const base = await run(x, y);
    const moved = tensor('float32', x.shape, x.data.map((value, at) => (at % 30 === 0 ? 100 + 50 * value : value)));
    const other = await run(moved, tensor('float32', y.shape, y.data.map((value) => 5 + 3 * value)));
    expect([...other.alpha]).toEqual([...base.alpha]);
    expect(gap(other.cvScores, base.cvScores)).toBeLessThan(1e-4);
    expect((other.weights[0] as number) * 50).toBeCloseTo(3 * (base.weights[0] as number), 4);
  });

  it('adds the floor to every scale, and with it keeps the weight of a feature that hardly varies small', async () => {
    const { x, y, folds } = planted(80, 4, [0.5], 'floor');
    const faint = tensor('float32', x.shape, x.data.map((value, at) => (at % 4 === 0 ? value / 1000 : value)));
    const plain = await crossValidatedRidge(service, faint, y, { alphas: [10], folds });
    const floored = await crossValidatedRidge(service, faint, y, { alphas: [10], folds, scaleFloor: 0.1 });
    const overall = Math.sqrt(plain.featureScale.reduce((sum, sd) => sum + sd * sd, 0) / 4);
    plain.featureScale.forEach((sd, j) => expect(floored.featureScale[j]).toBeCloseTo(sd + 0.1 * overall, 12));
    expect(Math.abs(floored.weights[0] as number)).toBeLessThan(0.02 * Math.abs(plain.weights[0] as number));
  });

  it('reports progress up to its total and stops when its signal is aborted', async () => {
    const { x, y, folds } = planted(60, 20, [1, 1, 1], 'progress');
    const seen: [number, number][] = [];
    await crossValidatedRidge(service, x, y, { alphas: ALPHAS, folds, progress: (done, total) => seen.push([done, total]) });
    expect(seen.at(-1)).toEqual([28, 28]);
    expect(seen.every(([done], i) => i === 0 || done > (seen[i - 1] as [number, number])[0])).toBe(true);
    await expect(crossValidatedRidge(service, x, y, { alphas: ALPHAS, folds, signal: AbortSignal.abort(new Error('stop')) })).rejects.toThrow('stop');
  });
});

describe('cross-validated ridge refuses', () => {
  const good = planted(40, 10, [1, 1], 'errors');
  const run = (change: Partial<{ x: Tensor<'float32'>; y: Tensor<'float32'> }> & Partial<RidgeOptions>): Promise<string> =>
    codeOf(() => crossValidatedRidge(service, change.x ?? good.x, change.y ?? good.y, { alphas: change.alphas ?? ALPHAS, folds: change.folds ?? good.folds }));

  it('NaN and infinities, naming how many and where the first is', async () => {
    const bad = tensor('float32', [40, 10], good.x.data.slice());
    bad.data[123] = NaN;
    bad.data[200] = Infinity;
    expect(await run({ x: bad })).toBe('E_DATA "features" holds values that are not finite {"expected":"finite numbers","found":"2 of 400 (first: NaN at row 12, feature 3)"}');
  });

  it('a target that is not finite, by its number among all targets', async () => {
    const bad = tensor('float32', [40, 2], good.y.data.slice());
    bad.data[2 * 7 + 1] = NaN;
    expect(await codeOf(() => crossValidatedRidge(service, good.x, bad, { alphas: ALPHAS, folds: good.folds, tile: 1 }))).toContain('NaN at row 7, target 1');
  });

  it('rows that do not match, folds that cannot hold anything out, and penalties that are not positive', async () => {
    expect(await run({ y: tensor('float32', [39, 2]) })).toContain('do not match');
    expect(await run({ folds: new Int32Array(40) })).toContain('1 fold(s)');
    expect(await run({ folds: Int32Array.from({ length: 40 }, (_, i) => (i % 2) * 2) })).toContain('fold 1 has no row');
    expect(await run({ folds: new Int32Array(39) })).toContain('does not name a fold for every row');
    expect(await run({ alphas: [1, 0] })).toContain('penalty 0 is not usable');
    expect(await run({ alphas: [] })).toContain('"alphas" is empty');
  });

  it('a penalty that is lost in the rounding of the Gram matrix', async () => {
    const twin = new Float32Array(400);
    for (let i = 0; i < 40; i += 1) for (let j = 0; j < 10; j += 1) twin[i * 10 + j] = good.x.data[i * 10] as number;
    expect(await run({ x: tensor('float32', [40, 10], twin), alphas: [1e-17] })).toContain('not positive definite');
  });

  it('refuses folds of fewer than ten rows for scores that are ratios of variances, and takes them for squared errors', async () => {
    const { x, y } = planted(40, 5, [0.5], 'few rows');
    const of = (rows: number): Int32Array => Int32Array.from({ length: 40 }, (_, i) => Math.floor(i / rows));
    for (const score of ['r2', 'correlation'] as const) {
      for (const rows of [1, 2, 9]) {
        expect(await codeOf(() => crossValidatedRidge(service, x, y, { alphas: ALPHAS, folds: of(rows), score }))).toMatch(new RegExp(`^E_DATA folds are too small to be scored by ${score} .*"found":"${rows === 9 ? 4 : rows} in the smallest"`));
      }
      expect([...(await crossValidatedRidge(service, x, y, { alphas: ALPHAS, folds: of(10), score })).alpha]).not.toContain(NaN);
    }
    const one = await crossValidatedRidge(service, x, y, { alphas: ALPHAS, folds: of(1) });
    expect([...one.alpha]).not.toContain(NaN);
    expect(one.weights.some((w) => w !== 0)).toBe(true);
  });

  it('counts targets that vary but have no score, and refuses when there are no others', async () => {
    // Target 1 differs between the folds and not within them: its held-out rows never vary.
    const { x, y } = planted(40, 5, [0.5, 0.5], 'unscored');
    const folds = Int32Array.from({ length: 40 }, (_, i) => i % 2);
    const blocks = tensor('float32', [40, 2], y.data.map((value, at) => (at % 2 === 1 ? Math.floor(at / 2) % 2 : value)));
    const fit = await crossValidatedRidge(service, x, blocks, { alphas: ALPHAS, folds, score: 'correlation' });
    expect(fit).toMatchObject({ unscoredTargets: 1, constantTargets: 0 });
    expect(fit.alpha[0]).not.toBeNaN();
    expect(fit.alpha[1]).toBeNaN();
    expect(fit.intercept[1]).toBeCloseTo(0.5, 6);
    const alone = tensor('float32', [40, 1], Float32Array.from({ length: 40 }, (_, i) => i % 2));
    expect(await codeOf(() => crossValidatedRidge(service, x, alone, { alphas: ALPHAS, folds, score: 'correlation' }))).toMatch(/^E_DATA no penalty can be chosen by correlation .*all 1 targets that vary/);
    // Features that do not vary predict the mean: no correlation, for any target.
    const flat = tensor('float32', [40, 2], new Float32Array(80).fill(1));
    expect(await codeOf(() => crossValidatedRidge(service, flat, y, { alphas: ALPHAS, folds, score: 'correlation' }))).toMatch(/^E_DATA no penalty can be chosen/);
  });
});
