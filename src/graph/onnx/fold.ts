/**
 * Evaluates the small integer computations by which exporters derive shapes (Shape, Gather, Concat, Mul …), so that every shape-giving input
 * of a decoded graph is a constant. Only tensors of up to FOLD_LIMIT elements are folded: this is no optimiser.
 */
import { allocate, sizeOf } from '../../core/tensor.js';
import type { DType, Shape, Tensor } from '../../core/tensor.js';
import type { AttributeValue } from '../ir.js';
import { broadcastShapes } from '../ops/broadcast.js';
import { resolveCuts } from '../ops/slicing.js';
import { DTYPE_OF } from './schema.js';

const FOLD_LIMIT = 4096;

interface Numbers {
  readonly dtype: DType;
  readonly shape: Shape;
  readonly data: readonly number[];
}
type Attributes = Readonly<Record<string, AttributeValue>>;

function elementwise(f: (x: number, y: number) => number, dtype?: DType) {
  return ([x, y]: readonly Numbers[]): Numbers | undefined => {
    if (x === undefined || y === undefined) return undefined;
    const shape = broadcastShapes(x.shape, y.shape);
    // exporters combine vectors with vectors of the same length or with one number
    if (shape === undefined || ![x, y].every((t) => t.data.length === 1 || t.data.length === sizeOf(shape))) return undefined;
    return { dtype: dtype ?? x.dtype, shape, data: Array.from({ length: sizeOf(shape) }, (_, i) => f(x.data[x.data.length === 1 ? 0 : i] as number, y.data[y.data.length === 1 ? 0 : i] as number)) };
  };
}

function withShape(x: Numbers | undefined, shape: Shape): Numbers | undefined {
  return x === undefined ? undefined : { ...x, shape };
}

/** Element [index] of the result is element source(index) of x. */
function rearranged(x: Numbers, shape: Shape, source: (index: readonly number[]) => readonly number[]): Numbers {
  const data = Array.from({ length: sizeOf(shape) }, (_, flat) => {
    const index: number[] = [];
    let rest = flat;
    for (let axis = shape.length - 1; axis >= 0; axis -= 1) {
      index[axis] = rest % (shape[axis] as number);
      rest = Math.floor(rest / (shape[axis] as number));
    }
    return x.data[source(index).reduce((position, i, axis) => position * (x.shape[axis] as number) + i, 0)] as number;
  });
  return { dtype: x.dtype, shape, data };
}

const RULES: Readonly<Record<string, (inputs: readonly Numbers[], attributes: Attributes) => Numbers | undefined>> = {
  Add: elementwise((x, y) => x + y),
  Sub: elementwise((x, y) => x - y),
  Mul: elementwise((x, y) => x * y),
  Div: ([x, y]) => (x === undefined || y === undefined ? undefined : elementwise((a, b) => (x.dtype.startsWith('float') ? a / b : Math.trunc(a / b)))([x, y])),
  Equal: elementwise((x, y) => Number(x === y), 'bool'),
  Floor: ([x]) => x && { ...x, data: x.data.map(Math.floor) },
  Cast: ([x], attributes) => {
    const dtype = DTYPE_OF.get(attributes['to'] as number);
    if (x === undefined || dtype === undefined) return undefined;
    return { dtype, shape: x.shape, data: dtype === 'bool' ? x.data.map((v) => Number(v !== 0)) : dtype.startsWith('float') ? x.data : x.data.map(Math.trunc) };
  },
  Concat: (inputs) => (inputs.every((x) => x.shape.length === 1) && inputs[0] !== undefined ? { dtype: inputs[0].dtype, shape: [inputs.reduce((n, x) => n + x.data.length, 0)], data: inputs.flatMap((x) => x.data) } : undefined),
  Gather: ([x, indices]) => {
    if (x?.shape.length !== 1 || indices === undefined) return undefined;
    const data = indices.data.map((i) => x.data[i < 0 ? i + x.data.length : i]);
    return data.includes(undefined) ? undefined : { dtype: x.dtype, shape: indices.shape, data: data as number[] };
  },
  Slice: ([x, starts, ends, axes, steps]) => {
    if (x === undefined || starts === undefined || ends === undefined) return undefined;
    const rank = x.shape.length;
    const named = axes?.data.map((axis) => (axis < 0 ? axis + rank : axis)) ?? starts.data.map((_, i) => i);
    if (named.some((axis) => axis < 0 || axis >= rank) || steps?.data.includes(0) === true) return undefined;
    const cuts = resolveCuts(x.shape, starts.data, ends.data, named, steps?.data ?? starts.data.map(() => 1));
    return rearranged(x, cuts.map((cut) => cut.length), (index) => index.map((i, axis) => (cuts[axis]?.start ?? 0) + i * (cuts[axis]?.step ?? 1)));
  },
  Transpose: ([x], attributes) => {
    if (x === undefined) return undefined;
    const order = (attributes['perm'] as readonly number[] | undefined) ?? x.shape.map((_, axis) => axis).reverse();
    if (order.length !== x.shape.length || order.some((axis) => x.shape[axis] === undefined)) return undefined;
    return rearranged(x, order.map((axis) => x.shape[axis] as number), (index) => x.shape.map((_, axis) => index[order.indexOf(axis)] ?? 0));
  },
  Squeeze: ([x]) => (x?.data.length === 1 ? withShape(x, []) : undefined),
  Unsqueeze: ([x]) => (x?.shape.length === 0 ? withShape(x, [1]) : undefined),
  Reshape: ([x, target]) => {
    if (x === undefined || target === undefined || target.data.includes(0)) return undefined;
    const rest = target.data.filter((extent) => extent !== -1).reduce((product, extent) => product * extent, 1);
    const shape = target.data.map((extent) => (extent === -1 ? x.data.length / rest : extent));
    return shape.every((extent) => Number.isInteger(extent) && extent > 0) && sizeOf(shape) === x.data.length ? withShape(x, shape) : undefined;
  },
  Where: ([condition, x, y]) =>
    condition === undefined || x === undefined || y === undefined || ![x, y].every((t) => t.data.length === 1 || t.data.length === condition.data.length)
      ? undefined
      : { dtype: x.dtype, shape: condition.shape, data: condition.data.map((c, i) => (c ? x.data[x.data.length === 1 ? 0 : i] : y.data[y.data.length === 1 ? 0 : i]) as number) },
  ConstantOfShape: ([shape], attributes) => {
    const value = attributes['value'] as Tensor | undefined;
    const extents = shape?.data ?? [];
    return shape === undefined || sizeOf(extents) > FOLD_LIMIT ? undefined : { dtype: value?.dtype ?? 'float32', shape: extents, data: new Array<number>(sizeOf(extents)).fill(Number(value?.data[0] ?? 0)) };
  },
  Range: ([start, end, step]) => {
    const [from, to, by] = [start, end, step].map((t) => t?.data[0] ?? NaN) as [number, number, number];
    const length = Math.max(0, Math.ceil((to - from) / by));
    return !(length <= FOLD_LIMIT) || start === undefined ? undefined : { dtype: start.dtype, shape: [length], data: Array.from({ length }, (_, i) => from + i * by) };
  },
};

/** The result of an operator on constants, or undefined if it is not one of those that derive shapes. */
export function fold(op: string, inputs: readonly (Tensor | undefined)[], attributes: Attributes): Tensor | undefined {
  const rule = Object.hasOwn(RULES, op) ? RULES[op] : undefined;
  if (rule === undefined || inputs.length === 0 || inputs.some((x) => x === undefined || x.data.length > FOLD_LIMIT)) return undefined;
  const numbers = (inputs as readonly Tensor[]).map((x) => ({ dtype: x.dtype, shape: x.shape, data: Array.from(x.data as ArrayLike<number | bigint>, (value) => clamp(Number(value))) }));
  const result = rule(numbers, attributes);
  if (result === undefined || result.data.length > FOLD_LIMIT) return undefined;
  const data = allocate(result.dtype, result.data.length);
  result.data.forEach((x, i) => (data[i] = data instanceof BigInt64Array ? BigInt(Math.trunc(clamp(x))) : x));
  return { dtype: result.dtype, shape: result.shape, data };
}

/** "To the end" is written as the largest int64, which a double cannot hold. Infinities and NaN of real constants pass. */
function clamp(x: number): number {
  return Number.isFinite(x) && Number.isInteger(x) ? Math.min(Math.max(x, Number.MIN_SAFE_INTEGER), Number.MAX_SAFE_INTEGER) : x;
}
