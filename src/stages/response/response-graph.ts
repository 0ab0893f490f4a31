/**
 * The response of a linear functional of a readout to an image, and its gradient by the image, as one graph. The functional comes in as one
 * template per layer and image (an input, not a constant), so that one compiled program serves every region and every contrast of regions.
 */
import { GraphBuilder } from '../../graph/builder.js';
import { encodeModel } from '../../graph/encode.js';
import { differentiate, type GradientSpec } from '../../graph/gradient.js';
import type { OverrideName } from '../../graph/overrides.js';
import { add, mul, reduceSum } from '../../graph/layers.js';
import type { Graph, Value } from '../../graph/ir.js';
import { withConvolutions, type Convolutions } from '../artifacts/convolutions.js';
import { IMAGE, layerGraph, layerOutput, type Backbone } from '../artifacts/backbone.js';

export const RESPONSE = 'response';
export const IMAGE_GRADIENT = `gradient:${IMAGE}`;
export const templateInput = (layer: string): string => `template:${layer}`;

export interface ResponseOptions {
  /** who gets the gradient where elements of a max-pool window tie: `first` (default) is exact on every image, `every` is faster and as exact on noise */
  readonly poolTies?: NonNullable<GradientSpec['poolTies']>;
  /** whether the service that runs it gives Indices of max pools (TensorService.poolIndices; default true) */
  readonly poolIndices?: boolean;
  /** rule for the ReLUs of the backbone, clipped ones too (graph/overrides.ts); absent: the exact gradient */
  readonly reluGradient?: OverrideName;
  readonly convolutions?: Convolutions;
}

/**
 * response[b] = Σ_layer Σ_{c,h,w} template[b,c,h,w]·map[b,c,h,w] (the intercept is added by the caller); gradient[b] = ∂response[b]/∂image[b].
 * @shape inputs `image`: float32 [batch, 3, size, size] in [0, 1], `template:<layer>`: float32 [batch, channel, height, width]; outputs `response`: float32 [batch], `gradient:image`: as image
 */
export function responseModel(backbone: Backbone, batch: number, layers: readonly string[], { poolTies = 'first', poolIndices = true, reluGradient, convolutions = 'direct' }: ResponseOptions = {}): Uint8Array {
  const builder = new GraphBuilder();
  const graph = layerGraph(backbone, batch, layers);
  const size = backbone.preprocessing.size;
  const image = builder.input(IMAGE, 'float32', [batch, 3, size, size]);
  const maps = builder.inline(graph, { [IMAGE]: image });
  let response: Value | undefined;
  for (const layer of layers) {
    const map = maps[layerOutput(layer)] as Value;
    const template = builder.input(templateInput(layer), 'float32', map.shape);
    const part = reduceSum(builder, mul(builder, map, template), [1, 2, 3], false);
    response = response === undefined ? part : add(builder, response, part);
  }
  builder.output(RESPONSE, response as Value);
  // Images do not see each other, so the gradient of the sum over the batch holds each image's own gradient.
  builder.output('total', reduceSum(builder, response as Value, [0], false));
  const gradient = differentiate(builder.build(), { of: 'total', wrt: [IMAGE], poolTies, poolIndices, ...(reluGradient === undefined ? {} : { overrides: overridesOf(graph, reluGradient) }) });
  return encodeModel(withConvolutions(gradient, convolutions));
}

/** For every kind of ReLU that the backbone has; a backbone without any is refused by the differentiation. */
function overridesOf(graph: Graph, rule: OverrideName): NonNullable<GradientSpec['overrides']> {
  const clipped = graph.nodes.some((node) => node.op === 'Clip');
  const plain = !clipped || graph.nodes.some((node) => node.op === 'Relu');
  return [...(plain ? [{ operator: 'Relu' as const, rule }] : []), ...(clipped ? [{ operator: 'Clip' as const, rule }] : [])];
}
