/**
 * Reads the bytes of an ONNX ModelProto into plain records, before anything is understood. Tensors are views of the bytes where alignment
 * allows. Refused here: external data, sparse tensors, subgraphs, functions, element types that we do not hold, tensors whose data does not
 * fill their shape. Subgraphs are never entered, so a hostile file cannot make the reader recurse.
 */
import { PipelineError } from '../../core/errors.js';
import { allocate, BYTES_PER_ELEMENT, sizeOf, viewAs } from '../../core/tensor.js';
import type { DType, Tensor } from '../../core/tensor.js';
import type { AttributeValue } from '../ir.js';
import { ATTRIBUTE, ATTRIBUTE_TYPE, DIMENSION, DTYPE_OF, GRAPH, MODEL, NODE, OPSET, OTHER_DATA_TYPES, SHAPE, TENSOR, TENSOR_TYPE, TYPE, VALUE_INFO } from './schema.js';
import { FIXED64, floatOf, floatsOf, integersOf, signed, stringOf, wireFields } from './wire.js';
import type { WireField } from './wire.js';

export interface RawNode {
  readonly op: string;
  readonly name: string;
  readonly domain: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: Readonly<Record<string, AttributeValue>>;
}
export interface RawPort {
  readonly name: string;
  readonly dtype: DType;
  /** a number, or the name of a symbolic dimension ('' if it has none) */
  readonly dims: readonly (number | string)[];
}
export interface RawModel {
  /** version of the default operator set */
  readonly opset: number;
  readonly nodes: readonly RawNode[];
  readonly initializers: ReadonlyMap<string, Tensor>;
  readonly inputs: readonly RawPort[];
  readonly outputs: readonly string[];
}

export function readModel(bytes: Uint8Array): RawModel {
  let graph: Uint8Array | undefined;
  let opset: number | undefined;
  for (const field of wireFields(bytes)) {
    if (field.number === MODEL.graph) graph = field.bytes;
    if (field.number === MODEL.functions) throw unsupported('the model defines functions of its own');
    if (field.number === MODEL.opsetImport) {
      const { domain, version } = readOpset(field.bytes);
      if (domain === '' || domain === 'ai.onnx') opset = version;
    }
  }
  if (graph === undefined || opset === undefined) {
    throw new PipelineError('E_GRAPH', 'the bytes are not an ONNX model', { facts: { expected: 'a ModelProto with a graph and an operator set', found: graph === undefined ? 'no graph' : 'no operator set' }, hint: 'Check that the file is an .onnx model and was copied completely.' });
  }
  const nodes: RawNode[] = [];
  const initializers = new Map<string, Tensor>();
  const inputs: RawPort[] = [];
  const outputs: string[] = [];
  for (const field of wireFields(graph)) {
    if (field.number === GRAPH.node) nodes.push(readNode(field.bytes));
    else if (field.number === GRAPH.input) inputs.push(readPort(field.bytes));
    else if (field.number === GRAPH.output) outputs.push(readPort(field.bytes).name);
    else if (field.number === GRAPH.sparseInitializer) throw unsupported('the model holds sparse tensors');
    else if (field.number === GRAPH.initializer) {
      const { name, tensor } = readTensor(field.bytes);
      initializers.set(name, tensor);
    }
  }
  // models of IR version 3 list initializers among the inputs too
  return { opset, nodes, initializers, inputs: inputs.filter((input) => !initializers.has(input.name)), outputs };
}

function readOpset(bytes: Uint8Array): { domain: string; version: number } {
  let domain = '';
  let version = 0;
  for (const field of wireFields(bytes)) {
    if (field.number === OPSET.domain) domain = stringOf(field);
    if (field.number === OPSET.version) version = Number(signed(field));
  }
  return { domain, version };
}

function readNode(bytes: Uint8Array): RawNode {
  const node = { op: '', name: '', domain: '', inputs: [] as string[], outputs: [] as string[], attributes: Object.create(null) as Record<string, AttributeValue> };
  const attributes: Uint8Array[] = [];
  for (const field of wireFields(bytes)) {
    if (field.number === NODE.opType) node.op = stringOf(field);
    else if (field.number === NODE.name) node.name = stringOf(field);
    else if (field.number === NODE.domain) node.domain = stringOf(field);
    else if (field.number === NODE.input) node.inputs.push(stringOf(field));
    else if (field.number === NODE.output) node.outputs.push(stringOf(field));
    else if (field.number === NODE.attribute) attributes.push(field.bytes);
  }
  for (const attribute of attributes) {
    const { name, value } = readAttribute(attribute, node.name === '' ? node.op : node.name);
    if (value !== undefined) node.attributes[name] = value;
  }
  return node;
}

function readAttribute(bytes: Uint8Array, node: string): { name: string; value: AttributeValue | undefined } {
  let name = '';
  let type = 0;
  const fields = [...wireFields(bytes)];
  for (const field of fields) {
    if (field.number === ATTRIBUTE.name) name = stringOf(field);
    if (field.number === ATTRIBUTE.type) type = Number(signed(field));
  }
  const of = (number: number): WireField[] => fields.filter((field) => field.number === number);
  const [first] = [ATTRIBUTE.f, ATTRIBUTE.i, ATTRIBUTE.s, ATTRIBUTE.t].flatMap(of);
  switch (type) {
    case ATTRIBUTE_TYPE.float:
      return { name, value: first === undefined ? 0 : floatOf(first) };
    case ATTRIBUTE_TYPE.int:
      return { name, value: first === undefined ? 0 : safeInteger(signed(first)) };
    case ATTRIBUTE_TYPE.string:
      return { name, value: first === undefined ? '' : stringOf(first) };
    case ATTRIBUTE_TYPE.tensor:
      return { name, value: first === undefined ? undefined : readTensor(first.bytes).tensor };
    case ATTRIBUTE_TYPE.floats:
      return { name, value: of(ATTRIBUTE.floats).flatMap(floatsOf) };
    case ATTRIBUTE_TYPE.ints:
      return { name, value: of(ATTRIBUTE.ints).flatMap(integersOf).map(safeInteger) };
    case ATTRIBUTE_TYPE.strings:
      return { name, value: of(ATTRIBUTE.strings).map(stringOf) };
    default:
      throw new PipelineError('E_GRAPH', `'${node}' has an attribute '${name}' of a kind that we do not read`, { facts: { expected: 'a number, a text, a tensor or a list', found: `attribute type ${type} (5 is a subgraph)` }, hint: 'Export the model without control flow (If, Loop, Scan).' });
  }
}

function readPort(bytes: Uint8Array): RawPort {
  let name = '';
  let type: Uint8Array | undefined;
  for (const field of wireFields(bytes)) {
    if (field.number === VALUE_INFO.name) name = stringOf(field);
    if (field.number === VALUE_INFO.type) type = field.bytes;
  }
  let code = 0;
  const dims: (number | string)[] = [];
  const tensorType = type && [...wireFields(type)].find((field) => field.number === TYPE.tensorType);
  if (tensorType === undefined) throw unsupported(`'${name}' is not a tensor`);
  for (const field of wireFields(tensorType.bytes)) {
    if (field.number === TENSOR_TYPE.elemType) code = Number(signed(field));
    if (field.number !== TENSOR_TYPE.shape) continue;
    for (const dim of wireFields(field.bytes)) if (dim.number === SHAPE.dim) dims.push(readDimension(dim.bytes));
  }
  return { name, dtype: dtypeOf(code, name), dims };
}

function readDimension(bytes: Uint8Array): number | string {
  let extent: number | string = '';
  for (const field of wireFields(bytes)) {
    if (field.number === DIMENSION.value) extent = safeInteger(signed(field));
    if (field.number === DIMENSION.parameter) extent = stringOf(field);
  }
  return extent;
}

function readTensor(bytes: Uint8Array): { name: string; tensor: Tensor } {
  let name = '';
  let code = 0;
  let raw: Uint8Array | undefined;
  const dims: number[] = [];
  const lists: WireField[] = [];
  for (const field of wireFields(bytes)) {
    if (field.number === TENSOR.name) name = stringOf(field);
    else if (field.number === TENSOR.dims) dims.push(...integersOf(field).map(safeInteger));
    else if (field.number === TENSOR.dataType) code = Number(signed(field));
    else if (field.number === TENSOR.rawData) raw = field.bytes;
    else if (field.number === TENSOR.externalData || (field.number === TENSOR.dataLocation && field.bits !== 0n)) throw unsupported(`the weights '${name}' are in another file`, 'Save the model with its weights inside (onnx.save_model with save_as_external_data=False).');
    else lists.push(field);
  }
  const dtype = dtypeOf(code, name);
  const size = sizeOf(dims);
  if (raw !== undefined) {
    if (raw.length !== size * BYTES_PER_ELEMENT[dtype]) throw unfilled(name, dims, `${raw.length} bytes`, `${size * BYTES_PER_ELEMENT[dtype]} bytes`);
    return { name, tensor: { dtype, shape: dims, data: viewAs(dtype, raw) } };
  }
  const values = lists.flatMap((field) => typedValues(field));
  if (values.length !== size) throw unfilled(name, dims, `${values.length} elements`, `${size} elements`);
  const data = allocate(dtype, size);
  values.forEach((value, i) => (data[i] = data instanceof BigInt64Array ? BigInt(value) : Number(value)));
  return { name, tensor: { dtype, shape: dims, data } };
}

/** The typed lists of TensorProto, which small tensors use in place of raw bytes. */
function typedValues(field: WireField): (number | bigint)[] {
  switch (field.number) {
    case TENSOR.floatData:
      return floatsOf(field);
    case TENSOR.int32Data:
    case TENSOR.int64Data:
    case TENSOR.uint64Data:
      return integersOf(field);
    case TENSOR.doubleData: {
      if (field.wireType === FIXED64) return [new Float64Array(BigUint64Array.of(field.bits).buffer)[0] as number];
      return field.bytes.length % 8 === 0 ? Array.from(viewAs('float64', field.bytes)) : [];
    }
    default:
      return [];
  }
}

function dtypeOf(code: number, name: string): DType {
  const dtype = DTYPE_OF.get(code);
  if (dtype === undefined) {
    throw new PipelineError('E_GRAPH', `'${name}' has an element type that we do not hold`, { facts: { expected: [...DTYPE_OF.values()].join(', '), found: OTHER_DATA_TYPES[code] ?? `data type ${code}` }, hint: 'Export the model in float32.' });
  }
  return dtype;
}

/** Extents, axes and sizes; "to the end" is written as 2^63-1 and becomes the largest safe integer. */
function safeInteger(value: bigint): number {
  if (value > BigInt(Number.MAX_SAFE_INTEGER)) return Number.MAX_SAFE_INTEGER;
  if (value < BigInt(Number.MIN_SAFE_INTEGER)) return Number.MIN_SAFE_INTEGER;
  return Number(value);
}

function unfilled(name: string, dims: readonly number[], found: string, expected: string): PipelineError {
  return new PipelineError('E_GRAPH', `the data of tensor '${name}' does not fill its shape [${dims.join(', ')}]`, { facts: { expected, found }, hint: 'Check that the file was copied completely.' });
}

function unsupported(what: string, hint = 'Export the model again without this.'): PipelineError {
  return new PipelineError('E_GRAPH', what, { facts: { expected: 'a model with plain operators and its weights inside', found: what }, hint });
}
