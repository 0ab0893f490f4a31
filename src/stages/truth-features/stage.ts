/**
 * `truth.features`: the true brain's own bank as features, the oracle that no backbone can beat. It tells how much of a score is lost by the readout
 * and the noise, and how much by the backbone.
 */
import { Type } from '@sinclair/typebox';
import { tensor } from '../../core/tensor.js';
import { writeNpy } from '../../formats/npy.js';
import { FEATURES_INDEX, positionsOf, type FeatureLayer, type FeaturesFile } from '../artifacts/features.js';
import { readStimuli } from '../artifacts/stimuli.js';
import { defineStage } from '../define.js';
import { BANK_SIZE } from '../simulate/brain/brain-graph.js';
import { readTruth } from '../simulate/truth.js';

const CHUNK_FILE = 'bank.npy';

export default defineStage({
  type: 'truth.features',
  version: 1,
  summary: 'Takes the true brain’s own responses, before voxel weights, as features.',
  description:
    'One feature per channel and cell of the simulated brain’s bank (template energies and Gabor amplitudes). A ridge readout on them shows what noise and number of images alone cost. With `shuffle` the rows are permuted among images: scores must fall to zero.',
  params: Type.Object({ shuffle: Type.Boolean({ default: false, description: 'permute images: a control' }) }, { additionalProperties: false }),
  inputs: {
    truth: { type: 'BrainTruth', description: 'the brain of the simulated subject' },
    stimuli: { type: 'Stimuli', description: 'the images and their split' },
  },
  outputs: { features: { type: 'Features', description: 'the bank of every image' } },
  needs: [],
  random: true,
  runs: 'worker',
  resources: { cpus: 1, memoryMb: 500 },
  async run({ params, inputs, outputs, random }) {
    const truth = readTruth(inputs.truth);
    const nsdIds = readStimuli(inputs.stimuli).images.map((image) => image.nsdId);
    const rows = positionsOf(truth.nsdIds, nsdIds, 'true responses');
    const order = params.shuffle ? random.permutation(rows.length) : rows.map((_, i) => i);
    const bank = truth.bank();
    const out = new Float32Array(rows.length * BANK_SIZE);
    order.forEach((from, i) => out.set(bank.subarray((rows[from] as number) * BANK_SIZE, ((rows[from] as number) + 1) * BANK_SIZE), i * BANK_SIZE));
    writeNpy(outputs.features.path(CHUNK_FILE), tensor('float32', [rows.length, BANK_SIZE, 1, 1], out));
    const layer: FeatureLayer = { name: 'bank', channels: Array.from({ length: BANK_SIZE }, (_, c) => c), grid: [1, 1], offset: 0, map: [BANK_SIZE, 1, 1] };
    const file: FeaturesFile = { backbone: null, layers: [layer], nsdIds, width: BANK_SIZE, chunks: [{ start: 0, count: rows.length, files: [CHUNK_FILE] }] };
    outputs.features.json(FEATURES_INDEX, file);
  },
});
