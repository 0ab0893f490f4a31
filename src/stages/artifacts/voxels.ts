/**
 * `Voxels`: z-scored responses of the chosen voxels, as single trials and as means over the repeats of an image, with regions of interest
 * keyed by (set, label). Arrays are .npy with one row a trial or an image, so that any number of sessions is written and read as a stream.
 */
import { digestOf } from '../../core/digest.js';
import type { ArtifactReader } from '../../engine/stage.js';
import { bytesOf } from '../../formats/bytes.js';
import { readNpy, NpyFile } from '../../formats/npy.js';

export interface Roi {
  /** file it comes from, e.g. `floc-faces`; labels are unique only within a set */
  readonly set: string;
  /** integer in the volume; null for the union of a whole set */
  readonly label: number | null;
  /** name in the set's colour table, e.g. `FFA-1`; the set's own name for the union */
  readonly name: string;
  /** positions among the artifact's voxels, ascending */
  readonly voxels: readonly number[];
}

export interface VoxelsFile {
  readonly subject: number;
  readonly space: string;
  readonly betas: string;
  readonly zscore: string;
  /** volume extents x, y, z */
  readonly grid: readonly [number, number, number];
  readonly sessions: number;
  readonly voxelCount: number;
  readonly trialCount: number;
  readonly imageCount: number;
  /** voxels without variance in at least one session: their trials there are NaN in NSD's own processing; here they are excluded and counted */
  readonly excluded: number;
  readonly rois: readonly Roi[];
}

export const VOXEL_FILES = {
  index: 'voxels.json',
  /** float32 [trial, voxel], z units */
  trials: 'trials.npy',
  /** int32 [trial]: 0-based nsdId */
  trialImages: 'trial_images.npy',
  /** int32 [trial]: 0-based session */
  trialSessions: 'trial_sessions.npy',
  /** float32 [image, voxel]: mean over the repeats that were loaded */
  means: 'means.npy',
  /** int32 [image]: 0-based nsdId, ascending */
  meanImages: 'mean_images.npy',
  /** int32 [image]: repeats averaged */
  meanRepeats: 'mean_repeats.npy',
  /** float32 [voxel]: recomputed from the trials loaded, as NSD defines it; NaN where no image has three repeats */
  ncsnr: 'ncsnr.npy',
  /** float32 [voxel]: as published in the tree; NaN where there is none */
  ncsnrPublished: 'ncsnr_published.npy',
  /** int32 [voxel, 3]: x, y, z in the volume, 0-based */
  position: 'position.npy',
} as const;

export interface Voxels extends VoxelsFile {
  readonly means: {
    readonly nsdIds: Int32Array;
    readonly repeats: Int32Array;
    /** float32 [n, voxel] for positions among `nsdIds` */
    rows(indices: ArrayLike<number>): Float32Array;
    /** float32 [n, to − from]: those voxels of those rows */
    columns(indices: ArrayLike<number>, from: number, to: number): Float32Array;
  };
  readonly trials: {
    readonly nsdIds: Int32Array;
    readonly session: Int32Array;
    /** float32 [count, voxel] */
    rows(start: number, count: number): Float32Array;
    /** float32 [n, voxel] for positions among the trials */
    gather(indices: ArrayLike<number>): Float32Array;
    /** float32 [n, to − from]: those voxels of those trials */
    columns(indices: ArrayLike<number>, from: number, to: number): Float32Array;
  };
  readonly ncsnr: Float32Array;
  readonly ncsnrPublished: Float32Array;
  /** int32 [voxel, 3] */
  readonly position: Int32Array;
}

export function readVoxels(reader: ArtifactReader): Voxels {
  const file = reader.json<VoxelsFile>(VOXEL_FILES.index);
  const width = file.voxelCount;
  const ints = (name: string): Int32Array => readNpy(reader.path(name)).data as Int32Array;
  const floats = (name: string): Float32Array => readNpy(reader.path(name)).data as Float32Array;
  return {
    ...file,
    means: {
      nsdIds: ints(VOXEL_FILES.meanImages),
      repeats: ints(VOXEL_FILES.meanRepeats),
      rows: (indices) => gatherColumns(reader.path(VOXEL_FILES.means), indices, 0, width),
      columns: (indices, from, to) => gatherColumns(reader.path(VOXEL_FILES.means), indices, from, to),
    },
    trials: {
      nsdIds: ints(VOXEL_FILES.trialImages),
      session: ints(VOXEL_FILES.trialSessions),
      rows: (start, count) => rowRange(reader.path(VOXEL_FILES.trials), start, count),
      gather: (indices) => gatherColumns(reader.path(VOXEL_FILES.trials), indices, 0, width),
      columns: (indices, from, to) => gatherColumns(reader.path(VOXEL_FILES.trials), indices, from, to),
    },
    ncsnr: floats(VOXEL_FILES.ncsnr),
    ncsnrPublished: floats(VOXEL_FILES.ncsnrPublished),
    position: ints(VOXEL_FILES.position),
  };
}

/**
 * Whose voxels these are, whichever of their sessions were loaded: digest of subject, space, places and published ncsnr. Two subjects of a simulator can have
 * regions of equal names and sizes at equal places, but not the same noise.
 */
export function voxelIdentity({ subject, space, position, ncsnrPublished }: Pick<Voxels, 'subject' | 'space' | 'position' | 'ncsnrPublished'>): string {
  return digestOf(Buffer.concat([Buffer.from(`${subject} ${space}\n`), bytesOf(position), bytesOf(ncsnrPublished)]));
}

/** @shape [n, to − from] float32 */
function gatherColumns(path: string, indices: ArrayLike<number>, from: number, to: number): Float32Array {
  const file = new NpyFile(path);
  try {
    return file.columns(indices, from, to).data as Float32Array;
  } finally {
    file.close();
  }
}

function rowRange(path: string, start: number, count: number): Float32Array {
  const file = new NpyFile(path);
  try {
    return file.rows(start, count).data as Float32Array;
  } finally {
    file.close();
  }
}
