/**
 * `dream`: images that drive a region's predicted response as far as it goes. Each target is a region's mean (or its contrast with others); each
 * has several dreams from different starting points. What the true response is, only a second model or the true brain can say: see truth.check.
 */
import { Type } from '@sinclair/typebox';
import { PipelineError } from '../../core/errors.js';
import { tensor, type Tensor } from '../../core/tensor.js';
import type { TensorProgram } from '../../core/tensor-service.js';
import { encodePng } from '../../formats/image.js';
import { NpyWriter } from '../../formats/npy.js';
import { percentileOfScore } from '../../math/statistics.js';
import { readBackbone, IMAGE } from '../artifacts/backbone.js';
import { requireOwnBackbone, requireOwnFeatures } from '../artifacts/belonging.js';
import { writeDreams, type DreamEntry, type DreamTarget } from '../artifacts/dreams.js';
import { readFeatures, type FeatureLayer } from '../artifacts/features.js';
import { readReadout } from '../artifacts/readout.js';
import { defineStage } from '../define.js';
import { contactSheet } from '../images/contact-sheet.js';
import { planesToPixels } from '../images/pixels.js';
import { foldReadout, tileTemplate, voxelWeights, type FoldedReadout } from '../response/functional.js';
import { objectiveOf } from '../response/objective.js';
import { predictImages } from '../response/predict-images.js';
import { RESPONSE, responseModel, templateInput } from '../response/response-graph.js';
import { ascend, BATCH } from './ascent.js';
import { fourierModel } from './fourier-model.js';
import { blindSheet, type BlindItem } from './blind-sheet.js';
import { CURVES_FIGURE, curvesFigure, dreamReport } from './report.js';
import { windowTemplates } from './window.js';

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
  version: 3,
  summary: 'Synthesises the images that maximise the predicted response of a region.',
  description: [
    'Gradient ascent with Adam on the Fourier coefficients of an image in a decorrelated colour space: x = sigmoid(C·irfft2(s·z)/4), s(f) = 1/max(f, 1/size)^decay. Every step sees the image under a random rotation, zoom and shift (bilinear, reflected at the border) and with Gaussian noise. After each step the contrast is bounded.',
    'The objective is the mean over the voxels of a region of the predicted response, in z units of the voxels, optionally minus `weight` times the mean over other regions. The readout is folded into one template per layer, so a step costs one forward and backward pass of the backbone.',
    'A `window` makes the objective local: the template of every layer is multiplied by g = exp(−((x−½)² + (y−½)²)/(2·window²)), scaled to mean 1, so that what lies outside counts less. A region’s mean is driven most by parts of its preferred object repeated all over the image; under a window by one object in the middle.',
    'Reported: predicted response of the whole objective, without the window, to the finished dream (8-bit, without transformation), its percentile among the predicted responses to all natural images, and what the ascent saw at every step.',
    '`blind.png` holds all dreams shuffled and numbered, without captions; `blind-key.json` says which number was a dream of what. Give the first to somebody who has not seen the report, ask them to sort the numbers by target, and compare with the second.',
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
      window: Type.Number({ minimum: 0, default: 0, description: 'standard deviation of the window, in sides of the image; 0: none, the whole image counts alike' }),
    },
    { additionalProperties: false },
  ),
  inputs: {
    backbone: { type: 'Backbone', description: 'the model that the features came from' },
    readout: { type: 'Readout', description: 'the fitted readout' },
    features: { type: 'Features', description: 'features of the natural images, for percentiles' },
  },
  outputs: { dreams: { type: 'Dreams', description: 'PNGs, arrays and predicted responses', publish: ['*.png', '*.svg', 'dreams.json', 'blind-key.json'] } },
  needs: ['tensor'],
  random: true,
  runs: 'worker',
  resources: { cpus: 2, memoryMb: 1500 },
  async run(context) {
    const { params, inputs, outputs, services, random, signal } = context;
    const backbone = readBackbone(inputs.backbone);
    const readout = readReadout(inputs.readout);
    const features = readFeatures(inputs.features);
    requireOwnBackbone(readout, backbone);
    requireOwnFeatures(readout, features);
    requireOwnNames(params.targets);
    const targets = params.targets.map((target): DreamTarget => ({ name: target.name, ...objectiveOf(target, `target "${target.name}"`) }));
    const size = backbone.preprocessing.size;
    const pixels = 3 * size * size;
    const folds = targets.map((target) => foldReadout(readout.layers, readout.weights, readout.intercept, voxelWeights(readout.rois, readout.voxelCount, target)));
    const natural = predictImages(features, Int32Array.from(features.nsdIds.keys()), folds, signal);
    // Views carry noise, so elements of a pooling window hardly tie; where they do, a gradient that is too large still points upward.
    const program = await services.tensor.compile(responseModel(backbone, BATCH, readout.layers.map((layer) => layer.name), 'every'), { label: 'dream' });
    const fourier = await services.tensor.compile(fourierModel(BATCH, { height: size, width: size, decay: params.decay, contrast: params.contrast }), { label: 'image of a dream' });
    const writer = new NpyWriter(outputs.dreams.path('dreams.npy'), 'float32', [targets.length * params.images, 3, size, size]);
    try {
      const entries: DreamEntry[] = [];
      const items: (BlindItem & { readonly caption: string })[] = [];
      const options = {
        size, steps: params.steps, learningRate: params.learning_rate, decay: params.decay, contrast: params.contrast, noise: params.noise,
        view: { rotation: params.rotation, zoom: params.zoom, shift: params.shift },
      };
      const groups = Math.ceil(params.images / BATCH);
      for (const [t, target] of targets.entries()) {
        const fold = folds[t] as FoldedReadout;
        const predicted = natural[t] as Float64Array;
        const naturalMean = mean(predicted);
        const naturalMax = predicted.reduce((most, x) => Math.max(most, x), -Infinity);
        const templates = templateFeeds(fold.templates, readout.layers);
        const local = templateFeeds(windowTemplates(fold.templates, readout.layers, params.window), readout.layers);
        const streams = Array.from({ length: params.images }, (_, i) => random.fork(target.name).fork(i));
        const responses: number[] = [];
        for (let group = 0; group < groups; group += 1) {
          const ascent = await ascend(
            { response: program, fourier }, local, streams.slice(group * BATCH, (group + 1) * BATCH), options,
            (step, response) => context.progress((t * groups + group) * params.steps + step, targets.length * groups * params.steps, `${target.name} ${(response + fold.intercept).toFixed(2)}`),
            signal,
          );
          writer.append(ascent.images);
          const pictures = ascent.curves.map((_, b) => planesToPixels(ascent.images.subarray(b * pixels, (b + 1) * pixels), size, size));
          const shown = await respond(program, templates, pictures, size, fold.intercept);
          for (const [b, rgb] of pictures.entries()) {
            const file = `${target.name}-${group * BATCH + b + 1}.png`;
            outputs.dreams.write(file, await encodePng(rgb, size, size, 3));
            const response = shown[b] as number;
            const percentile = percentileOfScore(predicted, response);
            const curve = (ascent.curves[b] as readonly number[]).map((x) => x + fold.intercept);
            entries.push({ target: target.name, file, row: entries.length, response, percentile, naturalMean, naturalMax, curve });
            items.push({ target: target.name, file, pixels: rgb, caption: `${target.name} ${response.toFixed(2)} p${percentile.toFixed(1)}` });
            responses.push(response);
          }
        }
        context.metric(`response.${target.name}`, mean(responses));
      }
      writer.close();
      outputs.dreams.write('contact.png', await contactSheet(items, size, params.images));
      const blind = await blindSheet(items, random.fork('blind sheet'), size, params.images);
      outputs.dreams.write('blind.png', blind.png);
      outputs.dreams.json('blind-key.json', blind.key);
      writeDreams(outputs.dreams, { size, targets, entries });
      outputs.dreams.write(CURVES_FIGURE, curvesFigure(targets, entries));
      outputs.dreams.json('report.json', dreamReport(targets, entries));
    } finally {
      writer.abandon();
      await program.dispose();
      await fourier.dispose();
    }
  },
});

/** Errors: E_DATA for two targets of one name: their pictures would have the same files. */
function requireOwnNames(targets: readonly { readonly name: string }[]): void {
  const twice = targets.find((target, t) => targets.findIndex((other) => other.name === target.name) !== t);
  if (twice === undefined) return;
  throw new PipelineError('E_DATA', `"${twice.name}" is the name of two targets`, {
    facts: { expected: 'a name of its own for every target', found: targets.map((target) => target.name).join(', ') },
    hint: 'Rename one of them.',
  });
}

function templateFeeds(templates: ReadonlyMap<string, Float32Array>, layers: readonly FeatureLayer[]): Record<string, Tensor> {
  return Object.fromEntries(
    layers.map((layer) => {
      const template = templates.get(layer.name) as Float32Array;
      return [templateInput(layer.name), tensor('float32', [BATCH, ...layer.map], tileTemplate(Array.from({ length: BATCH }, () => template)))];
    }),
  );
}

/** Predicted response of the pictures as they are written: 8-bit, untransformed. */
async function respond(program: TensorProgram, templates: Record<string, Tensor>, pictures: readonly Uint8Array[], size: number, intercept: number): Promise<number[]> {
  const batch = new Float32Array(BATCH * 3 * size * size);
  pictures.forEach((rgb, b) => {
    for (let p = 0; p < size * size; p += 1) for (let c = 0; c < 3; c += 1) batch[(b * 3 + c) * size * size + p] = (rgb[p * 3 + c] as number) / 255;
  });
  const result = await program.run({ [IMAGE]: tensor('float32', [BATCH, 3, size, size], batch), ...templates }, [RESPONSE]);
  return Array.from((result[RESPONSE]?.data as Float32Array).subarray(0, pictures.length), (x) => x + intercept);
}

function mean(values: readonly number[] | Float64Array): number {
  let sum = 0;
  for (const x of values) sum += x;
  return sum / values.length;
}
