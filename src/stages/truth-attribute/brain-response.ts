/**
 * The true brain's response as a differentiable graph: the same form as a model's (`responseModel`), so that the same code explains both. The noiseless
 * signal of a region is linear in the brain's bank, hence one template over the bank serves any number of voxels.
 */
import { GraphBuilder } from '../../graph/builder.js';
import { decodeModel } from '../../graph/decode.js';
import { encodeModel } from '../../graph/encode.js';
import { differentiate } from '../../graph/gradient.js';
import type { Value } from '../../graph/ir.js';
import { mul, reduceSum } from '../../graph/layers.js';
import { IMAGE } from '../artifacts/backbone.js';
import { RESPONSE } from '../response/response-graph.js';
import { BRAIN_BATCH, BRAIN_INPUT, BRAIN_OUTPUT } from '../simulate/brain/build-brain.js';
import { BANK_SIZE, BRAIN_SIZE } from '../simulate/brain/brain-graph.js';
import type { Truth } from '../simulate/truth.js';

export interface BankFunctional {
  /** float32 [bank] */
  readonly template: Float32Array;
  readonly intercept: number;
}

/**
 * Σ_v u[v]·z_v = Σ_k bank_k·template[k] + intercept with template[k] = Σ_v u[v]·w[k, v]/sd_v and intercept = −Σ_v u[v]·mean_v/sd_v; voxels whose
 * signal never varied (sd 0) are 0 as in `standardize`.
 * @param functional float64 [voxel] over the planted voxels
 */
export function bankFunctional(truth: Pick<Truth, 'weights' | 'moments'>, functional: Float64Array): BankFunctional {
  const { mean, sd } = truth.moments;
  const voxels = functional.length;
  const share = functional.map((u, v) => ((sd[v] as number) > 0 ? u / (sd[v] as number) : 0));
  const template = Float32Array.from({ length: BANK_SIZE }, (_, k) => share.reduce((sum, s, v) => sum + s * (truth.weights[k * voxels + v] as number), 0));
  return { template, intercept: -share.reduce((sum, s, v) => sum + s * (mean[v] as number), 0) };
}

/**
 * response[b] = Σ_k template[k]·bank[b, k] (the intercept is added by the caller); gradient[b] = ∂response[b]/∂image[b].
 * @param brain the ONNX model of the truth
 * @shape input `image`: float32 [8, 3, 128, 128] in [0, 1]; outputs `response`: float32 [8], `gradient:image`: as image
 */
export function brainResponseModel(brain: Uint8Array, template: Float32Array, poolIndices = true): Uint8Array {
  const builder = new GraphBuilder();
  const image = builder.input(IMAGE, 'float32', [BRAIN_BATCH, 3, BRAIN_SIZE, BRAIN_SIZE]);
  const bank = builder.inline(decodeModel(brain, { label: 'true brain' }), { [BRAIN_INPUT]: image })[BRAIN_OUTPUT] as Value;
  const response = reduceSum(builder, mul(builder, bank, builder.floats([1, BANK_SIZE], template)), [1], false);
  builder.output(RESPONSE, response);
  builder.output('total', reduceSum(builder, response, [0], false));
  return encodeModel(differentiate(builder.build(), { of: 'total', wrt: [IMAGE], poolIndices }));
}
