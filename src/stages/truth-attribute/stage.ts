/** `truth.attribute`: which pixels drove the true brain. The measure of what a perfect model's attribution would look like. */
import { PipelineError } from '../../core/errors.js';
import { readImageSelection } from '../artifacts/image-selection.js';
import { imagesOf, readStimuli } from '../artifacts/stimuli.js';
import { readVoxels } from '../artifacts/voxels.js';
import { openBaselines } from '../attribute/baselines.js';
import { programEvaluator } from '../attribute/evaluator.js';
import { explainImages, type Explained } from '../attribute/explain-images.js';
import { checkExplainingOptions, explainingParameters } from '../attribute/options.js';
import { defineStage } from '../define.js';
import { openImages } from '../images/image-source.js';
import { findRoi, voxelWeights } from '../response/functional.js';
import { objectiveOf } from '../response/objective.js';
import { BRAIN_BATCH } from '../simulate/brain/build-brain.js';
import { BRAIN_SIZE } from '../simulate/brain/brain-graph.js';
import { plantedVoxels } from '../simulate/planted.js';
import { readTruth } from '../simulate/truth.js';
import { membersOf } from '../truth-check/true-region.js';
import { bankFunctional, brainResponseModel } from './brain-response.js';

export default defineStage({
  type: 'truth.attribute',
  version: 2,
  summary: 'Shows which pixels drove the simulated subject\'s true brain, by the methods of attribute.',
  description:
    'The true brain is a tensor graph and is differentiated as a backbone is: F is the mean noiseless response of a region\'s planted voxels (z units over all stimuli shown), optionally minus other regions, at the 128 pixels at which the brain sees. Everything else is as in attribute, which see. Connect the maps to truth.check: as `attributions`, for how much of what drives the brain lies inside the boxes at all, and as `reference`, for how alike a model\'s maps are.',
  params: explainingParameters,
  inputs: {
    truth: { type: 'BrainTruth', description: 'the brain of the simulated subject' },
    voxels: { type: 'Voxels', description: 'regions and where their voxels lie' },
    stimuli: { type: 'Stimuli', description: 'the images and their split' },
    selection: { type: 'ImageSelection', description: 'which images to explain, with the boxes to look into; absent: those that nsd_ids lists', optional: true },
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
    const truth = readTruth(inputs.truth);
    const voxels = readVoxels(inputs.voxels);
    const stimuli = readStimuli(inputs.stimuli);
    const selected = inputs.selection === undefined ? undefined : readImageSelection(inputs.selection).images;
    if ((selected === undefined) === (params.nsd_ids === undefined)) {
      throw new PipelineError('E_DATA', 'it is not said which images to explain', {
        facts: { expected: 'the input selection, or nsd_ids', found: selected === undefined ? 'neither' : 'both' }, hint: 'Connect a selection, or list images in nsd_ids.',
      });
    }
    const chosen: readonly Explained[] = selected ?? (params.nsd_ids ?? []).map((nsdId) => ({ nsdId, boxes: null }));

    const planted = plantedVoxels(truth, voxels);
    const regions = [objective.roi, ...(objective.minus ?? [])].map((name) => ({ ...findRoi(voxels.rois, name), voxels: membersOf(planted, voxels, name) }));
    const functional = voxelWeights(regions, truth.index.voxels.length, objective);
    const { template, intercept } = bankFunctional(truth, functional);

    const program = await services.tensor.compile(brainResponseModel(truth.brain(), template, services.tensor.poolIndices), { label: 'attribution of the true brain' });
    const images = openImages(stimuli.brick, stimuli.dataset, { size: BRAIN_SIZE, crop: 'none', mean: [0, 0, 0], std: [1, 1, 1] });
    try {
      const evaluator = programEvaluator(program, {}, BRAIN_BATCH, BRAIN_SIZE, intercept);
      const baselines = openBaselines(params.baseline, { blurSd: params.blur_sd, references: params.references }, images, imagesOf(stimuli, 'train', 'validation'), random.fork('references'), signal);
      await explainImages(
        { output: outputs.attributions, signal, random, warn: context.warn, progress: context.progress, metric: context.metric },
        evaluator, images, baselines, chosen, params, { of: 'true brain', control: 'none', ...objective }, selected === undefined ? 'The images that nsd_ids lists' : 'The selected images',
      );
    } finally {
      images.close();
      await program.dispose();
    }
  },
});
