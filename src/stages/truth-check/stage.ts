/**
 * `truth.check`: holds dreams and attributions against the brain that is known. On real data there is no such brain and the stage is skipped. Nothing
 * upstream ever sees what is computed here.
 */
import { Type } from '@sinclair/typebox';
import type { ReportBlock } from '../../core/report-block.js';
import { decodeImage } from '../../formats/image.js';
import { readAttributions } from '../artifacts/attributions.js';
import { readDreams } from '../artifacts/dreams.js';
import { readVoxels } from '../artifacts/voxels.js';
import { defineStage } from '../define.js';
import { plantedVoxels } from '../simulate/planted.js';
import { readTruth, trueResponses } from '../simulate/truth.js';
import { attributionBlocks, attributionFigures, checkAttributions } from './attribution-check.js';
import { checkDreams, dreamFigures, type DreamCheck } from './dream-check.js';
import { membersOf } from './true-region.js';

export default defineStage({
  type: 'truth.check',
  version: 3,
  summary: 'Compares dreams and attributions with the simulated subject’s true brain.',
  description: [
    'Dreams: each finished picture (8-bit) is shown to the true brain at the size of the stimuli. The true response of a region is the mean over its voxels of the noiseless signal, z units over all stimuli shown. A target passes when the mean over its dreams lies above the 99th percentile of the true responses to all stimuli and above the responses of the other targets’ regions; a region that holds this one, or lies within it, is not compared with.',
    'Attributions: the share of the positive part of a map (sum over colours; smoothed, and raw) that lies inside the boxes of what the area responds to; chance is the share of the image that the boxes cover. An image whose map has no positive part has no share and counts as below the bar of 0.7. Reported over images whose boxes cover less than `largest_box`, and over all with a box. With `reference`: the correlation, over pixels, of each smoothed map with the true brain\'s own map of the same image (`true_agreement`, the median over the `agreement_images` for which it is defined). The reference must be of the true brain, of the same objective, method and size, and hold every image; its baseline may be another.',
    'Truth and voxels must be of one simulated subject: every voxel must have been planted, and its responses in the first session must be those that the truth gives, up to offset and scale; else E_DATA.',
    '`check.json` holds `figures`, a flat table of names and numbers: what compare.truth gathers over seeds and conditions.',
  ].join('\n\n'),
  params: Type.Object(
    {
      smoothing: Type.Number({ minimum: 0, default: 2, description: 'standard deviation of the smoothing of maps, pixels' }),
      largest_box: Type.Number({ exclusiveMinimum: 0, maximum: 1, default: 0.25, description: 'images whose boxes cover this share or more are left out of all figures of what lies inside but `inside_all_boxes`, which takes every image with a box' }),
    },
    { additionalProperties: false },
  ),
  inputs: {
    truth: { type: 'BrainTruth', description: 'the brain of the simulated subject' },
    voxels: { type: 'Voxels', description: 'regions and where their voxels lie' },
    dreams: { type: 'Dreams', description: 'pictures to show to it', optional: true },
    attributions: { type: 'Attributions', description: 'maps to compare with the boxes', optional: true },
    reference: { type: 'Attributions', description: 'the true brain\'s own maps (truth.attribute) of the same region, to compare these with', optional: true },
  },
  outputs: { check: { type: 'TruthCheck', description: 'figures of both comparisons', publish: ['check.json'] } },
  needs: ['tensor'],
  random: false,
  runs: 'worker',
  resources: { cpus: 1, memoryMb: 1000 },
  async run(context) {
    const { params, inputs, outputs, services } = context;
    const truth = readTruth(inputs.truth);
    const voxels = readVoxels(inputs.voxels);
    const planted = plantedVoxels(truth, voxels);
    const blocks: ReportBlock[] = [];
    let dreamed: readonly DreamCheck[] | null = null;
    if (inputs.dreams !== undefined) {
      const reader = inputs.dreams;
      const file = readDreams(reader);
      const pictures = await Promise.all(file.entries.map(async (entry) => {
        const picture = await decodeImage(reader.path(entry.file));
        return { rgb: picture.data, height: picture.height, width: picture.width };
      }));
      const responses = await trueResponses(services.tensor, truth, pictures);
      const regions = file.targets.map((target) => ({ ...target, members: membersOf(planted, voxels, target.roi) }));
      dreamed = checkDreams(regions, file.entries, responses, truth.signals(), truth.index.voxels.length);
      for (const check of dreamed) if (check.response !== null) context.metric(`true_response.${check.target}`, check.response);
      context.metric('targets_passed', dreamed.filter((check) => check.passed).length);
      blocks.push(
        {
          kind: 'table', title: 'What the true brain answers to the dreams (z units over all stimuli)',
          columns: ['target', 'mean response', 'percentile', '99th percentile of stimuli', 'largest of stimuli', 'largest of the regions', 'passed'],
          rows: dreamed.map((check) => [check.target, check.response, check.percentile, check.natural99, check.naturalMax, check.largest === null ? 'no rival' : check.largest ? 'yes' : 'no', check.passed ? 'yes' : 'no']),
        },
        { kind: 'table', title: 'Every dream', columns: ['dream', 'true response', 'percentile'], rows: dreamed.flatMap((check) => check.dreams.map((dream) => [dream.file, dream.response, dream.percentile])) },
      );
    }
    const attributed = inputs.attributions === undefined ? null : checkAttributions(inputs.attributions, inputs.reference, truth, membersOf(planted, voxels, readAttributions(inputs.attributions).roi), params);
    if (attributed !== null) {
      if (attributed.inside.smoothed !== null) context.metric('attribution_inside', attributed.inside.smoothed);
      blocks.push(...attributionBlocks(attributed));
    }
    // One flat table of everything that is worth comparing over conditions: compare.truth reads these and knows none by name.
    const figures = { ...(dreamed === null ? {} : dreamFigures(dreamed)), ...(attributed === null ? {} : attributionFigures(attributed)) };
    outputs.check.json('check.json', { figures, dreams: dreamed, attributions: attributed });
    outputs.check.json('report.json', blocks);
  },
});
