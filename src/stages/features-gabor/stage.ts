/**
 * `features.gabor`: what any early visual system would know of an image, as a control for a backbone: Gabor amplitudes and low-resolution pixels.
 * No training, no weights but the filters.
 */
import { Type } from '@sinclair/typebox';
import { PipelineError } from '../../core/errors.js';
import type { ReportBlock } from '../../core/report-block.js';
import { tensor } from '../../core/tensor.js';
import type { TensorProgram } from '../../core/tensor-service.js';
import { writeNpy } from '../../formats/npy.js';
import { encodeModel } from '../../graph/encode.js';
import { FEATURES_INDEX, type FeatureLayer, type FeaturesFile } from '../artifacts/features.js';
import { readStimuli } from '../artifacts/stimuli.js';
import { defineStage } from '../define.js';
import { ImageReader } from '../images/image-reader.js';
import { IMAGE, controlGraph, controlLayers, type ControlLayer, type ControlOptions } from './control-graph.js';
import { levelOf } from './gabor-filters.js';

/** images in one run of the program: fixed, so that a row has the same bits in every run (the last batch is padded) */
const BATCH = 8;
/** images in one memo entry */
const CHUNK = 256;

export default defineStage({
  type: 'features.gabor',
  version: 1,
  summary: 'Gabor energies and low-resolution pixels of the images: control features that know no object.',
  description: [
    'For wavelength λ and orientation θ: amplitude √((I∗even)² + (I∗odd)²) of a quadrature pair (Daugman 1985) of one octave bandwidth (σ = 0.56 λ, round envelope, no response to a uniform image, unit L2 norm), averaged over the cells of a grid. I is the luma (Rec. 601) of the image at `size` pixels, halved by 2 × 2 means as long as the wavelength stays at 4 pixels or more; the border is replicated. `pixels` adds the mean red, green and blue of the cells of a grid of its own.',
    'A readout on these features is the control for a backbone: what the backbone predicts beyond it is not colour, luminance or contour energy at any of these scales. The simulated brain’s early areas are Gabor amplitudes too, with other orientations, another bandwidth and another grey; it shares no code and no filter with this stage.',
    'Chunks of 256 images, in the order of their first showing, are cached.',
  ].join('\n\n'),
  params: Type.Object(
    {
      size: Type.Integer({ minimum: 16, maximum: 1024, default: 128, description: 'side to which images are resized (bilinear, antialiased, centre crop), pixels' }),
      wavelengths: Type.Array(Type.Number({ minimum: 3, maximum: 512 }), { uniqueItems: true, default: [4, 8, 16, 32], description: 'wavelengths, in pixels of `size`, at least 3 (a sine of 2 pixels is 0 at every pixel); none: pixels only' }),
      orientations: Type.Integer({ minimum: 1, maximum: 64, default: 8, description: 'orientations, evenly spaced over 180°' }),
      grid: Type.Array(Type.Integer({ minimum: 1, maximum: 64 }), { minItems: 2, maxItems: 2, default: [8, 8], description: 'rows and columns over which amplitudes are averaged; a smaller map keeps its own size' }),
      pixels: Type.Integer({ minimum: 0, maximum: 256, default: 8, description: 'side of the grid over which colours are averaged; 0: no pixels' }),
    },
    { additionalProperties: false },
  ),
  inputs: { stimuli: { type: 'Stimuli', description: 'the images' } },
  outputs: { features: { type: 'Features', description: 'manifest of feature chunks; no backbone made them' } },
  needs: ['tensor'],
  random: false,
  runs: 'worker',
  resources: { cpus: 2, memoryMb: 1500 },
  async run(context) {
    const { params, inputs, outputs, services, signal } = context;
    const options: ControlOptions = { ...params, batch: BATCH, grid: params.grid as [number, number] };
    refuseImpossible(options);
    const stimuli = readStimuli(inputs.stimuli);
    const nsdIds = [...stimuli.images].sort((x, y) => x.firstTrial - y.firstTrial || x.nsdId - y.nsdId).map((image) => image.nsdId);
    const layers = controlLayers(options);

    // Made only when the first chunk is missing.
    let reader: ImageReader | undefined;
    let program: Promise<TensorProgram> | undefined;
    try {
      const chunks: FeaturesFile['chunks'][number][] = [];
      for (let start = 0; start < nsdIds.length; start += CHUNK) {
        const ids = nsdIds.slice(start, start + CHUNK);
        const entry = await context.memo({ what: 'control features', params, brick: stimuli.brickFile.digest, images: ids }, async (writer) => {
          const preprocessing = { size: params.size, crop: 'centre', mean: [0, 0, 0], std: [1, 1, 1] } as const;
          reader ??= new ImageReader({ path: stimuli.brick, dataset: stimuli.dataset, preprocessing }, BATCH);
          const batches = reader.batches(ids);
          program ??= services.tensor.compile(encodeModel(controlGraph(options)), { label: 'Gabor energies' });
          const found = await runChunk(await program, batches, ids.length, layers, params.size, signal);
          found.forEach((values, l) => {
            const { map, grid } = layers[l] as ControlLayer;
            writeNpy(writer.path(fileOf(l)), tensor('float32', [ids.length, map[0], ...grid], values));
          });
        });
        const files = layers.map((_, l) => {
          const name = `${String(start / CHUNK).padStart(4, '0')}-${fileOf(l)}`;
          outputs.features.adopt(name, entry.file(fileOf(l)));
          return name;
        });
        chunks.push({ start, count: ids.length, files });
        context.progress(start + ids.length, nsdIds.length, 'images');
      }
      let width = 0;
      const featureLayers = layers.map(({ name, map, grid }): FeatureLayer => {
        const offset = width;
        width += map[0] * grid[0] * grid[1];
        return { name, channels: Array.from({ length: map[0] }, (_, c) => c), grid, offset, map };
      });
      outputs.features.json(FEATURES_INDEX, { backbone: null, layers: featureLayers, nsdIds, width, chunks } satisfies FeaturesFile);
      const block: ReportBlock = {
        kind: 'table', title: 'Control features', columns: ['features of', 'channels', 'grid', 'features'],
        rows: layers.map(({ name, map, grid }) => [name, map[0], grid.join('×'), map[0] * grid[0] * grid[1]]),
      };
      outputs.features.json('report.json', [block]);
      context.metric('features', width);
      context.metric('images', nsdIds.length);
    } finally {
      await reader?.close();
      await (await program)?.dispose();
    }
  },
});

/** Errors: E_OUT_OF_RANGE if there is nothing to compute, or a wavelength does not fit the image. */
function refuseImpossible({ wavelengths, pixels, size }: ControlOptions): void {
  if (wavelengths.length === 0 && pixels === 0) {
    throw new PipelineError('E_OUT_OF_RANGE', 'no control feature was asked for', { facts: { expected: 'at least one wavelength, or pixels above 0', found: 'neither' }, hint: 'Name wavelengths, or set pixels.' });
  }
  for (const wavelength of wavelengths) {
    if (wavelength > size || size % 2 ** levelOf(wavelength).level !== 0) {
      throw new PipelineError('E_OUT_OF_RANGE', `a wavelength of ${wavelength} pixels does not fit images of ${size} pixels`, {
        facts: { expected: 'a wavelength up to the size, and a size that can be halved evenly until the wavelength is below 8 pixels', found: `${wavelength} and ${size}` },
        hint: 'Lower the wavelength, or choose a size that is a power of two.',
      });
    }
  }
}

const fileOf = (layer: number): string => `${String(layer).padStart(2, '0')}.npy`;

/** @returns per layer: float32 [image, channel, cell] */
async function runChunk(
  program: TensorProgram, images: AsyncIterable<Float32Array<ArrayBuffer>>, imageCount: number, layers: readonly ControlLayer[], size: number, signal: AbortSignal,
): Promise<Float32Array[]> {
  const widths = layers.map(({ map, grid }) => map[0] * grid[0] * grid[1]);
  const out = widths.map((width) => new Float32Array(imageCount * width));
  let start = 0;
  for await (const feed of images) {
    signal.throwIfAborted();
    const count = Math.min(BATCH, imageCount - start);
    const result = await program.run({ [IMAGE]: tensor('float32', [BATCH, 3, size, size], feed) });
    layers.forEach(({ name }, l) => {
      const width = widths[l] as number;
      out[l]?.set((result[name]?.data as Float32Array).subarray(0, count * width), start * width);
    });
    start += count;
  }
  return out;
}
