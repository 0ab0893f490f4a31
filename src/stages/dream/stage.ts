/**
 * `dream`: images that drive a region's predicted response as far as it goes. Each target is a region's mean (or its contrast with others); each
 * has several dreams from different starting points. What the true response is, only a second model or the true brain can say: see truth.check.
 */
import { Type, type Static } from '@sinclair/typebox';
import type { ReportBlock } from '../../core/report-block.js';
import { tensor, type Tensor } from '../../core/tensor.js';
import type { TensorProgram } from '../../core/tensor-service.js';
import { encodePng } from '../../formats/image.js';
import { writeNpy } from '../../formats/npy.js';
import { percentileOfScore } from '../../math/statistics.js';
import { readBackbone, IMAGE } from '../artifacts/backbone.js';
import { writeDreams, type DreamEntry } from '../artifacts/dreams.js';
import { readFeatures } from '../artifacts/features.js';
import { readReadout } from '../artifacts/readout.js';
import { defineStage } from '../define.js';
import { contactSheet } from '../images/contact-sheet.js';
import { planesToPixels } from '../images/pixels.js';
import { foldReadout, predictRows, tileTemplate, voxelWeights, type FoldedReadout } from '../response/functional.js';
import { RESPONSE, responseModel, templateInput } from '../response/response-graph.js';
import { ascend } from './ascent.js';

const Target = Type.Object(
  {
    name: Type.String({ pattern: '^[A-Za-z][A-Za-z0-9_-]{0,63}$', description: 'name of the dreams of this target' }),
    roi: Type.String({ minLength: 1, description: 'region: `set` or `set/label`' }),
    minus: Type.Optional(Type.Array(Type.String({ minLength: 1 }), { minItems: 1, description: 'regions whose mean response is subtracted' })),
    weight: Type.Optional(Type.Number({ minimum: 0, description: 'weight of the subtracted mean (default 1)' })),
  },
  { additionalProperties: false },
);

export default defineStage({
  type: 'dream',
  version: 1,
  summary: 'Synthesises the images that maximise the predicted response of a region.',
  description: [
    'Gradient ascent with Adam on the Fourier coefficients of an image in a decorrelated colour space: x = sigmoid(C·irfft2(s·z)/4), s(f) = 1/max(f, 1/size)^decay. Every step sees the image under a random rotation, zoom and shift (bilinear, reflected at the border) and with Gaussian noise. After each step the contrast is bounded.',
    'The objective is the mean over the voxels of a region of the predicted response, in z units of the voxels, optionally minus `weight` times the mean over other regions. The readout is folded into one template per layer, so a step costs one forward and backward pass of the backbone.',
    'Reported: predicted response of the finished dream (8-bit, without transformation) and its percentile among the predicted responses to all natural images.',
    'Source: Olah, Mordvintsev & Schubert 2017 (Feature Visualization); tensorflow/lucid.',
  ].join('\n\n'),
  params: Type.Object(
    {
      targets: Type.Array(Target, { minItems: 1, description: 'what to dream of' }),
      images: Type.Integer({ minimum: 1, maximum: 64, default: 4, description: 'dreams per target, from different starting points' }),
      steps: Type.Integer({ minimum: 1, maximum: 100_000, default: 64, description: 'steps of ascent' }),
      learning_rate: Type.Number({ exclusiveMinimum: 0, default: 0.05, description: 'of Adam' }),
      decay: Type.Number({ minimum: 0, maximum: 3, default: 1.5, description: 'exponent of the 1/f scale' }),
      contrast: Type.Number({ minimum: 0, default: 1.5, description: 'bound on the standard deviation before colour and sigmoid; 0: none' }),
      rotation: Type.Number({ minimum: 0, maximum: 180, default: 15, description: 'largest rotation of a view, degrees' }),
      zoom: Type.Number({ minimum: 0, exclusiveMaximum: 1, default: 0.3, description: 'zoom of a view is within 1 ± this' }),
      shift: Type.Number({ minimum: 0, default: 16, description: 'largest shift of a view, pixels' }),
      noise: Type.Number({ minimum: 0, default: 0.1, description: 'standard deviation of the noise added to a view' }),
    },
    { additionalProperties: false },
  ),
  inputs: {
    backbone: { type: 'Backbone', description: 'the model that the features came from' },
    readout: { type: 'Readout', description: 'the fitted readout' },
    features: { type: 'Features', description: 'features of the natural images, for percentiles' },
  },
  outputs: { dreams: { type: 'Dreams', description: 'PNGs, arrays and predicted responses', publish: ['*.png', 'dreams.json'] } },
  needs: ['tensor'],
  random: true,
  runs: 'worker',
  resources: { cpus: 2, memoryMb: 1500 },
  async run(context) {
    const { params, inputs, outputs, services, random, signal } = context;
    const backbone = readBackbone(inputs.backbone);
    const readout = readReadout(inputs.readout);
    const features = readFeatures(inputs.features);
    const size = backbone.preprocessing.size;
    const layers = readout.layers.map((layer) => layer.name);
    const folded = params.targets.map((target) =>
      foldReadout(readout.layers, readout.weights, readout.intercept, voxelWeights(readout.rois, readout.voxelCount, objectiveOf(target))),
    );
    const natural = features.rows(Array.from(features.nsdIds, (_, i) => i));
    const program = await services.tensor.compile(responseModel(backbone, params.images, layers), { label: 'dream' });
    try {
      const entries: DreamEntry[] = [];
      const sheet: { pixels: Uint8Array; caption: string }[] = [];
      const all = new Float32Array(params.targets.length * params.images * 3 * size * size);
      const total = params.targets.length * params.steps;
      for (const [t, target] of params.targets.entries()) {
        const fold = folded[t] as FoldedReadout;
        const templates = templateFeeds(fold, readout.layers.map((layer) => layer.map), layers, params.images);
        const ascent = await ascend(
          program, templates, params.images, random.fork(target.name),
          {
            size, steps: params.steps, learningRate: params.learning_rate, decay: params.decay, contrast: params.contrast, noise: params.noise,
            view: { rotation: params.rotation, zoom: params.zoom, shift: params.shift },
          },
          (step, response) => context.progress(t * params.steps + step, total, `${target.name} ${(response + fold.intercept).toFixed(2)}`),
          signal,
        );
        const pixels = Array.from({ length: params.images }, (_, b) => planesToPixels(ascent.images.subarray(b * 3 * size * size, (b + 1) * 3 * size * size), size, size));
        const responses = await respond(program, templates, pixels, size, fold);
        const predicted = predictRows(fold, natural);
        for (const [b, rgb] of pixels.entries()) {
          const name = `${target.name}-${b + 1}.png`;
          outputs.dreams.write(name, await encodePng(rgb, size, size, 3));
          const response = responses[b] as number;
          const percentile = percentileOfScore(predicted, response);
          entries.push({
            target: target.name, file: name, row: entries.length, response, percentile,
            naturalMean: predicted.reduce((sum, x) => sum + x, 0) / predicted.length, naturalMax: predicted.reduce((most, x) => Math.max(most, x), -Infinity),
            curve: ascent.curve.map((x) => x + fold.intercept),
          });
          sheet.push({ pixels: rgb, caption: `${target.name} ${response.toFixed(2)} p${percentile.toFixed(1)}` });
        }
        all.set(ascent.images, t * params.images * 3 * size * size);
        context.metric(`response.${target.name}`, mean(responses));
      }
      writeNpy(outputs.dreams.path('dreams.npy'), tensor('float32', [entries.length, 3, size, size], all));
      outputs.dreams.write('contact.png', await contactSheet(sheet, size, params.images));
      writeDreams(outputs.dreams, { size, targets: params.targets.map((target) => ({ name: target.name, roi: target.roi })), entries });
      outputs.dreams.json('report.json', report(entries));
    } finally {
      await program.dispose();
    }
  },
});

function objectiveOf(target: Static<typeof Target>): { roi: string; minus?: readonly string[]; weight?: number } {
  return { roi: target.roi, ...(target.minus === undefined ? {} : { minus: target.minus }), ...(target.weight === undefined ? {} : { weight: target.weight }) };
}

function templateFeeds(fold: FoldedReadout, maps: readonly (readonly [number, number, number])[], layers: readonly string[], batch: number): Record<string, Tensor> {
  return Object.fromEntries(
    layers.map((layer, l) => {
      const template = fold.templates.get(layer) as Float32Array;
      return [templateInput(layer), tensor('float32', [batch, ...(maps[l] as readonly [number, number, number])], tileTemplate(Array.from({ length: batch }, () => template)))];
    }),
  );
}

/** Predicted response of the pictures as they are written: 8-bit, untransformed. */
async function respond(program: TensorProgram, templates: Record<string, Tensor>, pixels: readonly Uint8Array[], size: number, fold: FoldedReadout): Promise<number[]> {
  const batch = new Float32Array(pixels.length * 3 * size * size);
  pixels.forEach((rgb, b) => {
    for (let p = 0; p < size * size; p += 1) for (let c = 0; c < 3; c += 1) batch[(b * 3 + c) * size * size + p] = (rgb[p * 3 + c] as number) / 255;
  });
  const result = await program.run({ [IMAGE]: tensor('float32', [pixels.length, 3, size, size], batch), ...templates }, [RESPONSE]);
  return Array.from(result[RESPONSE]?.data as Float32Array, (x) => x + fold.intercept);
}

function report(entries: readonly DreamEntry[]): ReportBlock[] {
  return [
    {
      kind: 'images',
      title: 'Dreams',
      items: entries.map((entry) => ({ file: entry.file, caption: `${entry.target}: predicted ${entry.response.toFixed(2)} z, percentile ${entry.percentile.toFixed(1)} of the natural images` })),
    },
    {
      kind: 'table',
      title: 'Predicted response (z units of the voxels)',
      columns: ['dream', 'response', 'percentile', 'largest natural', 'mean natural'],
      rows: entries.map((entry) => [entry.file, entry.response, entry.percentile, entry.naturalMax, entry.naturalMean]),
    },
  ];
}

const mean = (values: readonly number[]): number => values.reduce((sum, x) => sum + x, 0) / values.length;
