/**
 * `evaluate`: how well a readout predicts images it has never seen. Repeat means and single trials are scored apart; nothing is selected, clipped
 * or zeroed by what is scored here.
 */
import { Type } from '@sinclair/typebox';
import { tensor } from '../../core/tensor.js';
import { writeNpy } from '../../formats/npy.js';
import { resampleCounts } from '../../math/bootstrap.js';
import { benjaminiHochberg, permuteRows } from '../../math/statistics-inference.js';
import { finiteOrNull, median, quantile } from '../../math/statistics.js';
import { bootstrapCorrelations, predictTargets } from '../../solvers/index.js';
import { readFeatures } from '../artifacts/features.js';
import { readReadout } from '../artifacts/readout.js';
import { writeScores } from '../artifacts/scores.js';
import { readStimuli } from '../artifacts/stimuli.js';
import { readVoxels, type Roi } from '../artifacts/voxels.js';
import { choice, defineStage } from '../define.js';
import { readFitFacts } from '../readout-ridge/fit-files.js';
import { roiName } from '../response/functional.js';
import { heldOut } from './held-out.js';
import { CEILING_FIGURE, ceilingFigure, evaluationReport, REGION_FIGURE, regionFigure, roisDrawn } from './report.js';
import { scoreRegion, type Region } from './score-regions.js';
import { meanTrainingResponse, scoreMeans, scoreTrials } from './score-voxels.js';
import { regionEntry, writeRegionCsv, writeVoxelCsv } from './tables.js';

/** upper end of a central 95 % range */
const CHANCE_QUANTILE = 0.975;

export default defineStage({
  type: 'evaluate',
  version: 2,
  summary: 'Scores a readout on held-out images: r, r², and r² against the noise ceiling, per voxel and region.',
  description: [
    'For every voxel, over the test images that were recorded: Pearson r between prediction and mean over repeats; r² with the sign of r; the noise ceiling NC = ncsnr²/(ncsnr² + mean(1/n)) with n the repeats actually averaged; r²/NC. The same against single trials (n = 1), apart. R² = 1 − SSE/SST of the prediction itself, and of the baseline that predicts the mean training response (whose r is not defined).',
    'A voxel without variance has no r: it is NaN and counted, never 0. Voxels with NC below `min_noise_ceiling` (or without a known one) have no r²/NC and are counted; values above 1 are kept and their share is reported.',
    'Regions: medians over voxels with percentile intervals from a bootstrap over images (repeat means). A region without voxels has no scores: it is counted and left out. With many regions the figure shows the unions of the sets; rois.csv has all. Permutations shuffle the images, all voxels alike: p = (1 + b)/(1 + m), adjusted over voxels by Benjamini and Hochberg.',
  ].join('\n\n'),
  params: Type.Object(
    {
      ncsnr: choice(['recomputed', 'published'], { default: 'recomputed', description: 'signal-to-noise ratio behind the noise ceiling: from the trials that were loaded, or as it stands in the data set' }),
      min_noise_ceiling: Type.Number({ minimum: 0, maximum: 1, default: 0.05, description: 'least noise ceiling (in r² units) of a voxel whose r²/NC is reported' }),
      bootstrap: Type.Integer({ minimum: 0, maximum: 100_000, default: 1000, description: 'bootstrap samples of the test images; 0: no intervals' }),
      interval: Type.Number({ exclusiveMinimum: 0, exclusiveMaximum: 1, default: 0.95, description: 'level of the bootstrap intervals' }),
      permutations: Type.Integer({ minimum: 0, maximum: 100_000, default: 1000, description: 'shuffles of the test images; 0: no p values' }),
    },
    { additionalProperties: false },
  ),
  inputs: {
    readout: { type: 'Readout', description: 'the fitted weights' },
    features: { type: 'Features', description: 'features of the test images' },
    voxels: { type: 'Voxels', description: 'measured responses' },
    stimuli: { type: 'Stimuli', description: 'which images are held out' },
  },
  outputs: {
    scores: {
      type: 'Scores',
      description: 'scores.json, voxels.csv, rois.csv, predictions.npy float32 [image, voxel] with prediction_images.npy int32 [image], and figures',
      publish: ['scores.json', '*.csv', '*.svg'],
    },
  },
  needs: ['tensor'],
  random: true,
  runs: 'worker',
  resources: { cpus: 2, memoryMb: 2000 },
  async run(context) {
    const { params, inputs, outputs, services, signal, random } = context;
    const readout = readReadout(inputs.readout);
    const fit = readFitFacts(inputs.readout);
    const features = readFeatures(inputs.features);
    const voxels = readVoxels(inputs.voxels);
    const held = heldOut(readStimuli(inputs.stimuli), features, voxels, readout, fit.trainingImages);
    const images = held.nsdIds.length;
    const width = voxels.voxelCount;
    const threshold = params.min_noise_ceiling;

    const predictions = await predictTargets(services.tensor, readout, images, (from, count) => features.rows(held.featureRows.subarray(from, from + count)), signal);
    const ncsnr = params.ncsnr === 'published' ? voxels.ncsnrPublished : voxels.ncsnr;
    const baseline = meanTrainingResponse(readout.weights, readout.intercept, fit.featureMean);
    const means = scoreMeans(predictions, held, ncsnr, baseline, threshold);
    const trials = scoreTrials(predictions, held, voxels, ncsnr, baseline, threshold, signal);

    const replicates = params.bootstrap === 0 ? undefined : {
      r: await bootstrapCorrelations(services.tensor, predictions, held.means, images, width, resampleCounts(random.fork('bootstrap'), images, params.bootstrap), signal),
      count: params.bootstrap,
      level: params.interval,
    };
    let shuffles = 0;
    const permuted = permuteRows(predictions, held.means, means.r, params.permutations, random.fork('permutation'), () => {
      signal.throwIfAborted();
      shuffles += 1;
      context.progress(shuffles, params.permutations, 'permutations');
    });
    const p = params.permutations === 0 ? new Float64Array(0) : permuted.p;
    const adjusted = benjaminiHochberg(p);

    const score = (region: Region) => ({ means: scoreRegion(region, means, threshold, replicates, adjusted), trials: scoreRegion(region, trials, threshold, undefined, new Float64Array(0)) });
    const whole = score({ name: 'all voxels', voxels: Array.from({ length: width }, (_, v) => v) });
    const rois = voxels.rois.filter((roi) => roi.voxels.length > 0);
    const regions = rois.map((roi) => score({ name: roiName(roi), voxels: roi.voxels }));
    const emptyRegions = voxels.rois.length - rois.length;

    const writer = outputs.scores;
    writeNpy(writer.path('predictions.npy'), tensor('float32', [images, width], predictions));
    writeNpy(writer.path('prediction_images.npy'), tensor('int32', [images], held.nsdIds));
    writeVoxelCsv(writer.path('voxels.csv'), { voxels, ncsnr, alpha: fit.alpha, means, trials, p, adjusted });
    writeRegionCsv(writer.path('rois.csv'), [whole, ...regions]);
    const chance = { median: median(permuted.medians), high: quantile(permuted.medians, CHANCE_QUANTILE) };
    writeScores(writer, {
      images, trials: trials.rows, voxels: width, trainingImages: fit.trainingImages.length, features: features.width, emptyRegions, ncsnr: params.ncsnr, minNoiseCeiling: threshold, interval: params.interval, bootstrap: params.bootstrap, permutations: params.permutations,
      chance: { median: finiteOrNull(chance.median), high: finiteOrNull(chance.high) },
      repeatMean: [whole, ...regions].map((pair) => regionEntry(pair.means)),
      singleTrial: [whole, ...regions].map((pair) => regionEntry(pair.trials)),
    });
    const drawn = roisDrawn(rois);
    writer.write(REGION_FIGURE, regionFigure([whole, ...regions.filter((_, r) => drawn.includes(rois[r] as Roi))], params.interval));
    writer.write(CEILING_FIGURE, ceilingFigure(means));
    writer.json('report.json', evaluationReport({ trainingImages: fit.trainingImages.length, features: features.width, whole, regions, emptyRegions, drawn: drawn.length, images, unseen: held.unseen, trials: trials.rows, threshold, level: params.interval, replicates: params.bootstrap, chance }));
    for (const [name, value] of [['median_r', whole.means.r.median], ['median_r2_over_nc', whole.means.normalised.median]] as const) if (!Number.isNaN(value)) context.metric(name, value);
    if (whole.means.r.undefined > 0) context.warn(`${whole.means.r.undefined} of ${width} voxels have no defined correlation: their prediction or their response does not vary.`);
    context.log(`${images} images, ${trials.rows} trials, median r ${whole.means.r.median.toFixed(3)}, median r²/NC ${whole.means.normalised.median.toFixed(3)}`);
  },
});
