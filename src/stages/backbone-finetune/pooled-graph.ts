/**
 * What a readout sees of a backbone, as one graph: image → layers → means over the cells of a grid. Weights keep the names that the model file has, so
 * that they can be trained and put back.
 */
import { GraphBuilder } from '../../graph/builder.js';
import type { Graph, Value } from '../../graph/ir.js';
import { matMul, reshape } from '../../graph/layers.js';
import { layerOutput, storedLayerGraph, type Backbone } from '../artifacts/backbone.js';
import type { FeatureLayer } from '../artifacts/features.js';
import { poolingMatrix } from '../response/pooling.js';

/** before the names of the model, which may be like those of constants around it */
export const MODEL_PREFIX = 'model/';
/** name of what the readout sees of a layer: float32 [batch, channel, cell] */
export const pooledName = (layer: string): string => `features:${layer}`;

/** @shape input `image` float32 [batch, 3, size, size] in [0, 1]; outputs `features:<layer>` float32 [batch, channel, rows × columns] */
export function pooledGraph(backbone: Backbone, batch: number, layers: readonly FeatureLayer[]): Graph {
  const maps = storedLayerGraph(backbone, batch, layers.map((layer) => layer.name), MODEL_PREFIX);
  const builder = GraphBuilder.from(maps);
  for (const { name, grid, map: [channels, height, width] } of layers) {
    const cells = grid[0] * grid[1];
    const flat = reshape(builder, maps.values.get(layerOutput(name)) as Value, [batch, channels, height * width]);
    const pooled = height === grid[0] && width === grid[1] ? flat : matMul(builder, flat, builder.floats([height * width, cells], poolingMatrix(height, width, grid[0], grid[1])));
    builder.output(pooledName(name), pooled);
  }
  return { ...maps, ...builder.build() };
}

/** All channels of each layer on a grid; a layer smaller than the grid keeps its own size. */
export function pooledLayers(backbone: Backbone, batch: number, names: readonly string[], grid: readonly [number, number]): FeatureLayer[] {
  let offset = 0;
  return storedLayerGraph(backbone, batch, names, MODEL_PREFIX).outputs.map((output, l) => {
    const [, channels, height, width] = output.shape as readonly [number, number, number, number];
    const cells: readonly [number, number] = [Math.min(grid[0], height), Math.min(grid[1], width)];
    const layer = { name: names[l] as string, channels: Array.from({ length: channels }, (_, c) => c), grid: cells, offset, map: [channels, height, width] as const };
    offset += channels * cells[0] * cells[1];
    return layer;
  });
}

/** The same where the features come from outside: a graph that hands its inputs on. */
export function givenGraph(batch: number, layers: readonly FeatureLayer[]): Graph {
  const builder = new GraphBuilder();
  const inputs = layers.map(({ name, channels, grid }) => builder.input(pooledName(name), 'float32', [batch, channels.length, grid[0] * grid[1]]));
  return { ...builder.build(), outputs: inputs };
}
