/** Folding rules that compute: arithmetic, comparison, rounding, reductions, and constants made from numbers. */
import { sizeOf } from '../../core/tensor.js';
import type { DType, Tensor } from '../../core/tensor.js';
import { broadcastShapes } from '../ops/broadcast.js';
import { axesIn, axisIn, flatOf, indexOf, isReal, listOf, spread } from './fold-rule.js';
import type { FoldCall, FoldRule, Numbers } from './fold-rule.js';
import { heldAs } from './schema.js';

/** Of as many inputs as there are, from left to right. */
function elementwise(f: (x: number, y: number, real: boolean) => number, dtype?: DType): FoldRule {
  return ({ inputs, most }) => {
    let result = inputs[0];
    for (const next of inputs.slice(1)) {
      if (result === undefined || next === undefined) return undefined;
      const shape = broadcastShapes(result.shape, next.shape);
      if (shape === undefined || sizeOf(shape) > most) return undefined;
      const [x, y] = [spread(result, shape), spread(next, shape)];
      result = { dtype: dtype ?? x.dtype, shape, data: x.data.map((value, i) => f(value, y.data[i] as number, isReal(x))) };
    }
    return result && [result];
  };
}

function each(f: (x: number, real: boolean) => number): FoldRule {
  return ({ inputs: [x] }) => x && [{ ...x, data: x.data.map((value) => f(value, isReal(x))) }];
}

function reduction(start: number, f: (sum: number, x: number) => number): FoldRule {
  return (call) => {
    const [x] = call.inputs;
    if (x === undefined) return undefined;
    const given = listOf(call, 'axes', 1);
    if (given === undefined && call.attributes['noop_with_empty_axes'] === 1) return [x];
    const axes = axesIn(given === undefined || given.length === 0 ? x.shape.map((_, axis) => axis) : given, x.shape.length);
    if (axes === undefined) return undefined;
    const kept = x.shape.map((extent, axis) => (axes.includes(axis) ? 1 : extent));
    const data = new Array<number>(sizeOf(kept)).fill(start);
    x.data.forEach((value, flat) => {
      const at = flatOf(indexOf(flat, x.shape).map((i, axis) => (axes.includes(axis) ? 0 : i)), kept);
      data[at] = f(data[at] as number, value);
    });
    return [{ dtype: x.dtype, shape: call.attributes['keepdims'] === 0 ? kept.filter((_, axis) => !axes.includes(axis)) : kept, data }];
  };
}

/** ONNX: to the even neighbour where two are equally near. */
function roundEven(x: number): number {
  const low = Math.floor(x);
  return x - low === 0.5 ? low + (low % 2 === 0 ? 0 : 1) : Math.round(x);
}

/** fmod has the sign of the dividend, Mod that of the divisor; both are x where the divisor is infinite and of the same sign. @source numpy.mod */
function modulo(call: FoldCall): readonly Numbers[] | undefined {
  if (call.attributes['fmod'] === 1) return elementwise((x, y) => x % y)(call);
  return elementwise((x, y) => {
    const rest = x % y;
    if (rest === 0) return y < 0 ? -0 : 0;
    return rest < 0 === y < 0 ? rest : rest + y;
  })(call);
}

function castTo(x: Numbers, dtype: DType): Numbers {
  if (dtype === 'bool') return { dtype, shape: x.shape, data: x.data.map((v) => Number(v !== 0)) };
  return { dtype, shape: x.shape, data: isReal({ dtype }) ? x.data : x.data.map(Math.trunc) };
}

export const arithmeticRules: Readonly<Record<string, FoldRule>> = {
  Add: elementwise((x, y) => x + y),
  Sub: elementwise((x, y) => x - y),
  Mul: elementwise((x, y) => x * y),
  Div: elementwise((x, y, real) => (real ? x / y : Math.trunc(x / y))),
  Sum: elementwise((x, y) => x + y),
  Max: elementwise((x, y) => Math.max(x, y)),
  Min: elementwise((x, y) => Math.min(x, y)),
  Pow: elementwise((x, y, real) => (real ? x ** y : Math.trunc(x ** y))),
  Mod: modulo,
  Equal: elementwise((x, y) => Number(x === y), 'bool'),
  Less: elementwise((x, y) => Number(x < y), 'bool'),
  LessOrEqual: elementwise((x, y) => Number(x <= y), 'bool'),
  Greater: elementwise((x, y) => Number(x > y), 'bool'),
  GreaterOrEqual: elementwise((x, y) => Number(x >= y), 'bool'),
  And: elementwise((x, y) => Number(x !== 0 && y !== 0), 'bool'),
  Or: elementwise((x, y) => Number(x !== 0 || y !== 0), 'bool'),
  Xor: elementwise((x, y) => Number((x !== 0) !== (y !== 0)), 'bool'),
  Not: each((x) => Number(x === 0)),
  Neg: each((x) => -x),
  Abs: each(Math.abs),
  Sign: each(Math.sign),
  Floor: each(Math.floor),
  Ceil: each(Math.ceil),
  Round: each(roundEven),
  Sqrt: each(Math.sqrt),
  Reciprocal: each((x) => 1 / x),
  Exp: each(Math.exp),
  Log: each(Math.log),
  ReduceSum: reduction(0, (sum, x) => sum + x),
  ReduceProd: reduction(1, (product, x) => product * x),
  ReduceMax: reduction(-Infinity, Math.max),
  ReduceMin: reduction(Infinity, Math.min),

  Cast: ({ inputs: [x], attributes }) => {
    const dtype = heldAs(attributes['to'] as number);
    return x === undefined || dtype === undefined ? undefined : [castTo(x, dtype)];
  },
  CastLike: ({ inputs: [x, like] }) => (x === undefined || like === undefined ? undefined : [castTo(x, like.dtype)]),

  Where: ({ inputs: [condition, x, y], most }) => {
    if (condition === undefined || x === undefined || y === undefined) return undefined;
    const shape = broadcastShapes(broadcastShapes(condition.shape, x.shape) ?? [NaN], y.shape);
    if (shape === undefined || shape.includes(NaN) || sizeOf(shape) > most) return undefined;
    const [c, a, b] = [condition, x, y].map((each) => spread(each, shape)) as [Numbers, Numbers, Numbers];
    return [{ dtype: x.dtype, shape, data: c.data.map((chosen, i) => (chosen !== 0 ? a.data[i] : b.data[i]) as number) }];
  },

  ConstantOfShape: ({ inputs: [shape], attributes, most }) => {
    const value = attributes['value'] as Tensor | undefined;
    if (shape === undefined || shape.data.some((extent) => extent < 0) || sizeOf(shape.data) > most) return undefined;
    return [{ dtype: value?.dtype ?? 'float32', shape: shape.data, data: new Array<number>(sizeOf(shape.data)).fill(Number(value?.data[0] ?? 0)) }];
  },

  Range: ({ inputs: [start, end, step], most }) => {
    const [from, to, by] = [start, end, step].map((t) => t?.data[0] ?? NaN) as [number, number, number];
    const length = Math.max(0, Math.ceil((to - from) / by));
    return !(length <= most) || start === undefined ? undefined : [{ dtype: start.dtype, shape: [length], data: Array.from({ length }, (_, i) => from + i * by) }];
  },

  CumSum: ({ inputs: [x, axisInput], attributes }) => {
    const axis = x && axisIn(axisInput?.data[0] ?? NaN, x.shape.length);
    if (x === undefined || axis === undefined || attributes['exclusive'] === 1 || attributes['reverse'] === 1) return undefined;
    const stride = sizeOf(x.shape.slice(axis + 1));
    const data = [...x.data];
    data.forEach((value, flat) => {
      if (Math.floor(flat / stride) % (x.shape[axis] as number) > 0) data[flat] = value + (data[flat - stride] as number);
    });
    return [{ ...x, data }];
  },

  NonZero: ({ inputs: [x] }) => {
    if (x === undefined || x.shape.length === 0) return undefined;
    const hits = x.data.flatMap((value, flat) => (value !== 0 ? [indexOf(flat, x.shape)] : []));
    return [{ dtype: 'int64', shape: [x.shape.length, hits.length], data: x.shape.flatMap((_, axis) => hits.map((hit) => hit[axis] as number)) }];
  },
};
