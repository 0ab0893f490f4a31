/**
 * `evaluate`: how well a readout predicts images it has never seen. Repeat means and single trials are scored apart; nothing is selected, clipped
 * or zeroed by what is scored here.
 */
import { Type } from '@sinclair/typebox';
import { tensor } from '../../core/tensor.js';
import { bytesOf } from '../../formats/bytes.js';
import { writeNpy } from '../../formats/npy.js';
import { digestOf } from '../../core/digest.js';
import { resampleCounts } from '../../math/bootstrap.js';
import { benjaminiHochberg, benjaminiYekutieli } from '../../math/statistics-inference.js';
import { repeatCeiling } from '../../math/statistics-reliability.js';
import { finiteOrNull, median } from '../../math/statistics.js';
import { bootstrapCorrelations, predictTargets, type TrialsOfImages } from '../../solvers/index.js';
import { readFeatures } from '../artifacts/features.js';
import { readReadout } from '../artifacts/readout.js';
import { REPLICATES_FILE, testImagesDigest, writeScores } from '../artifacts/scores.js';
import { readStimuli } from '../artifacts/stimuli.js';
import { readVoxels, voxelIdentity, type Roi } from '../artifacts/voxels.js';
import { choice, defineStage } from '../define.js';
import { readFitFacts } from '../readout-ridge/fit-files.js';
import { roiName } from '../response/functional.js';
import { heldOut } from './held-out.js';
import { requireEvaluationMemory } from './memory.js';
import { CeilingParams, ncsnrFrom } from './noise-ceiling.js';
import { CEILING_FIGURE, ceilingFigure, evaluationReport, REGION_FIGURE, regionFigure, roisDrawn } from './report.js';
import { permutationTest } from './permutation-test.js';
import { REPLICATED, scoreRegion, voxelIntervals, type Region, type RegionScores } from './score-regions.js';
import { meanTrainingResponse, scoreMeans, scoreTrials, type Scores } from './score-voxels.js';
import { regionEntry, writeRegionCsv, writeVoxelCsv, type RegionPair, type VoxelIntervals } from './tables.js';

const FEWEST_SAMPLES = 100;
const FEWEST_SHUFFLES = 19;

/** 0, or as many as mean something. */
const noneOr = (minimum: number, maximum: number, description: string) => Type.Union([Type.Literal(0), Type.Integer({ minimum, maximum })], { default: 1000, description });

export default defineStage({
  type: 'evaluate',
  version: 2,
  summary: 'Scores a readout on held-out images: r, r², and r² against the noise ceiling, per voxel and region.',
  description: [
    'Test images that had a part in the fit are refused (E_LEAK): images or crops of photographs that the readout was fitted on, images that chose the channels of the features. Two things cannot be seen from here: z-scoring over whole sessions uses the test trials’ means and deviations (nsd.voxels, `session-train-only` does not), and a backbone that was trained on COCO has seen the photographs of NSD.',
    'For every voxel, over the test images that were recorded: Pearson r between prediction and mean over repeats; r² with the sign of r; the noise ceiling NC = ncsnr²/(ncsnr² + mean(1/n)) with n the repeats actually averaged; r²/NC. The same against single trials (n = 1), apart. R² = 1 − SSE/SST of the prediction itself, and of the baseline that predicts the mean training response (whose r is not defined).',
    'A voxel without variance has no r: it is NaN and counted, never 0. Voxels with NC below `min_noise_ceiling` (or without a known one) have no r²/NC and are counted; values above 1 are kept and their share is reported.',
    'Regions: median r, r² and r²/NC over voxels, the mean r, and the pooled share (Σr/Σ√NC)², in which no voxel is left out for a low ceiling. Intervals are percentile intervals from a bootstrap over images (all trials of an image together), with NC held fixed. They reach their level for voxels from about 100 images on and for means over voxels; the *median* over many voxels is itself biased when true scores are skewed (it is the median of noisy scores), which no resampling of images undoes: docs/decisions/0007 has measured coverages. A region without voxels has no scores: it is counted and left out. With many regions the figure shows the unions of the sets; rois.csv has all.',
    'Permutations shuffle the images, all voxels alike: p = (1 + b)/(1 + m), for r of every voxel, adjusted over voxels (`correction`), and for the median r of every region, alone (p) and corrected for the whole family of regions by the largest standardised statistic (p_family). Shuffles come in pairs of random orders with all their rotations. p is at least 1/(1 + m): q ≤ 0.05 over V voxels needs V/(0.05·(1 + m)) of them there, 300 of 15,000 with 1,000 shuffles; more shuffles are cheap.',
    'r²/NC is biased upwards by about (1 − ρ²)(1 − 2ρ²)/(n·NC) for n test images and true correlation ρ: 7 % of a ceiling of 0.1 at 100 images, 1.4 % at 515. noise_ceiling_test is the ceiling from the repeats of the test images alone, 1 − σ²·mean(1/n)/s² (analysis of variance): a check on the definition, which takes the variance of test images to be that of all; where the two differ for a region, its test images vary more or less than all images do in what it answers to, and r²/NC is too high or too low by as much. With `ncsnr: training`, no trial of a test image enters NC or the choice of voxels by `min_noise_ceiling` (which voxels of noise alone pass too: some 30 % of them with 1,000 images of three trials, 5 % with 10,000).',
    'region_replicates.npy float32 [replicate, region, score] holds the bootstrap of every region (`repeatMean` order; scores in `replicateScores` of scores.json). Evaluations of the same images with equal parameters and seed draw the same resamples (equal `resampling` in scores.json, a digest of images and draws), so that two models are compared image by image: the difference of their replicates is a paired bootstrap.',
  ].join('\n\n'),
  params: Type.Object(
    {
      ...CeilingParams,
      bootstrap: noneOr(FEWEST_SAMPLES, 10_000, 'bootstrap samples of the test images; 0: no intervals. With fewer than 100 the ends of a 95 % interval would be single samples'),
      interval: Type.Number({ exclusiveMinimum: 0, exclusiveMaximum: 1, default: 0.95, description: 'level of the bootstrap intervals' }),
      permutations: noneOr(FEWEST_SHUFFLES, 100_000, 'shuffles of the test images; 0: no p values. With fewer than 19 no p value could reach 0.05'),
      correction: choice(['bh', 'by'], { default: 'bh', description: 'adjustment of p over voxels: Benjamini and Hochberg (independent or positively dependent voxels), or Benjamini and Yekutieli (any dependence, less power)' }),
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
      description: 'scores.json, voxels.csv, rois.csv, predictions.npy float32 [image, voxel] with prediction_images.npy int32 [image], region_replicates.npy, and figures',
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
    const stimuli = readStimuli(inputs.stimuli);
    const held = heldOut(stimuli, features, voxels, readout, fit);
    const images = held.nsdIds.length;
    const width = voxels.voxelCount;
    const threshold = params.min_noise_ceiling;
    requireEvaluationMemory({ images, voxels: width, features: features.width, bootstrap: params.bootstrap, regions: 1 + voxels.rois.length });

    const predictions = await predictTargets(services.tensor, readout, images, (from, count) => features.rows(held.featureRows.subarray(from, from + count)), signal);
    const ncsnr = ncsnrFrom(params.ncsnr, stimuli, voxels, signal);
    const baseline = meanTrainingResponse(readout.weights, readout.intercept, fit.featureMean);
    const means = scoreMeans(predictions, held, ncsnr, baseline, threshold);
    const { scores: trials, squares } = scoreTrials(predictions, held, voxels, ncsnr, baseline, threshold, signal);
    const testCeiling = repeatCeiling(held.means, squares, held.repeats);

    const counts = resampleCounts(random.fork('bootstrap'), images, params.bootstrap);
    const rois = voxels.rois.filter((roi) => roi.voxels.length > 0);
    const emptyRegions = voxels.rois.length - rois.length;
    const named: readonly Region[] = [{ name: 'all voxels', voxels: Array.from({ length: width }, (_, v) => v) }, ...rois.map((roi) => ({ name: roiName(roi), voxels: roi.voxels }))];
    const { p, regionP, familyP, chance } = await permutationTest(
      services.tensor, { predicted: predictions, measured: held.means, images, r: means.r, regions: named }, params.permutations, random.fork('permutation'),
      (done) => context.progress(done, params.permutations, 'permutations'), signal,
    );
    const adjusted = params.correction === 'by' ? benjaminiYekutieli(p) : benjaminiHochberg(p);
    // Replicates of all voxels are the largest thing here: those of one measurement are gone before the other's are drawn.
    const resampled = async (scores: Scores, q: Float64Array, grouped?: TrialsOfImages): Promise<Resampled> => {
      const replicates = params.bootstrap === 0 ? undefined : { r: await bootstrapCorrelations(services.tensor, predictions, held.means, images, width, counts, grouped, signal), count: params.bootstrap, level: params.interval };
      return { regions: named.map((region) => scoreRegion(region, scores, threshold, replicates, q)), intervals: voxelIntervals(width, replicates) };
    };
    const ofMeans = await resampled(means, adjusted);
    const ofTrials = await resampled(trials, new Float64Array(0), { repeats: held.repeats, squares });
    const pairs = named.map((region, k): RegionPair => ({
      means: ofMeans.regions[k] as RegionScores,
      trials: ofTrials.regions[k] as RegionScores,
      p: regionP[k] as number, familyP: familyP[k] as number,
      testCeiling: median(region.voxels.map((v) => testCeiling[v] as number)),
    }));
    const [whole, ...regions] = pairs as [RegionPair, ...RegionPair[]];

    const writer = outputs.scores;
    writeNpy(writer.path('predictions.npy'), tensor('float32', [images, width], predictions));
    writeNpy(writer.path('prediction_images.npy'), tensor('int32', [images], held.nsdIds));
    writeVoxelCsv(writer.path('voxels.csv'), {
      voxels, ncsnr, alpha: fit.alpha, means, trials, testCeiling, p, adjusted,
      intervals: { means: ofMeans.intervals, trials: ofTrials.intervals },
    });
    writeRegionCsv(writer.path('rois.csv'), pairs);
    writeNpy(writer.path(REPLICATES_FILE), tensor('float32', [params.bootstrap, pairs.length, REPLICATED.length], replicateTable(pairs, params.bootstrap)));
    writeScores(writer, {
      images, trials: trials.rows, voxels: width, trainingImages: fit.trainingImages.length, features: features.width, emptyRegions, ncsnr: params.ncsnr, minNoiseCeiling: threshold, interval: params.interval, bootstrap: params.bootstrap, permutations: params.permutations, correction: params.correction, zscore: voxels.zscore,
      testImages: testImagesDigest(held.nsdIds), voxelIdentity: voxelIdentity(voxels),
      resampling: params.bootstrap === 0 ? null : digestOf(Buffer.concat([bytesOf(held.nsdIds), bytesOf(counts)])), replicateScores: [...REPLICATED],
      chance: { median: finiteOrNull(chance.median), high: finiteOrNull(chance.high) },
      repeatMean: pairs.map((pair) => ({ ...regionEntry(pair.means), p: finiteOrNull(pair.p), familyP: finiteOrNull(pair.familyP), ceilingTest: finiteOrNull(pair.testCeiling) })),
      singleTrial: pairs.map((pair) => regionEntry(pair.trials)),
    });
    const drawn = roisDrawn(rois);
    writer.write(REGION_FIGURE, regionFigure([whole, ...regions.filter((_, r) => drawn.includes(rois[r] as Roi))], params.interval));
    writer.write(CEILING_FIGURE, ceilingFigure(means));
    writer.json('report.json', evaluationReport({ trainingImages: fit.trainingImages.length, features: features.width, whole, regions, emptyRegions, drawn: drawn.length, images, unseen: held.unseen, trials: trials.rows, threshold, level: params.interval, replicates: params.bootstrap, chance, zscore: voxels.zscore, ncsnr: params.ncsnr }));
    for (const [name, value] of [['median_r', whole.means.r.median], ['median_r2_over_nc', whole.means.normalised.median]] as const) if (!Number.isNaN(value)) context.metric(name, value);
    if (whole.means.r.undefined > 0) context.warn(`${whole.means.r.undefined} of ${width} voxels have no defined correlation: their prediction or their response does not vary.`);
    context.log(`${images} images, ${trials.rows} trials, median r ${whole.means.r.median.toFixed(3)}, median r²/NC ${whole.means.normalised.median.toFixed(3)}`);
  },
});

interface Resampled {
  readonly regions: readonly RegionScores[];
  readonly intervals: VoxelIntervals;
}

/** @shape float32 [replicate, region, score], scores in the order of REPLICATED */
function replicateTable(pairs: readonly RegionPair[], count: number): Float32Array {
  const scores = REPLICATED.length;
  const out = new Float32Array(count * pairs.length * scores);
  if (count === 0) return out;
  pairs.forEach(({ means }, region) => means.replicates.forEach((values, score) => values.forEach((value, b) => { out[(b * pairs.length + region) * scores + score] = value; })));
  return out;
}
