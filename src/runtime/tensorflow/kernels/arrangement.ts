/** Operators that move elements without changing them, and Cast. Shapes are static, so most are a reshape to the output's own shape. */
import { PipelineError } from '../../../core/errors.js';
import type { DType } from '../../../core/tensor.js';
import { operandAt, plainKernel } from '../kernel.js';
import type { Compute, Kernel, NodePlan } from '../kernel.js';
import { HELD_AS, lastOrder, permute, placeOf } from '../operand.js';
import type { Operand } from '../operand.js';
import type { T, Tf } from '../tf.js';

const reshaped: Kernel = plainKernel((node) => {
  const { shape } = node.output();
  for (let i = 1; i < node.inputCount; i += 1) node.constant(i);
  return (x) => node.tf.reshape(x, [...shape]);
});

/** Ranges of the integers that are narrower than 32 bits, and of those that are wider. */
const RANGE: Readonly<Partial<Record<DType, readonly [number, number]>>> = { int8: [-128, 127], uint8: [0, 255], int16: [-32768, 32767], uint16: [0, 65535], uint32: [0, 2147483647], int64: [-2147483648, 2147483647], int32: [-2147483648, 2147483647] };

/** Real numbers lose their fraction; what the target cannot hold is refused, since machines differ in what they make of it. */
const cast: Kernel = (node) => {
  const { tf } = node;
  const [from, to] = [node.input(0).dtype, node.output().dtype];
  const held = HELD_AS[to as keyof typeof HELD_AS];
  const range = RANGE[to];
  const checked = range !== undefined && from !== 'bool' && from !== to && !(from !== 'float32' && (to === 'int32' || to === 'int64'));
  return (inputs) => {
    const { tensor, last } = operandAt(inputs, 0).either();
    if (checked && tensor.size > 0) {
      const [low, high] = [tf.min(tensor), tf.max(tensor)].map((extreme) => Math.trunc(extreme.dataSync()[0] as number)) as [number, number];
      if (!(low >= range[0] && high <= range[1])) throw new PipelineError('E_RUNTIME', `'${node.name}' (Cast) meets numbers that ${to} does not hold here`, { facts: { expected: `${range[0]} to ${range[1]}`, found: `${low} to ${high}` }, hint: 'Run this model on the onnxruntime runtime.' });
    }
    return [{ tensor: tf.cast(tensor, held), last }];
  };
};

const transpose: Kernel = (node) => {
  const { tf } = node;
  const rank = node.rank();
  const order = node.ints('perm') ?? Array.from({ length: rank }, (_, i) => rank - 1 - i);
  const fromLast = rank < 3 ? undefined : order.map((axis) => lastOrder(rank).indexOf(axis));
  return (inputs) => {
    const x = operandAt(inputs, 0);
    const { tensor, last } = x.either();
    return [{ tensor: permute(tf, tensor, last ? (fromLast as number[]) : order), last: false }];
  };
};

const concat: Kernel = (node) => {
  const { tf } = node;
  const rank = node.rank();
  const axis = node.axis(node.int('axis', 0), rank);
  return (inputs) => {
    const parts = inputs as readonly Operand[];
    const last = parts.some((part) => part.hasLast);
    return [{ tensor: tf.concat(parts.map((part) => (last ? part.last() : part.plain())), placeOf(axis, rank, last)), last }];
  };
};

function split(node: NodePlan): Compute {
  const { tf } = node;
  const rank = node.rank();
  const axis = node.axis(node.int('axis', 0), rank);
  node.constant(1);
  const lengths = Array.from({ length: node.outputCount }, (_, i) => node.output(i).shape[axis] as number);
  return (inputs) => {
    const { tensor, last } = operandAt(inputs, 0).either();
    const place = placeOf(axis, rank, last);
    let start = 0;
    return lengths.map((length) => {
      const from = start;
      start += length;
      return { tensor: tf.slice(tensor, tensor.shape.map((_, a) => (a === place ? from : 0)), tensor.shape.map((extent, a) => (a === place ? length : extent))), last };
    });
  };
}

interface Cut {
  readonly start: number;
  readonly step: number;
  readonly length: number;
}

/** Positions start, start + step, … per axis; negative positions count from the end and everything is clamped. */
function cutsOf(node: NodePlan): Cut[] {
  const { shape } = node.input(0);
  const [starts, ends] = [node.integers(1), node.integers(2)];
  const axes = node.has(3) ? node.integers(3).map((axis) => node.axis(axis, shape.length)) : starts.map((_, axis) => axis);
  const steps = node.has(4) ? node.integers(4) : starts.map(() => 1);
  const cuts: Cut[] = shape.map((length) => ({ start: 0, step: 1, length }));
  axes.forEach((axis, i) => {
    const [extent, step] = [shape[axis] as number, steps[i] as number];
    const place = (position: number, low: number, high: number): number => Math.min(Math.max(position < 0 ? position + extent : position, low), high);
    const [start, end] = step > 0 ? [place(starts[i] as number, 0, extent), place(ends[i] as number, 0, extent)] : [place(starts[i] as number, 0, extent - 1), place(ends[i] as number, -1, extent - 1)];
    cuts[axis] = { start, step, length: Math.max(0, Math.ceil((end - start) / step)) };
  });
  return cuts;
}

/** Steps backwards are a turned slice with steps forwards. */
const slice: Kernel = (node) => {
  const { tf } = node;
  const rank = node.rank();
  const cuts = cutsOf(node);
  const order = rank < 3 ? [] : lastOrder(rank);
  return (inputs) => {
    const { tensor, last } = operandAt(inputs, 0).either();
    const own = last ? order.map((axis) => cuts[axis] as Cut) : cuts;
    return [{ tensor: cut(tf, tensor, own), last }];
  };
};

function cut(tf: Tf, x: T, cuts: readonly Cut[]): T {
  if (cuts.length === 0) return tf.clone(x);
  if (cuts.some(({ length }) => length === 0)) return tf.tensor([], cuts.map(({ length }) => length), x.dtype as 'float32');
  const low = cuts.map(({ start, step, length }) => Math.min(start, start + (length - 1) * step));
  const spans = cuts.map(({ step, length }) => (length - 1) * Math.abs(step) + 1);
  let part = tf.slice(x, low, spans);
  const turned = cuts.flatMap(({ step }, axis) => (step < 0 ? [axis] : []));
  if (turned.length > 0) part = tf.reverse(part, turned);
  const steps = cuts.map(({ step }) => Math.abs(step));
  return steps.every((step) => step === 1) ? part : tf.stridedSlice(part, part.shape.map(() => 0), part.shape, steps);
}

const tile: Kernel = plainKernel((node) => {
  const repeats = node.integers(1);
  return (x) => node.tf.tile(x, repeats);
});

/** bool cannot be tiled on every backend. */
const expand: Kernel = plainKernel((node) => {
  const { tf } = node;
  const { dtype, shape } = node.output();
  node.constant(1);
  const spread = (x: T): T => tf.broadcastTo(x, [...shape]);
  return dtype === 'bool' ? (x) => tf.cast(spread(tf.cast(x, 'int32')), 'bool') : spread;
});

/** Blocks of channels become blocks of pixels. */
const depthToSpace: Kernel = plainKernel((node) => {
  const { tf } = node;
  const [n, channels, height, width] = node.input(0).shape as [number, number, number, number];
  const block = node.int('blocksize', 1);
  const depth = channels / (block * block);
  const columnsFirst = node.text('mode', 'DCR') === 'CRD';
  const parts = columnsFirst ? [n, depth, block, block, height, width] : [n, block, block, depth, height, width];
  const order = columnsFirst ? [0, 1, 4, 2, 5, 3] : [0, 3, 4, 1, 5, 2];
  return (x) => tf.reshape(tf.transpose(tf.reshape(x, parts), order), [n, depth, height * block, width * block]);
});

export const arrangementKernels = {
  Cast: cast,
  Reshape: reshaped,
  Flatten: reshaped,
  Squeeze: reshaped,
  Unsqueeze: reshaped,
  Transpose: transpose,
  Concat: concat,
  Split: split,
  Slice: slice,
  Expand: expand,
  Tile: tile,
  DepthToSpace: depthToSpace,
} satisfies Record<string, Kernel>;
