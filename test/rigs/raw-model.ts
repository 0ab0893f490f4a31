/** ONNX models of one node as another program would write them: any operator, attributes with their kinds, any operator set. */
import type { DType, Tensor } from '../../src/core/tensor.js';
import { ATTRIBUTE, ATTRIBUTE_TYPE, DATA_TYPE, DIMENSION, GRAPH, MODEL, NODE, OPSET, SHAPE, TENSOR, TENSOR_TYPE, TYPE, VALUE_INFO } from '../../src/graph/onnx/schema.js';
import { WireWriter } from '../../src/graph/onnx/wire.js';

export type RawAttribute = { readonly int: number } | { readonly float: number } | { readonly text: string } | { readonly ints: readonly number[] };
export interface RawPortOf {
  readonly dtype: DType;
  readonly shape: readonly number[];
}
export interface RawCase {
  readonly op: string;
  readonly opset: number;
  readonly attributes?: Readonly<Record<string, RawAttribute>>;
  /** inputs x0, x1, …: fed, constant, or absent */
  readonly inputs: readonly (RawPortOf | Tensor | undefined)[];
  /** names y0, y1, …; '' for one that is left out */
  readonly outputs: readonly RawPortOf[];
}

export function rawModel({ op, opset, attributes = {}, inputs, outputs }: RawCase): Uint8Array {
  const node = new WireWriter();
  inputs.forEach((input, i) => node.string(NODE.input, input === undefined ? '' : `x${i}`));
  outputs.forEach((_, i) => node.string(NODE.output, `y${i}`));
  node.string(NODE.name, 'node').string(NODE.opType, op);
  for (const [name, value] of Object.entries(attributes)) node.message(NODE.attribute, attribute(name, value));
  const graph = new WireWriter().message(GRAPH.node, node).string(GRAPH.name, 'graph');
  inputs.forEach((input, i) => {
    if (input !== undefined && 'data' in input) graph.message(GRAPH.initializer, constant(input, `x${i}`));
  });
  inputs.forEach((input, i) => {
    if (input !== undefined && !('data' in input)) graph.message(GRAPH.input, port(`x${i}`, input));
  });
  outputs.forEach((output, i) => graph.message(GRAPH.output, port(`y${i}`, output)));
  return new WireWriter().integer(MODEL.irVersion, 8).message(MODEL.graph, graph).message(MODEL.opsetImport, new WireWriter().string(OPSET.domain, '').integer(OPSET.version, opset)).finish();
}

function attribute(name: string, value: RawAttribute): WireWriter {
  const writer = new WireWriter().string(ATTRIBUTE.name, name);
  if ('int' in value) return writer.integer(ATTRIBUTE.i, value.int).integer(ATTRIBUTE.type, ATTRIBUTE_TYPE.int);
  if ('float' in value) return writer.float(ATTRIBUTE.f, value.float).integer(ATTRIBUTE.type, ATTRIBUTE_TYPE.float);
  if ('text' in value) return writer.string(ATTRIBUTE.s, value.text).integer(ATTRIBUTE.type, ATTRIBUTE_TYPE.string);
  return writer.packedIntegers(ATTRIBUTE.ints, value.ints).integer(ATTRIBUTE.type, ATTRIBUTE_TYPE.ints);
}

function constant(value: Tensor, name: string): WireWriter {
  const { buffer, byteOffset, byteLength } = value.data;
  return new WireWriter().packedIntegers(TENSOR.dims, value.shape).integer(TENSOR.dataType, DATA_TYPE[value.dtype]).string(TENSOR.name, name).bytes(TENSOR.rawData, new Uint8Array(buffer, byteOffset, byteLength));
}

function port(name: string, { dtype, shape }: RawPortOf): WireWriter {
  const dims = new WireWriter();
  for (const extent of shape) dims.message(SHAPE.dim, new WireWriter().integer(DIMENSION.value, extent));
  const type = new WireWriter().integer(TENSOR_TYPE.elemType, DATA_TYPE[dtype]).message(TENSOR_TYPE.shape, dims);
  return new WireWriter().string(VALUE_INFO.name, name).message(VALUE_INFO.type, new WireWriter().message(TYPE.tensorType, type));
}
