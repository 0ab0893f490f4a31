/**
 * Arithmetic and rearrangement of weights alone, done once: what comes out is a weight. float32 is rounded after every operation, as the operator would.
 * Bounded: a constant is never blown up beyond LIMIT elements, and trained weights are no constants.
 */
import type { Shape, Tensor } from '../../core/tensor.js';
import { allocate, sizeOf } from '../../core/tensor.js';
import type { Value } from '../ir.js';
import type { Site } from './rewriting.js';

/** 64 MB of float32; the largest matrix of a ViT-L has 4 million elements. */
const LIMIT = 2 ** 24;

/** The numbers of an integer or real constant. */
export function numbersOf(constant: Tensor | undefined): number[] | undefined {
  return constant === undefined ? undefined : Array.from(constant.data as ArrayLike<number | bigint>, Number);
}

/** The one number of a constant of one element. */
export function scalarOf(constant: Tensor | undefined): number | undefined {
  return constant?.data.length === 1 ? Number(constant.data[0]) : undefined;
}

const BINARY: Readonly<Record<string, (x: number, y: number) => number>> = { Add: (x, y) => x + y, Sub: (x, y) => x - y, Mul: (x, y) => x * y, Div: (x, y) => x / y };
const UNARY: Readonly<Record<string, (x: number) => number>> = { Neg: (x) => -x, Sqrt: Math.sqrt, Reciprocal: (x) => 1 / x, Abs: Math.abs };
const SAME_ORDER: ReadonlySet<string> = new Set(['Identity', 'Reshape', 'Flatten', 'Squeeze', 'Unsqueeze']);

export function foldConstants(site: Site): Value | undefined {
  const constants = site.inputs.map((value) => (value === undefined ? undefined : site.constant(value)));
  const [x, y] = constants;
  if (x === undefined || constants.some((constant, i) => constant === undefined && site.inputs[i] !== undefined)) return undefined;
  const { shape } = site.output;
  if (x.dtype !== site.output.dtype || sizeOf(shape) > LIMIT) return undefined;
  const data = SAME_ORDER.has(site.op) ? x.data : computed(site, x, y, shape);
  return data === undefined ? undefined : site.emit.constant({ dtype: x.dtype, shape, data });
}

function computed(site: Site, x: Tensor, y: Tensor | undefined, shape: Shape): Tensor['data'] | undefined {
  const [binary, unary] = [BINARY, UNARY].map((table) => (Object.hasOwn(table, site.op) ? table[site.op] : undefined));
  if (binary !== undefined && y !== undefined) return x.dtype === 'float32' ? zip(x, y, shape, binary) : undefined;
  if (unary !== undefined) return x.dtype === 'float32' ? (x.data as Float32Array).map(unary as (v: number) => number) : undefined;
  if (site.op === 'Transpose') {
    const rank = x.shape.length;
    const order = (site.attributes['perm'] as readonly number[] | undefined) ?? x.shape.map((_, axis) => rank - 1 - axis);
    const strides = stridesOf(x.shape);
    return gathered(x, shape, order.map((axis) => strides[axis] as number));
  }
  if (site.op === 'Expand') return gathered(x, shape, broadcastStrides(x.shape, shape));
  return undefined;
}

function stridesOf(shape: Shape): number[] {
  const strides: number[] = [];
  let stride = 1;
  for (let axis = shape.length - 1; axis >= 0; axis -= 1) {
    strides[axis] = stride;
    stride *= shape[axis] as number;
  }
  return strides;
}

/** Steps of x while an index runs over a shape that x broadcasts to: 0 along axes that repeat. */
function broadcastStrides(from: Shape, to: Shape): number[] {
  const own = stridesOf(from);
  return to.map((_, axis) => {
    const at = axis - to.length + from.length;
    return at < 0 || from[at] === 1 ? 0 : (own[at] as number);
  });
}

/** Where in the source each run along the last axis of `shape` begins, in order. */
function* runs(shape: Shape, strides: readonly number[]): Generator<number> {
  const outer = shape.slice(0, -1);
  const index = outer.map(() => 0);
  const count = sizeOf(outer);
  let position = 0;
  for (let i = 0; i < count; i += 1) {
    yield position;
    for (let axis = outer.length - 1; axis >= 0; axis -= 1) {
      index[axis] = (index[axis] as number) + 1;
      position += strides[axis] as number;
      if ((index[axis] as number) < (outer[axis] as number)) break;
      position -= (strides[axis] as number) * (outer[axis] as number);
      index[axis] = 0;
    }
  }
}

function gathered(x: Tensor, shape: Shape, strides: readonly number[]): Tensor['data'] {
  const data = allocate(x.dtype, sizeOf(shape));
  const [length, step] = [shape.at(-1) ?? 1, strides.at(-1) ?? 0];
  let i = 0;
  for (const start of runs(shape, strides)) for (let k = 0, p = start; k < length; k += 1, p += step) data[i++] = x.data[p] as number;
  return data;
}

function zip(x: Tensor, y: Tensor, shape: Shape, f: (x: number, y: number) => number): Float32Array<ArrayBuffer> {
  const data = new Float32Array(sizeOf(shape));
  const [left, right] = [broadcastStrides(x.shape, shape), broadcastStrides(y.shape, shape)];
  const [length, step, otherStep] = [shape.at(-1) ?? 1, left.at(-1) ?? 0, right.at(-1) ?? 0];
  const others = runs(shape, right);
  let i = 0;
  for (const start of runs(shape, left)) {
    let q = others.next().value as number;
    for (let k = 0, p = start; k < length; k += 1, p += step, q += otherStep) data[i++] = f(x.data[p] as number, y.data[q] as number);
  }
  return data;
}
