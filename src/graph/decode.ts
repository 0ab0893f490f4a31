/**
 * Imports an ONNX model (opset 11 to 21, as torch.onnx.export and others write them) as a Graph with static shapes: symbolic dimensions are
 * bound to numbers, constants and shape computations folded, Identity and Dropout resolved, padding by nothing removed. Names of values and
 * nodes are the file's. Bytes are not trusted: what does not fit is an E_GRAPH or E_OPERATOR that names the place.
 */
import { PipelineError } from '../core/errors.js';
import { tensor } from '../core/tensor.js';
import type { Tensor } from '../core/tensor.js';
import { GraphBuilder } from './builder.js';
import { prune } from './cut.js';
import type { Graph, Value } from './ir.js';
import { fold } from './onnx/fold.js';
import { readModel } from './onnx/read-model.js';
import type { RawModel, RawNode, RawPort } from './onnx/read-model.js';
import { emitUpgraded, NEWEST_OPSET, OLDEST_OPSET } from './onnx/upgrade.js';

export interface DecodeOptions {
  /** numbers for symbolic dimensions, by name (`batch`) or by place (`<input>:<axis>`, for those without a name too) */
  readonly bind?: Readonly<Record<string, number>>;
  /** what the bytes are, for messages */
  readonly label?: string;
}

/** Inputs as the file declares them: a number, or the name of a symbolic dimension ('' if it has none), per axis. Errors: E_GRAPH for bytes that are no model. */
export function modelInputs(bytes: Uint8Array): readonly { readonly name: string; readonly dims: readonly (number | string)[] }[] {
  return readModel(bytes).inputs;
}

export function decodeModel(bytes: Uint8Array, options: DecodeOptions = {}): Graph {
  const label = options.label ?? 'model';
  const model = readModel(bytes);
  if (model.opset < OLDEST_OPSET || model.opset > NEWEST_OPSET) {
    throw new PipelineError('E_GRAPH', `'${label}' is written for an operator set that we do not read`, { facts: { expected: `opset ${OLDEST_OPSET} to ${NEWEST_OPSET}`, found: `opset ${model.opset}` }, hint: 'Export the model with opset_version=17.' });
  }
  const b = new GraphBuilder([...model.initializers.keys(), ...model.nodes.flatMap((node) => node.outputs)]);
  const values = new Map<string, Value>();
  const constants = new Map<string, Tensor>(model.initializers);
  for (const port of model.inputs) values.set(port.name, b.input(port.name, port.dtype, bindShape(port, options.bind ?? {}, label)));

  /** A constant enters the graph when a node uses it; until then it may serve only to derive shapes. */
  const valueOf = (name: string): Value | undefined => {
    const known = values.get(name);
    if (known !== undefined) return known;
    const constant = constants.get(name);
    if (constant === undefined) return undefined;
    // the name of an output is kept for the node that hands the constant out
    const value = b.constant(constant, model.outputs.includes(name) ? undefined : name);
    values.set(name, value);
    return value;
  };

  for (const node of model.nodes) {
    for (const name of node.inputs) if (name !== '' && !values.has(name) && !constants.has(name)) throw unknownInput(label, node, name);
    const constant = constantResult(node, values, constants);
    if (constant !== undefined) {
      constants.set(node.outputs[0] ?? '', constant);
      continue;
    }
    if (passesThrough(node, constants)) {
      const [source] = node.inputs as [string];
      const known = constants.get(source);
      if (known !== undefined && !values.has(source)) constants.set(node.outputs[0] ?? '', known);
      else values.set(node.outputs[0] ?? '', valueOf(source) as Value);
      continue;
    }
    const inputs = node.inputs.map((name) => (name === '' ? undefined : valueOf(name)));
    const emitted = emitUpgraded(b, node, inputs, model.opset);
    emitted.forEach((value, i) => values.set(node.outputs[i] as string, value));
  }
  return withOutputs(b, model, valueOf, label);
}

function withOutputs(b: GraphBuilder, model: RawModel, valueOf: (name: string) => Value | undefined, label: string): Graph {
  const outputs = model.outputs.map((name) => {
    const value = valueOf(name);
    if (value === undefined) throw new PipelineError('E_GRAPH', `output '${name}' of '${label}' is computed by no node`, { hint: 'Export the model again.' });
    return b.output(name, value);
  });
  return prune(b.build(), outputs, true);
}

function bindShape(port: RawPort, bind: Readonly<Record<string, number>>, label: string): number[] {
  return port.dims.map((dim, axis) => {
    const place = `${port.name}:${axis}`;
    const name = typeof dim === 'string' && dim !== '' ? dim : place;
    const known = [name, place].find((candidate) => Object.hasOwn(bind, candidate));
    const extent = typeof dim === 'number' ? dim : known === undefined ? undefined : bind[known];
    if (extent === undefined || !Number.isInteger(extent) || extent < 1) {
      throw new PipelineError('E_GRAPH', `axis ${axis} of input '${port.name}' of '${label}' has no extent`, { facts: { expected: `a positive number for '${name}'`, found: extent ?? 'a symbolic dimension' }, hint: `Bind '${name}' to a number.` });
    }
    return extent;
  });
}

/** Constants written as nodes, shapes of values, and what follows from constants alone. */
function constantResult(node: RawNode, values: ReadonlyMap<string, Value>, constants: ReadonlyMap<string, Tensor>): Tensor | undefined {
  const { attributes } = node;
  if (node.op === 'Constant') {
    const { value, value_float: float, value_floats: floats, value_int: int, value_ints: ints } = attributes;
    if (value !== undefined) return value as Tensor;
    if (float !== undefined) return tensor('float32', [], Float32Array.of(float as number));
    if (floats !== undefined) return tensor('float32', [(floats as number[]).length], Float32Array.from(floats as number[]));
    if (int !== undefined) return tensor('int64', [], BigInt64Array.of(BigInt(int as number)));
    if (ints !== undefined) return tensor('int64', [(ints as number[]).length], BigInt64Array.from((ints as number[]).map(BigInt)));
    throw new PipelineError('E_GRAPH', `constant '${node.outputs[0] ?? ''}' holds nothing that we read`, { facts: { expected: 'a tensor or numbers', found: Object.keys(attributes).join(', ') || 'nothing' }, hint: 'Export the model again.' });
  }
  if (node.op === 'Shape') {
    const shape = values.get(node.inputs[0] ?? '')?.shape ?? constants.get(node.inputs[0] ?? '')?.shape ?? [];
    const part = shape.slice((attributes['start'] as number | undefined) ?? 0, attributes['end'] as number | undefined);
    return tensor('int64', [part.length], BigInt64Array.from(part.map(BigInt)));
  }
  if (node.inputs.some((name) => !constants.has(name))) return undefined;
  return fold(node.op, node.inputs.map((name) => constants.get(name)), attributes);
}

/** Identity, Dropout at inference, and the all-zero Pad that torch writes before average pools. */
function passesThrough(node: RawNode, constants: ReadonlyMap<string, Tensor>): boolean {
  if (node.op === 'Identity') return true;
  if (node.op === 'Dropout') return true;
  const pads = node.op === 'Pad' ? constants.get(node.inputs[1] ?? '') : undefined;
  return pads !== undefined && Array.from(pads.data as ArrayLike<number | bigint>, Number).every((pad) => pad === 0);
}

function unknownInput(label: string, node: RawNode, name: string): PipelineError {
  return new PipelineError('E_GRAPH', `'${node.name === '' ? (node.outputs[0] ?? node.op) : node.name}' of '${label}' reads '${name}', which nothing before it computes`, { facts: { expected: 'nodes in the order of computation', found: name }, hint: 'Export the model again.' });
}
