/** `attribute`: which pixels of a held-out image drove the predicted response of a region, by integrated gradients. */
import { Type } from '@sinclair/typebox';
import { PipelineError } from '../../core/errors.js';
import type { ReportBlock } from '../../core/report-block.js';
import { tensor, type Tensor } from '../../core/tensor.js';
import type { TensorProgram } from '../../core/tensor-service.js';
import { encodePng } from '../../formats/image.js';
import { NpyWriter } from '../../formats/npy.js';
import { ATTRIBUTION_MAPS, writeAttributions, type AttributionEntry } from '../artifacts/attributions.js';
import { IMAGE, readBackbone } from '../artifacts/backbone.js';
import { requireOwnBackbone, requireOwnFeatures, requireUnseen } from '../artifacts/belonging.js';
import { positionsOf, readFeatures } from '../artifacts/features.js';
import { readReadout } from '../artifacts/readout.js';
import { imagesOf, readStimuli } from '../artifacts/stimuli.js';
import { choice, defineStage } from '../define.js';
import { contactSheet } from '../images/contact-sheet.js';
import { openImages, type ImageSource } from '../images/image-source.js';
import { planesToPixels } from '../images/pixels.js';
import { readFitFacts } from '../readout-ridge/fit-files.js';
import { foldReadout, tileTemplate, voxelWeights } from '../response/functional.js';
import { objectiveOf, objectiveText, type Objective } from '../response/objective.js';
import { predictImages } from '../response/predict-images.js';
import { IMAGE_GRADIENT, RESPONSE, responseModel, templateInput } from '../response/response-graph.js';
import { BASELINES, baselineImage } from './baselines.js';
import { requireHeldOut, topImages } from './held-out.js';
import { integratedGradients, type ResponseEvaluator } from './integrated-gradients.js';
import { displayMap, overlayPixels } from './overlay.js';

/** points of the path in one run of the program */
const BATCH = 16;
/** images on the contact sheet, each beside its map: a sheet of all would be larger than anybody looks at */
const SHEET_IMAGES = 24;
const SHEET_COLUMNS = 6;

export default defineStage({
  type: 'attribute',
  version: 1,
  summary: 'Shows which pixels drove the predicted response of a region, by integrated gradients.',
  description: [
    'map = (x − x₀)·∫₀¹ ∇F(x₀ + t(x − x₀)) dt for the predicted response F of a region (mean over its voxels, z units, optionally minus other regions), by Gauss–Legendre quadrature in t. The sum over a map is F(x) − F(x₀) (completeness); nodes are doubled until the relative gap is within `tolerance`, and a map that misses it at `max_nodes` fails the stage.',
    'Images are held out: the `images` of the test split with the largest predicted response, or those listed; an image that the readout was fitted on is refused. Maps are signed, at the size of the backbone, per colour; overlays show the sum over colours, smoothed.',
    'Source: Sundararajan, Taly & Yan 2017.',
  ].join('\n\n'),
  params: Type.Object(
    {
      roi: Type.String({ minLength: 1, description: 'region: `set` or `set/label`' }),
      minus: Type.Optional(Type.Array(Type.String({ minLength: 1 }), { minItems: 1, description: 'regions whose mean response is subtracted' })),
      weight: Type.Optional(Type.Number({ minimum: 0, description: 'weight of the subtracted mean (default 1)' })),
      images: Type.Integer({ minimum: 1, maximum: 10_000, default: 12, description: 'how many held-out images, those with the largest predicted response' }),
      nsd_ids: Type.Optional(Type.Array(Type.Integer({ minimum: 0 }), { minItems: 1, uniqueItems: true, description: 'these held-out images (0-based nsdId) instead' })),
      baseline: choice(BASELINES, { default: 'blur', description: 'start of the path: the image blurred, the mean training image, grey or black' }),
      blur_sd: Type.Number({ exclusiveMinimum: 0, default: 12, description: 'of the blurred baseline, pixels at the size of the backbone' }),
      nodes: Type.Integer({ minimum: 1, maximum: 4096, default: 64, description: 'quadrature nodes to start with' }),
      max_nodes: Type.Integer({ minimum: 1, maximum: 16384, default: 1024, description: 'quadrature nodes at most, not fewer than `nodes`' }),
      tolerance: Type.Number({ exclusiveMinimum: 0, default: 0.01, description: 'largest relative completeness gap' }),
      smoothing: Type.Number({ minimum: 0, default: 2, description: 'standard deviation of the smoothing of overlays, pixels' }),
    },
    { additionalProperties: false },
  ),
  inputs: {
    backbone: { type: 'Backbone', description: 'the model that the features came from' },
    readout: { type: 'Readout', description: 'the fitted readout' },
    features: { type: 'Features', description: 'features of the natural images, to find the top-responding ones' },
    stimuli: { type: 'Stimuli', description: 'the images and their split' },
  },
  outputs: { attributions: { type: 'Attributions', description: 'signed maps, overlays and completeness', publish: ['*.png', 'attributions.json', 'maps.npy'] } },
  needs: ['tensor'],
  random: false,
  runs: 'worker',
  resources: { cpus: 2, memoryMb: 1500 },
  async run(context) {
    const { params, inputs, outputs, services, signal } = context;
    if (params.max_nodes < params.nodes) {
      throw new PipelineError('E_OUT_OF_RANGE', '"max_nodes" is below "nodes"', {
        facts: { expected: `at least ${params.nodes}`, found: params.max_nodes },
        hint: 'Raise max_nodes, or start with fewer nodes.',
      });
    }
    const objective = objectiveOf(params, `region "${params.roi}"`);
    const backbone = readBackbone(inputs.backbone);
    const readout = readReadout(inputs.readout);
    const features = readFeatures(inputs.features);
    requireOwnBackbone(readout, backbone);
    requireOwnFeatures(readout, features);
    const stimuli = readStimuli(inputs.stimuli);
    const size = backbone.preprocessing.size;
    const pixels = 3 * size * size;
    const fold = foldReadout(readout.layers, readout.weights, readout.intercept, voxelWeights(readout.rois, readout.voxelCount, objective));
    const heldOut = imagesOf(stimuli, 'test');
    const fitted = readFitFacts(inputs.readout);
    requireHeldOut(params.nsd_ids ?? heldOut, heldOut, fitted.trainingImages);
    requireUnseen(stimuli, Int32Array.from(params.nsd_ids ?? heldOut), fitted, features);
    const chosen = params.nsd_ids ?? topImages(heldOut, predictImages(features, positionsOf(features.nsdIds, heldOut, 'features'), [fold], signal)[0] as Float64Array, params.images);
    if (params.nsd_ids === undefined && chosen.length < params.images) context.warn(`${params.images} images were asked for and ${chosen.length} are held out: all of them are explained.`);

    const layers = readout.layers.map((layer) => layer.name);
    const program = await services.tensor.compile(responseModel(backbone, BATCH, layers), { label: 'attribution' });
    const images = openImages(stimuli.brick, stimuli.dataset, backbone.preprocessing);
    const maps = new NpyWriter(outputs.attributions.path(ATTRIBUTION_MAPS), 'float32', [chosen.length, 3, size, size]);
    try {
      const templates = Object.fromEntries(
        readout.layers.map((layer) => {
          const template = fold.templates.get(layer.name) as Float32Array;
          return [templateInput(layer.name), tensor('float32', [BATCH, ...layer.map], tileTemplate(Array.from({ length: BATCH }, () => template)))];
        }),
      );
      const evaluator = responseEvaluator(program, templates, size, fold.intercept);
      const trainingMean = params.baseline === 'mean' ? meanImage(images, imagesOf(stimuli, 'train', 'validation'), signal) : undefined;
      const entries: AttributionEntry[] = [];
      const sheet: { pixels: Uint8Array; caption: string }[] = [];
      for (const [row, nsdId] of chosen.entries()) {
        const image = new Float32Array(pixels);
        images.read(nsdId, image, 0);
        const baseline = baselineImage(params.baseline, image, size, params.blur_sd, trainingMean);
        const result = await integratedGradients(evaluator, image, baseline, { nodes: params.nodes, maxNodes: params.max_nodes, tolerance: params.tolerance, signal });
        if (!(result.gap <= params.tolerance)) {
          throw new PipelineError('E_NOT_CONVERGED', `the attribution of image ${nsdId} is not complete`, {
            facts: { expected: `relative gap ≤ ${params.tolerance}`, found: result.gap, nodes: result.nodes, response: result.response, baseline: result.baselineResponse },
            hint: 'Raise max_nodes, or choose another baseline: a gap this large means that the response hardly changes along the path.',
          });
        }
        maps.append(result.map);
        const overlay = `image-${String(nsdId).padStart(5, '0')}.png`;
        const shown = overlayPixels(image, displayMap(result.map, size, params.smoothing), size);
        const natural = planesToPixels(image, size, size);
        outputs.attributions.write(overlay, await encodePng(beside(natural, shown, size), 2 * size, size, 3));
        entries.push({ nsdId, row, overlay, response: result.response, baselineResponse: result.baselineResponse, nodes: result.nodes, completenessGap: result.gap });
        if (row < SHEET_IMAGES) sheet.push({ pixels: natural, caption: `${nsdId} ${result.response.toFixed(2)}` }, { pixels: shown, caption: `gap ${(100 * result.gap).toFixed(2)}%` });
        context.progress(row + 1, chosen.length, 'images');
      }
      maps.close();
      outputs.attributions.write('contact.png', await contactSheet(sheet, size, SHEET_COLUMNS));
      writeAttributions(outputs.attributions, { size, ...objective, baseline: params.baseline, entries });
      const worst = entries.reduce((most, entry) => Math.max(most, entry.completenessGap), 0);
      context.metric('completeness_gap.max', worst);
      const which = params.nsd_ids === undefined ? 'Held-out images with the largest predicted response' : 'The held-out images that nsd_ids lists';
      outputs.attributions.json('report.json', report(objective, params.baseline, which, entries, worst));
    } finally {
      maps.abandon();
      images.close();
      await program.dispose();
    }
  },
});

function report(objective: Objective, baseline: string, which: string, entries: readonly AttributionEntry[], worst: number): ReportBlock[] {
  const cut = entries.length > SHEET_IMAGES ? ` Shown are the first ${SHEET_IMAGES} of ${entries.length}.` : '';
  return [
    {
      kind: 'figure',
      title: `Integrated gradients of ${objectiveText(objective)}`,
      file: 'contact.png',
      caption: `${which}, each beside its map (warm raises the response, cool lowers it).${cut} Baseline: ${baseline}. Largest completeness gap ${(100 * worst).toFixed(2)} %.`,
    },
    {
      kind: 'table',
      title: 'Completeness',
      columns: ['image', 'response', 'baseline', 'nodes', 'gap'],
      rows: entries.map((entry) => [entry.nsdId, entry.response, entry.baselineResponse, entry.nodes, entry.completenessGap]),
    },
  ];
}

function responseEvaluator(program: TensorProgram, templates: Readonly<Record<string, Tensor>>, size: number, intercept: number): ResponseEvaluator {
  return {
    batch: BATCH,
    evaluate: async (images) => {
      const result = await program.run({ [IMAGE]: tensor('float32', [BATCH, 3, size, size], images), ...templates }, [RESPONSE, IMAGE_GRADIENT]);
      return { response: Float64Array.from(result[RESPONSE]?.data as Float32Array, (x) => x + intercept), gradient: result[IMAGE_GRADIENT]?.data as Float32Array };
    },
  };
}

/** @returns undefined if there is no image to average */
function meanImage(images: ImageSource, nsdIds: Int32Array, signal: AbortSignal): Float32Array | undefined {
  if (nsdIds.length === 0) return undefined;
  const pixels = 3 * images.size * images.size;
  const total = new Float64Array(pixels);
  const image = new Float32Array(pixels);
  for (const id of nsdIds) {
    signal.throwIfAborted();
    images.read(id, image, 0);
    for (let p = 0; p < pixels; p += 1) total[p] = (total[p] as number) + (image[p] as number);
  }
  return Float32Array.from(total, (sum) => sum / nsdIds.length);
}

/** Two pictures in one. @shape uint8 [size, 2·size, 3] */
function beside(left: Uint8Array, right: Uint8Array, size: number): Uint8Array {
  const out = new Uint8Array(2 * size * size * 3);
  for (let y = 0; y < size; y += 1) {
    out.set(left.subarray(y * size * 3, (y + 1) * size * 3), 2 * y * size * 3);
    out.set(right.subarray(y * size * 3, (y + 1) * size * 3), (2 * y + 1) * size * 3);
  }
  return out;
}
