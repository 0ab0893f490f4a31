/**
 * A built-in network through the real program: a checkpoint written here, with weights of the formula, becomes features and a readout of the simulated
 * subject; the example pipeline runs untrained and without a network; a download is verified, kept, and not fetched again.
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { copyFileSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { architectureOf } from '../../src/architectures/index.js';
import { parametersOf } from '../../src/architectures/state-dict.js';
import { writeSafetensors } from '../../src/formats/safetensors.js';
import { formulaParameter } from '../rigs/formula-weights.js';

const folder = mkdtempSync(join(tmpdir(), 'builtin-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const environment: NodeJS.ProcessEnv = { ...process.env, CI: '1', NO_COLOR: '1' };
delete environment['NSD_ROOT'];

function pipeline(file: string, ...more: string[]): { readonly code: number | null; readonly text: string } {
  const done = spawnSync(process.execPath, [resolve('dist/cli/main.js'), 'run', file, '--cache-dir', join(folder, 'cache'), '--results', join(folder, 'results'), ...more], { encoding: 'utf8', env: environment });
  return { code: done.status, text: done.stdout + done.stderr };
}

/** The toy subject of pipelines/tiny.yaml under the example. */
const TOY = Object.entries({ sessions: 2, trials_per_session: 72, shared_images: 16, voxels_per_area: 8, early_voxels: 12, image_size: 160, exemplars: 8, calibration_images: 16 })
  .flatMap(([name, value]) => ['--set', `stages.simulate.params.${name}=${value}`]);
const example = (...more: string[]): ReturnType<typeof pipeline> => pipeline(resolve('pipelines/builtin-backbone.yaml'), '--set', 'params.size=64', ...TOY, ...more);

describe('a built-in backbone', () => {
  const weights = join(folder, 'resnet18.safetensors');
  beforeAll(() => {
    writeSafetensors(weights, Object.fromEntries(parametersOf(architectureOf('resnet18')).map(({ name, shape }) => [name, formulaParameter(name, shape)])));
  });

  it('predicts the simulated subject from a checkpoint, and what it was made from is the content of the file', () => {
    const first = example('--set', `params.weights=${weights}`);
    expect(first.text).toContain('0 failed, 0 blocked');
    expect(first.text).toMatch(/backbone +ran/);
    expect(first.code).toBe(0);
    const moved = join(folder, 'moved.safetensors');
    renameSync(weights, moved);
    const again = example('--set', `params.weights=${moved}`);
    expect(again.text).toMatch(/backbone +restored/);
    expect(again.text).toMatch(/readout +restored/);
    renameSync(moved, weights);
  }, 120_000);

  it('runs untrained from the repository alone', () => {
    const done = example();
    expect(done.text).toContain('0 failed, 0 blocked');
    expect(done.text).toMatch(/backbone +ran/);
    expect(done.code).toBe(0);
  }, 120_000);

  it('fetches a checkpoint once, verifies it, and refuses other bytes', () => {
    const served = join(folder, 'served.safetensors');
    copyFileSync(weights, served);
    const sha256 = createHash('sha256').update(readFileSync(served)).digest('hex');
    const yaml = (digest: string, size: number): string => {
      const path = join(folder, `download-${size}.yaml`);
      writeFileSync(path, `name: download\nstages:\n  backbone:\n    type: backbone.builtin\n    params: { architecture: resnet18, size: ${size}, download: { url: "${pathToFileURL(served).href}", sha256: "${digest}" } }\n`);
      return path;
    };
    const first = pipeline(yaml(sha256, 64));
    expect(first.text).toMatch(/backbone +ran/);
    rmSync(served);
    expect(pipeline(yaml(sha256, 96)).text).toMatch(/backbone +ran/);
    copyFileSync(weights, served);
    const wrong = pipeline(yaml('0'.repeat(64), 32));
    expect(wrong.code).toBe(1);
    expect(wrong.text).toContain('E_DOWNLOAD');
  }, 60_000);

  it('says before anything runs that two origins are one too many', () => {
    const path = join(folder, 'two.yaml');
    writeFileSync(path, `name: two\nstages:\n  backbone:\n    type: backbone.builtin\n    params: { architecture: resnet18, weights: ${weights}, untrained: true }\n`);
    const done = pipeline(path);
    expect(done.code).not.toBe(0);
    expect(done.text).toContain('E_OUT_OF_RANGE');
    expect(done.text).toContain('weights and untrained');
  });
});
