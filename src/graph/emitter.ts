/**
 * What gradient rules and layer functions need of a graph under construction: emit a node, make a constant, read a constant back.
 * The builder implements it; rules know only this, so that the operator table and the builder do not import each other.
 */
import type { DType, Shape, Tensor } from '../core/tensor.js';
import type { AttributeValue, Value } from './ir.js';
import type { OpType } from './ops/op-types.js';

export type Attributes = Readonly<Record<string, AttributeValue>>;

export interface Emitter {
  /** Adds a node and returns its first output. `name` becomes the name of that output and must be free. */
  op(type: OpType, inputs: readonly (Value | undefined)[], attributes?: Attributes, name?: string): Value;
  /** Adds a node with `outputCount` outputs. */
  ops(type: OpType, inputs: readonly (Value | undefined)[], attributes: Attributes, outputCount: number, name?: string): Value[];
  constant(tensor: Tensor, name?: string): Value;
  /** rank 0; float32 unless told */
  scalar(x: number, dtype?: DType): Value;
  floats(shape: Shape, data: ArrayLike<number>, name?: string): Value;
  /** one-dimensional int64: axes, shapes, starts and ends */
  ints(list: readonly number[]): Value;
  /** The tensor behind a constant; undefined for anything that is computed or fed. */
  constantOf(value: Value): Tensor | undefined;
}
