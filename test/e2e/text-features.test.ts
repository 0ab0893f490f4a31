/** From captions to scores through the real program: the pipeline of pipelines/text-features.yaml on a small simulated subject. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';

const CLI = resolve('dist/cli/main.js');
const folder = mkdtempSync(join(tmpdir(), 'text-e2e-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const environment: NodeJS.ProcessEnv = { ...process.env, CI: '1', NO_COLOR: '1' };
delete environment['NSD_ROOT'];

const SMALL = '{ seed: "${params.simulator_seed}", sessions: 2, trials_per_session: 72, shared_images: 16, voxels_per_area: 8, early_voxels: 12, image_size: 160, exemplars: 8, calibration_images: 16 }';

function run(...more: string[]): { code: number | null; said: string } {
  const done = spawnSync(process.execPath, [CLI, 'run', join(folder, 'text-features.yaml'), '--cache-dir', join(folder, 'cache'), '--results', join(folder, 'results'), ...more], { encoding: 'utf8', env: environment });
  return { code: done.status, said: done.stderr + done.stdout };
}

describe('text features', () => {
  it('predict voxels end to end, and another combination of captions runs no model again', { timeout: 120_000 }, () => {
    const text = readFileSync(resolve('pipelines/text-features.yaml'), 'utf8').replace('{ seed: "${params.simulator_seed}" }', SMALL);
    expect(text).toContain('trials_per_session: 72');
    writeFileSync(join(folder, 'text-features.yaml'), text);
    mkdirSync(join(folder, 'text'));
    writeFileSync(join(folder, 'text/tokenizer.json'), readFileSync(resolve('pipelines/text/tokenizer.json')));

    const first = run();
    expect(first.code, first.said).toBe(0);
    for (const stage of ['text', 'features', 'readout', 'evaluation']) expect(first.said).toMatch(new RegExp(`\\b${stage} +ran`));
    expect(first.said).toContain('scores/rois.csv');
    const second = run('--set', 'params.combine=concatenate');
    expect(second.code, second.said).toBe(0);
    expect(second.said).toMatch(/\btext +restored/);
    expect(second.said).toMatch(/\bfeatures +ran/);
    const missing = run('--set', 'params.tokenizer=missing.json');
    expect(missing.code).not.toBe(0);
    expect(missing.said).toContain('missing.json');
  });
});
