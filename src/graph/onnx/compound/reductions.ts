/** Reductions, sums of many inputs, and pools by a norm. */
import { sizeOf } from '../../../core/tensor.js';
import type { Value } from '../../ir.js';
import { abs, add, cast, mul, pow, reduceSum } from '../../layers.js';
import type { CompoundCall, CompoundRule } from './call.js';
import { windowSums } from './windows.js';

/** Axes as an attribute (before opset 18) or as an input, written as the input of one of our reductions. */
function reduced(c: CompoundCall, op: string, x: Value, last: boolean): Value[] {
  const axes = c.list('axes');
  const inputs = axes !== undefined ? [x, c.b.ints(axes)] : [x, c.inputs[1]];
  const attributes = { keepdims: c.number('keepdims', 1), noop_with_empty_axes: c.number('noop_with_empty_axes', 0) };
  if (last) return c.end(op, inputs, attributes);
  return [c.b.op(op as 'ReduceSum', inputs, attributes)];
}

/** Spatial axes of x [N, C, …]. */
const spatial = (x: Value): number[] => x.shape.slice(2).map((_, axis) => axis + 2);

/** |x|^p, without a power where none is needed. */
function powered(c: CompoundCall, x: Value, p: number): Value {
  if (p === 1) return abs(c.b, x);
  return p === 2 ? mul(c.b, x, x) : pow(c.b, abs(c.b, x), p);
}

function chain(c: CompoundCall, values: readonly Value[]): Value {
  return values.slice(1).reduce((total, value) => add(c.b, total, value), values[0] as Value);
}

/** Of truth values: any, all. */
const extreme = (op: string): CompoundRule => (c) => {
  const x = c.input(0);
  if (x.dtype !== 'bool') return reduced(c, op, x, true);
  return c.end('Greater', [reduced(c, op, cast(c.b, x, 'float32'), false)[0], c.b.scalar(0)]);
};

export const reductionCompounds: Readonly<Record<string, CompoundRule>> = {
  ReduceProd: (c) => reduced(c, 'ReduceProd', c.input(0), true),
  ReduceMax: extreme('ReduceMax'),
  ReduceMin: extreme('ReduceMin'),
  ReduceL1: (c) => reduced(c, 'ReduceSum', abs(c.b, c.input(0)), true),
  ReduceLogSum: (c) => c.end('Log', reduced(c, 'ReduceSum', c.input(0), false)),

  Mean: (c) => c.end('Mul', [chain(c, c.inputs as readonly Value[]), c.b.scalar(1 / c.inputs.length, c.input(0).dtype)]),

  GlobalLpPool: (c) => {
    const x = c.input(0);
    const p = c.number('p', 2);
    return c.end('Pow', [reduceSum(c.b, powered(c, x, p), spatial(x), true), c.b.scalar(1 / p, x.dtype)]);
  },
  LpPool: (c) => {
    const x = c.input(0);
    const p = c.number('p', 2);
    return c.end('Pow', [windowSums(c, powered(c, x, p)).sums, c.b.scalar(1 / p, x.dtype)]);
  },

  /** number of elements, known when the model is read */
  Size: (c) => c.end('Identity', [c.b.scalar(sizeOf(c.input(0).shape), 'int64')]),
};
