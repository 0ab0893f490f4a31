/** What a fitted readout records beyond the bare `Readout`: on which images it was fitted, and its choices. Evaluation holds it to them. */
import type { ArtifactReader } from '../../engine/stage.js';
import { readNpy } from '../../formats/npy.js';
import type { FittedOn } from '../artifacts/fitted-on.js';
import type { ReadoutFile } from '../artifacts/readout.js';
import { READOUT_FILES } from '../artifacts/readout.js';

export const FIT_FILES = {
  /** float64 [voxel]; NaN for a voxel that does not vary */
  alpha: 'alpha.npy',
  /** float32 [voxel]: cross-validated score of the chosen penalty */
  score: 'cv_score.npy',
  /** float32 [alpha, voxel] */
  scores: 'cv_scores.npy',
  /** float64 [feature], over the training rows */
  featureMean: 'feature_mean.npy',
  /** float64 [feature]; 0 for a feature that does not vary */
  featureScale: 'feature_scale.npy',
} as const;

export interface FitFile extends ReadoutFile {
  /** nsdIds, ascending */
  readonly trainingImages: readonly number[];
  /** COCO photographs of which they are crops, ascending */
  readonly trainingPhotographs: readonly number[];
  readonly targets: 'repeat-mean' | 'single-trial';
  readonly standardize: boolean;
  readonly scaleFloor: number;
  readonly score: string;
  readonly folds: number;
  readonly alphas: readonly number[];
  readonly form: string;
  readonly constantFeatures: number;
  readonly constantVoxels: number;
  readonly edgeAlphas: { readonly lowest: number; readonly highest: number };
  readonly warnings: readonly string[];
}

export interface FitFacts extends FittedOn {
  /** float64 [voxel] */
  readonly alpha: Float64Array;
  /** float64 [feature] */
  readonly featureMean: Float64Array;
}

export function readFitFacts(reader: ArtifactReader): FitFacts {
  const { trainingImages, trainingPhotographs } = reader.json<FitFile>(READOUT_FILES.index);
  return {
    trainingImages,
    trainingPhotographs,
    alpha: readNpy(reader.path(FIT_FILES.alpha)).data as Float64Array,
    featureMean: readNpy(reader.path(FIT_FILES.featureMean)).data as Float64Array,
  };
}
