/**
 * What is in an ONNX model, for people who want to know whether and how they can use it: inputs, weights, operators, layers by name with their shapes and
 * layouts, which are worth extracting (extraction.ts), whether a layer can be differentiated by the image and fine-tuned, and everything that cannot be
 * imported, all of it at once, with the layers that can be reached nevertheless. Nothing is run.
 */
import type { PipelineError } from '../core/errors.js';
import type { Shape } from '../core/tensor.js';
import { bindShape, requireOpset, withAliases } from './decode.js';
import type { ModelInput } from './decode.js';
import { worthExtracting } from './extraction.js';
import type { Worth } from './extraction.js';
import type { Graph } from './ir.js';
import { layoutsOf } from './layout.js';
import type { Layout } from './layout.js';
import { layerNames } from './names.js';
import { reachFrom } from './obstacles.js';
import type { Obstacle } from './obstacles.js';
import type { ExternalData } from './onnx/external-data.js';
import { expandCalls } from './onnx/functions.js';
import { NodeImport } from './onnx/import-nodes.js';
import { readModel } from './onnx/read-model.js';
import type { RawModel, RawNode } from './onnx/read-model.js';
import { isPlain, isReadable, labelOf, unknownOperator } from './onnx/upgrade.js';
import { parseAttributes } from './ops/attributes.js';
import { OPERATORS } from './ops/table.js';

export interface InspectOptions {
  readonly label?: string;
  /** side of the image where the model leaves it open; default 224 */
  readonly size?: number;
  readonly external?: ExternalData;
}

export interface InspectedInput extends ModelInput {
  /** type in the file: float16, where float32 is fed */
  readonly stored: string;
}

export interface InspectedWeights {
  readonly tensors: number;
  /** numbers in all real-valued tensors */
  readonly parameters: number;
  /** in the model and the files beside it */
  readonly bytes: number;
  /** type in the file → tensors */
  readonly types: Readonly<Record<string, number>>;
  /** files beside the model, relative to its folder */
  readonly files: readonly string[];
}

export interface InspectedOperator {
  /** with its domain, where it is not one of ONNX's own */
  readonly op: string;
  readonly count: number;
  readonly known: boolean;
}

export interface InspectedLayer {
  /** the shortest name to call it by: the path of its module, or the name of its value */
  readonly name: string;
  /** name of its value in the file */
  readonly value: string;
  readonly node?: string;
  readonly op: string;
  /** without the batch; of a value whose first axis is not the batch the whole shape */
  readonly shape: Shape;
  /** absent where it cannot be told: such a layer cannot be extracted */
  readonly layout?: Layout;
  /** why it is worth extracting, where it is */
  readonly extract?: Worth;
  /** the node in the way of the gradient by the image, where there is one */
  readonly imageObstacle?: Obstacle;
  /** the node in the way of the gradient by the weights, where there is one; `false`: no weight comes before it */
  readonly weightObstacle?: Obstacle | false;
}

/** One reason why nodes cannot be imported. */
export interface InspectedProblem {
  readonly op: string;
  readonly code: string;
  readonly message: string;
  readonly nodes: readonly string[];
}

export interface Inspection {
  readonly producer: string;
  readonly opset: number;
  readonly inputs: readonly InspectedInput[];
  readonly outputs: readonly string[];
  readonly weights: InspectedWeights;
  /** sorted by how often they occur, then by name */
  readonly operators: readonly InspectedOperator[];
  /** that depend on the image, in the order of computation; those behind a problem are missing */
  readonly layers: readonly InspectedLayer[];
  readonly problems: readonly InspectedProblem[];
}

/** Stands for the batch: a number that no axis of a network has by chance. */
const BATCH = 13;

/** Errors: E_GRAPH for bytes that are no model, for an operator set that is not read and for external data that are refused. */
export function inspectModel(bytes: Uint8Array, options: InspectOptions = {}): Inspection {
  const label = options.label ?? 'model';
  const model = readModel(bytes, options.external);
  requireOpset(model, label);
  const found: { node: RawNode; error: PipelineError }[] = [];
  const imported = new NodeImport(model, label, options.external, {
    failed: (node, error) => found.push({ node, error }),
    unreached: (node) => {
      const error = refusedAnyway(node);
      if (error !== undefined) found.push({ node, error });
    },
  });
  const [image] = model.inputs;
  const batch = typeof image?.dims[0] === 'number' ? image.dims[0] : BATCH;
  for (const port of model.inputs) {
    const open = Object.fromEntries(port.dims.map((_, axis) => [`${port.name}:${axis}`, axis === 0 ? BATCH : (options.size ?? 224)]));
    imported.input(port.name, port.dtype, bindShape(port, { ...named(port.dims, options.size ?? 224), ...open }, label));
  }
  imported.run(model);
  const graph = withAliases(withOutputsOf(imported, model), imported);
  return {
    producer: model.producer,
    opset: model.opset,
    inputs: model.inputs.map(({ name, dtype, stored, dims }) => ({ name, dtype, stored, dims })),
    outputs: model.outputs,
    weights: weightsOf(model),
    operators: operatorsOf(model),
    layers: layersOf(graph, batch),
    problems: grouped(found),
  };
}

/** Symbolic dimensions have one extent wherever they occur: the first axis is the batch, others are sides of the image. */
function named(dims: readonly (number | string)[], size: number): Record<string, number> {
  return Object.fromEntries(dims.flatMap((dim, axis) => (typeof dim === 'string' && dim !== '' ? [[dim, axis === 0 ? BATCH : size]] : [])));
}

/** What was imported, with those outputs that were reached; nothing is cut away. */
function withOutputsOf(imported: NodeImport, model: RawModel): Graph {
  const graph = imported.builder.build();
  return { ...graph, outputs: model.outputs.flatMap((name) => graph.values.get(name) ?? []) };
}

/** Behind another problem shapes are not known: only the operator and its attributes can be judged. */
function refusedAnyway(node: RawNode): PipelineError | undefined {
  if (!isReadable(node)) return node.domain === '' && node.op === 'If' ? undefined : unknownOperator(node);
  if (!isPlain(node.op)) return undefined;
  try {
    parseAttributes(node.op, OPERATORS[node.op].attributes, node.attributes);
    return undefined;
  } catch (error) {
    return error as PipelineError;
  }
}

/** Problems of one operator and one reason together. The message is the first node's. */
function grouped(found: readonly { readonly node: RawNode; readonly error: PipelineError }[]): InspectedProblem[] {
  const groups = new Map<string, { op: string; code: string; message: string; nodes: string[] }>();
  for (const { node, error } of found) {
    const op = qualified(node);
    const message = error.message.replace(`'${labelOf(node)}' `, '');
    const key = JSON.stringify([op, error.code, message]);
    const group = groups.get(key) ?? { op, code: error.code, message, nodes: [] };
    group.nodes.push(labelOf(node));
    groups.set(key, group);
  }
  return [...groups.values()];
}

function qualified(node: Pick<RawNode, 'op' | 'domain'>): string {
  return node.domain === '' ? node.op : `${node.domain}.${node.op}`;
}

function weightsOf(model: RawModel): InspectedWeights {
  const stored = [...model.initializers.values()];
  const types: Record<string, number> = {};
  for (const { stored: type } of stored) types[type] = (types[type] ?? 0) + 1;
  return {
    tensors: stored.length,
    parameters: stored.reduce((sum, { dtype, shape }) => (dtype === 'float32' ? sum + shape.reduce((product, extent) => product * extent, 1) : sum), 0),
    bytes: stored.reduce((sum, { bytes }) => sum + bytes, 0),
    types,
    files: [...new Set(stored.flatMap(({ location }) => (location === undefined ? [] : [location.path])))].sort(),
  };
}

/** Constants and what derives shapes is counted like everything else: it is in the file. */
function operatorsOf(model: RawModel): InspectedOperator[] {
  const counts = new Map<string, InspectedOperator>();
  for (const node of expandCalls(model.nodes, model.functions)) {
    const op = qualified(node);
    counts.set(op, { op, count: (counts.get(op)?.count ?? 0) + 1, known: isReadable(node) || (node.domain === '' && SHAPES_ONLY.has(node.op)) });
  }
  return [...counts.values()].sort((a, b) => b.count - a.count || (a.op < b.op ? -1 : 1));
}

/** Resolved or folded when a model is imported. */
const SHAPES_ONLY = new Set(['Constant', 'Shape', 'Size', 'Identity', 'Dropout', 'If', 'ConstantOfShape', 'Range', 'NonZero', 'Trilu', 'CumSum', 'Mod', 'Floor', 'Ceil', 'Round', 'ReduceProd', 'Xor', 'CastLike', 'ScatterND']);

function layersOf(graph: Graph, batch: number): InspectedLayer[] {
  const layouts = layoutsOf(graph, batch);
  const byImage = reachFrom(graph, graph.inputs.map((input) => input.name));
  const weights = [...graph.initializers].filter(([, { dtype, shape }]) => dtype === 'float32' && shape.length > 0).map(([name]) => name);
  const byWeights = reachFrom(graph, weights);
  const worth = worthExtracting(graph, layouts, byImage.reached);
  return layerNames(graph)
    .filter(({ name }) => byImage.reached.has(name))
    .map(({ name, path, node, op, shape }) => {
      const layout = layouts.get(name);
      const extract = worth.get(name);
      const imageObstacle = byImage.obstacles.get(name);
      const weightObstacle = byWeights.reached.has(name) ? byWeights.obstacles.get(name) : false;
      return {
        name: path ?? name,
        value: name,
        ...(node === undefined ? {} : { node }),
        op,
        shape: shape[0] === batch ? shape.slice(1) : shape,
        ...(layout === undefined ? {} : { layout }),
        ...(extract === undefined ? {} : { extract }),
        ...(imageObstacle === undefined ? {} : { imageObstacle }),
        ...(weightObstacle === undefined ? {} : { weightObstacle }),
      };
    });
}
