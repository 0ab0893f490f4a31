/** `attribute`: which pixels of a held-out image drove the predicted response of a region. */
import { Type } from '@sinclair/typebox';
import { PipelineError } from '../../core/errors.js';
import { tensor } from '../../core/tensor.js';
import { CONTROLS } from '../artifacts/attributions.js';
import { readBackbone } from '../artifacts/backbone.js';
import { requireOwnBackbone, requireOwnFeatures, requireUnseen } from '../artifacts/belonging.js';
import { positionsOf, readFeatures } from '../artifacts/features.js';
import { readImageSelection } from '../artifacts/image-selection.js';
import { readReadout } from '../artifacts/readout.js';
import { imagesOf, readStimuli } from '../artifacts/stimuli.js';
import { choice, defineStage } from '../define.js';
import { openImages } from '../images/image-source.js';
import { readFitFacts } from '../readout-ridge/fit-files.js';
import { foldReadout, shuffleFold, tileTemplate, voxelWeights } from '../response/functional.js';
import { objectiveOf } from '../response/objective.js';
import { predictImages } from '../response/predict-images.js';
import { pathModel } from '../response/path-graph.js';
import { responseModel, templateInput } from '../response/response-graph.js';
import { openBaselines } from './baselines.js';
import { batchFor, programAlong, programEvaluator } from './evaluator.js';
import { explainImages, type Explained } from './explain-images.js';
import { requireHeldOut, topImages } from './held-out.js';
import { pathPoints } from './integrated-gradients.js';
import { checkExplainingOptions, explainingParameters } from './options.js';

/** images in one run of the program at most */
const LARGEST_BATCH = 16;

export default defineStage({
  type: 'attribute',
  version: 4,
  summary: 'Shows which pixels drove the predicted response of a region: integrated gradients and other methods.',
  description: [
    'Integrated gradients: map = (x − x₀)·∫₀¹ ∇F(x₀ + t(x − x₀)) dt for the predicted response F of a region (mean over its voxels, z units, optionally minus other regions), by Gauss–Legendre quadrature in t. The sum over a map is F(x) − F(x₀) (completeness); nodes are doubled until the relative gap is within `tolerance`, and a map that misses it at `max_nodes` fails the stage or is reported (`incomplete`). With baseline `training` the map is the mean over several x₀ (expected gradients). Other methods: SmoothGrad = mean of ∇F(x + ε), the gradient, gradient × input, and occlusion, which needs no gradient; they promise no completeness.',
    'Images are held out: those that the input `selection` holds, those that `nsd_ids` lists, or the `images` many of the test split with the largest predicted response; an image that the readout was fitted on is refused. Maps are signed, at the size of the backbone, per colour; overlays show the sum over colours, smoothed.',
    'Where the selection knows boxes of what the region should answer to: the share of the positive part of the map (sum over colours, smoothed and raw) inside them, beside chance (the share of the image they cover) and the share of |x − x₀| inside, which a map reaches that asks no model. With `curve_steps`: areas under the deletion and insertion curves of the predicted response, normalised to [F(x₀), F(x)], pixels in the order of the smoothed map, replaced by the (first) baseline.',
    '`control: shuffled-readout` permutes the weights over the features of each layer: a sanity check of the method whose maps are no results.',
    'Sources: Sundararajan, Taly & Yan 2017; Erion et al. 2021 (expected gradients); Smilkov et al. 2017 (SmoothGrad); Zeiler & Fergus 2014 (occlusion); Petsiuk et al. 2018 (curves); Adebayo et al. 2018 (control).',
  ].join('\n\n'),
  params: Type.Object(
    {
      ...explainingParameters.properties,
      images: Type.Integer({ minimum: 1, maximum: 10_000, default: 12, description: 'without a selection: how many held-out images, those with the largest predicted response' }),
      shuffle: Type.Integer({ minimum: 0, default: 0, description: 'number of the permutation of the control: one alone says little, its shares vary widely' }),
      control: choice(CONTROLS, { default: 'none', description: '`shuffled-readout`: the sanity check of Adebayo et al. 2018, marked as a control wherever it is shown' }),
    },
    { additionalProperties: false },
  ),
  inputs: {
    backbone: { type: 'Backbone', description: 'the model that the features came from' },
    readout: { type: 'Readout', description: 'the fitted readout' },
    features: { type: 'Features', description: 'features of the natural images, to find the top-responding ones' },
    stimuli: { type: 'Stimuli', description: 'the images and their split' },
    selection: { type: 'ImageSelection', description: 'which images to explain, with the boxes to look into; absent: the top-responding ones', optional: true },
  },
  outputs: { attributions: { type: 'Attributions', description: 'signed maps, overlays and completeness', publish: ['*.png', 'attributions.json', 'maps.npy'] } },
  needs: ['tensor'],
  random: true,
  runs: 'worker',
  resources: { cpus: 2, memoryMb: 1500 },
  async run(context) {
    const { params, inputs, outputs, services, signal, random } = context;
    checkExplainingOptions(params);
    const objective = objectiveOf(params, `region "${params.roi}"`);
    const backbone = readBackbone(inputs.backbone);
    const readout = readReadout(inputs.readout);
    const features = readFeatures(inputs.features);
    requireOwnBackbone(readout, backbone);
    requireOwnFeatures(readout, features);
    const stimuli = readStimuli(inputs.stimuli);
    const { size } = backbone.preprocessing;
    const fitted = foldReadout(readout.layers, readout.weights, readout.intercept, voxelWeights(readout.rois, readout.voxelCount, objective));
    // A control explains the images that the fitted readout would: its own favourites mean nothing.
    const fold = params.control === 'none' ? fitted : shuffleFold(readout.layers, fitted, random.fork(`shuffled readout ${params.shuffle}`));

    const heldOut = imagesOf(stimuli, 'test');
    const selected = inputs.selection === undefined ? undefined : readImageSelection(inputs.selection).images;
    if (selected !== undefined && params.nsd_ids !== undefined) {
      throw new PipelineError('E_DATA', 'images are both selected and listed', { facts: { expected: 'the input selection, or nsd_ids', found: 'both' }, hint: 'Disconnect selection, or leave nsd_ids out.' });
    }
    const asked = selected?.map(({ nsdId }) => nsdId) ?? params.nsd_ids;
    const fit = readFitFacts(inputs.readout);
    requireHeldOut(asked ?? heldOut, heldOut, fit.trainingImages);
    requireUnseen(stimuli, Int32Array.from(asked ?? heldOut), fit, features);
    const top = (): number[] => topImages(heldOut, predictImages(features, positionsOf(features.nsdIds, heldOut, 'features'), [fitted], signal)[0] as Float64Array, params.images);
    const chosen: readonly Explained[] = selected ?? (asked ?? top()).map((nsdId) => ({ nsdId, boxes: null }));
    if (asked === undefined && chosen.length < params.images) context.warn(`${params.images} images were asked for and ${chosen.length} are held out: all of them are explained.`);
    const which = selected !== undefined ? 'The selected held-out images' : params.nsd_ids !== undefined ? 'The held-out images that nsd_ids lists' : 'Held-out images with the largest predicted response';

    const batch = params.method === 'integrated-gradients' ? batchFor(pathPoints(params.nodes), LARGEST_BATCH) : LARGEST_BATCH;
    const layers = readout.layers.map((layer) => layer.name);
    const program = await services.tensor.compile(responseModel(backbone, batch, layers, { poolIndices: services.tensor.poolIndices }), { label: 'attribution' });
    const path = params.method === 'integrated-gradients' ? await services.tensor.compile(pathModel(backbone, batch, layers, services.tensor.poolIndices), { label: 'path of integrated gradients' }) : undefined;
    const images = openImages(stimuli.brick, stimuli.dataset, backbone.preprocessing);
    try {
      const templates = Object.fromEntries(
        readout.layers.map((layer) => {
          const template = fold.templates.get(layer.name) as Float32Array;
          return [templateInput(layer.name), tensor('float32', [batch, ...layer.map], tileTemplate(Array.from({ length: batch }, () => template)))];
        }),
      );
      const points = programEvaluator(program, templates, batch, size, fold.intercept);
      const evaluator = path === undefined ? points : { ...points, along: programAlong(path, templates, batch, size, fold.intercept) };
      const baselines = openBaselines(params.baseline, { blurSd: params.blur_sd, references: params.references }, images, imagesOf(stimuli, 'train', 'validation'), random.fork('references'), signal);
      await explainImages(
        { output: outputs.attributions, signal, random, warn: context.warn, progress: context.progress, metric: context.metric },
        evaluator, images, baselines, chosen, params, { of: 'model', control: params.control, ...objective }, which,
      );
    } finally {
      images.close();
      await program.dispose();
      await path?.dispose();
    }
  },
});
