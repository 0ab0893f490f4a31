/**
 * Which weights of an imported model are trained: chosen by layer, with the names that the model has. A weight can be called by its own name
 * (`features.10.weight`), or, where an exporter gave it none of meaning (`onnx::Conv_123`), by the layer that uses it.
 */
import { PipelineError } from '../../core/errors.js';
import type { Graph } from '../ir.js';
import { nearest } from '../names.js';

export interface Weight {
  /** of the initializer */
  readonly name: string;
  /** other names it goes by: of the nodes that use it, of what they compute, aliases of that, and the modules they belong to */
  readonly layers: readonly string[];
  /** a scale, shift or bias (at most one axis of more than one element): by custom these are not decayed */
  readonly vector: boolean;
}

/** Which inputs of an operator are weights. What is not listed is data: running statistics, epsilons, sizes of a Resize. */
const WEIGHT_INPUTS: Readonly<Record<string, readonly number[]>> = {
  Conv: [1, 2], ConvTranspose: [1, 2], Gemm: [1, 2], BatchNormalization: [1, 2], LayerNormalization: [1, 2], InstanceNormalization: [1, 2], GroupNormalization: [1, 2],
  RMSNormalization: [1], PRelu: [1], MatMul: [0, 1], Add: [0, 1], Sub: [0, 1], Mul: [0, 1], Gather: [0], Concat: [0],
  // a weight on its way to one of them
  Transpose: [0], Reshape: [0], Flatten: [0], Squeeze: [0], Unsqueeze: [0], Expand: [0], Split: [0], Slice: [0],
};
/** smaller constants of an Add or Mul are numbers of a formula */
const FORMULA = new Set(['Add', 'Sub', 'Mul', 'Concat', 'Transpose', 'Reshape', 'Flatten', 'Squeeze', 'Unsqueeze', 'Expand', 'Split', 'Slice']);

/** Weights of a graph in the order of first use: float32 constants that stand where an operator has its weights, and whose names begin with `prefix`; of an imported graph, those that the file has as numbers. */
export function weightsOf(graph: Graph, prefix = ''): Weight[] {
  const layers = new Map<string, string[]>();
  const aliases = new Map<string, string[]>();
  for (const [alias, value] of graph.aliases ?? []) aliases.set(value, [...(aliases.get(value) ?? []), alias]);
  for (const node of graph.nodes) {
    for (const index of WEIGHT_INPUTS[node.op] ?? []) {
      const name = node.inputs[index] ?? '';
      const constant = graph.initializers.get(name);
      if (constant?.dtype !== 'float32' || !name.startsWith(prefix) || graph.modules?.has(name) === false || (FORMULA.has(node.op) && constant.data.length <= 1)) continue;
      layers.set(name, [...(layers.get(name) ?? []), ...node.outputs.flatMap((output) => [output, ...(aliases.get(output) ?? [])]), ...(node.name === undefined ? [] : [node.name])]);
    }
  }
  return [...layers].map(([name, used]) => {
    const shape = graph.initializers.get(name)?.shape ?? [];
    return { name, layers: [...new Set([...used, ...(graph.modules?.get(name) ?? [])])], vector: shape.filter((extent) => extent > 1).length <= 1 };
  });
}

/**
 * The weights that the patterns name. A pattern is a name or the beginning of one up to a `.` or `/`: `layer4` is all of
 * `layer4.…`; `*` stands for any characters. A pattern with `!` before it takes weights away again. In the order of first use.
 * @param prefix that all names of the model have in the graph, and that patterns leave out
 * Errors: E_GRAPH for a pattern that names nothing, with the nearest names.
 */
export function trainableWeights(graph: Graph, patterns: readonly string[], prefix = ''): Weight[] {
  const weights = weightsOf(graph, prefix);
  const bare = (weight: Weight): string[] => [weight.name, ...weight.layers].map((name) => (name.startsWith(prefix) ? name.slice(prefix.length) : name));
  const chosen = new Set<Weight>();
  for (const pattern of patterns) {
    const taken = pattern.startsWith('!');
    const expression = expressionOf(taken ? pattern.slice(1) : pattern);
    const matches = weights.filter((weight) => bare(weight).some((name) => expression.test(name)));
    if (matches.length === 0) throw nothingNamed(pattern, weights.flatMap(bare));
    for (const weight of matches) {
      if (taken) chosen.delete(weight);
      else chosen.add(weight);
    }
  }
  return weights.filter((weight) => chosen.has(weight));
}

/** The whole name, or its beginning up to a separator of levels (torch writes `.`, its old exporter `/`). */
function expressionOf(pattern: string): RegExp {
  const literal = pattern.split('*').map((part) => part.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&')).join('.*');
  return new RegExp(`^${literal}(?:[./].*)?$`);
}

function nothingNamed(pattern: string, names: readonly string[]): PipelineError {
  const levels = names.flatMap((name) => name.split('.').map((_, i, parts) => parts.slice(0, i + 1).join('.')));
  const suggestions = nearest(pattern.replace(/^!/, ''), levels);
  return new PipelineError('E_GRAPH', `"${pattern}" names no weight of the model`, {
    facts: { expected: suggestions === '' ? 'a model with weights' : `layers or weights, nearest ${suggestions}`, found: pattern },
    hint: 'Name layers as the model does; `layer4` stands for all below it, `*` for any characters.',
  });
}
