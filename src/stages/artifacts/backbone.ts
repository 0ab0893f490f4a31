/**
 * `Backbone`: an ONNX model with the one declaration of its preprocessing. Features, dreams and attributions all build their graphs through
 * `layerGraph`, so that the three can never disagree about size, scale, mean or standard deviation.
 */
import { readFileSync } from 'node:fs';
import type { LayerLayout } from '../../architectures/architecture.js';
import { PipelineError } from '../../core/errors.js';
import type { ArtifactReader, ArtifactWriter } from '../../engine/stage.js';
import { GraphBuilder } from '../../graph/builder.js';
import { cut } from '../../graph/cut.js';
import { decodeModel } from '../../graph/decode.js';
import type { Graph } from '../../graph/ir.js';
import { div, sub } from '../../graph/layers.js';
import { resolveLayer } from '../../graph/names.js';
import { optimise } from '../../graph/optimise/index.js';
import { channelMap } from './channel-map.js';
import type { FittedOn } from './fitted-on.js';

export interface Preprocessing {
  /** side of the square input, pixels; images are resized to it (antialiased) after the crop */
  readonly size: number;
  /** `centre`: the largest centred square first; `none`: the image is square already (anything else is refused) */
  readonly crop: 'centre' | 'none';
  /** per colour (R, G, B) in units of [0, 1]: the model sees (x − mean)/std */
  readonly mean: readonly [number, number, number];
  readonly std: readonly [number, number, number];
  /** how images are resized; `bilinear` where it is absent */
  readonly interpolation?: 'bilinear' | 'bicubic';
}

export interface BackboneFile {
  readonly name: string;
  /** name of the image input of the model: float32 [batch, colour, height, width] */
  readonly input: string;
  readonly preprocessing: Preprocessing;
  /** layers worth extracting, in order */
  readonly layers: readonly BackboneLayer[];
  /** the images that its weights were tuned on here; absent: they came with the weights, and nobody recorded them */
  readonly tunedOn?: FittedOn;
}

export interface BackboneLayer {
  readonly name: string;
  /** name of the value in the model, where the layer is called by another */
  readonly value?: string;
  /** channels, height, width, as consumers see it */
  readonly shape: readonly [number, number, number];
  /** how the model computes it; `map` where it is absent */
  readonly layout?: LayerLayout;
}

export interface Backbone extends BackboneFile {
  readonly digest: string;
  readonly model: Uint8Array;
}

const INDEX = 'backbone.json';
const MODEL = 'model.onnx';
/** name of the image input in every graph made here; values in [0, 1] at the model's size */
export const IMAGE = 'image';

export function writeBackbone(writer: ArtifactWriter, file: BackboneFile, model: Uint8Array): void {
  writer.write(MODEL, model);
  writer.json(INDEX, file);
}

export function readBackbone(reader: ArtifactReader): Backbone {
  return { ...reader.json<BackboneFile>(INDEX), digest: reader.digest, model: readFileSync(reader.path(MODEL)) };
}

/** Numbers for an image input whose batch, height or width is symbolic, whatever the file calls them. */
export function inputExtents(input: string, batch: number, size: number): Record<string, number> {
  return { [`${input}:0`]: batch, [`${input}:2`]: size, [`${input}:3`]: size };
}

/** Output name of a layer in `layerGraph`. */
export const layerOutput = (layer: string): string => `layer:${layer}`;

/**
 * A graph from images in [0, 1] to the named layers: image → (image − mean)/std → model, cut behind the last layer wanted and optimised (batch
 * normalisation folded and the like), so only the layers asked for keep their values.
 * @shape input `image`: float32 [batch, 3, size, size]; outputs `layer:<name>`: float32 [batch, channel, height, width]
 * Errors: E_GRAPH for a layer that the model does not have (naming the nearest), or whose output is not a map of channels.
 */
export function layerGraph(backbone: Backbone, batch: number, layers: readonly string[]): Graph {
  return optimise(storedLayerGraph(backbone, batch, layers, ''), []);
}

/** As `layerGraph`, not optimised: every weight is as the file has it, its name (and those of nodes) behind `prefix`; with the model's aliases. For what trains them. */
export function storedLayerGraph(backbone: Backbone, batch: number, layers: readonly string[], prefix: string): Graph {
  const { size, mean, std } = backbone.preprocessing;
  const model = decodeModel(backbone.model, { label: backbone.name, bind: inputExtents(backbone.input, batch, size) });
  const values = new Map(layers.map((layer) => [layer, resolveLayer(model, layer).name]));
  const head = cut(model, [...new Set(values.values())]);
  const builder = new GraphBuilder();
  const image = builder.input(IMAGE, 'float32', [batch, 3, size, size]);
  const normalised = div(builder, sub(builder, image, builder.floats([1, 3, 1, 1], [...mean])), builder.floats([1, 3, 1, 1], [...std]));
  const outputs = builder.inline(head, { [backbone.input]: normalised }, prefix);
  for (const layer of layers) {
    const name = values.get(layer) as string;
    const value = outputs[name];
    const layout = backbone.layers.find((known) => known.name === layer || known.name === name || known.value === name)?.layout;
    const map = value?.shape[0] === batch ? channelMap(builder, value, layout) : undefined;
    if (map === undefined) {
      throw new PipelineError('E_GRAPH', `layer "${layer}" of "${backbone.name}" is not a stack of channel maps`, {
        facts: { expected: `[${batch}, channels, height, width], [${batch}, tokens, channels] or [${batch}, channels]`, found: value === undefined ? 'nothing' : `[${value.shape.join(', ')}]` },
        hint: `Choose among the layers ${backbone.layers.map((known) => known.name).join(', ')}.`,
      });
    }
    builder.output(layerOutput(layer), map);
  }
  return { ...builder.build(), aliases: new Map([...(model.aliases ?? [])].map(([alias, value]) => [alias, prefix + value])), modules: new Map([...(model.modules ?? [])].map(([weight, modules]) => [prefix + weight, modules])) };
}
