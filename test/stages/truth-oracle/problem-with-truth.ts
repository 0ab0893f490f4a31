/** The encoding problem of readout-ridge with the truth behind it, as a simulated subject would have it. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { tensor } from '../../../src/core/tensor.js';
import type { ArtifactWriter } from '../../../src/engine/stage.js';
import { readNpy, writeNpy } from '../../../src/formats/npy.js';
import { readVoxels, VOXEL_FILES } from '../../../src/stages/artifacts/voxels.js';
import { BANK_SIZE } from '../../../src/stages/simulate/brain/brain-graph.js';
import { sessionGains, subjectSeed, voxelBetas } from '../../../src/stages/simulate/tree/betas.js';
import { readTruth, writeTruth, type Truth } from '../../../src/stages/simulate/truth.js';
import { readerOf, writeProblem, type Problem } from '../readout-ridge/encoding-rig.js';

/** The noiseless responses of the very same problem, as the truth of a simulated subject whose voxels are numbered backwards. */
export function writeProblemWithTruth(base: string, problem: Problem, noise = true): Record<string, string> {
  writeProblem(base, problem);
  const clean = join(base, 'clean');
  writeProblem(clean, { ...problem, ncsnr: Infinity });
  const { images, voxels } = problem;
  const signals = readNpy(join(clean, 'voxels', VOXEL_FILES.means)).data as Float32Array;
  const folder = join(base, 'truth');
  mkdirSync(folder);
  const writer = {
    path: (name: string) => join(folder, name), write: (name: string, content: Uint8Array) => writeFileSync(join(folder, name), content), json: (name: string, value: unknown) => writeFileSync(join(folder, name), JSON.stringify(value)),
  } as ArtifactWriter;
  const backwards = (v: number): number => voxels - 1 - v;
  writeTruth(writer, {
    index: {
      subject: 1, seed: 0, imageSize: 128, noise,
      voxels: Array.from({ length: voxels }, (_, v) => ({ area: 'face', prf: { x: 0.5, y: 0.5, sigma: 0.2 }, tuning: { templates: {} }, ncsnr: problem.ncsnr, position: [3 * backwards(v), 3 * backwards(v) + 1, 3 * backwards(v) + 2], hemisphere: 'lh' })),
    },
    brain: new Uint8Array(1), weights: new Float32Array(BANK_SIZE * voxels), moments: { mean: new Float64Array(voxels), sd: new Float64Array(voxels).fill(1) }, bank: new Float32Array(images * BANK_SIZE),
    signals: Float32Array.from({ length: images * voxels }, (_, i) => signals[i - (i % voxels) + backwards(i % voxels)] as number), nsdIds: Int32Array.from({ length: images }, (_, i) => 10 * (i + 1)), labels: new Map(),
  });
  writeSimulatedTrials(join(base, 'voxels'), readTruth(readerOf(folder)));
  return Object.fromEntries(['truth', 'features', 'voxels', 'stimuli'].map((name) => [name, join(base, name)]));
}

/** The one session's trials as nsd.simulate would have recorded them: what tells that truth and voxels are of one brain. Means are left alone. */
function writeSimulatedTrials(folder: string, truth: Truth): void {
  const { grid, position, trials, voxelCount } = readVoxels(readerOf(folder));
  const { index } = truth;
  const seed = subjectSeed(index.seed, index.subject);
  const rows = trials.nsdIds.map((nsdId) => truth.nsdIds.indexOf(nsdId));
  const model = { seed, trialsPerSession: rows.length, trialRows: rows, signals: truth.signals(), gains: sessionGains(seed, 1), noise: Float32Array.from(index.voxels, ({ ncsnr }) => (index.noise ? 1 / ncsnr : 0)) };
  const out = new Float32Array(rows.length * voxelCount);
  for (let v = 0; v < voxelCount; v += 1) {
    const [x, y, z] = position.subarray(3 * v) as unknown as [number, number, number];
    const betas = new Int16Array(rows.length);
    voxelBetas(model, x + grid[0] * (y + grid[1] * z), index.voxels.findIndex((voxel) => voxel.position.join() === [x, y, z].join()), 0, betas);
    betas.forEach((beta, t) => { out[t * voxelCount + v] = (beta - 400) / 300; });
  }
  writeNpy(join(folder, VOXEL_FILES.trials), tensor('float32', [rows.length, voxelCount], out));
}
