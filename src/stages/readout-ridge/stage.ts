/**
 * `readout.ridge`: the linear map from features to voxels, one penalty a voxel. Everything that is chosen or scaled is chosen and scaled on
 * training images; test images are refused.
 */
import { Type } from '@sinclair/typebox';
import { tensor } from '../../core/tensor.js';
import { NpyWriter, writeNpy } from '../../formats/npy.js';
import { groupedFolds } from '../../math/folds.js';
import { median } from '../../math/statistics.js';
import { crossValidatedRidgeByColumns, type RidgeChoice } from '../../solvers/index.js';
import { positionsOf, readFeatures } from '../artifacts/features.js';
import { READOUT_FILES } from '../artifacts/readout.js';
import { photographsOf, readStimuli } from '../artifacts/stimuli.js';
import { readVoxels, voxelIdentity } from '../artifacts/voxels.js';
import { choice, defineStage } from '../define.js';
import { Alphas, expandAlphas } from './alphas.js';
import { FIT_FILES, type FitFile } from './fit-files.js';
import { ALPHA_FIGURE, alphaFigure, fitReport, fitWarnings } from './report.js';
import { requireMemory } from './memory.js';
import { responsesOf, trainingRows } from './training-rows.js';

export default defineStage({
  type: 'readout.ridge',
  version: 2,
  summary: 'Fits a ridge regression from features to voxels, with a penalty per voxel chosen by cross-validation.',
  description: [
    'For voxel v: w_v = argmin ‖y_v − Xw − b‖² + α_v‖w‖² over standardised features X, with α_v the grid value of the best mean held-out score over folds; the larger one wins a tie. Folds are dealt by image, so repeats of an image are never apart. Means and standard deviations of features and means of voxels come from the training rows of each fold, and from all training rows in the refit.',
    'Training rows are the images of the parts `train` and `validation`; a row of a `test` image, or of one of the images that all subjects share, is an error (E_LEAK), and so is a split in which an image or two crops of one COCO photograph stand in two parts. Weights are stored in units of the raw features, so that prediction = features · weights + intercept.',
    'Solved in the dual form where rows are fewer than features: one float64 Gram matrix a fold, reduced once to band form by block reflectors, then one banded solve a penalty for all voxels of a tile; predictions of held-out rows and their errors are float32. Equal to scikit-learn on the same matrices to 1e-5.',
    'Memory, in bytes for n rows, p features, s = min(n, p) and t = min(tile, voxels): about 8·np for features (4·np + 8·sp in the dual form), 24·s² for the symmetric problem, and 4·(2n + s + p) for each voxel of a tile. Responses are read and weights written a tile at a time, so their whole never counts. A fit that needs more than the machine has is refused before it starts (E_ENVIRONMENT).',
    'Files: weights.npy float32 [feature, voxel], intercept.npy float32 [voxel], alpha.npy float64 [voxel] (NaN for a voxel that does not vary, or that no fold could score: counted in a warning), cv_score.npy float32 [voxel], cv_scores.npy float32 [alpha, voxel], feature_mean.npy and feature_scale.npy float64 [feature], readout.json (layers, regions, training images, counts).',
  ].join('\n\n'),
  params: Type.Object(
    {
      alphas: Alphas,
      folds: Type.Integer({ minimum: 2, maximum: 100, default: 5, description: 'folds of the cross-validation, by image' }),
      targets: choice(['repeat-mean', 'single-trial'], { default: 'repeat-mean', description: 'responses to fit: one row an image (mean over its repeats) or one row a trial' }),
      standardize: Type.Boolean({ default: true, description: 'divide features by their standard deviation over the training rows' }),
      scale_floor: Type.Number({ minimum: 0, maximum: 1, default: 0, description: 'added to each standard deviation, as a share of their root mean square over all features: keeps features that hardly ever vary from being blown up' }),
      score: choice(['negative-mse', 'r2', 'correlation'], { default: 'negative-mse', description: 'what is compared between penalties on held-out rows, as a mean over folds; r2 and correlation need at least 10 rows in every fold (E_DATA)' }),
      tile: Type.Integer({ minimum: 1, default: 8192, description: 'most voxels in memory at a time; for each tile the solves of every penalty and fold are done again' }),
    },
    { additionalProperties: false },
  ),
  inputs: {
    features: { type: 'Features', description: 'features of the images' },
    voxels: { type: 'Voxels', description: 'responses to fit' },
    stimuli: { type: 'Stimuli', description: 'the split into training and test images' },
  },
  outputs: { readout: { type: 'Readout', description: 'the fitted weights', publish: [ALPHA_FIGURE] } },
  needs: ['tensor'],
  random: true,
  runs: 'worker',
  resources: { cpus: 2, memoryMb: 3000 },
  async run(context) {
    const { params, inputs, outputs, services, signal, random } = context;
    const stimuli = readStimuli(inputs.stimuli);
    const features = readFeatures(inputs.features);
    const voxels = readVoxels(inputs.voxels);
    const rows = trainingRows(stimuli, voxels, params.targets);
    const count = rows.nsdIds.length;
    const alphas = expandAlphas(params.alphas);
    requireMemory({ rows: count, features: features.width, targets: voxels.voxelCount, alphas: alphas.length, tile: params.tile });
    const x = tensor('float32', [count, features.width], features.rows(positionsOf(features.nsdIds, rows.nsdIds, 'features')));
    const writer = outputs.readout;
    const { width: p } = features;
    const { voxelCount: v } = voxels;
    const weights = new NpyWriter(writer.path(READOUT_FILES.weights), 'float32', [p, v]);
    let fit: RidgeChoice;
    try {
      fit = await crossValidatedRidgeByColumns(services.tensor, x, responsesOf(voxels, params.targets, rows), (from, to, part) => weights.writeColumns(from, to, part), {
        alphas,
        folds: groupedFolds(rows.nsdIds, params.folds, random.fork('folds')),
        standardize: params.standardize,
        scaleFloor: params.scale_floor,
        score: params.score,
        tile: params.tile,
        signal,
        progress: (done, total) => context.progress(done, total),
      });
      weights.close();
    } finally {
      weights.abandon();
    }
    writeNpy(writer.path(READOUT_FILES.intercept), tensor('float32', [v], fit.intercept));
    writeNpy(writer.path(FIT_FILES.alpha), tensor('float64', [v], fit.alpha));
    writeNpy(writer.path(FIT_FILES.score), tensor('float32', [v], fit.cvScore));
    writeNpy(writer.path(FIT_FILES.scores), tensor('float32', [fit.alphas.length, v], fit.cvScores));
    writeNpy(writer.path(FIT_FILES.featureMean), tensor('float64', [p], fit.featureMean));
    writeNpy(writer.path(FIT_FILES.featureScale), tensor('float64', [p], fit.featureScale));
    const warnings = fitWarnings(fit, v);
    const trainingImages = [...new Set(rows.nsdIds)].sort((a, b) => a - b);
    writer.json(READOUT_FILES.index, {
      backbone: features.backbone, featureCount: p, voxelCount: v, layers: features.layers, rois: voxels.rois, voxels: voxelIdentity(voxels), trainingImages, trainingPhotographs: photographsOf(stimuli, trainingImages), warnings,
      targets: params.targets, standardize: params.standardize, scaleFloor: params.scale_floor, score: params.score, folds: params.folds, alphas: [...fit.alphas],
      form: fit.form, constantFeatures: fit.constantFeatures, constantVoxels: fit.constantTargets, edgeAlphas: fit.edgeCount,
    } satisfies FitFile);
    writer.write(ALPHA_FIGURE, alphaFigure(fit));
    writer.json('report.json', fitReport(fit, { rows: count, images: trainingImages.length, unseen: rows.unseen, features: p, voxels: v }, params.score, warnings));
    for (const warning of warnings) context.warn(warning);
    context.log(`${count} rows of ${trainingImages.length} images, ${p} features, ${v} voxels, ${fit.form} form`);
    const [alpha, score] = [median(fit.alpha), median(fit.cvScore)];
    if (!Number.isNaN(alpha)) context.metric('median_alpha', alpha);
    if (!Number.isNaN(score)) context.metric('cv_score', score);
    context.metric('edge_alphas', fit.edgeCount.lowest + fit.edgeCount.highest);
  },
});
