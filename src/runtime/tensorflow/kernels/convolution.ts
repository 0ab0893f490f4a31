/**
 * Conv and ConvTranspose over one to three spatial axes. Padding is added as zeros and cut off as rows; a dilation that TensorFlow does not
 * take (beside a stride, or in a transposed, depthwise or three-dimensional convolution) is zeros between the weights. One input channel a group
 * is a depthwise convolution; other groups are computed one after the other. Constant weights are brought into TensorFlow's order once.
 */
import { operandAt } from '../kernel.js';
import type { Compute, Kernel, NodePlan } from '../kernel.js';
import { upload } from '../operand.js';
import type { Operand } from '../operand.js';
import type { T, Tf } from '../tf.js';
import { framed, lifted, liftedTensor, reachOf, spread, windowsOf } from './windows.js';
import type { Windows } from './windows.js';

interface Convolution {
  readonly w: Windows;
  /** of the weights, spatial axes first */
  readonly spatial: number;
  readonly group: number;
  /** the second extent of the weights */
  readonly perGroup: number;
  readonly extents: readonly number[];
}

function describe(node: NodePlan): Convolution {
  const { dtype } = node.input(0);
  if (dtype !== 'float32') node.refuse('convolutions of integers', 'float32', dtype);
  const kernel = node.input(1).shape.slice(2);
  if (kernel.length > 3) node.refuse('the number of spatial axes', '1 to 3', String(kernel.length));
  const extents = node.output().shape.slice(2);
  const w = windowsOf(node, kernel);
  return { w: lifted(w), spatial: Math.max(2, kernel.length), group: node.int('group', 1), perGroup: node.input(1).shape[1] as number, extents: kernel.length === 1 ? [1, ...extents] : extents };
}

/** Weights as `arrange` makes them: from a constant once, from a computed value at every run. */
function weights(node: NodePlan, arrange: (w: T) => T): (inputs: readonly (Operand | undefined)[]) => T {
  const constant = node.constant(1);
  if (constant === undefined) return (inputs) => arrange(operandAt(inputs, 1).plain());
  const held = node.keep(() => arrange(upload(node.tf, constant)));
  return () => held;
}

function dilated(tf: Tf, w: T, dilations: readonly number[]): T {
  return dilations.reduce((filter, step, axis) => spread(tf, filter, axis, step), w);
}

/** [A, B, k] or [A, B, …k] as [A, B, …k] with at least two spatial axes. */
function squared(tf: Tf, w: T): T {
  return w.shape.length === 3 ? tf.reshape(w, [...w.shape.slice(0, 2), 1, w.shape[2] as number]) : w;
}

function finish(node: NodePlan, compute: (x: T, filter: T) => T, filter: (inputs: readonly (Operand | undefined)[]) => T): Compute {
  const { tf } = node;
  const { shape } = node.output();
  const last = [shape[0] as number, ...shape.slice(2), shape[1] as number];
  return (inputs) => {
    const y = compute(liftedTensor(tf, operandAt(inputs, 0).last()), filter(inputs));
    const biased = inputs[2] === undefined ? y : tf.add(y, inputs[2].plain());
    return [{ tensor: shape.length === 3 ? tf.reshape(biased, last) : biased, last: true }];
  };
}

/** One convolution per group: inputs and filters are cut along their channels. */
function grouped(tf: Tf, group: number, x: T, filter: T, filterAxis: number, one: (x: T, filter: T) => T): T {
  if (group === 1) return one(x, filter);
  const [images, filters] = [tf.split(x, group, x.shape.length - 1), tf.split(filter, group, filterAxis)];
  return tf.concat(images.map((image, i) => one(image, filters[i] as T)), x.shape.length - 1);
}

type Pair = [number, number];
type Triple = [number, number, number];

const conv: Kernel = (node) => {
  const { tf } = node;
  const { w, spatial, group, perGroup, extents } = describe(node);
  const rest = Array.from({ length: spatial }, (_, i) => i + 2);
  const strided = w.strides.some((s) => s > 1);
  if (group > 1 && perGroup === 1 && spatial === 2) {
    const channels = group;
    const filter = weights(node, (own) => {
      const parts = tf.reshape(own, [channels, (own.shape[0] as number) / channels, w.kernel[0] as number, w.kernel[1] as number]);
      return dilated(tf, tf.transpose(parts, [2, 3, 0, 1]), w.dilations);
    });
    return finish(node, (x, f) => depthwise(tf, framed(tf, x, w.begins, w.ends), f, w.strides, extents), filter);
  }
  // TensorFlow takes dilations without strides, in two dimensions
  const native = spatial === 2 && !strided;
  const filter = weights(node, (own) => {
    const turned = tf.transpose(squared(tf, own), [...rest, 1, 0]);
    return native ? turned : dilated(tf, turned, w.dilations);
  });
  const one = (x: T, f: T): T =>
    spatial === 3
      ? tf.conv3d(x as never, f as never, w.strides as Triple, 'valid')
      : tf.conv2d(x as never, f as never, w.strides as Pair, 'valid', 'NHWC', native ? (w.dilations as Pair) : 1);
  return finish(node, (x, f) => grouped(tf, group, framed(tf, x, w.begins, w.ends), f, f.shape.length - 1, one), filter);
};

/** TensorFlow's depthwise convolution wants one stride for both axes; with two it is computed at every place and thinned out. */
function depthwise(tf: Tf, x: T, filter: T, strides: readonly number[], extents: readonly number[]): T {
  const [down, across] = strides as Pair;
  if (down === across) return tf.depthwiseConv2d(x as never, filter as never, [down, across], 'valid');
  const y: T = tf.depthwiseConv2d(x as never, filter as never, 1, 'valid');
  const ends = extents.map((extent, i) => (extent - 1) * (strides[i] as number) + 1);
  return tf.stridedSlice(y, [0, 0, 0, 0], [y.shape[0] as number, ...ends, y.shape[3] as number], [1, ...strides, 1]);
}

/** Rows that the padding takes away at the beginning: from `pads`, or from the extents where those are given. */
function cutBegins(node: NodePlan, w: Windows, extents: readonly number[]): number[] {
  const auto = node.text('auto_pad', 'NOTSET');
  if (node.ints('output_shape') === undefined && (auto === 'NOTSET' || auto === 'VALID')) return auto === 'VALID' ? w.begins.map(() => 0) : w.begins;
  const input = node.input(0).shape.slice(2);
  const spatial = input.length === 1 ? [1, ...input] : input;
  const extra = node.ints('output_padding') ?? input.map(() => 0);
  return extents.map((extent, i) => {
    const full = ((spatial[i] as number) - 1) * (w.strides[i] as number) + reachOf(w, i) + (extra[i - extents.length + extra.length] ?? 0);
    const total = Math.max(0, full - extent);
    return auto === 'SAME_UPPER' ? Math.floor(total / 2) : total - Math.floor(total / 2);
  });
}

const convTranspose: Kernel = (node) => {
  const { tf } = node;
  const { w, spatial, group, perGroup, extents } = describe(node);
  const inputs = node.input(1).shape[0] as number;
  const begins = cutBegins(node, w, extents);
  const reach = w.kernel.map((_, i) => reachOf(w, i));
  const rest = Array.from({ length: spatial }, (_, i) => i + 2);
  const n = node.input(0).shape[0] as number;

  if (group > 1 && inputs === group && spatial === 2) {
    // one input channel a group: the rotated kernels over the image with its elements spread apart
    const filter = weights(node, (own) => {
      const parts = tf.reshape(own, [group, perGroup, w.kernel[0] as number, w.kernel[1] as number]);
      return tf.reverse(dilated(tf, tf.transpose(parts, [2, 3, 0, 1]), w.dilations), [0, 1]);
    });
    return finish(node, (x, f) => {
      const apart = spread(tf, spread(tf, x, 1, w.strides[0] as number), 2, w.strides[1] as number);
      const before = reach.map((r, i) => r - 1 - (begins[i] as number));
      const after = reach.map((r, i) => (extents[i] as number) + r - 1 - (apart.shape[i + 1] as number) - (before[i] as number));
      return depthwise(tf, framed(tf, apart, before, after), f, [1, 1], extents);
    }, filter);
  }

  // spatial axes, outputs of a group, inputs
  const filter = weights(node, (own) => dilated(tf, tf.transpose(squared(tf, own), [...rest, 1, 0]), w.dilations));
  return finish(node, (x, f) => {
    const full = reach.map((r, i) => ((x.shape[i + 1] as number) - 1) * (w.strides[i] as number) + r);
    const y = grouped(tf, group, x, f, f.shape.length - 1, (image, own) =>
      spatial === 3
        ? tf.conv3dTranspose(image as never, own as never, [n, ...(full as Triple), perGroup], w.strides as Triple, 'valid')
        : tf.conv2dTranspose(image as never, own as never, [n, ...(full as Pair), perGroup], w.strides as Pair, 'valid'));
    return framed(tf, y, begins.map((begin) => -begin), extents.map((extent, i) => extent + (begins[i] as number) - (full[i] as number)));
  }, filter);
};

export const convolutionKernels = { Conv: conv, ConvTranspose: convTranspose } satisfies Record<string, Kernel>;
