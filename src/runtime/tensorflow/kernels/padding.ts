/** Pad: a constant (TensorFlow's own, after cutting what negative pads cut), or rows picked by their static positions: repeated, mirrored, wrapped. */
import { operandAt } from '../kernel.js';
import type { Kernel, NodePlan } from '../kernel.js';
import { lastOrder } from '../operand.js';
import type { T, Tf } from '../tf.js';

function padsOf(node: NodePlan): [number, number][] {
  const { shape } = node.input(0);
  const given = node.integers(1);
  const axes = node.has(3) ? node.integers(3).map((axis) => node.axis(axis, shape.length)) : shape.map((_, axis) => axis);
  const pads = shape.map((): [number, number] => [0, 0]);
  axes.forEach((axis, i) => (pads[axis] = [given[i] as number, given[i + axes.length] as number]));
  return pads;
}

/** The row that padded row `position` is a copy of. */
function source(position: number, extent: number, mode: string): number {
  if (mode === 'edge') return Math.min(Math.max(position, 0), extent - 1);
  if (mode === 'wrap') return ((position % extent) + extent) % extent;
  const period = Math.max(1, 2 * (extent - 1));
  const turn = ((position % period) + period) % period;
  return turn < extent ? turn : period - turn;
}

function constantPad(tf: Tf, x: T, pads: readonly (readonly [number, number])[], value: number): T {
  const begins = pads.map(([begin]) => Math.max(0, -begin));
  const lengths = pads.map(([begin, end], axis) => (x.shape[axis] as number) - Math.max(0, -begin) - Math.max(0, -end));
  const kept = tf.slice(x, begins, lengths);
  return tf.pad(kept, pads.map(([begin, end]) => [Math.max(0, begin), Math.max(0, end)] as [number, number]), value);
}

export const paddingKernels = {
  Pad: (node) => {
    const { tf } = node;
    const { dtype, shape } = node.input(0);
    if (shape.length === 0) return (inputs) => [{ tensor: tf.clone(operandAt(inputs, 0).plain()), last: false }];
    const order = shape.length < 3 ? [] : lastOrder(shape.length);
    const arranged = <A>(list: readonly A[], last: boolean): A[] => (last ? order.map((axis) => list[axis] as A) : [...list]);
    const pads = padsOf(node);
    const mode = node.text('mode', 'constant');
    if (mode === 'constant') {
      const constant = node.constant(2);
      if (constant === undefined && node.has(2)) node.refuse('the padding is computed', 'a constant', node.input(2).name);
      const value = Number(constant?.data[0] ?? 0);
      return (inputs) => {
        const { tensor, last } = operandAt(inputs, 0).either();
        const own = arranged(pads, last);
        return [{ tensor: dtype === 'bool' ? tf.cast(constantPad(tf, tf.cast(tensor, 'int32'), own, value), 'bool') : constantPad(tf, tensor, own, value), last }];
      };
    }
    const rows = pads.map(([begin, end], axis) => {
      const extent = shape[axis] as number;
      if (begin === 0 && end === 0) return undefined;
      return node.keep(() => tf.tensor1d(Array.from({ length: extent + begin + end }, (_, i) => source(i - begin, extent, mode)), 'int32'));
    });
    return (inputs) => {
      const { tensor, last } = operandAt(inputs, 0).either();
      return [{ tensor: arranged(rows, last).reduce<T>((x, places, axis) => (places === undefined ? x : tf.gather(x, places as never, axis)), tensor), last }];
    };
  },
} satisfies Record<string, Kernel>;
