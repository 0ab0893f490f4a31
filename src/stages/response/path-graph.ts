/**
 * Responses and the weighted mean gradient along a straight path of images x₀ + t(x − x₀), as one graph: what integrated gradients sum. A backbone begins
 * with affine maps (normalisation, the first convolution); those of the points of a path lie on a path themselves, so they are computed for its two
 * ends only, and the gradients of the points are summed before they are taken back through them: a quarter of a backbone's pass by the image is saved.
 */
import { GraphBuilder } from '../../graph/builder.js';
import { cut, prune } from '../../graph/cut.js';
import { encodeModel } from '../../graph/encode.js';
import { differentiate, gradientName } from '../../graph/gradient.js';
import { add, mul, reduceSum, slice, sub } from '../../graph/layers.js';
import type { Graph, Node, Value } from '../../graph/ir.js';
import { IMAGE, layerGraph, layerOutput, type Backbone } from '../artifacts/backbone.js';
import { IMAGE_GRADIENT, RESPONSE, templateInput } from './response-graph.js';

export const PATH = { ends: 'ends', position: 'position', weight: 'weight' } as const;

/**
 * response[b] = F(x₀ + t[b]·(x − x₀)) without intercept, gradient = Σ_b weight[b]·∇F(x₀ + t[b]·(x − x₀)); F as in `responseModel`. Ties of a max pool go to
 * the first element: constant parts of an image tie.
 * @shape inputs `ends`: float32 [2, 3, size, size], x₀ then x, in [0, 1]; `position` (t) and `weight`: float32 [batch, 1, 1, 1]; `template:<layer>`: float32
 * [batch, channel, height, width]; outputs `response`: float32 [batch], `gradient:image`: float32 [1, 3, size, size]
 */
export function pathModel(backbone: Backbone, batch: number, layers: readonly string[], poolIndices = true): Uint8Array {
  const { size } = backbone.preprocessing;
  const whole = layerGraph(backbone, batch, layers);
  const { seam, before } = affineStart(whole);
  const builder = new GraphBuilder();
  const ends = builder.input(PATH.ends, 'float32', [2, 3, size, size]);
  const position = builder.input(PATH.position, 'float32', [batch, 1, 1, 1]);
  const weight = builder.input(PATH.weight, 'float32', [batch, 1, 1, 1]);
  const seams = seam === IMAGE ? ends : (builder.inline(cut(layerGraph(backbone, 2, layers), [seam]), { [IMAGE]: ends }, 'ends/')[seam] as Value);
  const from = slice(builder, seams, [0], [1]);
  const point = add(builder, from, mul(builder, position, sub(builder, slice(builder, seams, [1], [2]), from)));
  const rest: Graph = { ...whole, inputs: [whole.values.get(seam) as Value], nodes: whole.nodes.filter((node) => !before.has(node)) };
  const maps = builder.inline(prune(rest, whole.outputs, true), { [seam]: point });
  const parts = layers.map((layer) => {
    const map = maps[layerOutput(layer)] as Value;
    return reduceSum(builder, mul(builder, map, builder.input(templateInput(layer), 'float32', map.shape)), [1, 2, 3], true);
  });
  const response = parts.reduce((sum, part) => add(builder, sum, part));
  builder.output(RESPONSE, reduceSum(builder, response, [1, 2, 3], false));
  builder.output('weighted', reduceSum(builder, mul(builder, response, weight), [0, 1, 2, 3], false));
  const graph = differentiate(builder.build(), { of: 'weighted', wrt: [PATH.ends], poolIndices });
  // ∇ by x₀ holds the shares 1 − t and that by x the shares t: together the whole
  const summed = GraphBuilder.from(graph);
  const outputs = [
    summed.output(RESPONSE, graph.values.get(RESPONSE) as Value),
    summed.output(IMAGE_GRADIENT, reduceSum(summed, graph.values.get(gradientName(PATH.ends)) as Value, [0], true)),
  ];
  return encodeModel(prune(summed.build(), outputs, true));
}

/** The last value that is an affine map of the image with everything else depending on the image only through it, and the nodes up to it. */
function affineStart(graph: Graph): { readonly seam: string; readonly before: ReadonlySet<Node> } {
  const outputs = new Set(graph.outputs.map((output) => output.name));
  const before = new Set<Node>();
  for (let seam = IMAGE; ; ) {
    const readers = graph.nodes.filter((node) => node.inputs.includes(seam));
    const [node] = readers;
    if (outputs.has(seam) || readers.length !== 1 || node === undefined || !isAffine(graph, node, seam)) return { seam, before };
    before.add(node);
    seam = node.outputs[0] as string;
  }
}

function isAffine(graph: Graph, node: Node, variable: string): boolean {
  const others = node.inputs.filter((name) => name !== variable);
  if (others.length !== node.inputs.length - 1 || others.some((name) => name !== '' && !graph.initializers.has(name))) return false;
  switch (node.op) {
    case 'Add':
    case 'Sub':
    case 'Mul':
      return true;
    case 'Div':
    case 'Conv':
      return node.inputs[0] === variable;
    default:
      return false;
  }
}
