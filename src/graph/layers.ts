/**
 * Named functions over an Emitter, so that code which builds a network or a gradient reads like formulas. Each emits exactly one operator
 * unless its comment says otherwise; shapes are checked by the operator's shape rule. Images are [N, C, H, W].
 */
import type { DType, Shape } from '../core/tensor.js';
import type { Emitter } from './emitter.js';
import type { Value } from './ir.js';
import { DATA_TYPE } from './onnx/schema.js';
import type { OpType } from './ops/op-types.js';

/** A number stands for a rank-0 constant of the other operand's dtype. */
export type Operand = Value | number;

function binary(b: Emitter, op: OpType, x: Operand, y: Operand, name?: string): Value {
  const dtype: DType = typeof x !== 'number' ? x.dtype : typeof y !== 'number' ? y.dtype : 'float32';
  const lift = (operand: Operand): Value => (typeof operand === 'number' ? b.scalar(operand, dtype) : operand);
  return b.op(op, [lift(x), lift(y)], {}, name);
}

export const add = (b: Emitter, x: Operand, y: Operand, name?: string): Value => binary(b, 'Add', x, y, name);
export const sub = (b: Emitter, x: Operand, y: Operand, name?: string): Value => binary(b, 'Sub', x, y, name);
export const mul = (b: Emitter, x: Operand, y: Operand, name?: string): Value => binary(b, 'Mul', x, y, name);
export const div = (b: Emitter, x: Operand, y: Operand, name?: string): Value => binary(b, 'Div', x, y, name);
export const pow = (b: Emitter, x: Operand, y: Operand, name?: string): Value => binary(b, 'Pow', x, y, name);
export const maximum = (b: Emitter, x: Operand, y: Operand, name?: string): Value => binary(b, 'Max', x, y, name);
export const minimum = (b: Emitter, x: Operand, y: Operand, name?: string): Value => binary(b, 'Min', x, y, name);
export const matMul = (b: Emitter, x: Value, y: Value, name?: string): Value => b.op('MatMul', [x, y], {}, name);

export const relu = (b: Emitter, x: Value, name?: string): Value => b.op('Relu', [x], {}, name);
export const sigmoid = (b: Emitter, x: Value, name?: string): Value => b.op('Sigmoid', [x], {}, name);
export const tanh = (b: Emitter, x: Value, name?: string): Value => b.op('Tanh', [x], {}, name);
export const exp = (b: Emitter, x: Value, name?: string): Value => b.op('Exp', [x], {}, name);
export const log = (b: Emitter, x: Value, name?: string): Value => b.op('Log', [x], {}, name);
export const sqrt = (b: Emitter, x: Value, name?: string): Value => b.op('Sqrt', [x], {}, name);
export const abs = (b: Emitter, x: Value, name?: string): Value => b.op('Abs', [x], {}, name);
export const neg = (b: Emitter, x: Value, name?: string): Value => b.op('Neg', [x], {}, name);
export const cast = (b: Emitter, x: Value, dtype: DType, name?: string): Value => b.op('Cast', [x], { to: DATA_TYPE[dtype] }, name);



export interface ConvOptions {
  /** default 1 */
  readonly stride?: number | readonly [number, number];
  /** zero padding: one number for all sides, or [top, left, bottom, right]; default 0 */
  readonly pads?: number | readonly [number, number, number, number];
  readonly group?: number;
  readonly dilation?: number | readonly [number, number];
}

/** Cross-correlation of x [N, C, H, W] with w [O, C/group, kh, kw] plus bias [O]. */
export function conv2d(b: Emitter, x: Value, w: Value, bias?: Value, options: ConvOptions = {}, name?: string): Value {
  const attributes = { strides: pair(options.stride ?? 1), pads: sides(options.pads ?? 0), dilations: pair(options.dilation ?? 1), group: options.group ?? 1, kernel_shape: w.shape.slice(2) };
  return b.op('Conv', bias === undefined ? [x, w] : [x, w, bias], attributes, name);
}

export interface PoolOptions {
  readonly kernel: number | readonly [number, number];
  /** default: the kernel */
  readonly stride?: number | readonly [number, number];
  readonly pads?: number | readonly [number, number, number, number];
  /** keep a last window that is only partly inside (default false) */
  readonly ceil?: boolean;
}

export function maxPool2d(b: Emitter, x: Value, options: PoolOptions, name?: string): Value {
  return b.op('MaxPool', [x], poolAttributes(options), name);
}

/** Mean over each window. Without `countPadding`, only pixels that exist are counted, in padded and in partial windows alike. */
export function averagePool2d(b: Emitter, x: Value, options: PoolOptions & { readonly countPadding?: boolean }, name?: string): Value {
  return b.op('AveragePool', [x], { ...poolAttributes(options), count_include_pad: options.countPadding === true ? 1 : 0 }, name);
}

function reduce(b: Emitter, op: OpType, x: Value, axes: readonly number[] | undefined, keepdims: boolean, name?: string): Value {
  return b.op(op, axes === undefined ? [x] : [x, b.ints(axes)], { keepdims: keepdims ? 1 : 0 }, name);
}
/** Without axes: over all of them. */
export const reduceSum = (b: Emitter, x: Value, axes?: readonly number[], keepdims = false, name?: string): Value => reduce(b, 'ReduceSum', x, axes, keepdims, name);
export const reduceMean = (b: Emitter, x: Value, axes?: readonly number[], keepdims = false, name?: string): Value => reduce(b, 'ReduceMean', x, axes, keepdims, name);
export const reduceMax = (b: Emitter, x: Value, axes?: readonly number[], keepdims = false, name?: string): Value => reduce(b, 'ReduceMax', x, axes, keepdims, name);
export const sumOfSquares = (b: Emitter, x: Value, axes?: readonly number[], keepdims = false, name?: string): Value => reduce(b, 'ReduceSumSquare', x, axes, keepdims, name);
/** log sum exp(x), without overflow. */
export const logSumExp = (b: Emitter, x: Value, axes?: readonly number[], keepdims = false, name?: string): Value => reduce(b, 'ReduceLogSumExp', x, axes, keepdims, name);
export const softmax = (b: Emitter, x: Value, axis = -1, name?: string): Value => b.op('Softmax', [x], { axis }, name);
export const logSoftmax = (b: Emitter, x: Value, axis = -1, name?: string): Value => b.op('LogSoftmax', [x], { axis }, name);

export const reshape = (b: Emitter, x: Value, shape: Shape, name?: string): Value => b.op('Reshape', [x, b.ints(shape)], shape.includes(0) ? { allowzero: 1 } : {}, name);
export const transpose = (b: Emitter, x: Value, permutation: readonly number[], name?: string): Value => b.op('Transpose', [x], { perm: [...permutation] }, name);
export const concat = (b: Emitter, values: readonly Value[], axis: number, name?: string): Value => b.op('Concat', values, { axis }, name);
export const expand = (b: Emitter, x: Value, shape: Shape, name?: string): Value => b.op('Expand', [x, b.ints(shape)], {}, name);

/** x[starts:ends:steps] over the given axes (default: the first ones). */
export function slice(b: Emitter, x: Value, starts: readonly number[], ends: readonly number[], axes: readonly number[] = starts.map((_, i) => i), steps?: readonly number[], name?: string): Value {
  const inputs = [x, b.ints(starts), b.ints(ends), b.ints(axes)];
  return b.op('Slice', steps === undefined ? inputs : [...inputs, b.ints(steps)], {}, name);
}

/** `pads` lists the begins of all axes, then the ends. `edge` repeats the border, `reflect` mirrors without repeating it. */
export function pad(b: Emitter, x: Value, pads: readonly number[], mode: 'constant' | 'edge' | 'reflect' = 'constant', value = 0, name?: string): Value {
  const inputs = [x, b.ints(pads)];
  return b.op('Pad', mode === 'constant' && value !== 0 ? [...inputs, b.scalar(value, x.dtype)] : inputs, { mode }, name);
}

export const gather = (b: Emitter, x: Value, indices: Value, axis = 0, name?: string): Value => b.op('Gather', [x, indices], { axis }, name);

export interface ResizeOptions {
  readonly mode?: 'nearest' | 'linear' | 'cubic';
  /** where output pixels sit on the input grid; default half_pixel (as PyTorch's align_corners=False) */
  readonly coordinates?: 'half_pixel' | 'align_corners' | 'asymmetric' | 'pytorch_half_pixel';
  readonly nearest?: 'floor' | 'ceil' | 'round_prefer_floor' | 'round_prefer_ceil';
}

/** Resizes the last two axes to [height, width]. */
export function resize(b: Emitter, x: Value, size: readonly [number, number], options: ResizeOptions = {}, name?: string): Value {
  const sizes = b.ints([...x.shape.slice(0, -2), ...size]);
  const attributes = { mode: options.mode ?? 'linear', coordinate_transformation_mode: options.coordinates ?? 'half_pixel', nearest_mode: options.nearest ?? 'floor' };
  return b.op('Resize', [x, undefined, undefined, sizes], attributes, name);
}

/** left · x · right over the last two axes of x [..., H, W], left [H', H], right [W, W']: any separable linear map of an image (two MatMuls). */
export function separable(b: Emitter, x: Value, left: Value, right: Value, name?: string): Value {
  return matMul(b, left, matMul(b, x, right), name);
}

function poolAttributes(options: PoolOptions): Record<string, number | readonly number[]> {
  const kernel = pair(options.kernel);
  return { kernel_shape: kernel, strides: pair(options.stride ?? kernel), pads: sides(options.pads ?? 0), ceil_mode: options.ceil === true ? 1 : 0 };
}

function pair(value: number | readonly [number, number]): readonly [number, number] {
  return typeof value === 'number' ? [value, value] : value;
}

function sides(value: number | readonly [number, number, number, number]): readonly [number, number, number, number] {
  return typeof value === 'number' ? [value, value, value, value] : value;
}
