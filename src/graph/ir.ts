/**
 * The intermediate representation of tensor graphs: ONNX with everything static. Every value has a known dtype and shape (a symbolic batch is
 * bound when a model is decoded), nodes are in topological order, attributes are plain data. A Graph is immutable; transformations make new ones.
 */
import type { DType, Shape, Tensor } from '../core/tensor.js';

export interface Value {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: Shape;
}

export type AttributeValue = number | string | readonly number[] | readonly string[] | Tensor;

export interface Node {
  readonly op: string;
  /** names of values; '' for an optional input that is absent */
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: Readonly<Record<string, AttributeValue>>;
  /** original node name, for messages and layer look-up */
  readonly name?: string;
}

export interface Graph {
  readonly inputs: readonly Value[];
  readonly outputs: readonly Value[];
  readonly nodes: readonly Node[];
  readonly initializers: ReadonlyMap<string, Tensor>;
  /** every value by name: inputs, initializers and node outputs */
  readonly values: ReadonlyMap<string, Value>;
  /** further names of values, for people: module paths of the program that an imported model was written by; transformations drop them */
  readonly aliases?: ReadonlyMap<string, string>;
  /** of an imported graph: its weights, and module paths of the program whose nodes take them; transformations drop them */
  readonly modules?: ReadonlyMap<string, readonly string[]>;
}
