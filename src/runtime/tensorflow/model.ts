/**
 * What this runtime needs to know of a decoded ONNX model. The types are structural: the graph package's Graph fits them, and the composition
 * root injects its decoder, so that there is one reader of ONNX files and the runtime knows nothing but `core`.
 *
 * Every value has a known dtype and shape, nodes are in topological order, and what decides a shape is an initializer.
 */
import type { DType, Shape, Tensor } from '../../core/tensor.js';

export interface ModelValue {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: Shape;
}

export type ModelAttribute = number | string | readonly number[] | readonly string[] | Tensor;

export interface ModelNode {
  readonly op: string;
  /** names of values; '' for an optional input that is absent */
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: Readonly<Record<string, ModelAttribute>>;
  readonly name?: string;
}

export interface Model {
  readonly inputs: readonly ModelValue[];
  readonly outputs: readonly ModelValue[];
  readonly nodes: readonly ModelNode[];
  readonly initializers: ReadonlyMap<string, Tensor>;
  readonly values: ReadonlyMap<string, ModelValue>;
}

export type DecodeModel = (bytes: Uint8Array, label: string) => Model;
