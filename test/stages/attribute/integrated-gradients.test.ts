import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { baselineImage } from '../../../src/stages/attribute/baselines.js';
import { integratedGradients, type ResponseEvaluator } from '../../../src/stages/attribute/integrated-gradients.js';
import { displayMap, overlayPixels } from '../../../src/stages/attribute/overlay.js';

interface Oracle {
  readonly W: number[]; readonly b: number[]; readonly v: number[]; readonly x: number[]; readonly x0: number[];
  readonly response: number; readonly baseline: number;
  readonly cases: readonly { nodes: number; map: number[]; delta: number }[];
}
const oracle = JSON.parse(readFileSync(new URL('../../oracles/attribution.json', import.meta.url), 'utf8')) as Oracle;
const PIXELS = oracle.x.length;

/** F(x) = Σ_k v_k tanh(W_k·x + b_k), in float64 inside; counts the images it was asked about */
function evaluator(batch: number): ResponseEvaluator & { calls: number } {
  return {
    batch,
    calls: 0,
    async evaluate(images) {
      this.calls += 1;
      const response = new Float64Array(batch);
      const gradient = new Float32Array(images.length);
      for (let n = 0; n < batch; n += 1) {
        oracle.v.forEach((v, k) => {
          let z = oracle.b[k] as number;
          for (let p = 0; p < PIXELS; p += 1) z += (oracle.W[k * PIXELS + p] as number) * (images[n * PIXELS + p] as number);
          const t = Math.tanh(z);
          response[n] = (response[n] as number) + v * t;
          for (let p = 0; p < PIXELS; p += 1) gradient[n * PIXELS + p] = (gradient[n * PIXELS + p] as number) + v * (1 - t * t) * (oracle.W[k * PIXELS + p] as number);
        });
      }
      return { response, gradient };
    },
  };
}
const image = Float32Array.from(oracle.x);
const start = Float32Array.from(oracle.x0);
/** float32 images and gradients: a few units in the last place */
const FLOAT32 = 1e-5;

describe('integratedGradients', () => {
  for (const c of oracle.cases) {
    for (const batch of [1, 3, 16]) {
      it(`equals Captum's with ${c.nodes} nodes in batches of ${batch}`, async () => {
        const result = await integratedGradients(evaluator(batch), image, start, { nodes: c.nodes, maxNodes: c.nodes, tolerance: 1e-9 });
        result.map.forEach((x, p) => expect(Math.abs(x - (c.map[p] as number))).toBeLessThan(FLOAT32));
        expect(result.response).toBeCloseTo(oracle.response, 5);
        expect(result.baselineResponse).toBeCloseTo(oracle.baseline, 5);
        expect(result.gap * Math.abs(oracle.response - oracle.baseline)).toBeCloseTo(Math.abs(c.delta), 5);
      });
    }
  }

  it('doubles the nodes until the map is complete', async () => {
    const result = await integratedGradients(evaluator(4), image, start, { nodes: 1, maxNodes: 64, tolerance: 1e-4 });
    expect(result.gap).toBeLessThanOrEqual(1e-4);
    expect(result.nodes).toBeGreaterThan(1);
    expect(Math.log2(result.nodes) % 1).toBe(0);
  });

  it('says how large the gap is when the nodes are used up', async () => {
    const result = await integratedGradients(evaluator(4), image, start, { nodes: 1, maxNodes: 2, tolerance: 1e-12 });
    expect(result.nodes).toBe(2);
    expect(result.gap).toBeGreaterThan(1e-12);
  });

  it('is zero everywhere from an image to itself', async () => {
    const result = await integratedGradients(evaluator(4), image, image, { nodes: 4, maxNodes: 4, tolerance: 0.01 });
    expect(Math.max(...result.map.map(Math.abs))).toBe(0);
    expect(result.gap).toBe(0);
  });
});

describe('baselineImage', () => {
  const picture = Float32Array.from({ length: 3 * 16 }, (_, i) => (i % 7) / 7);

  it('keeps the mean of a constant image when it is blurred and flattens a varied one', () => {
    const constant = new Float32Array(48).fill(0.25);
    baselineImage('blur', constant, 4, 2, undefined).forEach((x) => expect(x).toBeCloseTo(0.25, 6));
    const spread = (x: Float32Array): number => Math.max(...x) - Math.min(...x);
    expect(spread(baselineImage('blur', picture, 4, 2, undefined))).toBeLessThan(spread(picture) / 2);
  });

  it('is ½ for grey, 0 for black and the given image for mean', () => {
    expect(new Set(baselineImage('grey', picture, 4, 1, undefined))).toEqual(new Set([0.5]));
    expect(new Set(baselineImage('black', picture, 4, 1, undefined))).toEqual(new Set([0]));
    expect(baselineImage('mean', picture, 4, 1, picture)).toEqual(picture);
  });

  it('is never black for a mean that is not there', () => {
    expect(() => baselineImage('mean', picture, 4, 1, undefined)).toThrow(/"mean" has no training images/);
  });
});

describe('overlayPixels', () => {
  it('is warm where the map is positive, cool where it is negative and grey where it is zero', () => {
    const size = 8;
    const map = new Float32Array(3 * size * size);
    map[0] = 1;
    map[1] = -1;
    const rgb = overlayPixels(new Float32Array(3 * size * size).fill(0.5), displayMap(map, size, 0), size);
    expect(rgb[0]! > rgb[2]!).toBe(true);
    expect(rgb[5]! > rgb[3]!).toBe(true);
    expect(rgb[30]! === rgb[31]! && rgb[31]! === rgb[32]!).toBe(true);
  });
});
