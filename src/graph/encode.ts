/**
 * Writes a Graph as an ONNX ModelProto (IR version 8, opset 18; with a Gelu IR version 9, opset 20). The bytes depend on the graph only: fields in the order of their numbers,
 * attributes sorted by name, initializers in the graph's order, no times and no paths.
 */
import type { Tensor } from '../core/tensor.js';
import type { AttributeValue, Graph, Node, Value } from './ir.js';
import { ATTRIBUTE, ATTRIBUTE_TYPE, DATA_TYPE, DIMENSION, GRAPH, MODEL, NODE, OPSET, SHAPE, TENSOR, TENSOR_TYPE, TYPE, VALUE_INFO } from './onnx/schema.js';
import { WireWriter } from './onnx/wire.js';
import { isOpType } from './ops/op-types.js';
import { OPERATORS } from './ops/table.js';

export const OPSET_VERSION = 18;
/** Operators of our table that came later: only a graph that holds one is written for a newer operator set. */
const NEWER: Readonly<Partial<Record<string, number>>> = { Gelu: 20 };
const PRODUCER = 'pipeline-encoding';

export interface EncodeOptions {
  /** name of a symbolic first dimension of every input and output: for models that will be read again at another batch size */
  readonly batch?: string;
}

export function encodeModel(graph: Graph, options: EncodeOptions = {}): Uint8Array {
  const body = new WireWriter();
  const names = new Set<string>();
  for (const node of graph.nodes) {
    // node names must be unique in the file, which a graph does not ask for: a later namesake stays nameless
    body.message(GRAPH.node, encodeNode(node, node.name !== undefined && !names.has(node.name)));
    if (node.name !== undefined) names.add(node.name);
  }
  body.string(GRAPH.name, 'graph');
  for (const [name, constant] of graph.initializers) body.message(GRAPH.initializer, encodeTensor(constant, name));
  for (const input of graph.inputs) body.message(GRAPH.input, encodeValue(input, options.batch));
  for (const output of graph.outputs) body.message(GRAPH.output, encodeValue(output, options.batch));
  const version = graph.nodes.reduce((newest, node) => Math.max(newest, NEWER[node.op] ?? 0), OPSET_VERSION);
  const opset = new WireWriter().string(OPSET.domain, '').integer(OPSET.version, version);
  return new WireWriter().integer(MODEL.irVersion, version > OPSET_VERSION ? 9 : 8).string(MODEL.producerName, PRODUCER).message(MODEL.graph, body).message(MODEL.opsetImport, opset).finish();
}

function encodeNode(node: Node, named: boolean): WireWriter {
  const writer = new WireWriter();
  for (const input of node.inputs) writer.string(NODE.input, input);
  for (const output of node.outputs) writer.string(NODE.output, output);
  if (named) writer.string(NODE.name, node.name ?? '');
  writer.string(NODE.opType, node.op);
  for (const name of Object.keys(node.attributes).sort()) {
    const kind = isOpType(node.op) ? OPERATORS[node.op].attributes[name]?.kind : undefined;
    writer.message(NODE.attribute, encodeAttribute(name, node.attributes[name] as AttributeValue, kind));
  }
  return writer;
}

/** The operator's declaration decides between int and float: 1 may be either. */
function encodeAttribute(name: string, value: AttributeValue, kind: string | undefined): WireWriter {
  const writer = new WireWriter().string(ATTRIBUTE.name, name);
  if (typeof value === 'string') return writer.string(ATTRIBUTE.s, value).integer(ATTRIBUTE.type, ATTRIBUTE_TYPE.string);
  if (typeof value === 'number') {
    return kind === 'float' ? writer.float(ATTRIBUTE.f, value).integer(ATTRIBUTE.type, ATTRIBUTE_TYPE.float) : writer.integer(ATTRIBUTE.i, value).integer(ATTRIBUTE.type, ATTRIBUTE_TYPE.int);
  }
  if ('dtype' in value) return writer.message(ATTRIBUTE.t, encodeTensor(value, '')).integer(ATTRIBUTE.type, ATTRIBUTE_TYPE.tensor);
  if (kind === 'floats') return writer.packedFloats(ATTRIBUTE.floats, value as readonly number[]).integer(ATTRIBUTE.type, ATTRIBUTE_TYPE.floats);
  if (kind === 'strings') {
    for (const item of value as readonly string[]) writer.string(ATTRIBUTE.strings, item);
    return writer.integer(ATTRIBUTE.type, ATTRIBUTE_TYPE.strings);
  }
  return writer.packedIntegers(ATTRIBUTE.ints, value as readonly number[]).integer(ATTRIBUTE.type, ATTRIBUTE_TYPE.ints);
}

export function encodeTensor(constant: Tensor, name: string): WireWriter {
  const { buffer, byteOffset, byteLength } = constant.data;
  const writer = new WireWriter().packedIntegers(TENSOR.dims, constant.shape).integer(TENSOR.dataType, DATA_TYPE[constant.dtype]);
  return writer.string(TENSOR.name, name).bytes(TENSOR.rawData, new Uint8Array(buffer, byteOffset, byteLength));
}

function encodeValue(value: Value, batch: string | undefined): WireWriter {
  const shape = new WireWriter();
  value.shape.forEach((extent, axis) => {
    const dimension = new WireWriter();
    shape.message(SHAPE.dim, axis === 0 && batch !== undefined ? dimension.string(DIMENSION.parameter, batch) : dimension.integer(DIMENSION.value, extent));
  });
  const type = new WireWriter().integer(TENSOR_TYPE.elemType, DATA_TYPE[value.dtype]).message(TENSOR_TYPE.shape, shape);
  return new WireWriter().string(VALUE_INFO.name, value.name).message(VALUE_INFO.type, new WireWriter().message(TYPE.tensorType, type));
}
