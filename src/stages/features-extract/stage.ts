/**
 * `features.extract`: activations of a backbone's layers for every image of the split, averaged over a small grid. The forward pass is cached
 * per chunk of images (`memo`), with all channels: more sessions or another choice of channels compute only what is new.
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
import { CONVOLUTIONS, withConvolutions, type Convolutions } from '../artifacts/convolutions.js';
import { FEATURES_INDEX, type FeatureLayer, type FeaturesFile } from '../artifacts/features.js';
import { readStimuli, type StimulusImage } from '../artifacts/stimuli.js';
import type { MemoEntry } from '../../engine/stage.js';
import { defineStage } from '../define.js';
import { poolingMatrix } from '../response/pooling.js';
import { ImageReader } from '../images/image-reader.js';
import { selectChannels, type ChannelMoments } from './channels.js';

/** images in one memo entry: large enough to be worth a record, small enough that new sessions reuse most of it */
const CHUNK = 256;

export default defineStage({
  type: 'features.extract',
  version: 3,
  summary: 'Runs a backbone over the images and keeps layer activations, averaged over a grid.',
  description: [
    'For image x and layer ℓ with maps a[c,h,w]: feature (c,i,j) = mean of a[c,h,w] over the cell (i,j) of a rows × columns grid (cells as in torch.nn.AdaptiveAvgPool2d). Images go through the preprocessing that the backbone declares (crop, antialiased bilinear resize, mean, standard deviation).',
    'With `percent` < 100, each layer keeps its channels with the largest standard deviation, over the training images, of the spatial mean activation; never fewer than one. Held-out images play no part in the choice; which images did is recorded, and evaluating on one of them is an error (E_LEAK).',
    'Chunks of 256 images, in the order of their first showing, are cached with all channels: changing `percent` runs no model, and adding sessions runs it for the new images (and the last chunk that was not full).',
  ].join('\n\n'),
  params: Type.Object(
    {
      layers: Type.Array(Type.String({ minLength: 1 }), { minItems: 1, uniqueItems: true, description: 'layers by name' }),
      grid: Type.Array(Type.Integer({ minimum: 1, maximum: 64 }), { minItems: 2, maxItems: 2, default: [4, 4], description: 'rows and columns of the pooling grid; a layer smaller than the grid keeps its own size' }),
      batch: Type.Integer({ minimum: 1, maximum: 256, default: 16, description: 'images in one run of the model; the last run is padded, so that an image has the same bits in every run. Fewer need less memory' }),
      convolutions: CONVOLUTIONS,
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
    // In order of first showing: when sessions are added, only what comes after the last full chunk is new.
    const images = [...stimuli.images].sort((x, y) => x.firstTrial - y.firstTrial || x.nsdId - y.nsdId);
    const nsdIds = images.map((image) => image.nsdId);
    const starts = Array.from({ length: Math.ceil(nsdIds.length / CHUNK) }, (_, chunk) => chunk * CHUNK);
    const maps = layerGraph(backbone, params.batch, params.layers).outputs.map((output) => output.shape);
    const shapes = maps.map((shape): readonly [number, number, number] => [shape[1] as number, shape[2] as number, shape[3] as number]);
    const grids = shapes.map(([, h, w]): readonly [number, number] => [Math.min(params.grid[0] as number, h), Math.min(params.grid[1] as number, w)]);

    // Made only when the first chunk is missing: a rerun with another percent reads no image and never loads the model.
    let reader: ImageReader | undefined;
    let program: Promise<TensorProgram> | undefined;
    const ended = new AbortController();
    const either = AbortSignal.any([signal, ended.signal]);
    // One chunk at a time runs the model, in order; while it does, the one before is digested and written to disk.
    let turn: Promise<unknown> = Promise.resolve();
    const compute = (ids: readonly number[]): Promise<LayerChunk[]> => {
      const chunk = turn.then(async () => {
        either.throwIfAborted();
        reader ??= new ImageReader({ path: stimuli.brick, dataset: stimuli.dataset, preprocessing: backbone.preprocessing }, params.batch);
        const batches = reader.batches(ids);
        program ??= services.tensor.compile(pooledModel(backbone, params, grids), { label: `features of ${backbone.name}` });
        return runChunk(await program, params.batch, backbone.preprocessing.size, batches, ids.length, params.layers, shapes, grids, either);
      });
      turn = chunk.catch(() => undefined); // told to whoever waits for the chunk
      return chunk;
    };
    // All layers in one entry: which values leave a model decides what the runtime fuses, and with it the last bits of the others.
    const entryOf = (start: number): Promise<MemoEntry> => {
      const ids = nsdIds.slice(start, start + CHUNK);
      return context.memo(
        { what: 'layer activations', backbone: backbone.digest, batch: params.batch, convolutions: params.convolutions, layers: params.layers, grids: grids.map((grid) => [...grid]), brick: stimuli.brickFile.digest, images: ids },
        async (writer) => {
          const layers = await compute(ids);
          layers.forEach(({ cells, means }, l) => {
            const channels = (shapes[l] as readonly [number, number, number])[0];
            writeNpy(writer.path(activationsFile(l)), tensor('float32', [ids.length, channels, ...(grids[l] as readonly [number, number])], cells));
            writeNpy(writer.path(meansFile(l)), tensor('float32', [ids.length, channels], means));
          });
        },
      );
    };
    const ordered: Promise<MemoEntry>[] = [];
    const order = (): void => {
      const start = starts[ordered.length];
      if (start === undefined) return;
      const entry = entryOf(start);
      entry.catch(() => undefined); // told when its turn comes
      ordered.push(entry);
    };
    try {
      const moments: ChannelMoments[] = shapes.map(([channels]) => ({ count: 0, sum: new Float64Array(channels), squares: new Float64Array(channels) }));
      const chunks: FeaturesFile['chunks'][number][] = [];
      order();
      for (const [chunk, start] of starts.entries()) {
        signal.throwIfAborted();
        order();
        const entry = (await ordered[chunk]) as MemoEntry;
        const files = params.layers.map((_, l) => {
          const name = `${String(chunk).padStart(4, '0')}-${activationsFile(l)}`;
          outputs.features.adopt(name, entry.file(activationsFile(l)));
          addMoments(moments[l] as ChannelMoments, readNpy(entry.path(meansFile(l))).data as Float32Array, images.slice(start, start + CHUNK));
          return name;
        });
        const count = Math.min(CHUNK, nsdIds.length - start);
        chunks.push({ start, count, files });
        context.progress(start + count, nsdIds.length, 'images');
      }
      const layers: FeatureLayer[] = [];
      let width = 0;
      for (const [l, name] of params.layers.entries()) {
        const grid = grids[l] as readonly [number, number];
        const channels = selectChannels(moments[l] as ChannelMoments, params.percent);
        layers.push({ name, channels, grid, offset: width, map: shapes[l] as readonly [number, number, number] });
        width += channels.length * grid[0] * grid[1];
      }
      outputs.features.json(FEATURES_INDEX, { backbone: backbone.digest, layers, nsdIds, width, chunks, selectedOn: imagesBehind(images, params.percent, backbone.tunedOn) } satisfies FeaturesFile);
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
      ended.abort();
      await Promise.allSettled(ordered);
      await reader?.close();
      await (await program)?.dispose();
    }
  },
});

const activationsFile = (layer: number): string => `${String(layer).padStart(2, '0')}.npy`;
const meansFile = (layer: number): string => `${String(layer).padStart(2, '0')}-mean.npy`;

/** image → layers → means over the cells of the grid, and over the whole map as a last column. @shape outputs `layer:<name>`: float32 [batch, channel, rows × columns + 1] */
function pooledModel(backbone: Backbone, { batch, layers, convolutions }: { readonly batch: number; readonly layers: readonly string[]; readonly convolutions: Convolutions }, grids: readonly (readonly [number, number])[]): Uint8Array {
  const builder = new GraphBuilder();
  const size = backbone.preprocessing.size;
  const outputs = builder.inline(layerGraph(backbone, batch, layers), { [IMAGE]: builder.input(IMAGE, 'float32', [batch, 3, size, size]) }, 'backbone/');
  layers.forEach((layer, l) => {
    const map = outputs[layerOutput(layer)];
    if (map === undefined) return;
    const [, channels, height, width] = map.shape as readonly [number, number, number, number];
    const [rows, columns] = grids[l] as readonly [number, number];
    const pixels = height * width;
    const cells = poolingMatrix(height, width, rows, columns);
    const whole = poolingMatrix(height, width, 1, 1);
    const pooling = new Float32Array(pixels * (rows * columns + 1));
    for (let p = 0; p < pixels; p += 1) {
      pooling.set(cells.subarray(p * rows * columns, (p + 1) * rows * columns), p * (rows * columns + 1));
      pooling[(p + 1) * (rows * columns + 1) - 1] = whole[p] as number;
    }
    const flat = reshape(builder, map, [batch, channels, pixels]);
    builder.output(layerOutput(layer), matMul(builder, flat, builder.floats([pixels, rows * columns + 1], pooling)));
  });
  return encodeModel(withConvolutions(builder.build(), convolutions));
}

/** @shape cells: float32 [image, channel, rows × columns]; means: float32 [image, channel] */
interface LayerChunk {
  readonly cells: Float32Array;
  readonly means: Float32Array;
}

async function runChunk(
  program: TensorProgram,
  batch: number,
  size: number,
  images: AsyncIterable<Float32Array<ArrayBuffer>>,
  imageCount: number,
  layers: readonly string[],
  shapes: readonly (readonly [number, number, number])[],
  grids: readonly (readonly [number, number])[],
  signal: AbortSignal,
): Promise<LayerChunk[]> {
  const cellCounts = grids.map(([rows, columns]) => rows * columns);
  const out = shapes.map(([channels], l): LayerChunk => ({ cells: new Float32Array(imageCount * channels * (cellCounts[l] as number)), means: new Float32Array(imageCount * channels) }));
  let start = 0;
  for await (const feed of images) {
    signal.throwIfAborted();
    const count = Math.min(batch, imageCount - start);
    const result = await program.run({ [IMAGE]: tensor('float32', [batch, 3, size, size], feed) });
    layers.forEach((layer, l) => {
      const data = result[layerOutput(layer)]?.data as Float32Array;
      const { cells, means } = out[l] as LayerChunk;
      const cellCount = cellCounts[l] as number;
      const maps = count * (shapes[l] as readonly [number, number, number])[0];
      const first = start * (shapes[l] as readonly [number, number, number])[0];
      for (let m = 0; m < maps; m += 1) {
        const at = m * (cellCount + 1);
        cells.set(data.subarray(at, at + cellCount), (first + m) * cellCount);
        means[first + m] = data[at + cellCount] as number;
      }
    });
    start += count;
  }
  return out;
}

/** nsdIds, ascending, that had a part in these features beyond being shown: they chose the channels, or the backbone was tuned on them or on other crops of their photographs. */
function imagesBehind(images: readonly StimulusImage[], percent: number, tunedOn: Backbone['tunedOn']): number[] {
  const photographs = new Set(tunedOn?.trainingPhotographs);
  const chosen = images.filter((image) => (percent < 100 && choosesChannels(image)) || (image.cocoId !== null && photographs.has(image.cocoId)));
  return [...new Set([...chosen.map((image) => image.nsdId), ...(tunedOn?.trainingImages ?? [])])].sort((a, b) => a - b);
}

/** Held-out images play no part in the choice of channels. */
const choosesChannels = (image: StimulusImage): boolean => image.split !== 'test';

/** Adds the spatial means of the training images of one chunk. @shape means: float32 [image, channel] */
function addMoments(moments: ChannelMoments, means: Float32Array, images: readonly StimulusImage[]): void {
  const channels = moments.sum.length;
  images.forEach((image, n) => {
    if (!choosesChannels(image)) return;
    moments.count += 1;
    for (let c = 0; c < channels; c += 1) {
      const mean = means[n * channels + c] as number;
      moments.sum[c] = (moments.sum[c] as number) + mean;
      moments.squares[c] = (moments.squares[c] as number) + mean * mean;
    }
  });
}
