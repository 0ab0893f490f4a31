/** The worked example of own code, from a fresh store. Needs `npm run build`; the Python part runs where python3 has numpy and h5py. */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, expect, test } from 'vitest';

const folder = mkdtempSync(join(tmpdir(), 'pipeline-own-code-'));
const hasNumpy = spawnSync('python3', ['-c', 'import numpy, h5py'], { stdio: 'ignore' }).status === 0;

function pipeline(...args: string[]): string {
  return execFileSync(process.execPath, [resolve('dist/cli/main.js'), ...args, '--cache-dir', join(folder, 'cache')], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}
const run = (...args: string[]): string => pipeline('run', 'pipelines/own-code.yaml', '--results', join(folder, 'results'), ...args);

afterAll(() => rmSync(folder, { recursive: true, force: true }));

test('the example runs with Node alone, and is restored; a value of one command runs that command again', () => {
  expect(run()).toContain('5 ran, 0 restored, 1 skipped');
  expect(run()).toContain('0 ran, 5 restored, 1 skipped');
  const best = readFileSync(join(folder, 'results/own-code/latest/best/best/best.csv'), 'utf8').trim().split('\n');
  expect(best).toHaveLength(11);
  expect(run('--set', 'params.best=3')).toContain('1 ran, 4 restored, 1 skipped');
});

test.runIf(hasNumpy)('Python reads our .npy and .hdf5 with NumPy and h5py', () => {
  expect(run('--set', 'params.python=true')).toContain('1 ran, 5 restored');
});

test('the store of own code is whole', () => {
  expect(pipeline('cache', 'verify', '--read-data')).not.toMatch(/damaged|unknown/);
});
