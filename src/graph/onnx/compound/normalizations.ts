/**
 * Normalisations in terms of LayerNormalization (whose fused form and gradient are fast) and arithmetic. Channels are axis 1 of x [N, C, …];
 * variances are those of the population.
 */
import { sizeOf } from '../../../core/tensor.js';
import type { Value } from '../../ir.js';
import { abs, add, div, matMul, mul, pow, reduceMean, reduceSum, reshape, sqrt, sub } from '../../layers.js';
import { without } from './call.js';
import type { CompoundCall, CompoundRule } from './call.js';

/** (x - mean) / sqrt(var + epsilon) within each of `groups` groups of channels, as [N, groups, elements]. */
function grouped(c: CompoundCall, x: Value, groups: number): Value {
  const [n, channels] = x.shape as [number, number];
  if (groups < 1 || channels % groups !== 0) c.refuse('the groups do not divide the channels', `a divisor of ${channels}`, String(groups));
  const length = sizeOf(x.shape) / (n * groups);
  const flat = reshape(c.b, x, [n, groups, length]);
  return c.b.op('LayerNormalization', [flat, c.b.floats([length], new Float32Array(length).fill(1))], { axis: -1, epsilon: c.number('epsilon', 1e-5) });
}

/** [C] as [C, 1, …] beside x [N, C, …]. */
function perChannel(c: CompoundCall, statistic: Value, x: Value): Value {
  return reshape(c.b, statistic, [statistic.shape[0] as number, ...x.shape.slice(2).map(() => 1)]);
}

/** The second of two places of a running average: old · momentum + new (1 - momentum). */
function running(c: CompoundCall, old: Value, fresh: Value, index: number): Value[] {
  const momentum = c.number('momentum', 0.9);
  return c.end('Add', [mul(c.b, old, momentum), mul(c.b, fresh, 1 - momentum)], {}, index);
}

export const normalizationCompounds: Readonly<Record<string, CompoundRule>> = {
  InstanceNormalization: (c) => {
    const x = c.input(0);
    const normal = reshape(c.b, grouped(c, x, x.shape[1] as number), x.shape);
    return c.end('Add', [mul(c.b, normal, perChannel(c, c.input(1), x)), perChannel(c, c.input(2), x)]);
  },

  /** scale and bias per group before opset 21, per channel from there on */
  GroupNormalization: (c) => {
    const x = c.input(0);
    const groups = c.number('num_groups', 0);
    const normal = grouped(c, x, groups);
    if (c.opset >= 21) {
      const image = reshape(c.b, normal, x.shape);
      return c.end('Add', [mul(c.b, image, perChannel(c, c.input(1), x)), perChannel(c, c.input(2), x)]);
    }
    const spread = (value: Value): Value => reshape(c.b, value, [groups, 1]);
    return c.end('Reshape', [add(c.b, mul(c.b, normal, spread(c.input(1))), spread(c.input(2))), c.b.ints(x.shape)]);
  },

  /** x / sqrt(mean x² + epsilon) · scale over the axes from `axis` on */
  RMSNormalization: (c) => {
    const x = c.input(0);
    const axes = x.shape.map((_, at) => at).slice(c.axis(c.number('axis', -1), x.shape.length));
    const size = sqrt(c.b, add(c.b, reduceMean(c.b, mul(c.b, x, x), axes, true), c.number('epsilon', 1e-5)));
    return c.end('Mul', [div(c.b, x, size), c.input(1)]);
  },

  /** x / (bias + alpha/size · sum of x² over `size` channels around)^beta; the sum is a product with a band matrix (Krizhevsky et al. 2012) */
  LRN: (c) => {
    const x = c.input(0);
    const [n, channels] = x.shape as [number, number];
    const size = c.number('size', 1);
    const band = new Float32Array(channels * channels);
    for (let row = 0; row < channels; row += 1) {
      for (let at = Math.max(0, row - Math.floor((size - 1) / 2)); at <= Math.min(channels - 1, row + Math.ceil((size - 1) / 2)); at += 1) band[row * channels + at] = 1;
    }
    const squares = reshape(c.b, mul(c.b, x, x), [n, channels, sizeOf(x.shape.slice(2))]);
    const sums = reshape(c.b, matMul(c.b, c.b.floats([channels, channels], band), squares), x.shape);
    const base = add(c.b, mul(c.b, sums, c.number('alpha', 1e-4) / size), c.number('bias', 1));
    return c.end('Div', [x, pow(c.b, base, c.number('beta', 0.75))]);
  },

  /** (x - E x) / (sqrt(E x² - (E x)²) + 1e-9) */
  MeanVarianceNormalization: (c) => {
    const x = c.input(0);
    const axes = c.list('axes') ?? [0, 2, 3];
    const mean = reduceMean(c.b, x, axes, true);
    const spread = sub(c.b, reduceMean(c.b, mul(c.b, x, x), axes, true), mul(c.b, mean, mean));
    return c.end('Div', [sub(c.b, x, mean), add(c.b, sqrt(c.b, spread), 1e-9)]);
  },

  /** x divided by its p-norm along an axis; 0 where the norm is 0 */
  LpNormalization: (c) => {
    const x = c.input(0);
    const p = c.number('p', 2);
    if (p !== 1 && p !== 2) c.refuse('the norm is not supported', 'p = 1 or 2', String(p));
    const axes = [c.axis(c.number('axis', -1), x.shape.length)];
    const norm = p === 1 ? reduceSum(c.b, abs(c.b, x), axes, true) : c.b.op('ReduceL2', [x, c.b.ints(axes)], { keepdims: 1 });
    const isZero = c.b.op('Equal', [norm, c.b.scalar(0, x.dtype)]);
    return c.end('Div', [x, c.b.op('Where', [isZero, c.b.scalar(1, x.dtype), norm])]);
  },

  /** In training mode: the statistics of the batch, through which the gradient flows, and their running averages as further outputs. */
  BatchNormalization: (c) => {
    const x = c.input(0);
    // before opset 14 several outputs meant training; what they held is not what they hold now
    if (c.opset < 14 && c.outputs.length > 1) c.refuse('this operator set trains batch normalisation in another way', 'one output below opset 14', String(c.outputs.length));
    // an attribute of opset 7 and 8 that newer sets dropped
    if (c.number('training_mode', 0) === 0) return c.again(without(c.node.attributes, 'spatial'));
    const others = x.shape.map((_, axis) => axis).filter((axis) => axis !== 1);
    const mean = reduceMean(c.b, x, others, true);
    const centred = sub(c.b, x, mean);
    const variance = reduceMean(c.b, mul(c.b, centred, centred), others, true);
    const normal = div(c.b, centred, sqrt(c.b, add(c.b, variance, c.number('epsilon', 1e-5))));
    const [y] = c.end('Add', [mul(c.b, normal, perChannel(c, c.input(1), x)), perChannel(c, c.input(2), x)]) as [Value];
    const flat = (value: Value): Value => reshape(c.b, value, [x.shape[1] as number]);
    const averages = [mean, variance].flatMap((fresh, i) => (c.outputs[i + 1] === undefined ? [] : running(c, c.input(3 + i), flat(fresh), i + 1)));
    return [y, ...averages];
  },
};

