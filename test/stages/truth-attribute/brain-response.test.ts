import { readFileSync } from 'node:fs';
import { afterAll, describe, expect, it } from 'vitest';
import { Random } from '../../../src/core/random.js';
import type { Tensor } from '../../../src/core/tensor.js';
import { GraphBuilder } from '../../../src/graph/builder.js';
import { encodeModel } from '../../../src/graph/encode.js';
import { createOnnxRuntimeService } from '../../../src/runtime/onnxruntime-service.js';
import { IMAGE } from '../../../src/stages/artifacts/backbone.js';
import { IMAGE_GRADIENT, RESPONSE } from '../../../src/stages/response/response-graph.js';
import { BANK_SIZE, BRAIN_SIZE, bank } from '../../../src/stages/simulate/brain/brain-graph.js';
import { BRAIN_BATCH, BRAIN_INPUT, BRAIN_OUTPUT } from '../../../src/stages/simulate/brain/build-brain.js';
import { TEMPLATES } from '../../../src/stages/simulate/brain/templates.js';
import { standardize } from '../../../src/stages/simulate/truth.js';
import { voxelSignals } from '../../../src/stages/simulate/voxels.js';
import { bankFunctional, brainResponseModel } from '../../../src/stages/truth-attribute/brain-response.js';
import { formulaImages, formulaTemplates } from '../simulate/formula-brain.js';

const service = createOnnxRuntimeService({ threads: 1 });
afterAll(() => service.dispose());

interface Oracle { readonly response: number[]; readonly norm: number[]; readonly slopes: number[][] }
const oracle = JSON.parse(readFileSync(new URL('../../fixtures/simulate/brain-gradient.json', import.meta.url), 'utf8')) as Oracle;
const PIXELS = 3 * BRAIN_SIZE ** 2;
/** Float32 against float64 through thresholds and square roots: an edge that falls on the other side of a threshold moves a slope by this share of the largest slope that the gradient's length allows. */
const TOLERANCE = 2e-4;

/** The brain of tools/oracles/true_brain.py. */
function formulaBrain(): Uint8Array {
  const b = new GraphBuilder();
  const image = b.input(BRAIN_INPUT, 'float32', [BRAIN_BATCH, 3, BRAIN_SIZE, BRAIN_SIZE]);
  const set = { mean: Float32Array.from({ length: 15 }, (_, c) => 0.05 * c), sd: Float32Array.from({ length: 15 }, (_, c) => 0.2 + 0.02 * c), templates: formulaTemplates() };
  const count = TEMPLATES.length;
  const calibration = { threshold: Float32Array.from({ length: count }, (_, t) => 0.01 + 0.002 * t), gain: Float32Array.from({ length: count }, (_, t) => 20 + 3 * t) };
  b.output(BRAIN_OUTPUT, bank(b, image, set, calibration));
  return encodeModel(b.build());
}

describe('the true brain\'s response', () => {
  it('has the value and the gradient by the image that PyTorch finds in float64', async () => {
    const program = await service.compile(brainResponseModel(formulaBrain(), Float32Array.from({ length: BANK_SIZE }, (_, k) => Math.cos(0.37 * k))));
    const images = new Float32Array(BRAIN_BATCH * PIXELS);
    images.set(formulaImages());
    images.set(formulaImages(), BRAIN_BATCH / 2 * PIXELS);
    const found = await program.run({ [IMAGE]: { dtype: 'float32', shape: [BRAIN_BATCH, 3, BRAIN_SIZE, BRAIN_SIZE], data: images } });
    const response = (found[RESPONSE] as Tensor<'float32'>).data;
    const gradient = (found[IMAGE_GRADIENT] as Tensor<'float32'>).data;
    const directions = Array.from({ length: 8 }, (_, j) => Float64Array.from({ length: PIXELS }, (_unused, p) => Math.sin(0.013 * (j + 1) * p + j)));
    for (let n = 0; n < BRAIN_BATCH; n += 1) {
      const k = n % 4;
      expect(response[n]).toBeCloseTo(oracle.response[k] as number, 3);
      const own = gradient.subarray(n * PIXELS, (n + 1) * PIXELS);
      const norm = Math.sqrt(own.reduce((sum, x) => sum + x * x, 0));
      expect(Math.abs(norm / (oracle.norm[k] as number) - 1)).toBeLessThan(TOLERANCE);
      directions.forEach((direction, j) => {
        const slope = own.reduce((sum, x, p) => sum + x * (direction[p] as number), 0);
        const largest = (oracle.norm[k] as number) * Math.sqrt(PIXELS / 2);
        expect(Math.abs(slope - (oracle.slopes[k]?.[j] as number)) / largest).toBeLessThan(TOLERANCE);
      });
    }
  });
});

describe('bankFunctional', () => {
  it('folds weights and moments of many voxels into one template: the same number as voxel by voxel', () => {
    const random = new Random('bank functional');
    const voxels = 5;
    const weights = Float32Array.from({ length: BANK_SIZE * voxels }, () => random.normal());
    // the last voxel never varied
    const moments = { mean: Float64Array.from({ length: voxels }, () => random.normal()), sd: Float64Array.of(1, 2, 0.5, 3, 0) };
    const functional = Float64Array.of(0.5, 0.5, 0, -1, 2);
    const row = Float32Array.from({ length: BANK_SIZE }, () => random.uniform());
    const { template, intercept } = bankFunctional({ weights, moments }, functional);
    const z = standardize(voxelSignals(row, weights, voxels), moments);
    const expected = functional.reduce((sum, u, v) => sum + u * (z[v] as number), 0);
    expect(template.reduce((sum, w, k) => sum + w * (row[k] as number), 0) + intercept).toBeCloseTo(expected, 3);
  });
});
