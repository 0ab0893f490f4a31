/**
 * The geometry that convolutions and pools share, on tensors with channels last: kernel, strides, padding and dilations of the spatial axes.
 * One spatial axis is treated as two, the first of extent 1, because TensorFlow's CPU kernels know two and three.
 */
import type { NodePlan } from '../kernel.js';
import type { T, Tf } from '../tf.js';

/** One entry per spatial axis. */
export interface Windows {
  readonly kernel: number[];
  readonly strides: number[];
  readonly begins: number[];
  readonly ends: number[];
  readonly dilations: number[];
}

export function windowsOf(node: NodePlan, kernel: readonly number[]): Windows {
  const spatial = node.input(0).shape.slice(2);
  const rank = spatial.length;
  const ones = new Array<number>(rank).fill(1);
  const strides = [...(node.ints('strides') ?? ones)];
  const dilations = [...(node.ints('dilations') ?? ones)];
  const pads = node.ints('pads') ?? new Array<number>(2 * rank).fill(0);
  const auto = node.text('auto_pad', 'NOTSET');
  if (auto === 'NOTSET') return { kernel: [...kernel], strides, dilations, begins: pads.slice(0, rank), ends: pads.slice(rank) };
  const totals = spatial.map((extent, i) => {
    const stride = strides[i] as number;
    return auto === 'VALID' ? 0 : Math.max(0, (Math.ceil(extent / stride) - 1) * stride + reachOf({ kernel, dilations }, i) - extent);
  });
  const [smaller, larger] = [totals.map((total) => Math.floor(total / 2)), totals.map((total) => Math.ceil(total / 2))];
  return { kernel: [...kernel], strides, dilations, begins: auto === 'SAME_LOWER' ? larger : smaller, ends: auto === 'SAME_LOWER' ? smaller : larger };
}

/** Extent of the dilated kernel. */
export function reachOf(w: { readonly kernel: readonly number[]; readonly dilations: readonly number[] }, axis: number): number {
  return (w.dilations[axis] as number) * ((w.kernel[axis] as number) - 1) + 1;
}

/** With a spatial axis of extent 1 in front where there is only one. */
export function lifted(w: Windows): Windows {
  if (w.kernel.length !== 1) return w;
  return { kernel: [1, ...w.kernel], strides: [1, ...w.strides], dilations: [1, ...w.dilations], begins: [0, ...w.begins], ends: [0, ...w.ends] };
}

/** [N, W, C] as [N, 1, W, C]; more axes stay. */
export function liftedTensor(tf: Tf, x: T): T {
  return x.shape.length === 3 ? tf.reshape(x, [x.shape[0] as number, 1, ...x.shape.slice(1)]) : x;
}

/** Pads (or, where negative, crops) the spatial axes of x [N, …, C] with one value. */
export function framed(tf: Tf, x: T, begins: readonly number[], ends: readonly number[], value = 0): T {
  const cut = (list: readonly number[]): number[] => [0, ...list.map((n) => Math.max(0, -n)), 0];
  const added = (list: readonly number[]): number[] => [0, ...list.map((n) => Math.max(0, n)), 0];
  let result = x;
  if ([...begins, ...ends].some((n) => n < 0)) {
    const [from, to] = [cut(begins), cut(ends)];
    result = tf.slice(result, from, result.shape.map((extent, axis) => extent - (from[axis] as number) - (to[axis] as number)));
  }
  if ([...begins, ...ends].every((n) => n <= 0)) return result;
  const [before, after] = [added(begins), added(ends)];
  return tf.pad(result, before.map((n, axis) => [n, after[axis] as number] as [number, number]), value);
}

/** Puts step - 1 zeros between the elements of one axis: extent n becomes (n - 1) · step + 1. */
export function spread(tf: Tf, x: T, axis: number, step: number): T {
  const extent = x.shape[axis] as number;
  if (step === 1 || extent <= 1) return x;
  const [before, after] = [x.shape.slice(0, axis), x.shape.slice(axis + 1)];
  const split = tf.reshape(x, [product(before), extent, 1, product(after)]);
  const padded = tf.pad(split, [[0, 0], [0, 0], [0, step - 1], [0, 0]]);
  const joined = tf.reshape(padded, [product(before), extent * step, product(after)]);
  return tf.reshape(tf.slice(joined, [0, 0, 0], [-1, (extent - 1) * step + 1, -1]), [...before, (extent - 1) * step + 1, ...after]);
}

/** The elements of padded x [N, …, C] that every window sees at one offset of the kernel: [N, …out, C]. */
export function seenAt(tf: Tf, x: T, offset: readonly number[], w: Windows, extents: readonly number[]): T {
  const starts = offset.map((position, i) => position * (w.dilations[i] as number));
  const lengths = extents.map((extent, i) => (extent - 1) * (w.strides[i] as number) + 1);
  const ends = starts.map((start, i) => start + (lengths[i] as number));
  const n = x.shape[0] as number;
  const channels = x.shape.at(-1) as number;
  if (w.strides.every((stride) => stride === 1)) return tf.slice(x, [0, ...starts, 0], [n, ...lengths, channels]);
  return tf.stridedSlice(x, [0, ...starts, 0], [n, ...ends, channels], [1, ...w.strides, 1]);
}

/** All positions of a kernel, the last axis fastest. */
export function offsetsOf(kernel: readonly number[]): number[][] {
  return kernel.reduce<number[][]>((lists, extent) => lists.flatMap((list) => Array.from({ length: extent }, (_, position) => [...list, position])), [[]]);
}

export function product(extents: readonly number[]): number {
  return extents.reduce((total, extent) => total * extent, 1);
}
