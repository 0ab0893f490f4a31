/** Operators that move elements without changing them: reshapes, permutations, joins and cuts. Gradients move them back. */
import type { Shape } from '../../core/tensor.js';
import { sizeOf } from '../../core/tensor.js';
import type { Emitter } from '../emitter.js';
import type { Value } from '../ir.js';
import { cast, concat, reshape, slice, transpose } from '../layers.js';
import { DTYPE_OF } from '../onnx/schema.js';
import { int, ints, oneOf } from './attributes.js';
import { sumTo } from './broadcast.js';
import { describe, operator } from './operator.js';
import type { GradientContext, Operator, ShapeContext, ValueType } from './operator.js';
import { padGradient, padShape } from './padding.js';
import { sliceGradient, sliceShape } from './slicing.js';


function checkedSize(c: ShapeContext<unknown>, shape: Shape): ValueType[] {
  const x = c.input(0);
  if (sizeOf(shape) !== sizeOf(x.shape)) c.fail('the number of elements would change', `${sizeOf(x.shape)} elements`, `${sizeOf(shape)} in ${describe(shape)}`);
  return [{ dtype: x.dtype, shape }];
}

const reshapeBack = (c: GradientContext<unknown>): (Value | undefined)[] => [c.wants(0) ? reshape(c.emit, c.dy, c.input(0).shape) : undefined];

function splitLengths(c: ShapeContext<{ readonly axis: number; readonly num_outputs: number | undefined }>): number[] {
  const { shape } = c.input(0);
  const extent = shape[c.axis(c.attributes.axis, shape.length)] as number;
  if (c.has(1)) return c.integers(1);
  const chunk = Math.ceil(extent / c.outputCount);
  return Array.from({ length: c.outputCount }, (_, i) => Math.min(chunk, extent - i * chunk));
}

export const arrangementOperators = {
  Identity: operator({ inputs: 1, shape: (c) => [{ dtype: c.input(0).dtype, shape: c.input(0).shape }], gradient: (c) => [c.dy] }),

  Cast: operator({
    attributes: { to: int(), saturate: int(1) },
    inputs: 1,
    shape: (c) => {
      const dtype = DTYPE_OF.get(c.attributes.to ?? 0);
      if (dtype === undefined) return c.fail('the target type is not one that we hold', [...DTYPE_OF.values()].join(', '), `data type ${c.attributes.to}`);
      return [{ dtype, shape: c.input(0).shape }];
    },
    gradient: (c) => [cast(c.emit, c.dy, c.input(0).dtype)],
  }),

  /** 0 copies the input's extent (unless allowzero), one -1 takes what is left. */
  Reshape: operator({
    attributes: { allowzero: int(0) },
    inputs: 2,
    shape: (c) => {
      const x = c.input(0);
      const target = c.integers(1).map((extent, axis) => (extent === 0 && c.attributes.allowzero === 0 ? (x.shape[axis] ?? c.fail('0 copies an axis that the input lacks', `${x.shape.length} axes`, `axis ${axis}`)) : extent));
      const open = target.indexOf(-1);
      if (target.some((extent, axis) => extent < 0 && axis !== open)) c.fail('the target shape is not valid', 'extents, at most one of them -1', describe(target));
      if (open >= 0) {
        const rest = target.reduce((product, extent, axis) => (axis === open ? product : product * extent), 1);
        const missing = sizeOf(x.shape) / rest;
        if (!Number.isInteger(missing)) c.fail('the -1 cannot be filled', `a divisor of ${sizeOf(x.shape)}`, describe(target));
        target[open] = missing;
      }
      return checkedSize(c, target);
    },
    gradient: reshapeBack,
  }),

  Flatten: operator({
    attributes: { axis: int(1) },
    inputs: 1,
    shape: (c) => {
      const { shape } = c.input(0);
      const axis = c.attributes.axis < 0 ? c.attributes.axis + shape.length : c.attributes.axis;
      if (axis < 0 || axis > shape.length) c.fail('the axis does not exist', `0 … ${shape.length}`, String(c.attributes.axis));
      return checkedSize(c, [sizeOf(shape.slice(0, axis)), sizeOf(shape.slice(axis))]);
    },
    gradient: reshapeBack,
  }),

  Squeeze: operator({
    inputs: [1, 2],
    shape: (c) => {
      const { shape } = c.input(0);
      const axes = new Set(c.has(1) ? c.integers(1).map((axis) => c.axis(axis, shape.length)) : shape.flatMap((extent, axis) => (extent === 1 ? [axis] : [])));
      for (const axis of axes) if (shape[axis] !== 1) c.fail(`axis ${axis} cannot be removed`, 'extent 1', String(shape[axis]));
      return checkedSize(c, shape.filter((_, axis) => !axes.has(axis)));
    },
    gradient: reshapeBack,
  }),

  Unsqueeze: operator({
    inputs: 2,
    shape: (c) => {
      const given = c.integers(1);
      const rank = c.input(0).shape.length + given.length;
      const axes = new Set(given.map((axis) => c.axis(axis, rank)));
      if (axes.size !== given.length) c.fail('an axis is named twice', 'distinct axes', given.join(', '));
      const rest = [...c.input(0).shape];
      return checkedSize(c, Array.from({ length: rank }, (_, axis) => (axes.has(axis) ? 1 : (rest.shift() as number))));
    },
    gradient: reshapeBack,
  }),

  Transpose: operator({
    attributes: { perm: ints() },
    inputs: 1,
    shape: (c) => {
      const { dtype, shape } = c.input(0);
      const order = permutation(c);
      if (order.length !== shape.length || new Set(order).size !== order.length || order.some((axis) => axis < 0 || axis >= shape.length)) {
        c.fail('perm is not a permutation of the axes', `a permutation of 0 … ${shape.length - 1}`, describe(order));
      }
      return [{ dtype, shape: order.map((axis) => shape[axis] as number) }];
    },
    gradient: (c) => {
      const inverse: number[] = [];
      permutation(c).forEach((axis, position) => (inverse[axis] = position));
      return [transpose(c.emit, c.dy, inverse)];
    },
  }),

  Concat: operator({
    attributes: { axis: int() },
    inputs: [1, Infinity],
    shape: (c) => {
      const first = c.input(0);
      const axis = c.axis(c.attributes.axis ?? c.fail('axis is missing', 'an axis', 'nothing'), first.shape.length);
      let extent = 0;
      for (let i = 0; i < c.inputCount; i += 1) {
        const { dtype, shape } = c.input(i);
        if (dtype !== first.dtype || shape.length !== first.shape.length || shape.some((e, at) => at !== axis && e !== first.shape[at])) {
          c.fail(`input ${i + 1} does not fit the first beside axis ${axis}`, `${first.dtype}${describe(first.shape)}`, `${dtype}${describe(shape)}`);
        }
        extent += shape[axis] as number;
      }
      return [{ dtype: first.dtype, shape: first.shape.map((e, at) => (at === axis ? extent : e)) }];
    },
    gradient: (c) => {
      const axis = c.axis(c.attributes.axis ?? 0, c.y.shape.length);
      let start = 0;
      return c.call.inputs.map((_, i) => {
        const from = start;
        start += c.input(i).shape[axis] as number;
        return c.wants(i) ? slice(c.emit, c.dy, [from], [start], [axis]) : undefined;
      });
    },
  }),

  Split: operator({
    attributes: { axis: int(0), num_outputs: int() },
    inputs: [1, 2],
    outputs: [1, Infinity],
    shape: (c) => {
      const { dtype, shape } = c.input(0);
      const axis = c.axis(c.attributes.axis, shape.length);
      const lengths = splitLengths(c);
      if (lengths.length !== c.outputCount || lengths.some((l) => l < 0) || lengths.reduce((a, l) => a + l, 0) !== shape[axis]) {
        c.fail('the parts do not add up', `${c.outputCount} parts of ${shape[axis]} elements in all`, describe(lengths));
      }
      return lengths.map((length) => ({ dtype, shape: shape.map((extent, at) => (at === axis ? length : extent)) }));
    },
    gradient: (c) => {
      const parts = c.outputs.map((output, i) => c.request.gradients[i] ?? zeros(c.emit, output));
      return [parts.length === 1 ? parts[0] : concat(c.emit, parts, c.attributes.axis)];
    },
  }),

  Slice: operator({ inputs: [3, 5], shape: sliceShape, gradient: (c) => [c.wants(0) ? sliceGradient(c) : undefined] }),
  Pad: operator({ attributes: { mode: oneOf('constant', 'reflect', 'edge') }, inputs: [2, 4], shape: padShape, gradient: (c) => [c.wants(0) ? padGradient(c) : undefined] }),

  Expand: operator({
    inputs: 2,
    shape: (c) => {
      const { dtype, shape } = c.input(0);
      const target = c.integers(1);
      const rank = Math.max(shape.length, target.length);
      const result = Array.from({ length: rank }, (_, axis) => {
        const own = shape[axis - rank + shape.length] ?? 1;
        const wanted = target[axis - rank + target.length] ?? 1;
        if (wanted < 0 || (own !== wanted && own !== 1 && wanted !== 1)) c.fail('the input does not broadcast to the target', describe(target), describe(shape));
        return own === 1 ? wanted : own;
      });
      return [{ dtype, shape: result }];
    },
    gradient: (c) => [c.wants(0) ? sumTo(c.emit, c.dy, c.input(0).shape) : undefined],
  }),

  Tile: operator({
    inputs: 2,
    shape: (c) => {
      const { dtype, shape } = c.input(0);
      const repeats = c.integers(1);
      if (repeats.length !== shape.length || repeats.some((r) => r < 0)) c.fail('repeats do not fit the input', `${shape.length} counts`, describe(repeats));
      return [{ dtype, shape: shape.map((extent, axis) => extent * (repeats[axis] as number)) }];
    },
    gradient: (c) => {
      if (!c.wants(0)) return [undefined];
      const { shape } = c.input(0);
      const repeats = c.integers(1);
      const split = reshape(c.emit, c.dy, shape.flatMap((extent, axis) => [repeats[axis] as number, extent]));
      return [c.emit.op('ReduceSum', [split, c.emit.ints(shape.map((_, axis) => 2 * axis))], { keepdims: 0 })];
    },
  }),

  /** Blocks of channels become blocks of pixels. */
  DepthToSpace: operator({
    attributes: { blocksize: int(), mode: oneOf('DCR', 'CRD') },
    inputs: 1,
    shape: (c) => {
      const [n, channels, height, width] = c.rank(0, 4) as [number, number, number, number];
      const block = c.attributes.blocksize ?? c.fail('blocksize is missing', 'an integer', 'nothing');
      if (block < 1 || channels % (block * block) !== 0) c.fail('the channels do not divide into blocks', `a multiple of ${block * block}`, String(channels));
      return [{ dtype: c.input(0).dtype, shape: [n, channels / (block * block), height * block, width * block] }];
    },
    gradient: (c) => {
      const [n, channels, height, width] = c.input(0).shape as [number, number, number, number];
      const block = c.attributes.blocksize as number;
      const split = reshape(c.emit, c.dy, [n, channels / (block * block), height, block, width, block]);
      const order = c.attributes.mode === 'DCR' ? [0, 3, 5, 1, 2, 4] : [0, 1, 3, 5, 2, 4];
      return [reshape(c.emit, transpose(c.emit, split, order), [n, channels, height, width])];
    },
  }),
} satisfies Record<string, Operator>;

function permutation(c: ShapeContext<{ readonly perm: readonly number[] | undefined }>): readonly number[] {
  return c.attributes.perm ?? c.input(0).shape.map((_, axis) => axis).reverse();
}

function zeros(b: Emitter, like: Value): Value {
  return b.op('Expand', [b.scalar(0, like.dtype), b.ints(like.shape)]);
}

