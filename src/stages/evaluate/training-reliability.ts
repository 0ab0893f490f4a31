/** ncsnr from training images alone, for a noise ceiling that has not seen a trial of what is scored. */
import { NcsnrAccumulator } from '../../math/statistics-reliability.js';
import { imagesOf, type Stimuli } from '../artifacts/stimuli.js';
import type { Voxels } from '../artifacts/voxels.js';

/** NSD defines the noise by images with exactly this many trials. */
const REPEATS = 3;

/** @shape float32 [voxel]; NaN where responses are not z-scored (the definition takes the total variance as 1) or no training image has three trials */
export function trainingNcsnr(stimuli: Stimuli, voxels: Voxels, signal: AbortSignal): Float32Array {
  const training = new Set(imagesOf(stimuli, 'train', 'validation'));
  const trialsOf = new Map<number, number[]>();
  voxels.trials.nsdIds.forEach((nsdId, trial) => {
    if (!training.has(nsdId)) return;
    const list = trialsOf.get(nsdId);
    if (list === undefined) trialsOf.set(nsdId, [trial]);
    else list.push(trial);
  });
  const reliability = new NcsnrAccumulator(voxels.voxelCount);
  for (const trials of trialsOf.values()) {
    if (trials.length !== REPEATS || voxels.zscore === 'none') continue;
    signal.throwIfAborted();
    reliability.addImage(voxels.trials.gather(trials));
  }
  return reliability.ncsnr();
}
