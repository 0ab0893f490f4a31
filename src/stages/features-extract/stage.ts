/**
 * `features.extract`: activations of a backbone's layers for every image of the split, averaged over a small grid. The forward pass is cached
 * per chunk of images and layer (`memo`), with all channels: more images, another layer or another choice of channels compute only what is new.
 */
import { Type } from '@sinclair/typebox';
import type { ReportBlock } from '../../core/report-block.js';
import { tensor } from '../../core/tensor.js';
import type { TensorProgram } from '../../core/tensor-service.js';
import { readNpy, writeNpy } from '../../formats/npy.js';
import { GraphBuilder } from '../../graph/builder.js';
import { encodeModel } from '../../graph/encode.js';
import { matMul, reshape } from '../../graph/layers.js';
import { IMAGE, layerGraph, layerOutput, readBackbone, type Backbone } from '../artifacts/backbone.js';
import { FEATURES_INDEX, type FeatureLayer, type FeaturesFile } from '../artifacts/features.js';
import { readStimuli, type Stimuli } from '../artifacts/stimuli.js';
import { defineStage } from '../define.js';
import { poolingMatrix } from '../response/pooling.js';
import { openImages, type ImageSource } from '../images/image-source.js';
import { selectChannels, type ChannelMoments } from './channels.js';

/** images in one run of the program: fixed, so that a row has the same bits in every run (the last batch is padded) */
const BATCH = 16;
/** images in one memo entry: large enough to be worth a record, small enough that new sessions reuse most of it */
const CHUNK = 256;

export default defineStage({
  type: 'features.extract',
  version: 1,
  summary: 'Runs a backbone over the images and keeps layer activations, averaged over a grid.',
  description: [
    'For image x and layer ℓ with maps a[c,h,w]: feature (c,i,j) = mean of a[c,h,w] over the cell (i,j) of a rows × columns grid (cells as in torch.nn.AdaptiveAvgPool2d). Images go through the preprocessing that the backbone declares (crop, antialiased bilinear resize, mean, standard deviation).',
    'With `percent` < 100, each layer keeps its channels with the largest standard deviation, over the training images, of the spatial mean activation; never fewer than one. Held-out images play no part in the choice.',
    'Chunks of 256 images are cached per layer with all channels, so changing `percent`, adding a layer or adding sessions reuses what is there.',
  ].join('\n\n'),
  params: Type.Object(
    {
      layers: Type.Array(Type.String({ minLength: 1 }), { minItems: 1, uniqueItems: true, description: 'layers by name' }),
      grid: Type.Array(Type.Integer({ minimum: 1, maximum: 64 }), { minItems: 2, maxItems: 2, default: [4, 4], description: 'rows and columns of the pooling grid; a layer smaller than the grid keeps its own size' }),
      percent: Type.Number({ exclusiveMinimum: 0, maximum: 100, default: 100, description: 'share of channels kept per layer' }),
    },
    { additionalProperties: false },
  ),
  inputs: {
    backbone: { type: 'Backbone', description: 'the model and its preprocessing' },
    stimuli: { type: 'Stimuli', description: 'the images and their split' },
  },
  outputs: { features: { type: 'Features', description: 'manifest of feature chunks with the channels that are used' } },
  needs: ['tensor'],
  random: false,
  runs: 'worker',
  resources: { cpus: 2, memoryMb: 1500 },
  async run(context) {
    const { params, inputs, outputs, services, signal } = context;
    const backbone = readBackbone(inputs.backbone);
    const stimuli = readStimuli(inputs.stimuli);
    const nsdIds = stimuli.images.map((image) => image.nsdId);
    const maps = layerGraph(backbone, BATCH, params.layers).outputs.map((output) => output.shape);
    const shapes = maps.map((shape): readonly [number, number, number] => [shape[1] as number, shape[2] as number, shape[3] as number]);
    const grids = shapes.map(([, h, w]): readonly [number, number] => [Math.min(params.grid[0] as number, h), Math.min(params.grid[1] as number, w)]);

    // Compiled only when the first chunk is missing: a rerun with another percent never loads the model.
    let program: Promise<TensorProgram> | undefined;
    const images = openImages(stimuli.brick, stimuli.dataset, backbone.preprocessing);
    try {
      const moments: ChannelMoments[] = shapes.map(([channels]) => ({ count: 0, sum: new Float64Array(channels), squares: new Float64Array(channels) }));
      const chunks: FeaturesFile['chunks'][number][] = [];
      for (let start = 0; start < nsdIds.length; start += CHUNK) {
        signal.throwIfAborted();
        const ids = nsdIds.slice(start, start + CHUNK);
        let forward: Promise<Float32Array[]> | undefined;
        const files: string[] = [];
        for (const [l, layer] of params.layers.entries()) {
          const grid = grids[l] as readonly [number, number];
          const entry = await context.memo(
            { what: 'layer activations', backbone: backbone.digest, layer, grid: [...grid], preprocessing: JSON.parse(JSON.stringify(backbone.preprocessing)), brick: stimuli.brickFile.digest, images: ids },
            async (writer) => {
              program ??= services.tensor.compile(pooledModel(backbone, params.layers, grids), { label: `features of ${backbone.name}` });
              forward ??= runChunk(await program, images, ids, params.layers, shapes, grids, signal);
              const channels = (shapes[l] as readonly [number, number, number])[0];
              writeNpy(writer.path('activations.npy'), tensor('float32', [ids.length, channels, ...grid], (await forward)[l]));
            },
          );
          const name = `${String(start / CHUNK).padStart(4, '0')}-${String(l).padStart(2, '0')}.npy`;
          outputs.features.adopt(name, entry.file('activations.npy'));
          files.push(name);
          const activations = readNpy(entry.path('activations.npy')).data as Float32Array;
          addMoments(moments[l] as ChannelMoments, activations, stimuli, start, ids.length, grid[0] * grid[1]);
        }
        chunks.push({ start, count: ids.length, files });
        context.progress(Math.min(start + CHUNK, nsdIds.length), nsdIds.length, 'images');
      }
      const layers: FeatureLayer[] = [];
      let width = 0;
      for (const [l, name] of params.layers.entries()) {
        const grid = grids[l] as readonly [number, number];
        const channels = selectChannels(moments[l] as ChannelMoments, params.percent);
        layers.push({ name, channels, grid, offset: width, map: shapes[l] as readonly [number, number, number] });
        width += channels.length * grid[0] * grid[1];
      }
      outputs.features.json(FEATURES_INDEX, { layers, nsdIds, width, chunks } satisfies FeaturesFile);
      const block: ReportBlock = {
        kind: 'table',
        title: 'Layers',
        columns: ['layer', 'channels kept', 'of', 'grid', 'features'],
        rows: layers.map((layer) => [layer.name, layer.channels.length, layer.map[0], layer.grid.join('×'), layer.channels.length * layer.grid[0] * layer.grid[1]]),
      };
      outputs.features.json('report.json', [block]);
      context.metric('features', width);
      context.metric('images', nsdIds.length);
    } finally {
      images.close();
      await (await program)?.dispose();
    }
  },
});

/** image → layers → grid means. @shape outputs `layer:<name>`: float32 [batch, channel, rows × columns] */
function pooledModel(backbone: Backbone, layers: readonly string[], grids: readonly (readonly [number, number])[]): Uint8Array {
  const builder = new GraphBuilder();
  const size = backbone.preprocessing.size;
  const outputs = builder.inline(layerGraph(backbone, BATCH, layers), { [IMAGE]: builder.input(IMAGE, 'float32', [BATCH, 3, size, size]) }, 'backbone/');
  layers.forEach((layer, l) => {
    const map = outputs[layerOutput(layer)];
    if (map === undefined) return;
    const [, channels, height, width] = map.shape as readonly [number, number, number, number];
    const [rows, columns] = grids[l] as readonly [number, number];
    const flat = reshape(builder, map, [BATCH, channels, height * width]);
    builder.output(layerOutput(layer), matMul(builder, flat, builder.floats([height * width, rows * columns], poolingMatrix(height, width, rows, columns))));
  });
  return encodeModel(builder.build());
}

async function runChunk(
  program: TensorProgram,
  images: ImageSource,
  ids: readonly number[],
  layers: readonly string[],
  shapes: readonly (readonly [number, number, number])[],
  grids: readonly (readonly [number, number])[],
  signal: AbortSignal,
): Promise<Float32Array[]> {
  const widths = shapes.map(([channels], l) => channels * (grids[l] as readonly [number, number])[0] * (grids[l] as readonly [number, number])[1]);
  const out = widths.map((width) => new Float32Array(ids.length * width));
  const pixels = 3 * images.size * images.size;
  for (let start = 0; start < ids.length; start += BATCH) {
    signal.throwIfAborted();
    const count = Math.min(BATCH, ids.length - start);
    const batch = new Float32Array(BATCH * pixels);
    for (let b = 0; b < count; b += 1) images.read(ids[start + b] as number, batch, b * pixels);
    const result = await program.run({ [IMAGE]: tensor('float32', [BATCH, 3, images.size, images.size], batch) });
    layers.forEach((layer, l) => {
      const width = widths[l] as number;
      const data = result[layerOutput(layer)]?.data as Float32Array;
      (out[l] as Float32Array).set(data.subarray(0, count * width), start * width);
    });
  }
  return out;
}

/** Adds the spatial means of the training images of one chunk. The cells of a grid that divides the map have equal weight. */
function addMoments(moments: ChannelMoments, activations: Float32Array, stimuli: Stimuli, start: number, count: number, cells: number): void {
  const channels = moments.sum.length;
  for (let n = 0; n < count; n += 1) {
    if (stimuli.images[start + n]?.split === 'test') continue;
    moments.count += 1;
    for (let c = 0; c < channels; c += 1) {
      let mean = 0;
      const at = (n * channels + c) * cells;
      for (let cell = 0; cell < cells; cell += 1) mean += activations[at + cell] as number;
      mean /= cells;
      moments.sum[c] = (moments.sum[c] as number) + mean;
      moments.squares[c] = (moments.squares[c] as number) + mean * mean;
    }
  }
}
