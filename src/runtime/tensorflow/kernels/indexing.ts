/**
 * Operators that pick or place elements by indices. All but Gather become flat: an index per element (or per row) into the tensor laid out in
 * one axis. Negative indices count from the end; one outside is an error that names the node, as on ONNX Runtime.
 *
 * Scattered sums are added in an order that TensorFlow chooses on a GPU. Products, maxima and minima at equal indices have no operator there and
 * are computed in JavaScript.
 */
import { PipelineError } from '../../../core/errors.js';
import type { Shape } from '../../../core/tensor.js';
import { plainKernel } from '../kernel.js';
import type { Kernel, NodePlan } from '../kernel.js';
import type { T, Tf } from '../tf.js';
import { product } from './windows.js';

/** Non-negative indices below `extent`. */
function checked(node: NodePlan, indices: T, extent: number): T {
  const { tf } = node;
  if (indices.size === 0) return indices;
  const [low, high] = [tf.min(indices), tf.max(indices)].map((extreme) => extreme.dataSync()[0] as number) as [number, number];
  if (low < -extent || high >= extent) {
    throw new PipelineError('E_RUNTIME', `'${node.name}' (${node.op}) is given an index outside the tensor`, { facts: { expected: `${-extent} to ${extent - 1}`, found: low < -extent ? low : high }, hint: 'Correct the indices.' });
  }
  return low >= 0 ? indices : tf.where(tf.less(indices, tf.scalar(0, 'int32')), tf.add(indices, tf.scalar(extent, 'int32')), indices);
}

function stridesOf(shape: Shape): number[] {
  return shape.map((_, axis) => product(shape.slice(axis + 1)));
}

/** Flat place in `into` of every element of `shape`, without what `axis` adds: held by the program. */
function basesWithout(node: NodePlan, shape: Shape, into: Shape, axis: number): T {
  const { tf } = node;
  const [own, steps] = [stridesOf(shape), stridesOf(into)];
  const places = Int32Array.from({ length: product(shape) }, (_, i) => shape.reduce((total, extent, a) => (a === axis ? total : total + (Math.floor(i / (own[a] as number)) % extent) * (steps[a] as number)), 0));
  return node.keep(() => tf.tensor(places, [...shape], 'int32'));
}

function flatAlong(node: NodePlan, axis: number): (indices: T) => T {
  const { tf } = node;
  const { shape } = node.input(0);
  const bases = basesWithout(node, node.input(1).shape, shape, axis);
  const step = node.keep(() => tf.scalar(stridesOf(shape)[axis] as number, 'int32'));
  return (indices) => tf.add(tf.mul(checked(node, indices, shape[axis] as number), step), bases);
}

/** Tuples of k indices as flat numbers of rows; the leading `batch` axes of the indices are those of the tensor. */
function flatTuples(node: NodePlan, batch: number): { rows: (indices: T) => T; rowCount: number; rowShape: number[] } {
  const { tf } = node;
  const { shape } = node.input(0);
  const tuples = node.input(1).shape;
  const k = tuples.at(-1) as number;
  const rowShape = shape.slice(batch + k);
  const picked = shape.slice(0, batch + k);
  const steps = stridesOf(picked);
  const lead = tuples.slice(0, -1);
  const own = stridesOf(lead);
  const bases = node.keep(() => tf.tensor1d(Int32Array.from({ length: product(lead) }, (_, i) => lead.slice(0, batch).reduce((total, extent, a) => total + (Math.floor(i / (own[a] as number)) % extent) * (steps[a] as number), 0)), 'int32'));
  const rows = (indices: T): T => {
    const columns = tf.split(tf.reshape(indices, [-1, k]), k, 1);
    return columns.reduce<T>((total, column, j) => tf.add(total, tf.mul(tf.reshape(checked(node, column, picked[batch + j] as number), [-1]), tf.scalar(steps[batch + j] as number, 'int32'))), bases);
  };
  return { rows, rowCount: product(picked), rowShape };
}

type Scatter = (data: T, places: T, updates: T) => T;

/** data [P, R], places [M], updates [M, R]. TensorFlow.js's backend in JavaScript writes updates into the data it was given, hence the copy. */
function scatter(node: NodePlan): Scatter {
  const { tf } = node;
  const reduction = node.text('reduction', 'none');
  if (reduction === 'none') return (data, places, updates) => withoutBool(tf, data, updates, (d, u) => tf.tensorScatterUpdate(tf.tile(d, [1, 1]), tf.reshape(places, [-1, 1]), u));
  if (reduction === 'add') return (data, places, updates) => tf.add(data, tf.scatterND(tf.reshape(places, [-1, 1]), updates, data.shape as never));
  const combine = { mul: (x: number, y: number) => x * y, max: Math.max, min: Math.min }[reduction];
  if (combine === undefined) return node.refuse('its reduction', 'none, add, mul, max or min', reduction);
  return (data, places, updates) => {
    const [result, targets, values] = [data.dataSync().slice(), places.dataSync(), updates.dataSync()];
    const width = data.shape[1] as number;
    values.forEach((value, i) => {
      const target = (targets[Math.floor(i / width)] as number) * width + (i % width);
      result[target] = combine(result[target] as number, value);
    });
    return tf.tensor(result, data.shape, data.dtype as 'float32');
  };
}

function withoutBool(tf: Tf, data: T, updates: T, place: (data: T, updates: T) => T): T {
  if (data.dtype !== 'bool') return place(data, updates);
  return tf.cast(place(tf.cast(data, 'int32'), tf.cast(updates, 'int32')), 'bool');
}

export const indexingKernels = {
  Gather: plainKernel((node) => {
    const { tf } = node;
    const { shape } = node.input(0);
    const axis = node.axis(node.int('axis', 0), shape.length);
    const target = [...node.output().shape];
    return (x, indices) => tf.reshape(tf.gather(x, tf.reshape(checked(node, indices, shape[axis] as number), [-1]) as never, axis), target);
  }),

  GatherElements: plainKernel((node) => {
    const { tf } = node;
    const flat = flatAlong(node, node.axis(node.int('axis', 0), node.rank()));
    return (x, indices) => tf.gather(tf.reshape(x, [-1]), flat(indices) as never);
  }),

  GatherND: plainKernel((node) => {
    const { tf } = node;
    const { rows, rowCount, rowShape } = flatTuples(node, node.int('batch_dims', 0));
    const { shape } = node.output();
    return (x, indices) => tf.reshape(tf.gather(tf.reshape(x, [rowCount, product(rowShape)]), rows(indices) as never), [...shape]);
  }),

  ScatterElements: plainKernel((node) => {
    const { tf } = node;
    const flat = flatAlong(node, node.axis(node.int('axis', 0), node.rank()));
    const place = scatter(node);
    return (data, indices, updates) => tf.reshape(place(tf.reshape(data, [-1, 1]), tf.reshape(flat(indices), [-1]), tf.reshape(updates, [-1, 1])), data.shape);
  }),

  ScatterND: plainKernel((node) => {
    const { tf } = node;
    const { rows, rowCount, rowShape } = flatTuples(node, 0);
    const place = scatter(node);
    const width = product(rowShape);
    return (data, indices, updates) => tf.reshape(place(tf.reshape(data, [rowCount, width]), rows(indices), tf.reshape(updates, [-1, width])), data.shape);
  }),

  /** `on` at the index, `off` elsewhere along the new axis; an index outside gives a row of `off`. */
  OneHot: plainKernel((node) => {
    const { tf } = node;
    const { shape } = node.output();
    const depth = node.integers(1)[0] as number;
    const axis = node.axis(node.int('axis', -1), shape.length);
    const places = node.keep(() => tf.tensor(Int32Array.from({ length: depth }, (_, i) => i), shape.map((_, a) => (a === axis ? depth : 1)), 'int32'));
    const expanded = shape.map((extent, a) => (a === axis ? 1 : extent));
    return (indices, _depth, values) => {
      const whole = tf.reshape(tf.cast(indices, 'int32'), expanded);
      const wrapped = tf.where(tf.less(whole, tf.scalar(0, 'int32')), tf.add(whole, tf.scalar(depth, 'int32')), whole);
      const [off, on] = tf.split(tf.reshape(values, [2]), 2) as [T, T];
      return tf.where(tf.equal(places, wrapped), tf.reshape(on, []), tf.reshape(off, []));
    };
  }),
} satisfies Record<string, Kernel>;
