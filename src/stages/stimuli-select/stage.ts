/** `stimuli.select`: images of one part of the split that show something of a kind, from COCO's annotations. No model is asked. */
import { Type } from '@sinclair/typebox';
import { PipelineError } from '../../core/errors.js';
import type { ReportBlock } from '../../core/report-block.js';
import { quantile } from '../../math/statistics.js';
import { writeImageSelection, type SelectedImage } from '../artifacts/image-selection.js';
import { imagesOf, readStimuli } from '../artifacts/stimuli.js';
import { boxMask, coverOf } from '../attribute/localisation.js';
import { choice, defineStage } from '../define.js';
import { boxesOf } from '../nsd/annotations.js';
import { COCO_INSTANCES, STIMULUS_TABLE } from '../nsd/layout.js';

/** side of the grid on which cover is measured */
const COVER_GRID = 256;

export default defineStage({
  type: 'stimuli.select',
  version: 2,
  summary: 'Selects images that show objects of a kind, with their boxes, from COCO\'s annotations.',
  description: [
    'Takes the images of one part of the split in which COCO\'s instance annotations have an object of one of `labels`, whose boxes together cover at least `smallest` and less than `largest` of the picture, and draws `count` of them at random (seeded). Boxes are taken from the photograph to NSD\'s square crop by `cropBox` of nsd_stim_info_merged.csv; what lies outside the crop is cut off. Images with a crowd of one of `labels` in the crop (`iscrowd: 1`: one box around many objects) are left out and counted.',
    'The annotations are taken along by nsd.source (`annotations: true`): `coco_anns/instances_{train,val}2017.json` under the root, as COCO publishes them. The 80 categories of COCO include `person`, but no faces and no houses; the simulated subject\'s annotations have face, body, house, scene, word and object. The files are read as a stream.',
  ].join('\n\n'),
  params: Type.Object(
    {
      labels: Type.Array(Type.String({ minLength: 1 }), { minItems: 1, uniqueItems: true, description: 'names of categories of the annotations' }),
      split: choice(['test', 'validation', 'train'], { default: 'test', description: 'part of the split; attribution takes test images only' }),
      smallest: Type.Number({ minimum: 0, exclusiveMaximum: 1, default: 0, description: 'share of the picture that the boxes cover at least' }),
      largest: Type.Number({ exclusiveMinimum: 0, maximum: 1, default: 0.25, description: 'share of the picture that the boxes must not reach' }),
      count: Type.Integer({ minimum: 1, maximum: 10_000, default: 40, description: 'images at most' }),
    },
    { additionalProperties: false },
  ),
  inputs: {
    nsd: { type: 'Nsd', description: 'the data set, with annotations' },
    stimuli: { type: 'Stimuli', description: 'the images and their split' },
  },
  outputs: { selection: { type: 'ImageSelection', description: 'the images and their boxes' } },
  needs: [],
  random: true,
  runs: 'worker',
  resources: { cpus: 1, memoryMb: 500 },
  async run({ params, inputs, outputs, random, metric, warn }) {
    const { nsd } = inputs;
    const absent = COCO_INSTANCES.find((name) => !nsd.has(name));
    if (absent !== undefined) {
      throw new PipelineError('E_DATA', 'the data set comes without annotations', { facts: { expected: absent, found: 'no such file' }, hint: 'Set annotations: true in the nsd.source stage.' });
    }
    const candidates = imagesOf(readStimuli(inputs.stimuli), params.split);
    const { boxes, crowded } = await boxesOf(nsd.path(STIMULUS_TABLE), COCO_INSTANCES.map((name) => nsd.path(name)), candidates, params.labels);
    const showing: SelectedImage[] = Array.from(candidates).flatMap((nsdId) => {
      const own = boxes.get(nsdId);
      return own === undefined ? [] : [{ nsdId, boxes: own, covered: coverOf(boxMask(own, COVER_GRID)) }];
    });
    const fitting = showing.filter(({ covered }) => covered >= params.smallest && covered < params.largest);
    if (fitting.length === 0) {
      throw new PipelineError('E_DATA', `no ${params.split} image shows ${params.labels.join(' or ')} of this size`, {
        facts: { expected: `boxes that cover ${params.smallest} to ${params.largest} of the picture`, found: `${showing.length} of ${candidates.length} images show one at all, ${crowded.size} more a crowd` },
        hint: 'Widen smallest and largest, or name other labels.',
      });
    }
    if (fitting.length < params.count) warn(`${params.count} images were asked for and ${fitting.length} fit: all of them are taken.`);
    const images = Array.from(random.permutation(fitting.length).subarray(0, params.count), (i) => fitting[i] as SelectedImage).sort((a, b) => a.nsdId - b.nsdId);
    writeImageSelection(outputs.selection, { labels: params.labels, images });
    metric('images', images.length);
    const covers = images.map(({ covered }) => covered);
    const block: ReportBlock = {
      kind: 'metrics', title: `Images that show ${params.labels.join(' or ')}`,
      values: {
        [`${params.split} images`]: candidates.length, 'of them left out: a crowd': crowded.size, 'of them with a box': showing.length, 'of a fitting size': fitting.length, selected: images.length,
        'cover, smallest': quantile(covers, 0), 'cover, median': quantile(covers, 1 / 2), 'cover, largest': quantile(covers, 1),
      },
    };
    outputs.selection.json('report.json', [block]);
  },
});
