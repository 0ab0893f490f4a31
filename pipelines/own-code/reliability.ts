/** An own stage type: how well each voxel repeats itself when it sees an image again. */
import { NpyFile, PipelineError, Type, defineStage, readNpy, tensor, writeNpy } from 'pipeline-encoding/stage';
import { correlation } from './correlation.ts';

export default defineStage({
  type: 'lab.reliability',
  version: 1,
  summary: 'Split-half reliability of every voxel: first against second presentation of an image.',
  description: `For each voxel the correlation, over images, of its response (z units) to the first and to the second presentation. Images that were shown once are left
out; a voxel whose responses do not vary has none, and gets NaN.`,
  params: Type.Object({
    images: Type.Integer({ minimum: 3, default: 8, description: 'the fewest images that must have been shown twice' }),
  }),
  inputs: { voxels: { type: 'Voxels', description: 'responses to single trials' } },
  outputs: {
    reliability: { type: 'Reliability', description: 'reliability.npy, float32 [voxel], and reliability.csv', publish: ['reliability.csv'] },
  },
  runs: 'worker',
  async run({ params, inputs, outputs, metric, progress, signal }) {
    const images = readNpy(inputs.voxels.path('trial_images.npy')).data as Int32Array;
    const pairs = pairsOf(images);
    if (pairs.length < params.images) {
      throw new PipelineError('E_DATA', `"voxels" holds too few images that were shown twice`, { facts: { expected: params.images, found: pairs.length }, hint: 'load more sessions, or lower `images`' });
    }
    const trials = new NpyFile(inputs.voxels.path('trials.npy'));
    const voxels = trials.shape[1] as number;
    const first = new Float32Array(pairs.length * voxels);
    const second = new Float32Array(pairs.length * voxels);
    for (const [row, [one, other]] of pairs.entries()) {
      signal.throwIfAborted();
      first.set(trials.rows(one, 1).data as Float32Array, row * voxels);
      second.set(trials.rows(other, 1).data as Float32Array, row * voxels);
      progress(row + 1, pairs.length);
    }
    trials.close();
    const reliability = Float32Array.from({ length: voxels }, (_, voxel) => correlation(first, second, voxel, voxels));
    writeNpy(outputs.reliability.path('reliability.npy'), tensor('float32', [voxels], reliability));
    outputs.reliability.write('reliability.csv', `voxel,reliability\n${[...reliability].map((r, voxel) => `${voxel},${r}`).join('\n')}\n`);
    const known = [...reliability].filter((r) => !Number.isNaN(r)).sort((a, b) => a - b);
    metric('images', pairs.length);
    metric('median', known[Math.floor(known.length / 2)] ?? NaN);
  },
});

/** Positions of the first two trials of every image that was shown at least twice. */
function pairsOf(images: Int32Array): readonly (readonly [number, number])[] {
  const trials = new Map<number, number[]>();
  images.forEach((image, trial) => trials.set(image, [...(trials.get(image) ?? []), trial]));
  return [...trials.values()].filter(({ length }) => length > 1).map(([one, other]) => [one as number, other as number] as const);
}
