/**
 * Which layers of a model are worth extracting. A layer is, if it depends on the image, has the batch first and a layout that can be told (layout.ts), and
 * is one of these:
 *
 * - `activation`: the output of a rectifier or another activation, also one that exporters spell out (SiLU, GELU, hard swish, Mish);
 * - `sum`: where a residual path is added;
 * - `pooled`: the output of a max or average pool, or a vector that a mean over space leaves;
 * - `block`: the output of a module that has modules inside (`layer4.2`, `encoder.layers.encoder_layer_3`);
 * - `projection`: a vector that a weight matrix makes (classifiers, embeddings).
 *
 * Values of one pixel from which larger maps follow are gates (squeeze and excitation), no layers.
 */
import type { Graph, Node } from './ir.js';
import type { Layout } from './layout.js';

export type Worth = 'activation' | 'sum' | 'pooled' | 'block' | 'projection';

const ACTIVATIONS = new Set(['Relu', 'LeakyRelu', 'PRelu', 'Elu', 'Selu', 'Celu', 'Gelu', 'Mish', 'Swish', 'HardSwish', 'ThresholdedRelu', 'Softplus', 'Softsign', 'Tanh', 'Clip']);
const POOLS = new Set(['MaxPool', 'AveragePool', 'GlobalAveragePool', 'GlobalMaxPool', 'LpPool', 'GlobalLpPool']);
/** What activations are spelled in. */
const ELEMENTWISE = new Set(['Sigmoid', 'HardSigmoid', 'Tanh', 'Softplus', 'Erf', 'Exp', 'Log', 'Neg', 'Reciprocal', 'Add', 'Sub', 'Mul', 'Div', 'Pow', 'Clip', 'Relu']);
const LONGEST_SPELLING = 8;

/** Value → why; `reached`: what depends on the image. */
export function worthExtracting(graph: Graph, layouts: ReadonlyMap<string, Layout>, reached: ReadonlySet<string>): Map<string, Worth> {
  const makers = new Map<string, Node>();
  const readers = new Map<string, Node[]>();
  for (const node of graph.nodes) {
    for (const name of node.outputs) makers.set(name, node);
    for (const name of new Set(node.inputs)) readers.set(name, [...(readers.get(name) ?? []), node]);
  }
  const blocks = blockEnds(graph);
  const gates = beforeLarger(graph, layouts);
  const worth = new Map<string, Worth>();
  for (const node of graph.nodes) {
    const name = node.outputs[0] ?? '';
    const layout = layouts.get(name);
    if (layout === undefined || !reached.has(name) || gates.has(name)) continue;
    const dynamic = node.inputs.filter((input) => reached.has(input));
    const why = ((): Worth | undefined => {
      if (ACTIVATIONS.has(node.op)) return 'activation';
      if (node.op === 'Mul' && selfGated(node, makers, reached, readers)) return 'activation';
      if (POOLS.has(node.op) || (node.op === 'ReduceMean' && meanOverSpace(graph, layouts, node.inputs[0] ?? '', name))) return 'pooled';
      if (node.op === 'Add' && dynamic.length === 2 && dynamic.some((input) => layouts.has(input)) && dynamic.every((input) => graph.values.get(input)?.shape.join() === graph.values.get(name)?.shape.join())) return 'sum';
      if ((node.op === 'Gemm' || node.op === 'MatMul') && layout === 'vector') return 'projection';
      return blocks.has(name) || graph.outputs.some((output) => output.name === name) ? 'block' : undefined;
    })();
    if (why !== undefined) worth.set(name, why);
  }
  // of GELU spelled as x · (1 + erf) · 0.5 only the last product
  for (const name of [...worth.keys()]) if (worth.get(name) === 'activation' && scaledOnly(name, readers, reached, worth)) worth.delete(name);
  return worth;
}

/** Outputs of modules that have modules inside. */
function blockEnds(graph: Graph): Set<string> {
  const names = [...(graph.aliases ?? [])];
  const outer = new Set(names.flatMap(([alias]) => alias.split('.').slice(1).map((_, i, rest) => alias.split('.').slice(0, rest.length - i).join('.'))));
  return new Set(names.filter(([alias]) => outer.has(alias)).map(([, value]) => value));
}

/** Maps of one pixel, and vectors, from which a map with more pixels is computed. */
function beforeLarger(graph: Graph, layouts: ReadonlyMap<string, Layout>): Set<string> {
  const larger = new Set<string>();
  const gates = new Set<string>();
  for (const node of [...graph.nodes].reverse()) {
    const output = graph.values.get(node.outputs[0] ?? '');
    const isLarge = output !== undefined && layouts.get(output.name) !== 'vector' && output.shape.length >= 3 && pixels(output.shape, layouts.get(output.name)) > 1;
    if (isLarge || node.outputs.some((name) => larger.has(name))) for (const name of node.inputs) larger.add(name);
  }
  for (const [name, layout] of layouts) {
    const shape = graph.values.get(name)?.shape ?? [];
    if (larger.has(name) && (layout === 'vector' || pixels(shape, layout) === 1)) gates.add(name);
  }
  return gates;
}

function pixels(shape: readonly number[], layout: Layout | undefined): number {
  const spatial = layout === 'tokens' || layout === 'channels-last' ? shape.slice(1, -1) : shape.slice(2);
  return spatial.reduce((product, extent) => product * extent, 1);
}

/** A mean that leaves the channels; those inside a spelled-out LayerNormalization go over them. */
function meanOverSpace(graph: Graph, layouts: ReadonlyMap<string, Layout>, from: string, to: string): boolean {
  const channels = (name: string): number | undefined => {
    const shape = graph.values.get(name)?.shape ?? [];
    const layout = layouts.get(name);
    return layout === undefined ? undefined : layout === 'map' || layout === 'vector' ? shape[1] : shape.at(-1);
  };
  return channels(from) === channels(to) && pixels(graph.values.get(to)?.shape ?? [], layouts.get(to)) === 1;
}

/** x · f(x), f element by element, perhaps with the factor inside: 0.5 · x · (1 + erf(x)). */
function selfGated(node: Node, makers: ReadonlyMap<string, Node>, reached: ReadonlySet<string>, readers: ReadonlyMap<string, readonly Node[]>): boolean {
  const [left = '', right = ''] = node.inputs;
  if (reached.has(left) && reached.has(right)) return derives(right, left, makers, reached, 0) || derives(left, right, makers, reached, 0);
  // a factor behind the product
  const inner = reached.has(left) ? left : right;
  const maker = makers.get(inner);
  return maker?.op === 'Mul' && maker.inputs.every((name) => reached.has(name)) && readers.get(inner)?.length === 1 && selfGated(maker, makers, reached, readers);
}

/** `name` is made of `source` and constants by a few operators that work element by element, at least one of them not linear. */
function derives(name: string, source: string, makers: ReadonlyMap<string, Node>, reached: ReadonlySet<string>, depth: number): boolean {
  if (name === source) return depth > 0;
  const node = makers.get(name);
  if (node === undefined || depth > LONGEST_SPELLING || !ELEMENTWISE.has(node.op)) return false;
  return node.inputs.filter((input) => reached.has(input)).every((input) => derives(input, source, makers, reached, depth + 1)) && node.inputs.some((input) => reached.has(input));
}

/** Read by nothing but a product with a constant that is an activation itself. */
function scaledOnly(name: string, readers: ReadonlyMap<string, readonly Node[]>, reached: ReadonlySet<string>, worth: ReadonlyMap<string, Worth>): boolean {
  const [only, ...others] = readers.get(name) ?? [];
  return only?.op === 'Mul' && others.length === 0 && worth.get(only.outputs[0] ?? '') === 'activation' && only.inputs.some((input) => !reached.has(input));
}
