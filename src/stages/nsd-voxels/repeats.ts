/** Means over the repeats of an image and the ncsnr that their scatter implies; reads trials row by row, writes means row by row. */
import { NpyFile, NpyWriter } from '../../formats/npy.js';

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
 * mean[i] = Σ_r z[i,r]/n_i; v² = mean over images with n_i = 3 of Σ_r (z[i,r] − mean[i])²/2; ncsnr = √max(0, 1 − v²)/v.
 * @shape trials file: float32 [trial, voxel]; means file: float32 [image, voxel]
 * @source kendrickkay/nsddatapaper main/export_noiseceiling.m
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
  const variance = new Float64Array(voxelCount);
  let tripled = 0;
  const file = new NpyFile(trialsPath);
  const writer = new NpyWriter(meansPath, 'float32', [nsdIds.length, voxelCount]);
  try {
    for (const nsdId of nsdIds) {
      signal.throwIfAborted();
      const rows = (trialsOf.get(nsdId) ?? []).map((t) => file.rows(t, 1).data as Float32Array);
      const mean = new Float32Array(voxelCount);
      for (let v = 0; v < voxelCount; v += 1) {
        let sum = 0;
        for (const row of rows) sum += row[v] as number;
        const average = sum / rows.length;
        mean[v] = average;
        if (rows.length !== REPEATS) continue;
        let squares = 0;
        for (const row of rows) squares += ((row[v] as number) - average) ** 2;
        variance[v] = (variance[v] as number) + squares / (REPEATS - 1);
      }
      if (rows.length === REPEATS) tripled += 1;
      writer.append(mean);
    }
    writer.close();
  } finally {
    file.close();
  }
  const ncsnr = Float32Array.from(variance, (total) => {
    if (tripled === 0) return NaN;
    const noise = total / tripled;
    return Math.sqrt(Math.max(0, 1 - noise)) / Math.sqrt(noise);
  });
  return { nsdIds, repeats, ncsnr };
}
