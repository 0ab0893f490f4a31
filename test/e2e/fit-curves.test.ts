/**
 * The learning curves in miniature through the real program: every stage of pipelines/fit-curves.yaml, on one subject of 72 images. Its numbers mean
 * nothing; what is checked is that the parts fit together and that nothing held out is fitted on.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const SETTINGS = {
  'params.seeds': '[1]', 'params.sessions': '[2, 3]', 'params.all_sessions': '3', 'params.shared': '24', 'params.pictures': '144', 'params.epochs': '1', 'params.folds': '2',
  'stages.simulate.params.trials_per_session': '72', 'stages.simulate.params.voxels_per_area': '8', 'stages.simulate.params.early_voxels': '12',
  'stages.simulate.params.exemplars': '8', 'stages.simulate.params.calibration_images': '16', 'stages.noise.params.replicates': '8',
  'stages.trained.params.batch': '16', 'stages.trained.params.validation': '48', 'stages.untrained.params.validation': '48',
};

interface Comparison {
  readonly curves: readonly { region: string; series: string; points: readonly { x: number; median: number | null; ceiling: number; values: readonly number[] }[] }[];
  readonly claims: readonly { claim: string; region: string; held: boolean }[];
}

describe('pipelines/fit-curves.yaml', () => {
  const folder = mkdtempSync(join(tmpdir(), 'fit-curves-'));
  let code: number | null;
  let said: string;
  let results: string;
  beforeAll(() => {
    const environment: NodeJS.ProcessEnv = { ...process.env, CI: '1', NO_COLOR: '1' };
    const sets = Object.entries(SETTINGS).flatMap(([name, value]) => ['--set', `${name}=${value}`]);
    const done = spawnSync(process.execPath, [resolve('dist/cli/main.js'), 'run', resolve('pipelines/fit-curves.yaml'), ...sets, '--cache-dir', join(folder, 'cache'), '--results', join(folder, 'results')], { encoding: 'utf8', env: environment });
    code = done.status;
    said = done.stdout + done.stderr;
    const runs = join(folder, 'results', 'fit-curves');
    results = join(runs, readdirSync(runs).filter((name) => name !== 'latest').sort().at(-1) as string);
  }, 240_000);
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  const comparison = (stage: string): Comparison => JSON.parse(readFileSync(join(results, stage, 'comparison', 'comparison.json'), 'utf8')) as Comparison;

  it('ends with a curve for each kind of features in each region, over the sessions', () => {
    expect(said).toContain('0 failed, 0 blocked');
    expect(code).toBe(0);
    const { curves } = comparison('curves');
    expect([...new Set(curves.map(({ series }) => series))].sort()).toEqual(['gabor-and-pixels', 'own', 'own-oracle', 'trained', 'untrained']);
    expect([...new Set(curves.map(({ region }) => region))]).toEqual(['all voxels', 'floc-faces', 'floc-bodies', 'floc-places', 'floc-words', 'prf-visualrois']);
    for (const { points } of curves) expect(points.map(({ x }) => x)).toEqual([2, 3]);
    // Without normalisation the ceiling is that of the voxels, and it is the same at every point: the test images do not change.
    for (const { points } of comparison('explained-variance').curves) {
      expect(points[0]?.ceiling).toBe(points[1]?.ceiling);
      expect(points[0]?.ceiling).toBeLessThan(1);
    }
  });

  it('scores every point on the same test images and fits on none of them', () => {
    const rows = readFileSync(join(results, 'curves', 'comparison', 'cells.csv'), 'utf8').trim().split('\n').map((line) => line.split(','));
    const column = (name: string): number => (rows[0] ?? []).indexOf(name);
    for (const row of rows.slice(1)) {
      expect(Number(row[column('test_images')])).toBe(24);
      // 48 images are not shared; with three sessions all of them have been shown
      const training = Number(row[column('training_images')]);
      if (row[column('sessions')] === '3') expect(training).toBe(48);
      else expect(training).toBeLessThan(48);
    }
    expect(rows).toHaveLength(1 + 5 * 2 * 6);
  });

  it('compares the planted noise with the recomputed one for every voxel', () => {
    const facts = JSON.parse(readFileSync(join(results, 'noise', 'seed=1', 'check', 'ncsnr.json'), 'utf8')) as Record<string, unknown>;
    expect(facts).toMatchObject({ voxels: 44, trials: 216, 'images with three trials': 72, 'agrees within sampling error': expect.stringMatching(/^(yes|no)$/) as string });
  });

  it('says of each claim whether it held', () => {
    const claims = [...new Set(comparison('curves').claims.map(({ claim }) => claim))];
    expect(claims).toEqual(['own at most 0.02 below own-oracle', 'trained above untrained and gabor-and-pixels', 'trained significantly above untrained and gabor-and-pixels', 'own rises', 'trained rises']);
  });
});
