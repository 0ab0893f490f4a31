/**
 * How the values of a graph are laid out, from the operators that make them: a convolution makes maps, a product with a matrix or a LayerNormalization
 * over the last axis makes the last axis the channels, transpositions turn one into the other, and what works element by element keeps what it gets.
 * Only values whose first axis is the batch have a layout; what cannot be told (attention heads, windows) has none.
 */
import type { Graph, Node, Value } from './ir.js';

/** [batch, channel, height, width]; [batch, height, width, channel]; [batch, token, channel]; [batch, channel] */
export type Layout = 'map' | 'channels-last' | 'tokens' | 'vector';
/** [batch, channel, token]: between a map and its tokens */
type Inner = Layout | 'channels-first-tokens';

const MAPS = new Set(['Conv', 'ConvTranspose', 'MaxPool', 'AveragePool', 'GlobalAveragePool', 'GlobalMaxPool', 'LpPool', 'GlobalLpPool', 'BatchNormalization', 'InstanceNormalization', 'GroupNormalization', 'LRN', 'Resize', 'DepthToSpace', 'SpaceToDepth']);
const LAST_AXIS = new Set(['MatMul', 'LayerNormalization', 'RMSNormalization']);
/** Operators that may give other layouts than they get, and are not spoken of below. */
const REARRANGING = new Set(['Einsum', 'Gather', 'GatherElements', 'GatherND', 'ScatterND', 'Expand', 'Tile', 'ConstantOfShape', 'DepthToSpace']);

/** @param batch extent of the first axis of the image input */
export function layoutsOf(graph: Graph, batch: number): Map<string, Layout> {
  const known = new Map<string, Inner>();
  for (const input of graph.inputs) if (input.shape.length === 4) known.set(input.name, 'map');
  for (const node of graph.nodes) {
    const outputs = node.outputs.map((name) => graph.values.get(name)).filter((value): value is Value => value?.shape[0] === batch);
    for (const output of outputs) {
      const layout = layoutOf(graph, node, output, known);
      if (layout !== undefined) known.set(output.name, layout);
    }
  }
  return new Map([...known].filter((entry): entry is [string, Layout] => entry[1] !== 'channels-first-tokens'));
}

function layoutOf(graph: Graph, node: Node, output: Value, known: ReadonlyMap<string, Inner>): Inner | undefined {
  const rank = output.shape.length;
  if (rank === 2) return 'vector';
  if (rank > 4 || rank < 2) return undefined;
  if (MAPS.has(node.op)) return rank === 4 ? 'map' : undefined;
  const [first = ''] = node.inputs;
  const before = graph.values.get(first);
  const layout = known.get(first);
  if (LAST_AXIS.has(node.op)) {
    // attention multiplies values by values: only a product with a weight is a projection
    const weight = graph.values.get(node.inputs[1] ?? '')?.shape.length ?? 0;
    return node.op === 'MatMul' && weight !== 2 ? undefined : rank === 4 ? 'channels-last' : 'tokens';
  }
  if (node.op === 'Transpose') return transposed((node.attributes['perm'] as readonly number[] | undefined) ?? [], layout);
  if (node.op === 'Reshape' || node.op === 'Flatten' || node.op === 'Squeeze' || node.op === 'Unsqueeze') return before === undefined ? undefined : reshaped(before, output, layout);
  if (REARRANGING.has(node.op)) return undefined;
  return node.inputs.filter((name) => graph.values.get(name)?.shape.length === rank).map((name) => known.get(name)).find((each) => each !== undefined);
}

function transposed(order: readonly number[], layout: Inner | undefined): Inner | undefined {
  const key = `${layout ?? ''} ${order.join('')}`;
  return ({ 'map 0231': 'channels-last', 'channels-last 0312': 'map', 'channels-first-tokens 021': 'tokens', 'tokens 021': 'channels-first-tokens' } as const)[key as 'map 0231'];
}

function reshaped(before: Value, after: Value, layout: Inner | undefined): Inner | undefined {
  const channels = layout === 'map' || layout === 'channels-first-tokens' ? before.shape[1] : before.shape.at(-1);
  const rank = after.shape.length;
  if (layout === undefined) return undefined;
  if ((layout === 'map' || layout === 'channels-first-tokens') && after.shape[1] === channels) return rank === 4 ? 'map' : 'channels-first-tokens';
  if ((layout === 'tokens' || layout === 'channels-last') && after.shape.at(-1) === channels) return rank === 4 ? 'channels-last' : 'tokens';
  return undefined;
}
