import { describe, expect, it } from 'vitest';
import { Random } from '../../../src/core/random.js';
import type { ResponseEvaluator } from '../../../src/stages/attribute/evaluator.js';
import { faithfulness } from '../../../src/stages/attribute/faithfulness.js';
import { explain, type MethodName, type MethodOptions } from '../../../src/stages/attribute/methods.js';
import { FLOAT32, image, oracle, oracleEvaluator, PIXELS, start } from './oracle-function.js';

const SIZE = 2;
const OPTIONS: MethodOptions = { nodes: 16, maxNodes: 16, tolerance: 1, samples: 40, noise: 0, patch: 1, stride: 1 };
const { signal } = new AbortController();
const run = (method: MethodName, options: Partial<MethodOptions> = {}, evaluator: ResponseEvaluator = oracleEvaluator(5), seed = 'one') =>
  explain(method, evaluator, image, [start], SIZE, { ...OPTIONS, ...options }, new Random(seed), signal);
const expectMap = (map: Float32Array, expected: readonly number[]): void => {
  expect(map.length).toBe(expected.length);
  map.forEach((x, p) => expect(Math.abs(x - (expected[p] as number))).toBeLessThan(FLOAT32));
};

describe('methods of attribution', () => {
  it('give Captum\'s gradient and gradient × input', async () => {
    expectMap((await run('gradient')).map, oracle.gradient);
    expectMap((await run('gradient-input')).map, oracle.gradient_input);
  });

  it('give Captum\'s occlusion, whatever the batch', async () => {
    for (const batch of [1, 5, 32]) {
      expectMap((await run('occlusion', { patch: 1 }, oracleEvaluator(batch))).map, oracle.occlusion[1]);
      expectMap((await run('occlusion', { patch: 2 }, oracleEvaluator(batch))).map, oracle.occlusion[2]);
    }
  });

  it('take the last patch of a row at the border, and one larger than the image as the image', async () => {
    const { map, response, baselineResponse } = await run('occlusion', { patch: 9, stride: 9 });
    map.forEach((drop) => expect(drop).toBeCloseTo((response - (baselineResponse as number)) / 3, 6));
  });

  it('give the gradient as SmoothGrad without noise, and near it, the same for the same seed, with little', async () => {
    expectMap((await run('smoothgrad')).map, oracle.gradient);
    const noisy = await run('smoothgrad', { noise: 0.01 });
    expect(noisy.map).toEqual((await run('smoothgrad', { noise: 0.01 })).map);
    expect(noisy.map).not.toEqual((await run('smoothgrad', { noise: 0.01 }, undefined, 'two')).map);
    noisy.map.forEach((x, p) => expect(Math.abs(x - (oracle.gradient[p] as number))).toBeLessThan(0.05));
  });

  it('average the gradient of a quadratic exactly over the noise: E ∇F(x + ε) = ∇F(x)', async () => {
    const square: ResponseEvaluator = {
      batch: 8,
      evaluate: async (images) => ({ response: Float64Array.from({ length: 8 }, (_, b) => images.subarray(b * PIXELS, (b + 1) * PIXELS).reduce((sum, x) => sum + x * x, 0)), gradient: images.map((x) => 2 * x) }),
    };
    const { map } = await run('smoothgrad', { samples: 4000, noise: 0.5 }, square);
    // standard error 2·0.5/√4000 = 0.016
    map.forEach((x, p) => expect(Math.abs(x - 2 * (image[p] as number))).toBeLessThan(0.08));
  });

  it('promise completeness for integrated gradients only', async () => {
    expect((await run('integrated-gradients')).gap).not.toBeNull();
    for (const method of ['gradient', 'gradient-input', 'smoothgrad', 'occlusion'] as const) expect(await run(method)).toMatchObject({ gap: null, nodes: null });
  });
});

describe('deletion and insertion', () => {
  it('have the areas that NumPy finds, whatever the batch', async () => {
    for (const batch of [1, 3, 16]) {
      const found = await faithfulness(oracleEvaluator(batch), image, start, Float32Array.from(oracle.shown), oracle.steps, signal);
      expect(found.deletion).toBeCloseTo(oracle.deletion, 5);
      expect(found.insertion).toBeCloseTo(oracle.insertion, 5);
    }
  });

  it('add up to one for a linear response, and are best in the order of its own weights', async () => {
    const weights = Float32Array.of(4, 3, 2, 1);
    const linear: ResponseEvaluator = {
      batch: 4,
      evaluate: async (images) => ({ response: Float64Array.from({ length: 4 }, (_, b) => images.subarray(b * 12, b * 12 + 12).reduce((sum, x, p) => sum + x * (weights[p % 4] as number), 0)), gradient: new Float32Array(images.length) }),
    };
    const ones = new Float32Array(12).fill(1);
    const zeros = new Float32Array(12);
    const best = await faithfulness(linear, ones, zeros, weights, 4, signal);
    const worst = await faithfulness(linear, ones, zeros, weights.map((w) => -w), 4, signal);
    expect(best.deletion + best.insertion).toBeCloseTo(1, 12);
    expect(best.deletion).toBeLessThan(worst.deletion);
    expect(best.insertion).toBeCloseTo(worst.deletion, 12);
  });

  it('are not defined where the response does not change', async () => {
    const flat: ResponseEvaluator = { batch: 4, evaluate: async (images) => ({ response: new Float64Array(4), gradient: new Float32Array(images.length) }) };
    expect((await faithfulness(flat, image, start, Float32Array.from(oracle.shown), 4, signal)).deletion).toBeNaN();
  });
});
