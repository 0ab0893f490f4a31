/** What decides the noise ceiling that scores are held against: shared by all stages that write `Scores`, so that their defaults cannot part. */
import { Type } from '@sinclair/typebox';
import type { Stimuli } from '../artifacts/stimuli.js';
import type { Voxels } from '../artifacts/voxels.js';
import { choice } from '../define.js';
import { trainingNcsnr } from './training-reliability.js';

const SOURCES = ['recomputed', 'training', 'published'] as const;
export type NcsnrSource = (typeof SOURCES)[number];

export const CeilingParams = {
  ncsnr: choice(SOURCES, { default: 'recomputed', description: 'signal-to-noise ratio behind the noise ceiling: from all trials that were loaded, from those of training images only, or as it stands in the data set' }),
  min_noise_ceiling: Type.Number({ minimum: 0, maximum: 1, default: 0.05, description: 'least noise ceiling (in r² units) of a voxel whose r²/NC is reported' }),
};

/** @shape float32 [voxel]; NaN where it is not known */
export function ncsnrFrom(source: NcsnrSource, stimuli: Stimuli, voxels: Voxels, signal: AbortSignal): Float32Array {
  switch (source) {
    case 'training':
      return trainingNcsnr(stimuli, voxels, signal);
    case 'published':
      return voxels.ncsnrPublished;
    case 'recomputed':
      return voxels.ncsnr;
  }
}
