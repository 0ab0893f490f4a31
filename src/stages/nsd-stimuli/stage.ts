/** `nsd.stimuli`: the images a subject saw, split once and for all by image. */
import { Type } from '@sinclair/typebox';
import { PipelineError } from '../../core/errors.js';
import type { ReportBlock } from '../../core/report-block.js';
import { readCsvColumns } from '../../formats/csv.js';
import { writeStimuli, type Split, type StimulusImage } from '../artifacts/stimuli.js';
import { choice, defineStage } from '../define.js';
import { readExperimentDesign } from '../nsd/experiment.js';
import { BRICK_DATASET, EXPERIMENT_DESIGN, SELECTION, STIMULUS_BRICK, STIMULUS_TABLE, type NsdSelection } from '../nsd/layout.js';

export default defineStage({
  type: 'nsd.stimuli',
  version: 1,
  summary: 'Lists the images that a subject saw and splits them by image into train, validation and test.',
  description: [
    'Test images are the shared images (10k-ids 1 … 1000), seen by every subject, with at least `min_test_repeats` repeats in the sessions loaded; shared images with fewer are left out of every part. All others are training images, of which a random `validation` share (seeded) is marked for stages that choose something on images; the ridge readout chooses by cross-validation and fits on both.',
    'An image, and a COCO photograph of which it is a crop, belongs to one part only: anything else stops the stage.',
  ].join('\n\n'),
  params: Type.Object(
    {
      test: choice(['shared'], { default: 'shared', description: 'which images are held out' }),
      validation: Type.Number({ minimum: 0, exclusiveMaximum: 1, default: 0.1, description: 'share of the training images marked for validation' }),
      min_test_repeats: Type.Integer({ minimum: 1, maximum: 3, default: 1, description: 'repeats a test image needs in the sessions loaded' }),
    },
    { additionalProperties: false },
  ),
  inputs: { nsd: { type: 'Nsd', description: 'the data set' } },
  outputs: { stimuli: { type: 'Stimuli', description: 'images with their split' } },
  needs: [],
  random: true,
  runs: 'worker',
  resources: { cpus: 1, memoryMb: 300 },
  async run({ params, inputs, outputs, random, metric }) {
    const nsd = inputs.nsd;
    const selection = nsd.json<NsdSelection>(SELECTION);
    const design = readExperimentDesign(nsd.path(EXPERIMENT_DESIGN));
    const trials = design.trialImages(selection.subject, selection.sessions * design.trialsPerSession);
    const repeats = new Map<number, number>();
    const firstTrials = new Map<number, number>();
    trials.forEach((id, t) => {
      repeats.set(id, (repeats.get(id) ?? 0) + 1);
      if (!firstTrials.has(id)) firstTrials.set(id, t);
    });
    const cocoIds = await cocoIdsOf(nsd.path(STIMULUS_TABLE), repeats);

    const ids = [...repeats.keys()].sort((a, b) => a - b);
    const training = ids.filter((id) => !design.shared.has(id));
    const order = random.permutation(training.length);
    const validation = new Set(Array.from(order.subarray(0, Math.round(training.length * params.validation)), (i) => training[i] as number));
    const images: StimulusImage[] = [];
    let leftOut = 0;
    for (const nsdId of ids) {
      const shared = design.shared.has(nsdId);
      if (shared && (repeats.get(nsdId) ?? 0) < params.min_test_repeats) {
        leftOut += 1;
        continue;
      }
      const split: Split = shared ? 'test' : validation.has(nsdId) ? 'validation' : 'train';
      images.push({ nsdId, cocoId: cocoIds.get(nsdId) as number, split, shared, firstTrial: firstTrials.get(nsdId) as number });
    }
    const count = (split: Split): number => images.filter((image) => image.split === split).length;
    if (count('test') === 0 || count('train') === 0) {
      throw new PipelineError('E_DATA', 'the split leaves a part without images', {
        facts: { expected: 'at least one training and one test image', found: `${count('train')} training, ${count('test')} test` },
        hint: 'Load more sessions, or lower min_test_repeats.',
      });
    }
    writeStimuli(outputs.stimuli, images, nsd.file(STIMULUS_BRICK), BRICK_DATASET);
    metric('train', count('train'));
    metric('validation', count('validation'));
    metric('test', count('test'));
    const block: ReportBlock = {
      kind: 'metrics',
      title: `Images of ${selection.sessions} sessions`,
      values: { train: count('train'), validation: count('validation'), test: count('test'), 'shared images with too few repeats': leftOut, trials: trials.length },
    };
    outputs.stimuli.json('report.json', [block]);
  },
});

/**
 * The table is read as a stream: 73,000 rows of which a subject needs at most 10,000.
 * Errors: E_FORMAT for an image without a row or with an id that is no number: without it crops of one photograph could stand on both sides of the split.
 */
async function cocoIdsOf(path: string, wanted: ReadonlyMap<number, number>): Promise<Map<number, number>> {
  const out = new Map<number, number>();
  await readCsvColumns(path, ['nsdId', 'cocoId'], ([nsdId, cocoId]) => {
    const id = Number(nsdId);
    if (!wanted.has(id)) return;
    const photograph = Number(cocoId);
    if (cocoId === '' || !Number.isInteger(photograph)) {
      throw new PipelineError('E_FORMAT', `image ${id} has no COCO photograph in "${path}"`, { facts: { expected: 'an integer cocoId', found: cocoId ?? '' }, hint: 'Give nsd_stim_info_merged.csv as it is published.' });
    }
    out.set(id, photograph);
  });
  for (const id of wanted.keys()) {
    if (!out.has(id)) {
      throw new PipelineError('E_FORMAT', `image ${id} (nsdId) is not in "${path}"`, { facts: { expected: `a row for each of ${wanted.size} images`, found: `${out.size} of them` }, hint: 'Complete the table: it may be truncated.' });
    }
  }
  return out;
}
