/** The encoding problem of readout-ridge with the truth behind it, as a simulated subject would have it. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ArtifactWriter } from '../../../src/engine/stage.js';
import { readNpy } from '../../../src/formats/npy.js';
import { VOXEL_FILES } from '../../../src/stages/artifacts/voxels.js';
import { BANK_SIZE } from '../../../src/stages/simulate/brain/brain-graph.js';
import { writeTruth } from '../../../src/stages/simulate/truth.js';
import { writeProblem, type Problem } from '../readout-ridge/encoding-rig.js';

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
  return Object.fromEntries(['truth', 'features', 'voxels', 'stimuli'].map((name) => [name, join(base, name)]));
}
