/**
 * Other weights into a model file, everything else as it was, byte for byte: operator set, symbolic dimensions, names, metadata. A model that was read
 * and written again would have lost its symbolic batch.
 */
import { PipelineError } from '../../core/errors.js';
import type { Tensor } from '../../core/tensor.js';
import { encodeTensor } from '../encode.js';
import { ATTRIBUTE, ATTRIBUTE_TYPE, BFLOAT16, DATA_TYPE, FLOAT16, GRAPH, MODEL, NODE, REAL_CODES, TENSOR, typeName } from './schema.js';
import { stringOf, wireFields, WireWriter, type WireField } from './wire.js';

/**
 * A weight that the file has as an initializer is replaced; one that a node computes from constants (a reshaped or cast weight, folded when the model
 * was read) takes the place of that node. Where the file computes in half precision, the weight is kept in float32 as `<name>/float32`, and a Cast gives the
 * file's nodes what they expect. Errors: E_GRAPH for a name that the file has neither way, that is one of several outputs of a node, or that the file
 * keeps in double precision.
 */
export function replaceWeights(model: Uint8Array, weights: ReadonlyMap<string, Tensor>): Uint8Array {
  const whole = new WireWriter();
  for (const field of wireFields(model)) {
    if (field.number === MODEL.graph) whole.message(MODEL.graph, replaced(field.bytes, weights));
    else whole.copy(field);
  }
  return whole.finish();
}

function replaced(graph: Uint8Array, weights: ReadonlyMap<string, Tensor>): WireWriter {
  const codes = typesOf(graph, weights);
  const wide = new Map([...weights.keys()].filter((name) => codes.get(name) !== DATA_TYPE.float32).map((name) => [`${name}/float32`, name]));
  const rest = new Map(weights);
  const writer = new WireWriter();
  for (const [input, name] of wide) writer.message(GRAPH.node, castNode(input, name, codes.get(name) as number));
  for (const field of wireFields(graph)) {
    const [name, ...others] = namesIn(field);
    const weight = name === undefined || others.length > 0 ? undefined : rest.get(name);
    if (name === undefined || weight === undefined) {
      // what an earlier training left of a weight in half precision
      if (field.number !== GRAPH.initializer || name === undefined || !wide.has(name)) writer.copy(field);
      continue;
    }
    writer.message(GRAPH.initializer, encodeTensor(weight, codes.get(name) === DATA_TYPE.float32 ? name : `${name}/float32`));
    rest.delete(name);
  }
  for (const name of rest.keys()) {
    throw new PipelineError('E_GRAPH', `the weight '${name}' is not in the model file by that name`, {
      facts: { expected: 'an initializer, or a node with that one output', found: 'neither' }, hint: 'Do not train it: leave it out with "!" and its name.',
    });
  }
  return writer;
}

/** In which type the file's nodes take each weight: that of the initializer, or what the nodes between make of it. */
function typesOf(graph: Uint8Array, weights: ReadonlyMap<string, Tensor>): ReadonlyMap<string, number> {
  const codes = new Map<string, number>();
  const nodes = new Map<string, Uint8Array>();
  for (const field of wireFields(graph)) {
    const [name] = namesIn(field);
    if (name === undefined) continue;
    if (field.number === GRAPH.node) nodes.set(name, field.bytes);
    else codes.set(name, Number([...wireFields(field.bytes)].find((part) => part.number === TENSOR.dataType)?.bits));
  }
  const codeOf = (name: string): number | undefined => {
    const node = nodes.get(name);
    if (codes.has(name) || node === undefined) return codes.get(name);
    const code = statedType(node) ?? [...wireFields(node)].filter((part) => part.number === NODE.input).map((part) => codeOf(stringOf(part))).find((each) => each !== undefined && REAL_CODES.has(each));
    if (code !== undefined) codes.set(name, code);
    return code;
  };
  return new Map([...weights.keys()].map((name) => {
    const code = codeOf(name) ?? DATA_TYPE.float32;
    if (code === DATA_TYPE.float32 || code === FLOAT16 || code === BFLOAT16) return [name, code];
    throw new PipelineError('E_GRAPH', `the weight '${name}' is not kept in float32`, { facts: { expected: 'float32, float16 or bfloat16', found: typeName(code) }, hint: 'Export the model in float32 to train it.' });
  }));
}

/** The type that a Cast makes (its only integer attribute of that name), or that a Constant holds. */
function statedType(node: Uint8Array): number | undefined {
  for (const part of wireFields(node)) {
    if (part.number !== NODE.attribute) continue;
    const fields = [...wireFields(part.bytes)];
    const name = fields.find((field) => field.number === ATTRIBUTE.name);
    const tensor = fields.find((field) => field.number === ATTRIBUTE.t);
    if (tensor !== undefined) return Number([...wireFields(tensor.bytes)].find((field) => field.number === TENSOR.dataType)?.bits);
    if (name !== undefined && stringOf(name) === 'to') return Number(fields.find((field) => field.number === ATTRIBUTE.i)?.bits);
  }
  return undefined;
}

function castNode(input: string, output: string, code: number): WireWriter {
  const to = new WireWriter().string(ATTRIBUTE.name, 'to').integer(ATTRIBUTE.i, code).integer(ATTRIBUTE.type, ATTRIBUTE_TYPE.int);
  return new WireWriter().string(NODE.input, input).string(NODE.output, output).string(NODE.opType, 'Cast').message(NODE.attribute, to);
}

/** The initializer's name, or the outputs of a node. */
function namesIn(field: WireField): string[] {
  if (field.number !== GRAPH.initializer && field.number !== GRAPH.node) return [];
  const wanted = field.number === GRAPH.node ? NODE.output : TENSOR.name;
  return [...wireFields(field.bytes)].filter((part) => part.number === wanted).map(stringOf);
}
