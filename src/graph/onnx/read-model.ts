/**
 * Reads the bytes of an ONNX ModelProto into plain records, before anything is understood. Tensors are views of the bytes where alignment
 * allows. Subgraphs are kept as bytes and never entered here, so a hostile file cannot make the reader recurse. Refused: sparse tensors, attributes of
 * kinds that we do not know.
 */
import { PipelineError } from '../../core/errors.js';
import type { DType } from '../../core/tensor.js';
import type { AttributeValue } from '../ir.js';
import type { ExternalData } from './external-data.js';
import { ATTRIBUTE, ATTRIBUTE_TYPE, DIMENSION, ENTRY, FUNCTION, GRAPH, heldAs, MODEL, NODE, OPSET, SHAPE, TENSOR_TYPE, TYPE, typeName, VALUE_INFO } from './schema.js';
import { notHeld, readTensor, safeInteger } from './tensors.js';
import type { StoredTensor } from './tensors.js';
import { floatOf, floatsOf, integersOf, signed, stringOf, wireFields } from './wire.js';
import type { WireField } from './wire.js';

export interface RawNode {
  readonly op: string;
  readonly name: string;
  /** '' for ONNX's own operators */
  readonly domain: string;
  readonly overload: string;
  /** version of ONNX's own operators that the node is written for */
  readonly opset: number;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: Readonly<Record<string, AttributeValue>>;
  /** attributes that are graphs, unread */
  readonly subgraphs: Readonly<Record<string, Uint8Array>>;
  /** inside a function: attribute → attribute of the call that gives its value */
  readonly references: Readonly<Record<string, string>>;
  readonly metadata: Readonly<Record<string, string>>;
}
export interface RawPort {
  readonly name: string;
  readonly dtype: DType;
  /** type in the file */
  readonly stored: string;
  /** a number, or the name of a symbolic dimension ('' if it has none) */
  readonly dims: readonly (number | string)[];
}
export interface RawGraph {
  readonly nodes: readonly RawNode[];
  readonly initializers: ReadonlyMap<string, StoredTensor>;
  readonly inputs: readonly RawPort[];
  readonly outputs: readonly string[];
}
/** An operator that the model itself defines in others. */
export interface RawFunction {
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly nodes: readonly RawNode[];
  readonly defaults: Readonly<Record<string, AttributeValue>>;
}
export interface RawModel extends RawGraph {
  /** version of the default operator set */
  readonly opset: number;
  /** the program that wrote it */
  readonly producer: string;
  /** by domain, name and overload (functionKey) */
  readonly functions: ReadonlyMap<string, RawFunction>;
}

/** What reading a graph needs of the model around it. */
export interface Surroundings {
  readonly opset: number;
  readonly external: ExternalData | undefined;
}

export function functionKey(call: { readonly domain: string; readonly op: string; readonly overload: string }): string {
  return JSON.stringify([call.domain, call.op, call.overload]);
}

export function readModel(bytes: Uint8Array, external?: ExternalData): RawModel {
  let graph: Uint8Array | undefined;
  let opset: number | undefined;
  const producer = { name: '', version: '' };
  const functions: Uint8Array[] = [];
  for (const field of wireFields(bytes)) {
    if (field.number === MODEL.graph) graph = field.bytes;
    else if (field.number === MODEL.functions) functions.push(field.bytes);
    else if (field.number === MODEL.producerName) producer.name = stringOf(field);
    else if (field.number === MODEL.producerVersion) producer.version = stringOf(field);
    else if (field.number === MODEL.opsetImport) opset = defaultOpset(field.bytes) ?? opset;
  }
  if (graph === undefined || opset === undefined) {
    throw new PipelineError('E_GRAPH', 'the bytes are not an ONNX model', { facts: { expected: 'a ModelProto with a graph and an operator set', found: graph === undefined ? 'no graph' : 'no operator set' }, hint: 'Check that the file is an .onnx model and was copied completely.' });
  }
  const around = { opset, external };
  return { ...readGraph(graph, around), opset, producer: `${producer.name} ${producer.version}`.trim(), functions: new Map(functions.map((each) => readFunction(each, around))) };
}

/** The graph of a model, or one that is an attribute. */
export function readGraph(bytes: Uint8Array, around: Surroundings): RawGraph {
  const nodes: RawNode[] = [];
  const initializers = new Map<string, StoredTensor>();
  const inputs: RawPort[] = [];
  const outputs: string[] = [];
  const ports: Uint8Array[] = [];
  for (const field of wireFields(bytes)) {
    if (field.number === GRAPH.node) nodes.push(readNode(field.bytes, around));
    else if (field.number === GRAPH.input) ports.push(field.bytes);
    else if (field.number === GRAPH.output) outputs.push(portName(field.bytes));
    else if (field.number === GRAPH.sparseInitializer) throw new PipelineError('E_GRAPH', 'the model holds sparse tensors', { facts: { expected: 'dense weights', found: 'a sparse initializer' }, hint: 'Export the model again with dense weights.' });
    else if (field.number === GRAPH.initializer) {
      const stored = readTensor(field.bytes, around.external);
      initializers.set(stored.name, stored);
    }
  }
  // models of IR version 3 list initializers among the inputs too
  for (const port of ports) if (!initializers.has(portName(port))) inputs.push(readPort(port));
  return { nodes, initializers, inputs, outputs };
}

function defaultOpset(bytes: Uint8Array): number | undefined {
  let domain = '';
  let version = 0;
  for (const field of wireFields(bytes)) {
    if (field.number === OPSET.domain) domain = stringOf(field);
    if (field.number === OPSET.version) version = Number(signed(field));
  }
  return domain === '' || domain === 'ai.onnx' ? version : undefined;
}

function readFunction(bytes: Uint8Array, around: Surroundings): [string, RawFunction] {
  const call = { domain: '', op: '', overload: '' };
  const [inputs, outputs]: [string[], string[]] = [[], []];
  const nodes: Uint8Array[] = [];
  const defaults = record<AttributeValue>();
  let { opset } = around;
  for (const field of wireFields(bytes)) {
    if (field.number === FUNCTION.name) call.op = stringOf(field);
    else if (field.number === FUNCTION.domain) call.domain = stringOf(field);
    else if (field.number === FUNCTION.overload) call.overload = stringOf(field);
    else if (field.number === FUNCTION.input) inputs.push(stringOf(field));
    else if (field.number === FUNCTION.output) outputs.push(stringOf(field));
    else if (field.number === FUNCTION.node) nodes.push(field.bytes);
    else if (field.number === FUNCTION.opsetImport) opset = defaultOpset(field.bytes) ?? opset;
    else if (field.number === FUNCTION.attributeDefault) {
      const { name, value } = readAttribute(field.bytes, call.op, around);
      if (value !== undefined && !(value instanceof Uint8Array)) defaults[name] = value;
    }
  }
  return [functionKey(call), { inputs, outputs, nodes: nodes.map((node) => readNode(node, { ...around, opset })), defaults }];
}

function readNode(bytes: Uint8Array, around: Surroundings): RawNode {
  const node = { op: '', name: '', domain: '', overload: '', opset: around.opset, inputs: [] as string[], outputs: [] as string[] };
  const [attributes, subgraphs, references, metadata] = [record<AttributeValue>(), record<Uint8Array>(), record<string>(), record<string>()];
  const fields: Uint8Array[] = [];
  for (const field of wireFields(bytes)) {
    if (field.number === NODE.opType) node.op = stringOf(field);
    else if (field.number === NODE.name) node.name = stringOf(field);
    else if (field.number === NODE.domain) node.domain = stringOf(field) === 'ai.onnx' ? '' : stringOf(field);
    else if (field.number === NODE.overload) node.overload = stringOf(field);
    else if (field.number === NODE.input) node.inputs.push(stringOf(field));
    else if (field.number === NODE.output) node.outputs.push(stringOf(field));
    else if (field.number === NODE.attribute) fields.push(field.bytes);
    else if (field.number === NODE.metadata) {
      const [key, value] = readEntry(field.bytes);
      metadata[key] = value;
    }
  }
  for (const field of fields) {
    const { name, value, reference } = readAttribute(field, node.name === '' ? node.op : node.name, around);
    if (reference !== '') references[name] = reference;
    else if (value instanceof Uint8Array) subgraphs[name] = value;
    else if (value !== undefined) attributes[name] = value;
  }
  return { ...node, attributes, subgraphs, references, metadata };
}

function readEntry(bytes: Uint8Array): [string, string] {
  let key = '';
  let value = '';
  for (const field of wireFields(bytes)) {
    if (field.number === ENTRY.key) key = stringOf(field);
    if (field.number === ENTRY.value) value = stringOf(field);
  }
  return [key, value];
}

/** A graph is given as its bytes. */
function readAttribute(bytes: Uint8Array, node: string, around: Surroundings): { name: string; value: AttributeValue | Uint8Array | undefined; reference: string } {
  let name = '';
  let reference = '';
  let type = 0;
  const fields = [...wireFields(bytes)];
  for (const field of fields) {
    if (field.number === ATTRIBUTE.name) name = stringOf(field);
    if (field.number === ATTRIBUTE.reference) reference = stringOf(field);
    if (field.number === ATTRIBUTE.type) type = Number(signed(field));
  }
  const of = (number: number): WireField[] => fields.filter((field) => field.number === number);
  const [first] = [ATTRIBUTE.f, ATTRIBUTE.i, ATTRIBUTE.s, ATTRIBUTE.t, ATTRIBUTE.g].flatMap(of);
  const valued = (value: AttributeValue | Uint8Array | undefined): { name: string; value: AttributeValue | Uint8Array | undefined; reference: string } => ({ name, value, reference });
  if (reference !== '') return valued(undefined);
  switch (type) {
    case ATTRIBUTE_TYPE.float:
      return valued(first === undefined ? 0 : floatOf(first));
    case ATTRIBUTE_TYPE.int:
      return valued(first === undefined ? 0 : safeInteger(signed(first)));
    case ATTRIBUTE_TYPE.string:
      return valued(first === undefined ? '' : stringOf(first));
    case ATTRIBUTE_TYPE.tensor:
      return valued(first === undefined ? undefined : readTensor(first.bytes, around.external).read());
    case ATTRIBUTE_TYPE.graph:
      return valued(first?.bytes);
    case ATTRIBUTE_TYPE.floats:
      return valued(of(ATTRIBUTE.floats).flatMap(floatsOf));
    case ATTRIBUTE_TYPE.ints:
      return valued(of(ATTRIBUTE.ints).flatMap(integersOf).map(safeInteger));
    case ATTRIBUTE_TYPE.strings:
      return valued(of(ATTRIBUTE.strings).map(stringOf));
    default:
      throw new PipelineError('E_GRAPH', `'${node}' has an attribute '${name}' of a kind that we do not read`, { facts: { expected: 'a number, a text, a tensor, a graph or a list', found: `attribute type ${type}` }, hint: 'Export the model without this attribute.' });
  }
}

function portName(bytes: Uint8Array): string {
  for (const field of wireFields(bytes)) if (field.number === VALUE_INFO.name) return stringOf(field);
  return '';
}

function readPort(bytes: Uint8Array): RawPort {
  const name = portName(bytes);
  let type: Uint8Array | undefined;
  for (const field of wireFields(bytes)) if (field.number === VALUE_INFO.type) type = field.bytes;
  let code = 0;
  const dims: (number | string)[] = [];
  const tensorType = type && [...wireFields(type)].find((field) => field.number === TYPE.tensorType);
  if (tensorType === undefined) throw new PipelineError('E_GRAPH', `'${name}' is not a tensor`, { facts: { expected: 'inputs that are tensors', found: 'a sequence, a map or nothing' }, hint: 'Export the model with tensors as inputs.' });
  for (const field of wireFields(tensorType.bytes)) {
    if (field.number === TENSOR_TYPE.elemType) code = Number(signed(field));
    if (field.number !== TENSOR_TYPE.shape) continue;
    for (const dim of wireFields(field.bytes)) if (dim.number === SHAPE.dim) dims.push(readDimension(dim.bytes));
  }
  const dtype = heldAs(code);
  if (dtype === undefined) throw notHeld(name, typeName(code));
  return { name, dtype, stored: typeName(code), dims };
}

function readDimension(bytes: Uint8Array): number | string {
  let extent: number | string = '';
  for (const field of wireFields(bytes)) {
    if (field.number === DIMENSION.value) extent = safeInteger(signed(field));
    if (field.number === DIMENSION.parameter) extent = stringOf(field);
  }
  return extent;
}

/** Without a prototype: names of a file may be `__proto__` or `constructor`. */
function record<T>(): Record<string, T> {
  return Object.create(null) as Record<string, T>;
}
