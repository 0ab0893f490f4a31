/** The function that tools/oracles/attribution.py asked Captum about, with its results: F(x) = Σ_k v_k tanh(W_k·x + b_k) on an image of 2 × 2 pixels. */
import { readFileSync } from 'node:fs';
import type { ResponseEvaluator } from '../../../src/stages/attribute/evaluator.js';

interface Oracle {
  readonly W: number[]; readonly b: number[]; readonly v: number[]; readonly x: number[]; readonly x0: number[];
  readonly response: number; readonly baseline: number;
  readonly cases: readonly { nodes: number; map: number[]; delta: number }[];
  readonly references: number[]; readonly expected: number[]; readonly gradient: number[]; readonly gradient_input: number[];
  readonly occlusion: Readonly<Record<'1' | '2', number[]>>;
  readonly shown: number[]; readonly steps: number; readonly deletion: number; readonly insertion: number;
}

export const oracle = JSON.parse(readFileSync(new URL('../../oracles/attribution.json', import.meta.url), 'utf8')) as Oracle;
export const PIXELS = oracle.x.length;
export const image = Float32Array.from(oracle.x);
export const start = Float32Array.from(oracle.x0);
/** float32 images and gradients: a few units in the last place */
export const FLOAT32 = 1e-5;

/** In float64 inside; counts its runs. */
export function oracleEvaluator(batch: number): ResponseEvaluator & { calls: number } {
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
