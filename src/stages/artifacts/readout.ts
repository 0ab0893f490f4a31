/** `Readout`: the fitted linear map from features to voxels, with what is needed to use it alone: layer layout and regions. */
import type { ArtifactReader } from '../../engine/stage.js';
import { readNpy } from '../../formats/npy.js';
import type { FeatureLayer } from './features.js';
import type { Roi } from './voxels.js';

export interface ReadoutFile {
  /** digest of the Backbone artifact that the features came from; null: no backbone made them */
  readonly backbone: string | null;
  readonly featureCount: number;
  readonly voxelCount: number;
  readonly layers: readonly FeatureLayer[];
  readonly rois: readonly Roi[];
  /** `voxelIdentity` of the voxels it was fitted on */
  readonly voxels: string;
}

export interface Readout extends ReadoutFile {
  /** float32 [feature, voxel], in units of the raw features */
  readonly weights: Float32Array;
  /** float32 [voxel] */
  readonly intercept: Float32Array;
}

export const READOUT_FILES = {
  index: 'readout.json',
  weights: 'weights.npy',
  intercept: 'intercept.npy',
} as const;

export function readReadout(reader: ArtifactReader): Readout {
  const file = reader.json<ReadoutFile>(READOUT_FILES.index);
  return {
    ...file,
    weights: readNpy(reader.path(READOUT_FILES.weights)).data as Float32Array,
    intercept: readNpy(reader.path(READOUT_FILES.intercept)).data as Float32Array,
  };
}
