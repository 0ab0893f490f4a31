/**
 * `truth.oracle`: how good the ridge readout could be if its penalties were chosen by somebody who knows the noiseless answer. A diagnostic of
 * simulated data: it yields scores only, never weights, so nothing can be fitted with what it knows.
 */
import { Type } from '@sinclair/typebox';
import { PipelineError } from '../../core/errors.js';
import { tensor } from '../../core/tensor.js';
import { writeCsv } from '../../formats/csv.js';
import { signedSquares } from '../../math/statistics-correlation.js';
import { noiseCeiling } from '../../math/statistics-reliability.js';
import { finiteOrNull, median } from '../../math/statistics.js';
import { scorePenalties } from '../../solvers/index.js';
import { positionsOf, readFeatures } from '../artifacts/features.js';
import { testImagesDigest, writeScores } from '../artifacts/scores.js';
import { imagesOf, readStimuli } from '../artifacts/stimuli.js';
import { readVoxels, voxelIdentity, type Voxels } from '../artifacts/voxels.js';
import { defineStage } from '../define.js';
import { CeilingParams, ncsnrFrom } from '../evaluate/noise-ceiling.js';
import { scoreRegion, type Region } from '../evaluate/score-regions.js';
import { normalise, type Scores } from '../evaluate/score-voxels.js';
import { regionEntry } from '../evaluate/tables.js';
import { Alphas, expandAlphas } from '../readout-ridge/alphas.js';
import { requireMemory } from '../readout-ridge/memory.js';
import { responsesOf, trainingRows } from '../readout-ridge/training-rows.js';
import { roiName } from '../response/functional.js';
import { plantedVoxels } from '../simulate/planted.js';
import { readTruth } from '../simulate/truth.js';
import { chooseOracle } from './choose.js';
import { signalAndMeans } from './targets.js';

const FEWEST_IMAGES = 3;

export default defineStage({
  type: 'truth.oracle',
  version: 1,
  summary: 'Scores of ridge regression with the penalty that an oracle would choose: a diagnostic on simulated data.',
  description: [
    'For voxel v: w_v(α) is the ridge solution of readout.ridge on the training images (means over repeats), for every α of the grid; α_v is the one whose predictions of the test images have the largest Pearson r with the *noiseless* planted signal (the larger penalty wins a tie). The scores are those of the predictions at α_v against the measured means, as in `evaluate`, so that they can be compared with a readout whose penalties were cross-validated on noisy training images. The choice is made on the test images themselves: the oracle can only be better than any honest choice from the same grid.',
    'Only the simulator’s truth makes this possible. The output holds scores and penalties, no weights: no readout can be made from it.',
    'Give `features`, `stimuli`, `alphas`, `standardize` and `scale_floor` as the readout has them. With `test`, the test images are taken from those voxels (for instance of more sessions).',
    'Files: scores.json (regions, as in `evaluate`; no intervals, no single trials), voxels.csv (alpha, r with the noiseless signal, r, r², noise ceiling and r²/NC of every voxel).',
  ].join('\n\n'),
  params: Type.Object(
    {
      alphas: Alphas,
      standardize: Type.Boolean({ default: true, description: 'divide features by their standard deviation over the training rows' }),
      scale_floor: Type.Number({ minimum: 0, maximum: 1, default: 0, description: 'as in readout.ridge' }),
      tile: Type.Integer({ minimum: 1, default: 4096, description: 'targets scored at a time; each voxel is two: its noiseless signal and its measured means' }),
      ...CeilingParams,
    },
    { additionalProperties: false },
  ),
  inputs: {
    truth: { type: 'BrainTruth', description: 'noiseless signals of the simulated subject' },
    features: { type: 'Features', description: 'features of the images' },
    voxels: { type: 'Voxels', description: 'responses to the training images' },
    stimuli: { type: 'Stimuli', description: 'the split' },
    test: { type: 'Voxels', description: 'responses to the test images; not connected: those of `voxels`', optional: true },
  },
  outputs: { scores: { type: 'Scores', description: 'scores.json and voxels.csv', publish: ['scores.json', 'voxels.csv'] } },
  needs: ['tensor'],
  random: false,
  runs: 'worker',
  resources: { cpus: 2, memoryMb: 3000 },
  async run({ params, inputs, outputs, services, signal, metric, warn }) {
    const truth = readTruth(inputs.truth);
    const features = readFeatures(inputs.features);
    const voxels = readVoxels(inputs.voxels);
    const stimuli = readStimuli(inputs.stimuli);
    const measured = inputs.test === undefined ? voxels : readVoxels(inputs.test);
    requireSameVoxels(voxels, measured);
    const planted = plantedVoxels(truth, voxels);
    const training = trainingRows(stimuli, voxels, 'repeat-mean');
    const test = testRows(measured, imagesOf(stimuli, 'test'));

    const width = voxels.voxelCount;
    const [fitted, held] = [training.nsdIds.length, test.nsdIds.length];
    const alphas = expandAlphas(params.alphas);
    requireMemory({ rows: fitted + held, features: features.width, targets: 2 * width, alphas: alphas.length, tile: params.tile });
    const x = features.rows(positionsOf(features.nsdIds, [...training.nsdIds, ...test.nsdIds], 'features'));
    const signals = truth.signalsOf(positionsOf(truth.nsdIds, test.nsdIds, 'true responses'));
    const targets = signalAndMeans({ training: responsesOf(voxels, 'repeat-mean', training), measured: { rows: held, targets: width, read: (from, to) => measured.means.columns(test.positions, from, to) }, signals, numbers: planted.numbers });
    const path = await scorePenalties(services.tensor, tensor('float32', [fitted + held, features.width], x), targets, {
      alphas, held: Int32Array.from({ length: held }, (_, i) => fitted + i), standardize: params.standardize, scaleFloor: params.scale_floor, score: 'correlation', tile: params.tile, signal,
    });
    const oracle = chooseOracle(path.alphas, path.scores);

    const ncsnr = ncsnrFrom(params.ncsnr, stimuli, measured, signal);
    const scores = asScores(oracle.measured, noiseCeiling(ncsnr, test.repeats), params.min_noise_ceiling, held);
    const score = (region: Region) => regionEntry(scoreRegion(region, scores, params.min_noise_ceiling, undefined, new Float64Array(0)));
    const regions = [{ name: 'all voxels', voxels: Array.from({ length: width }, (_, v) => v) }, ...voxels.rois.filter((roi) => roi.voxels.length > 0).map((roi) => ({ name: roiName(roi), voxels: roi.voxels }))];
    const entries = regions.map(score);
    const writer = outputs.scores;
    writeScores(writer, {
      images: held, trials: 0, voxels: width, trainingImages: fitted, features: features.width, alphas: [...path.alphas], edgeAlphas: oracle.edge, ncsnr: params.ncsnr, minNoiseCeiling: params.min_noise_ceiling, zscore: measured.zscore,
      testImages: testImagesDigest(test.nsdIds), voxelIdentity: voxelIdentity(measured), bootstrap: 0, interval: null, resampling: null, replicateScores: [], repeatMean: entries, singleTrial: [],
    });
    writeCsv(writer.path('voxels.csv'), ['voxel', 'alpha', 'r_noiseless', 'r', 'r2', 'noise_ceiling', 'r2_over_nc'], Array.from({ length: width }, (_, v) => [
      v, ...[oracle.alpha, oracle.noiseless, scores.r, scores.r2, scores.ceiling, scores.normalised].map((values) => Number((values[v] as number).toPrecision(7))),
    ]));
    const signal2 = signedSquares(oracle.noiseless);
    writer.json('report.json', [
      { kind: 'text', text: 'A diagnostic that only simulated data allow: the penalty of every voxel was chosen by its agreement with the noiseless signal of the test images. No readout uses these penalties.' },
      { kind: 'metrics', title: 'Ridge with the oracle’s penalties', values: { 'training images (n)': fitted, 'features (p)': features.width, 'test images': held, voxels: width, 'median alpha': finiteOrNull(median(oracle.alpha)), 'voxels at an end of the grid': oracle.edge } },
      {
        kind: 'table', title: 'Regions', columns: ['region', 'voxels', 'median r²', 'median NC', 'median r²/NC', 'median r² with the noiseless signal'],
        rows: entries.map((entry, i) => [entry.name, entry.voxels, entry.r2.median, entry.ceiling, entry.normalised.median, finiteOrNull(median((regions[i]?.voxels ?? []).map((v) => signal2[v] as number)))]),
      },
    ]);
    if (oracle.edge > 0) warn(`the oracle chose the smallest or the largest penalty for ${oracle.edge} of ${width} voxels: the grid may be too narrow`);
    const value = entries[0]?.normalised.median ?? null;
    if (value !== null) metric('median_r2_over_nc', value);
  },
});

function requireSameVoxels(training: Voxels, test: Voxels): void {
  if (training.voxelCount === test.voxelCount && training.position.every((value, i) => value === test.position[i])) return;
  throw new PipelineError('E_DATA', 'training and test responses are not of the same voxels', { facts: { expected: `${training.voxelCount} voxels at the same places`, found: test.voxelCount }, hint: 'Extract both from the same subject and regions.' });
}

/** Test images with a recorded response, ascending. Errors: E_DATA for fewer than three. */
function testRows(voxels: Voxels, test: Int32Array): { readonly nsdIds: Int32Array; readonly positions: Int32Array; readonly repeats: Int32Array } {
  const wanted = new Set(test);
  const positions = Int32Array.from(voxels.means.nsdIds.keys()).filter((i) => wanted.has(voxels.means.nsdIds[i] as number));
  if (positions.length < FEWEST_IMAGES) {
    throw new PipelineError('E_DATA', 'too few test images have a recorded response', { facts: { expected: `at least ${FEWEST_IMAGES}`, found: `${positions.length} of ${test.length}` }, hint: 'Load more sessions.' });
  }
  return { nsdIds: positions.map((i) => voxels.means.nsdIds[i] as number), positions, repeats: positions.map((i) => voxels.means.repeats[i] as number) };
}

function asScores(r: Float64Array, ceiling: Float64Array, threshold: number, rows: number): Scores {
  const r2 = signedSquares(r);
  const unknown = new Float64Array(r.length).fill(NaN);
  return { r, r2, ceiling, normalised: r2.map((value, v) => normalise(value, ceiling[v] as number, threshold)), determination: unknown, baseline: unknown, rows };
}
