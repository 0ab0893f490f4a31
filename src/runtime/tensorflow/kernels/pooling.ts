/**
 * Pools over the spatial axes. Two axes without dilation and without positions go to TensorFlow's own pool on an image that is padded here
 * (its own padding knows only `same`); everything else takes, offset by offset of the kernel, the elements that every window sees there.
 * Positions are flat indices into [N, C, …] of the input, as ONNX counts; of equal elements the first counts.
 */
import { operandAt, plainKernel } from '../kernel.js';
import type { Compute, Kernel, NodePlan } from '../kernel.js';
import { lastOrder } from '../operand.js';
import type { T } from '../tf.js';
import { framed, lifted, liftedTensor, offsetsOf, product, reachOf, seenAt, windowsOf } from './windows.js';
import type { Windows } from './windows.js';

interface Pool {
  readonly w: Windows;
  /** of input and output, lifted */
  readonly spatial: readonly number[];
  readonly extents: readonly number[];
  /** padding at the end that the last window needs; negative where the image holds rows that no window sees */
  readonly after: readonly number[];
  readonly native: boolean;
}

function describe(node: NodePlan): Pool {
  const { dtype, shape } = node.input(0);
  if (dtype !== 'float32') node.refuse('pools of integers', 'float32', dtype);
  const given = windowsOf(node, node.ints('kernel_shape') ?? node.refuse('kernel_shape is missing', 'one integer per spatial axis', 'nothing'));
  const w = lifted(given);
  const lift = (extents: readonly number[]): readonly number[] => (extents.length === 1 ? [1, ...extents] : extents);
  const [spatial, extents] = [lift(shape.slice(2)), lift(node.output().shape.slice(2))];
  const after = extents.map((extent, i) => (extent - 1) * (w.strides[i] as number) + reachOf(w, i) - (spatial[i] as number) - (w.begins[i] as number));
  return { w, spatial, extents, after, native: spatial.length === 2 && w.dilations.every((d) => d === 1) };
}

function finish(node: NodePlan, compute: (x: T) => T[]): Compute {
  const { tf } = node;
  const { shape } = node.output();
  const last = [shape[0] as number, ...shape.slice(2), shape[1] as number];
  return (inputs) => compute(liftedTensor(tf, operandAt(inputs, 0).last())).map((y) => ({ tensor: shape.length === 3 ? tf.reshape(y, last) : y, last: true }));
}

const maxPool: Kernel = (node) => {
  const { tf } = node;
  const { w, spatial, extents, after, native } = describe(node);
  const pad = (x: T): T => framed(tf, x, w.begins, after, -Infinity);
  if (native && node.outputCount === 1) return finish(node, (x) => [tf.maxPool(pad(x) as never, w.kernel as [number, number], w.strides as [number, number], 'valid')]);
  const offsets = offsetsOf(w.kernel);
  const positions = node.outputCount === 1 ? undefined : positionsOf(node, w, spatial, extents, offsets);
  return finish(node, (x) => {
    const padded = pad(x);
    let best = seenAt(tf, padded, offsets[0] as number[], w, extents);
    let winner = positions === undefined ? undefined : tf.zerosLike(tf.cast(best, 'int32'));
    offsets.slice(1).forEach((offset, i) => {
      const seen = seenAt(tf, padded, offset, w, extents);
      if (winner !== undefined) winner = tf.where(tf.greater(seen, best), tf.fill(best.shape, i + 1, 'int32'), winner);
      best = tf.maximum(best, seen);
    });
    return winner === undefined ? [best] : [best, (positions as (winner: T) => T)(winner)];
  });
};

/** From the number of the winning offset of each window to the flat index of its element. */
function positionsOf(node: NodePlan, w: Windows, spatial: readonly number[], extents: readonly number[], offsets: readonly number[][]): (winner: T) => T {
  const { tf } = node;
  const [n, channels] = node.input(0).shape as [number, number];
  const area = product(spatial);
  const steps = spatial.map((_, i) => product(spatial.slice(i + 1)));
  const distance = (places: readonly number[]): number => places.reduce((total, place, i) => total + place * (steps[i] as number), 0);
  const ofOffset = node.keep(() => tf.tensor1d(offsets.map((offset) => distance(offset.map((position, i) => position * (w.dilations[i] as number)))), 'int32'));
  const first = offsetsOf(extents).map((window) => distance(window.map((place, i) => place * (w.strides[i] as number) - (w.begins[i] as number))));
  const ofWindow = node.keep(() => {
    const images = tf.tensor(Int32Array.from({ length: n * channels }, (_, i) => i * area), [n, ...extents.map(() => 1), channels], 'int32');
    return tf.add(images, tf.tensor(Int32Array.from(first), [1, ...extents, 1], 'int32'));
  });
  return (winner) => tf.add(tf.gather(ofOffset, winner as never), ofWindow);
}

const averagePool: Kernel = (node) => {
  const { tf } = node;
  const { w, spatial, extents, after, native } = describe(node);
  const counted = countsOf(w, spatial, extents, node.int('count_include_pad', 0) === 1);
  const area = product(w.kernel);
  const whole = counted.every((count) => count === area);
  const weight = whole && native ? undefined : node.keep(() => tf.tensor(Float32Array.from(counted, (count) => (native ? area / count : 1 / count)), [1, ...extents, 1]));
  return finish(node, (x) => {
    const padded = framed(tf, x, w.begins, after);
    const summed: T = native
      ? tf.avgPool(padded as never, w.kernel as [number, number], w.strides as [number, number], 'valid')
      : offsetsOf(w.kernel).map((offset) => seenAt(tf, padded, offset, w, extents)).reduce((total, seen) => tf.add(total, seen));
    return [weight === undefined ? summed : tf.mul(summed, weight)];
  });
};

/** How many elements of each window count: those of the image, with `padding` those of the padding too; what hangs over the padding never does. */
function countsOf(w: Windows, spatial: readonly number[], extents: readonly number[], padding: boolean): number[] {
  const along = extents.map((extent, i) =>
    Array.from({ length: extent }, (_, window) => {
      const [low, high] = padding ? [-(w.begins[i] as number), (spatial[i] as number) + (w.ends[i] as number)] : [0, spatial[i] as number];
      const start = window * (w.strides[i] as number) - (w.begins[i] as number);
      return Array.from({ length: w.kernel[i] as number }, (_, t) => start + t * (w.dilations[i] as number)).filter((place) => place >= low && place < high).length;
    }),
  );
  return offsetsOf(extents).map((window) => window.reduce((total, place, i) => total * ((along[i] as number[])[place] as number), 1));
}

export const poolingKernels = {
  MaxPool: maxPool,
  AveragePool: averagePool,
  GlobalAveragePool: (node) => {
    const { tf } = node;
    const rank = node.rank();
    const axes = Array.from({ length: rank - 2 }, (_, i) => i + 2);
    return (inputs) => {
      const { tensor, last } = operandAt(inputs, 0).either();
      return [{ tensor: tf.mean(tensor, last ? axes.map((axis) => lastOrder(rank).indexOf(axis)) : axes, true), last }];
    };
  },
  /** Puts each value back at the flat index it came from. */
  MaxUnpool: plainKernel((node) => {
    const { tf } = node;
    const { shape } = node.output();
    node.constant(2);
    return (x, indices) => {
      const rows = tf.tensorScatterUpdate(tf.zeros([product(shape)]), tf.reshape(indices, [-1, 1]), tf.reshape(x, [-1]));
      return tf.reshape(rows, [...shape]);
    };
  }),
} satisfies Record<string, Kernel>;
