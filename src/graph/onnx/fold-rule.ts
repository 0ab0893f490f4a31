/** What a folding rule is: constants in, constants out, or undefined where it does not know. Elements are held as numbers. */
import { sizeOf } from '../../core/tensor.js';
import type { DType, Shape } from '../../core/tensor.js';
import type { AttributeValue } from '../ir.js';

export interface Numbers {
  readonly dtype: DType;
  readonly shape: Shape;
  readonly data: readonly number[];
}
export type Attributes = Readonly<Record<string, AttributeValue>>;

export interface FoldCall {
  readonly inputs: readonly (Numbers | undefined)[];
  readonly attributes: Attributes;
  readonly outputs: number;
  /** a rule that could make more elements than this gives undefined */
  readonly most: number;
}
export type FoldRule = (call: FoldCall) => readonly Numbers[] | undefined;

/** Position of every axis of element `flat`. */
export function indexOf(flat: number, shape: Shape): number[] {
  const index = new Array<number>(shape.length);
  let rest = flat;
  for (let axis = shape.length - 1; axis >= 0; axis -= 1) {
    index[axis] = rest % (shape[axis] as number);
    rest = Math.floor(rest / (shape[axis] as number));
  }
  return index;
}

export function flatOf(index: readonly number[], shape: Shape): number {
  return index.reduce((position, i, axis) => position * (shape[axis] as number) + i, 0);
}

/** Element [index] of the result is element source(index) of x. */
export function rearranged(x: Numbers, shape: Shape, source: (index: readonly number[]) => readonly number[]): Numbers {
  return { dtype: x.dtype, shape, data: Array.from({ length: sizeOf(shape) }, (_, flat) => x.data[flatOf(source(indexOf(flat, shape)), x.shape)] as number) };
}

/** x seen with a shape that it broadcasts to. */
export function spread(x: Numbers, shape: Shape): Numbers {
  if (x.shape.join() === shape.join()) return x;
  const missing = shape.length - x.shape.length;
  return rearranged(x, shape, (index) => x.shape.map((extent, axis) => (extent === 1 ? 0 : (index[axis + missing] as number))));
}

/** 0 … rank-1, or undefined. */
export function axisIn(axis: number, rank: number): number | undefined {
  const positive = axis < 0 ? axis + rank : axis;
  return Number.isInteger(positive) && positive >= 0 && positive < rank ? positive : undefined;
}

export function axesIn(axes: readonly number[], rank: number): number[] | undefined {
  const known = axes.map((axis) => axisIn(axis, rank));
  return known.some((axis) => axis === undefined) ? undefined : (known as number[]);
}

/** A list that is an attribute in older operator sets and an input in newer ones. */
export function listOf(call: FoldCall, name: string, input: number): readonly number[] | undefined {
  return (call.attributes[name] as readonly number[] | undefined) ?? call.inputs[input]?.data;
}

export function isReal(x: Pick<Numbers, 'dtype'>): boolean {
  return x.dtype === 'float32' || x.dtype === 'float64';
}
