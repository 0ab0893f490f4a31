/** Normalisations as networks use them at inference: BatchNormalization with stored statistics, LayerNormalization over the last axes. */
import type { Value } from '../ir.js';
import { add, mul, reduceMean, reduceSum, reshape, sqrt, sub } from '../layers.js';
import { float, int, onlyInt } from './attributes.js';
import { sumTo } from './broadcast.js';
import { describe, operator } from './operator.js';
import type { Operator } from './operator.js';

export const normalizationOperators = {
  /** y = scale (x - mean) / sqrt(var + epsilon) + B, per channel (axis 1). */
  BatchNormalization: operator({
    attributes: { epsilon: float(1e-5), momentum: float(0.9), training_mode: onlyInt(0) },
    inputs: 5,
    shape: (c) => {
      const { dtype, shape } = c.input(0);
      for (let i = 1; i < 5; i += 1) {
        if (c.rank(i, 1)[0] !== shape[1]) c.fail('a statistic does not fit the channels', `[${shape[1]}]`, describe(c.input(i).shape));
      }
      return [{ dtype, shape }];
    },
    gradient: (c) => {
      const x = c.input(0);
      const perChannel = x.shape.map((extent, axis) => (axis === 1 ? extent : 1));
      const others = x.shape.map((_, axis) => axis).filter((axis) => axis !== 1);
      const b = c.emit;
      const inverse = b.op('Reciprocal', [sqrt(b, add(b, c.input(4), c.attributes.epsilon))]); // [C]
      const spread = (value: Value): Value => reshape(b, value, perChannel);
      const centred = (): Value => mul(b, sub(b, x, spread(c.input(3))), spread(inverse));
      const total = (value: Value): Value => reduceSum(b, value, others);
      return c.each(
        () => mul(b, c.dy, spread(mul(b, c.input(1), inverse))),
        () => total(mul(b, c.dy, centred())),
        () => total(c.dy),
        () => mul(b, mul(b, total(c.dy), mul(b, c.input(1), inverse)), -1),
        // d/dvar (var + e)^(-1/2) = -1/2 (var + e)^(-3/2)
        () => mul(b, mul(b, mul(b, total(mul(b, c.dy, centred())), c.input(1)), mul(b, inverse, inverse)), -0.5),
      );
    },
  }),

  /** y = scale (x - mean) / sqrt(var + epsilon) + B over the axes from `axis` on; further outputs: mean and 1/sqrt(var + epsilon). */
  LayerNormalization: operator({
    attributes: { axis: int(-1), epsilon: float(1e-5), stash_type: onlyInt(1) },
    inputs: [2, 3],
    outputs: [1, 3],
    shape: (c) => {
      const { dtype, shape } = c.input(0);
      const axis = c.axis(c.attributes.axis, shape.length);
      const tail = describe(shape.slice(axis));
      for (const i of [1, 2]) if (c.has(i) && describe(c.input(i).shape) !== tail) c.fail('scale and bias must have the shape of the normalised axes', tail, describe(c.input(i).shape));
      const statistics = { dtype, shape: shape.map((extent, at) => (at < axis ? extent : 1)) };
      return [{ dtype, shape }, statistics, statistics].slice(0, c.outputCount);
    },
    gradient: (c) => {
      const [x, scale] = [c.input(0), c.input(1)];
      const b = c.emit;
      const axis = c.axis(c.attributes.axis, x.shape.length);
      const axes = x.shape.map((_, at) => at).slice(axis);
      const ones = b.op('Expand', [b.scalar(1, x.dtype), b.ints(scale.shape)]);
      // the operator itself gives the normalised input (scale 1) and 1/sd
      const [normal, , inverse] = b.ops('LayerNormalization', [x, ones], c.call.attributes, 3) as [Value, Value, Value];
      const [dy, byMean, byInverse] = c.request.gradients;
      const share = 1 / axes.reduce((product, at) => product * (x.shape[at] as number), 1);
      const parts: (() => Value)[] = [];
      if (dy !== undefined) {
        parts.push(() => {
          const t = mul(b, dy, scale);
          const mean = reduceMean(b, t, axes, true);
          const slope = reduceMean(b, mul(b, t, normal), axes, true);
          return mul(b, inverse, sub(b, sub(b, t, mean), mul(b, normal, slope)));
        });
      }
      // mean = sum x / n; inverse = (var + epsilon)^(-1/2), whose derivative by x is -inverse^2 normal / n
      if (byMean !== undefined) parts.push(() => b.op('Expand', [mul(b, byMean, share), b.ints(x.shape)]));
      if (byInverse !== undefined) parts.push(() => mul(b, mul(b, mul(b, byInverse, mul(b, inverse, inverse)), -share), normal));
      return [
        c.wants(0) ? parts.map((part) => part()).reduce((left, right) => add(b, left, right)) : undefined,
        c.wants(1) && dy !== undefined ? sumTo(b, mul(b, dy, normal), scale.shape) : undefined,
        c.wants(2) && dy !== undefined ? sumTo(b, dy, scale.shape) : undefined,
      ];
    },
  }),
} satisfies Record<string, Operator>;

