/** Reductions over a list of axes (the second input; absent means all axes), the softmax family, running sums and extreme positions. */
import { operandAt, plainKernel } from '../kernel.js';
import type { Kernel, NodePlan } from '../kernel.js';
import { lastOrder, placeOf } from '../operand.js';
import type { T, Tf } from '../tf.js';
import { growing } from './arithmetic.js';

/** `compute` keeps the reduced axes with extent 1. A value in the channels-last order is reduced where it lies. */
function reduction(compute: (tf: Tf, x: T, axes: number[]) => T, grows = false): Kernel {
  return (node) => {
    const { tf } = node;
    const rank = node.rank();
    const { shape } = node.output();
    const given = node.has(1) ? node.integers(1).map((axis) => node.axis(axis, rank)) : [];
    const axes = given.length > 0 ? given : node.int('noop_with_empty_axes', 0) === 1 ? [] : Array.from({ length: rank }, (_, axis) => axis);
    const reduce = (x: T, places: number[]): T => {
      // over no axis: over a new one of extent 1
      const step = places.length === 0 ? (y: T) => tf.reshape(compute(tf, tf.reshape(y, [...y.shape, 1]), [y.shape.length]), y.shape) : (y: T) => compute(tf, y, places);
      return grows ? growing(node, step)(x) : step(x);
    };
    const keeps = node.int('keepdims', 1) === 1;
    // without the reduced axes the others may still be out of order: only what stays in order is reduced in the channels-last order
    const rest = rank < 3 ? [] : lastOrder(rank).filter((axis) => !axes.includes(axis));
    const inOrder = rest.every((axis, i) => i === 0 || axis > (rest[i - 1] as number));
    return (inputs) => {
      const x = operandAt(inputs, 0);
      if (x.hasLast && keeps) return [{ tensor: reduce(x.last(), axes.map((axis) => placeOf(axis, rank, true))), last: true }];
      if (x.hasLast && inOrder) return [{ tensor: tf.reshape(reduce(x.last(), axes.map((axis) => placeOf(axis, rank, true))), [...shape]), last: false }];
      return [{ tensor: tf.reshape(reduce(x.plain(), axes), [...shape]), last: false }];
    };
  };
}

/** Along one axis of a value in either order. */
function alongAxis(compute: (tf: Tf, x: T, axis: number) => T): Kernel {
  return (node) => {
    const rank = node.rank();
    const axis = node.axis(node.int('axis', -1), rank);
    return (inputs) => {
      const { tensor, last } = operandAt(inputs, 0).either();
      return [{ tensor: compute(node.tf, tensor, placeOf(axis, rank, last)), last }];
    };
  };
}

/** The largest element, 0 where that is not finite (or of no elements): what may be taken from x before powers are summed. */
function finiteTop(tf: Tf, x: T, axes: number[]): T {
  const largest = tf.max(x, axes, true);
  return tf.where(tf.isFinite(largest), largest, tf.zerosLike(largest));
}

function extremePosition(compute: (tf: Tf, x: T, axis: number) => T): Kernel {
  return plainKernel((node) => {
    const { tf } = node;
    const rank = node.rank();
    const axis = node.axis(node.int('axis', 0), rank);
    const extent = node.input(0).shape[axis] as number;
    const { shape } = node.output();
    if (node.int('select_last_index', 0) === 0) return (x) => tf.reshape(compute(tf, x, axis), [...shape]);
    const end = node.keep(() => tf.scalar(extent - 1, 'int32'));
    return (x) => tf.reshape(tf.sub(end, compute(tf, tf.reverse(x, axis), axis)), [...shape]);
  });
}

export const reductionKernels = {
  ReduceSum: reduction((tf, x, axes) => tf.sum(x, axes, true), true),
  ReduceMean: reduction((tf, x, axes) => (x.dtype === 'int32' ? tf.cast(tf.mean(tf.cast(x, 'float32'), axes, true), 'int32') : tf.mean(x, axes, true))),
  ReduceMax: reduction((tf, x, axes) => tf.max(x, axes, true)),
  ReduceMin: reduction((tf, x, axes) => tf.min(x, axes, true)),
  ReduceProd: reduction((tf, x, axes) => tf.prod(x, axes, true), true),
  ReduceL2: reduction((tf, x, axes) => tf.sqrt(tf.sum(tf.square(x), axes, true))),
  ReduceSumSquare: reduction((tf, x, axes) => tf.sum(tf.square(x), axes, true), true),
  ReduceLogSumExp: reduction((tf, x, axes) => {
    const top = finiteTop(tf, x, axes);
    return tf.add(tf.log(tf.sum(tf.exp(tf.sub(x, top)), axes, true)), top);
  }),

  Softmax: alongAxis((tf, x, axis) => {
    if (axis === x.shape.length - 1) return tf.softmax(x, axis);
    const powers = tf.exp(tf.sub(x, tf.max(x, axis, true)));
    return tf.div(powers, tf.sum(powers, axis, true));
  }),
  LogSoftmax: alongAxis((tf, x, axis) => {
    const rest = tf.sub(x, tf.max(x, axis, true));
    return tf.sub(rest, tf.log(tf.sum(tf.exp(rest), axis, true)));
  }),

  CumSum: plainKernel((node) => {
    const axis = node.axis(node.integers(1)[0] as number, node.rank());
    const [exclusive, reverse] = [node.int('exclusive', 0) === 1, node.int('reverse', 0) === 1];
    return growing(node, (x) => node.tf.cumsum(x, axis, exclusive, reverse));
  }),
  ArgMax: extremePosition((tf, x, axis) => tf.argMax(x, axis)),
  ArgMin: extremePosition((tf, x, axis) => tf.argMin(x, axis)),
  TopK: topK,
} satisfies Record<string, Kernel>;

/** The largest (or smallest) elements of one axis and where they are; of equals the first comes first. */
function topK(node: NodePlan): ReturnType<Kernel> {
  const { tf } = node;
  const rank = node.rank();
  const axis = node.axis(node.int('axis', -1), rank);
  const count = node.integers(1)[0] as number;
  const largest = node.int('largest', 1) === 1;
  const order = Array.from({ length: rank }, (_, a) => a).filter((a) => a !== axis).concat(axis);
  const back = order.map((_, a) => order.indexOf(a));
  return (inputs) => {
    const x = tf.transpose(operandAt(inputs, 0).plain(), order);
    const { values, indices } = tf.topk(largest ? x : tf.neg(x), count, true);
    return [largest ? values : tf.neg(values), indices].map((tensor) => ({ tensor: tf.transpose(tensor, back), last: false }));
  };
}
