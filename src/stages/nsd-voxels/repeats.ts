/** Means over the repeats of an image and the ncsnr that their scatter implies; reads trials row by row, writes means row by row. */
import { NpyFile, NpyWriter } from '../../formats/npy.js';
import { NcsnrAccumulator } from '../../math/statistics-reliability.js';

/** NSD defines the noise by images with exactly this many trials. */
const REPEATS = 3;

export interface RepeatMeans {
  /** ascending, 0-based */
  readonly nsdIds: Int32Array;
  readonly repeats: Int32Array;
  /** float32 [voxel]; NaN where no image has three repeats */
  readonly ncsnr: Float32Array;
}

/**
 * mean[i] = Σ_r z[i,r]/n_i over the repeats there are; ncsnr from the images with exactly three.
 * @shape trials file: float32 [trial, voxel]; means file: float32 [image, voxel]
 */
export function averageRepeats(trialsPath: string, trialImages: Int32Array, voxelCount: number, meansPath: string, signal: AbortSignal): RepeatMeans {
  const trialsOf = new Map<number, number[]>();
  trialImages.forEach((nsdId, t) => {
    const list = trialsOf.get(nsdId);
    if (list === undefined) trialsOf.set(nsdId, [t]);
    else list.push(t);
  });
  const nsdIds = Int32Array.from(trialsOf.keys()).sort();
  const repeats = Int32Array.from(nsdIds, (id) => trialsOf.get(id)?.length ?? 0);
  const reliability = new NcsnrAccumulator(voxelCount);
  const file = new NpyFile(trialsPath);
  const writer = new NpyWriter(meansPath, 'float32', [nsdIds.length, voxelCount]);
  try {
    for (const nsdId of nsdIds) {
      signal.throwIfAborted();
      const trials = trialsOf.get(nsdId) ?? [];
      const rows = new Float32Array(trials.length * voxelCount);
      trials.forEach((t, r) => rows.set(file.rows(t, 1).data as Float32Array, r * voxelCount));
      if (trials.length === REPEATS) reliability.addImage(rows);
      const mean = new Float32Array(voxelCount);
      for (let v = 0; v < voxelCount; v += 1) {
        let sum = 0;
        for (let r = 0; r < trials.length; r += 1) sum += rows[r * voxelCount + v] as number;
        mean[v] = sum / trials.length;
      }
      writer.append(mean);
    }
    writer.close();
  } finally {
    file.close();
  }
  return { nsdIds, repeats, ncsnr: reliability.ncsnr() };
}
