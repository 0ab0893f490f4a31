import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { PipelineError } from '../../../src/core/errors.js';
import { Random } from '../../../src/core/random.js';
import { tensor } from '../../../src/core/tensor.js';
import type { StageDefinition } from '../../../src/engine/stage.js';
import { readNpy, writeNpy } from '../../../src/formats/npy.js';
import { VOXEL_FILES } from '../../../src/stages/artifacts/voxels.js';
import { NcsnrSimulator } from '../../../src/stages/truth-ncsnr/simulate-estimate.js';
import stage from '../../../src/stages/truth-ncsnr/stage.js';
import { runOn, type Problem } from '../readout-ridge/encoding-rig.js';
import { writeProblemWithTruth } from '../truth-oracle/problem-with-truth.js';

const root = mkdtempSync(join(tmpdir(), 'truth-ncsnr-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));
const PROBLEM: Problem = { images: 60, testImages: 20, voxels: 30, ncsnr: 0.8, seed: 'ncsnr' };
const definition = stage as unknown as StageDefinition;

let made = 0;
/** @param estimate what the loader is said to have found, per voxel */
async function check(estimate: (voxel: number, signals: Float32Array) => number, noise = true, zscore = 'session'): Promise<{ facts: Record<string, unknown>; warnings: readonly string[] }> {
  made += 1;
  const base = join(root, String(made));
  const { truth, voxels } = writeProblemWithTruth(base, PROBLEM, noise) as { truth: string; voxels: string };
  const index = join(voxels, VOXEL_FILES.index);
  writeFileSync(index, readFileSync(index, 'utf8').replace('"zscore":"session"', `"zscore":"${zscore}"`));
  const signals = readNpy(join(base, 'clean', 'voxels', VOXEL_FILES.means)).data as Float32Array;
  const found = Float32Array.from({ length: PROBLEM.voxels }, (_, v) => estimate(v, signals));
  writeNpy(join(voxels, VOXEL_FILES.ncsnr), tensor('float32', [found.length], found));
  const run = await runOn(definition, { replicates: 30 }, { truth, voxels }, join(base, 'check'), undefined as never);
  return { facts: run.output.json<Record<string, unknown>>('ncsnr.json'), warnings: run.warnings };
}

/** one more experiment with the same signals: what a right loader would find */
const simulator = new NcsnrSimulator({ rows: Int32Array.from({ length: 3 * PROBLEM.images }, (_, t) => t % PROBLEM.images), sessions: new Int32Array(3 * PROBLEM.images) });
const right = (voxel: number, signals: Float32Array): number =>
  simulator.estimate(Float32Array.from({ length: PROBLEM.images }, (_, i) => signals[i * PROBLEM.voxels + voxel] as number), PROBLEM.ncsnr, new Random(`loader ${voxel}`));

describe('truth.ncsnr', () => {
  it('says that a right estimate agrees, and counts what it rests on', async () => {
    const { facts, warnings } = await check(right);
    expect(facts).toMatchObject({ voxels: 30, trials: 180, 'images with three trials': 60, 'agrees within sampling error': 'yes' });
    expect(warnings).toEqual([]);
  });

  it('notices an estimate that is a fifth too large', async () => {
    const { facts, warnings } = await check((voxel, signals) => 1.2 * right(voxel, signals));
    expect(facts['agrees within sampling error']).toBe('no');
    expect(warnings[0]).toContain('differs from the planted one by more than its sampling error');
  });

  it('refuses betas without noise and betas that were not z-scored', async () => {
    for (const given of [check(right, false), check(right, true, 'none')]) {
      const error: unknown = await given.catch((reason: unknown) => reason);
      expect(error).toBeInstanceOf(PipelineError);
      expect((error as PipelineError).message).toBe('these voxels have no ncsnr to compare');
    }
  });
});
