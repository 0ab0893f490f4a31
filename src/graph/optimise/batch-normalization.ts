/**
 * y = s (Wx + b - m) / sqrt(v + e) + B per output channel is (rW) x + (r (b - m) + B) with r = s / sqrt(v + e): batch normalisation with stored statistics
 * goes into the linear layer before it, unless somebody else reads that layer. Computed in float64, stored as float32.
 * Source: Jacob et al., Quantization and training of neural networks, CVPR 2018, equation 14.
 */
import type { Tensor } from '../../core/tensor.js';
import { tensor } from '../../core/tensor.js';
import type { Value } from '../ir.js';
import type { Made, Site } from './rewriting.js';

/** Per channel: y = factor · x + shift. */
interface Affine {
  readonly factor: Float64Array;
  readonly shift: Float64Array;
}

export function foldBatchNormalization(site: Site): Value | undefined {
  const [x] = site.inputs;
  const layer = site.op === 'BatchNormalization' ? site.producer(x) : undefined;
  if (x === undefined || layer === undefined || x.dtype !== 'float32' || !site.onlyHere(x)) return undefined;
  const affine = affineOf(site);
  const weights = site.constant(layer.inputs[1]);
  if (affine === undefined || weights === undefined) return undefined;
  const axis = outputAxis(layer, weights);
  const bias = biasOf(site, layer, affine.factor.length);
  if (axis === undefined || bias === undefined) return undefined;
  const { emit } = site;
  const scaled = emit.constant(scaleAlong(weights, axis, affine.factor));
  const moved = emit.floats([bias.length], Float32Array.from(bias, (b, c) => (affine.factor[c] as number) * b + (affine.shift[c] as number)));
  if (layer.op !== 'MatMul') return emit.op(layer.op as 'Conv' | 'ConvTranspose' | 'Gemm', [layer.inputs[0], scaled, moved], layer.attributes, site.output.name);
  return emit.op('Add', [emit.op('MatMul', [layer.inputs[0], scaled]), moved], {}, site.output.name);
}

function affineOf(site: Site): Affine | undefined {
  const [scale, bias, mean, variance] = site.inputs.slice(1).map((value) => site.constant(value)?.data as Float32Array | undefined);
  if (scale === undefined || bias === undefined || mean === undefined || variance === undefined) return undefined;
  const epsilon = (site.attributes['epsilon'] as number | undefined) ?? 1e-5;
  const factor = Float64Array.from(scale, (s, c) => s / Math.sqrt((variance[c] as number) + epsilon));
  return { factor, shift: Float64Array.from(bias, (b, c) => b - (factor[c] as number) * (mean[c] as number)) };
}

/** The axis of the weights that runs over output channels; undefined where the rule does not apply. */
function outputAxis({ op, attributes, inputs }: Made, weights: Tensor): number | undefined {
  switch (op) {
    case 'Conv':
      return 0;
    case 'ConvTranspose':
      return (attributes['group'] ?? 1) === 1 ? 1 : undefined;
    case 'Gemm':
      return (attributes['alpha'] ?? 1) === 1 && (attributes['beta'] ?? 1) === 1 ? (attributes['transB'] === 1 ? 0 : 1) : undefined;
    case 'MatMul':
      return inputs[0]?.shape.length === 2 && weights.shape.length === 2 ? 1 : undefined;
    default:
      return undefined;
  }
}

/** The layer's bias (zeros without one); undefined if it is not one constant number a channel. */
function biasOf(site: Site, layer: Made, channels: number): ArrayLike<number> | undefined {
  if (layer.inputs[2] === undefined) return new Float32Array(channels);
  const bias = site.constant(layer.inputs[2]);
  return bias?.shape.at(-1) === channels && bias.data.length === channels ? (bias.data as Float32Array) : undefined;
}

function scaleAlong(weights: Tensor, axis: number, factor: Float64Array): Tensor {
  const inner = weights.shape.slice(axis + 1).reduce((product, extent) => product * extent, 1);
  const data = new Float32Array(weights.data.length);
  for (let start = 0, channel = 0; start < data.length; start += inner, channel = (channel + 1) % factor.length) {
    const scale = factor[channel] as number;
    for (let i = start; i < start + inner; i += 1) data[i] = (weights.data[i] as number) * scale;
  }
  return tensor('float32', weights.shape, data);
}
