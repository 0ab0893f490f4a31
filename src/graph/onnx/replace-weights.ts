/**
 * Other weights into a model file, everything else as it was, byte for byte: operator set, symbolic dimensions, names, metadata. A model that was read
 * and written again would have lost its symbolic batch.
 */
import { PipelineError } from '../../core/errors.js';
import type { Tensor } from '../../core/tensor.js';
import { encodeTensor } from '../encode.js';
import { DATA_TYPE, GRAPH, MODEL, NODE, TENSOR } from './schema.js';
import { BYTES, FIXED32, FIXED64, stringOf, wireFields, WireWriter, type WireField } from './wire.js';

/**
 * A weight that the file has as an initializer is replaced; one that a node computes from constants (a transposed or cast weight, folded when the model
 * was read) takes the place of that node. Errors: E_GRAPH for a name that the file has neither way, that is
 * one of several outputs of a node, or that the file does not keep in float32.
 */
export function replaceWeights(model: Uint8Array, weights: ReadonlyMap<string, Tensor>): Uint8Array {
  const whole = new WireWriter();
  for (const field of wireFields(model)) {
    if (field.number === MODEL.graph) whole.message(MODEL.graph, replaced(field.bytes, weights));
    else copy(whole, field);
  }
  return whole.finish();
}

function replaced(graph: Uint8Array, weights: ReadonlyMap<string, Tensor>): WireWriter {
  const rest = new Map(weights);
  const writer = new WireWriter();
  const put = (name: string): void => {
    writer.message(GRAPH.initializer, encodeTensor(rest.get(name) as Tensor, name));
    rest.delete(name);
  };
  for (const field of wireFields(graph)) {
    const [name, ...others] = namesIn(field);
    if (name === undefined || !weights.has(name) || others.length > 0 || !rest.has(name)) {
      copy(writer, field);
      continue;
    }
    if (field.number === GRAPH.initializer) requireFloat32(field.bytes, name);
    put(name);
  }
  for (const name of rest.keys()) {
    throw new PipelineError('E_GRAPH', `the weight '${name}' is not in the model file by that name`, {
      facts: { expected: 'an initializer, or a node with that one output', found: 'neither' }, hint: 'Do not train it: leave it out with "!" and its name.',
    });
  }
  return writer;
}

/** What is trained in float32 is not what a file in half precision would hold. */
function requireFloat32(tensor: Uint8Array, name: string): void {
  const type = [...wireFields(tensor)].find((field) => field.number === TENSOR.dataType)?.bits;
  if (Number(type) === DATA_TYPE.float32) return;
  throw new PipelineError('E_GRAPH', `the weight '${name}' is not kept in float32`, { facts: { expected: `data type ${DATA_TYPE.float32}`, found: `data type ${String(type)}` }, hint: 'Export the model in float32 to train it.' });
}

/** The initializer's name, or the outputs of a node. */
function namesIn(field: WireField): string[] {
  if (field.number !== GRAPH.initializer && field.number !== GRAPH.node) return [];
  const wanted = field.number === GRAPH.node ? NODE.output : TENSOR.name;
  return [...wireFields(field.bytes)].filter((part) => part.number === wanted).map(stringOf);
}

function copy(writer: WireWriter, field: WireField): void {
  if (field.wireType === BYTES) writer.bytes(field.number, field.bytes);
  else if (field.wireType === FIXED32 || field.wireType === FIXED64) writer.fixed(field.number, field.wireType, field.bits);
  else writer.integer(field.number, field.bits);
}
