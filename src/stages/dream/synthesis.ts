/**
 * What every way of dreaming has in common: which objectives there are and what they are compared with, and what is written down of the pictures that
 * come out. How a picture is made is handed in: see ascent.ts and ../dream-guided/guided.ts.
 */
import { Type, type Static } from '@sinclair/typebox';
import { PipelineError } from '../../core/errors.js';
import type { Random } from '../../core/random.js';
import { tensor, type Tensor } from '../../core/tensor.js';
import type { TensorProgram, TensorService } from '../../core/tensor-service.js';
import type { ArtifactReader, ArtifactWriter } from '../../engine/stage.js';
import { encodePng } from '../../formats/image.js';
import { NpyWriter } from '../../formats/npy.js';
import { percentileOfScore } from '../../math/statistics.js';
import { IMAGE, type Backbone } from '../artifacts/backbone.js';
import { requireOwnBackbone, requireOwnFeatures } from '../artifacts/belonging.js';
import { writeDreams, type DreamEntry, type DreamTarget } from '../artifacts/dreams.js';
import { readFeatures, type FeatureLayer } from '../artifacts/features.js';
import { readReadout } from '../artifacts/readout.js';
import { contactSheet } from '../images/contact-sheet.js';
import { planesToPixels } from '../images/pixels.js';
import { foldReadout, tileTemplate, voxelWeights, type FoldedReadout } from '../response/functional.js';
import { objectiveOf } from '../response/objective.js';
import { predictImages } from '../response/predict-images.js';
import { CONVOLUTIONS, type Convolutions } from '../artifacts/convolutions.js';
import { RESPONSE, responseModel, templateInput } from '../response/response-graph.js';
import type { Ascent } from './ascent.js';
import { blindSheet, type BlindItem } from './blind-sheet.js';
import { CURVES_FIGURE, curvesFigure, dreamReport } from './report.js';
import { BATCH } from './uphill.js';
import { requireWide, unwindowed, windowTemplates } from './window.js';

export const Target = Type.Object(
  {
    name: Type.String({ pattern: '^[A-Za-z][A-Za-z0-9_-]{0,63}$', description: 'name of the dreams of this target' }),
    roi: Type.String({ minLength: 1, description: 'region: `set` or `set/label`' }),
    minus: Type.Optional(Type.Array(Type.String({ minLength: 1 }), { minItems: 1, description: 'regions whose mean response is subtracted' })),
    weight: Type.Optional(Type.Number({ minimum: 0, description: 'weight of the subtracted mean (default 1)' })),
  },
  { additionalProperties: false },
);

/** of a stage's description */
export const OBJECTIVE_TEXT = [
  'The objective is the mean over the voxels of a region of the predicted response, in z units of the voxels, optionally minus `weight` times the mean over other regions. The readout is folded into one template per layer, so a step costs one forward and backward pass of the backbone.',
  'A `window` makes the objective local: the template of every layer is multiplied by g = exp(−((x−½)² + (y−½)²)/(2·window²)), scaled to mean 1, so that what lies outside counts less. A region’s mean is driven most by parts of its preferred object repeated all over the image; under a window by one object in the middle.',
  'Reported: predicted response of the whole objective, without the window, to the finished dream (8-bit, without transformation), its percentile among the predicted responses to all natural images, and what was seen at every step. With `candidates` the best of several starting points by that prediction are kept: the percentile is then one of a chosen few, and only a second model or the true brain can judge them.',
  '`blind.png` holds all dreams shuffled and numbered, without captions; `blind-key.json` says which number was a dream of what. Give the first to somebody who has not seen the report, ask them to sort the numbers by target, and compare with the second.',
] as const;

/** Parameters that every way of dreaming has. */
export const SHARED_PARAMS = {
  convolutions: CONVOLUTIONS,
  targets: Type.Array(Target, { minItems: 1, description: 'what to dream of' }),
  images: Type.Integer({ minimum: 1, maximum: 64, default: 4, description: 'dreams per target, from different starting points' }),
  candidates: Type.Optional(Type.Integer({ minimum: 1, maximum: 256, description: 'starting points per target, of which the `images` with the largest predicted response are kept (default: as many as images)' })),
  window: Type.Number({ minimum: 0, default: 0, description: 'standard deviation of the window, in sides of the image, at least half a cell of the coarsest map of the readout (maps of one cell stay as they are, with a warning); 0: none, the whole image counts alike' }),
} as const;

export const DREAMS_OUTPUT = { type: 'Dreams', description: 'PNGs, arrays and predicted responses', publish: ['*.png', '*.svg', 'dreams.json', 'blind-key.json'] } as const;

export interface SynthesisContext {
  readonly params: { readonly targets: readonly Static<typeof Target>[]; readonly images: number; readonly candidates?: number; readonly window: number; readonly convolutions: Convolutions };
  readonly inputs: { readonly readout: ArtifactReader; readonly features: ArtifactReader };
  readonly outputs: { readonly dreams: ArtifactWriter };
  readonly services: { readonly tensor: TensorService };
  readonly random: Random;
  readonly signal: AbortSignal;
  progress(done: number, total: number, note?: string): void;
  metric(name: string, value: number): void;
  warn(message: string): void;
}

/** Makes one picture a stream, at most `BATCH` of them. */
export type Make = (
  program: TensorProgram,
  templates: Readonly<Record<string, Tensor>>,
  streams: readonly Random[],
  onStep: (step: number, response: number) => void,
  signal: AbortSignal,
) => Promise<Ascent>;

/**
 * Dreams of every target, written as `Dreams`.
 * @param steps of one picture, for progress
 * Errors: E_DATA for models that do not belong together, regions that are not there, two targets of one name; E_OUT_OF_RANGE for a window narrower than half a cell of the coarsest map.
 */
export async function synthesize(context: SynthesisContext, backbone: Backbone, steps: number, make: Make): Promise<void> {
  const { params, inputs, outputs, services, random, signal } = context;
  const readout = readReadout(inputs.readout);
  const features = readFeatures(inputs.features);
  requireOwnBackbone(readout, backbone);
  requireOwnFeatures(readout, features);
  requireOwnNames(params.targets);
  requireWide(readout.layers, params.window);
  const candidates = params.candidates ?? params.images;
  if (candidates < params.images) throw new PipelineError('E_DATA', 'fewer dreams are made than are to be kept', { facts: { expected: `at least ${params.images} candidates`, found: candidates }, hint: 'Raise candidates, or leave it out.' });
  const targets = params.targets.map((target): DreamTarget => ({ name: target.name, ...objectiveOf(target, `target "${target.name}"`) }));
  const size = backbone.preprocessing.size;
  const pixels = 3 * size * size;
  const folds = targets.map((target) => foldReadout(readout.layers, readout.weights, readout.intercept, voxelWeights(readout.rois, readout.voxelCount, target)));
  const single = params.window === 0 ? [] : unwindowed(readout.layers);
  if (single.length > 0) context.warn(`the window does not reach layers whose map is one cell: ${single.join(', ')}`);
  const natural = predictImages(features, Int32Array.from(features.nsdIds.keys()), folds, signal);
  // Views carry noise, so elements of a pooling window hardly tie; where they do, a gradient that is too large still points upward.
  const program = await services.tensor.compile(responseModel(backbone, BATCH, readout.layers.map((layer) => layer.name), { poolTies: 'every', poolIndices: services.tensor.poolIndices, convolutions: params.convolutions }), { label: 'dream' });
  const writer = new NpyWriter(outputs.dreams.path('dreams.npy'), 'float32', [targets.length * params.images, 3, size, size]);
  try {
    const entries: DreamEntry[] = [];
    const items: (BlindItem & { readonly caption: string })[] = [];
    const groups = Math.ceil(candidates / BATCH);
    for (const [t, target] of targets.entries()) {
      const fold = folds[t] as FoldedReadout;
      const predicted = natural[t] as Float64Array;
      const naturalMean = mean(predicted);
      const naturalMax = predicted.reduce((most, x) => Math.max(most, x), -Infinity);
      const templates = templateFeeds(fold.templates, readout.layers);
      const local = templateFeeds(windowTemplates(fold.templates, readout.layers, params.window), readout.layers);
      const streams = Array.from({ length: candidates }, (_, i) => random.fork(target.name).fork(i));
      const all: Candidate[] = [];
      for (let group = 0; group < groups; group += 1) {
        const made = await make(
          program, local, streams.slice(group * BATCH, (group + 1) * BATCH),
          (step, response) => context.progress((t * groups + group) * steps + step, targets.length * groups * steps, `${target.name} ${(response + fold.intercept).toFixed(2)}`),
          signal,
        );
        const images = made.curves.map((_, b) => made.images.subarray(b * pixels, (b + 1) * pixels));
        const pictures = images.map((image) => planesToPixels(image, size, size));
        const shown = await respond(program, templates, pictures, size, fold.intercept);
        made.curves.forEach((curve, b) => all.push({ image: images[b] as Float32Array, rgb: pictures[b] as Uint8Array, response: shown[b] as number, curve: curve.map((x) => x + fold.intercept) }));
      }
      const kept = largestResponses(all, params.images);
      for (const [i, { image, rgb, response, curve }] of kept.entries()) {
        const file = `${target.name}-${i + 1}.png`;
        const percentile = percentileOfScore(predicted, response);
        writer.append(image);
        outputs.dreams.write(file, await encodePng(rgb, size, size, 3));
        entries.push({ target: target.name, file, row: entries.length, response, percentile, naturalMean, naturalMax, curve });
        items.push({ target: target.name, file, pixels: rgb, caption: `${target.name} ${response.toFixed(2)} p${percentile.toFixed(1)}` });
      }
      context.metric(`response.${target.name}`, mean(kept.map(({ response }) => response)));
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
  }
}

interface Candidate {
  /** float32 [3, size, size] */
  readonly image: Float32Array;
  readonly rgb: Uint8Array;
  readonly response: number;
  readonly curve: readonly number[];
}

/** The best `count`, in the order of their starting points; of equals the first. */
function largestResponses(candidates: readonly Candidate[], count: number): readonly Candidate[] {
  const best = candidates.map((_, i) => i).sort((a, b) => (candidates[b] as Candidate).response - (candidates[a] as Candidate).response || a - b).slice(0, count);
  return best.sort((a, b) => a - b).map((i) => candidates[i] as Candidate);
}

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
