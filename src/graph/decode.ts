/**
 * Imports an ONNX model (opset 11 to 28, as torch.onnx.export and others write them) as a Graph with static shapes: symbolic dimensions are
 * bound to numbers, constants and shape computations folded, Identity and Dropout resolved, functions and known branches unfolded. Half and double
 * precision become float32. Names of values and nodes are the file's; module paths of the original program are known as aliases. Bytes are not
 * trusted: what does not fit is an E_GRAPH or E_OPERATOR that names the place.
 */
import { PipelineError } from '../core/errors.js';
import type { DType } from '../core/tensor.js';
import { prune } from './cut.js';
import type { Graph } from './ir.js';
import { moduleAliases } from './onnx/aliases.js';
import { moduleCall } from './onnx/module-paths.js';
import type { ExternalData } from './onnx/external-data.js';
import { NodeImport } from './onnx/import-nodes.js';
import { readModel } from './onnx/read-model.js';
import type { RawModel, RawPort } from './onnx/read-model.js';
import { NEWEST_OPSET, OLDEST_OPSET } from './onnx/upgrade.js';

export interface DecodeOptions {
  /** numbers for symbolic dimensions, by name (`batch`) or by place (`<input>:<axis>`, for those without a name too) */
  readonly bind?: Readonly<Record<string, number>>;
  /** what the bytes are, for messages */
  readonly label?: string;
  /** where weights in other files are read (openModelFile) */
  readonly external?: ExternalData;
}

export interface ModelInput {
  readonly name: string;
  /** what is fed; half and double precision are fed as float32 */
  readonly dtype: DType;
  /** a number, or the name of a symbolic dimension ('' if it has none) */
  readonly dims: readonly (number | string)[];
}

/** Inputs as the file declares them. Errors: E_GRAPH for bytes that are no model. */
export function modelInputs(bytes: Uint8Array): readonly ModelInput[] {
  return readModel(bytes).inputs;
}

export function decodeModel(bytes: Uint8Array, options: DecodeOptions = {}): Graph {
  const label = options.label ?? 'model';
  const model = readModel(bytes, options.external);
  requireOpset(model, label);
  const nodes = new NodeImport(model, label, options.external, undefined);
  for (const port of model.inputs) nodes.input(port.name, port.dtype, bindShape(port, options.bind ?? {}, label));
  nodes.run(model);
  return finishImport(nodes, model, label);
}

export function requireOpset(model: RawModel, label: string): void {
  if (model.opset < OLDEST_OPSET || model.opset > NEWEST_OPSET) {
    throw new PipelineError('E_GRAPH', `'${label}' is written for an operator set that we do not read`, { facts: { expected: `opset ${OLDEST_OPSET} to ${NEWEST_OPSET}`, found: `opset ${model.opset}` }, hint: 'Export the model with opset_version=17.' });
  }
}

/** Outputs, without what they do not need, and the aliases of what is left. */
function finishImport(nodes: NodeImport, model: RawModel, label: string): Graph {
  const { builder } = nodes;
  const outputs = model.outputs.map((name) => {
    const value = nodes.outputOf(name);
    if (value === undefined) throw new PipelineError('E_GRAPH', `output '${name}' of '${label}' is computed by no node`, { hint: 'Export the model again.' });
    return builder.output(name, value);
  });
  return withAliases(prune(builder.build(), outputs, true), nodes);
}

export function withAliases(graph: Graph, nodes: NodeImport): Graph {
  const computed = new Set(graph.nodes.flatMap((node) => node.outputs));
  return {
    ...graph,
    aliases: moduleAliases(nodes.origins, (value) => computed.has(value) && graph.values.get(value)?.dtype === 'float32'),
    modules: new Map([...nodes.takers].map(([constant, takers]) => [constant, takers.map((node) => moduleCall(node)?.module ?? '').filter((module) => module !== '')])),
  };
}

export function bindShape(port: RawPort, bind: Readonly<Record<string, number>>, label: string): number[] {
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
