import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { gitState, LARGEST_DIFF } from '../../src/engine/git-state.js';

let folder: string;
let kept: string;
const git = (...args: string[]): string => execFileSync('git', ['-C', folder, '-c', 'user.name=a', '-c', 'user.email=a@b', ...args], { encoding: 'utf8' });

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'pipeline-git-'));
  kept = join(folder, 'kept');
  mkdirSync(join(folder, 'src'));
  mkdirSync(kept);
  git('init', '-q');
  for (const name of ['src/a.ts', 'p.yaml', 'betas.csv']) writeFileSync(join(folder, name), 'before\n');
  git('add', 'src', 'p.yaml', 'betas.csv');
  git('commit', '-q', '-m', 'first');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

test('a clean work tree has its commit and no difference', async () => {
  expect(await gitState(folder, kept)).toEqual({ commit: git('rev-parse', 'HEAD').trim(), dirty: false });
});

test('changed code is kept, so that the commit and the difference give it back; changed data are named and not kept', async () => {
  writeFileSync(join(folder, 'src', 'a.ts'), 'after\n');
  writeFileSync(join(folder, 'betas.csv'), 'secret\n');
  git('add', 'src/a.ts');
  const state = await gitState(join(folder, 'src'), kept);
  expect(state).toMatchObject({ dirty: true, diff: { file: 'git.diff' }, leftOut: ['betas.csv'] });
  const diff = readFileSync(join(kept, 'git.diff'), 'utf8');
  expect(diff).not.toContain('secret');
  git('checkout', '-q', '-f', 'HEAD', '--', '.');
  execFileSync('git', ['-C', folder, 'apply', join(kept, 'git.diff')]);
  expect(readFileSync(join(folder, 'src', 'a.ts'), 'utf8')).toBe('after\n');
});

test('a difference that is too large is not kept, and its files are named', async () => {
  writeFileSync(join(folder, 'src', 'a.ts'), 'x\n'.repeat(LARGEST_DIFF));
  expect(await gitState(folder, kept)).toMatchObject({ dirty: true, leftOut: ['src/a.ts'] });
  expect(existsSync(join(kept, 'git.diff'))).toBe(false);
});

test('where nothing is kept, or there is no work tree, a run has what there is', async () => {
  writeFileSync(join(folder, 'p.yaml'), 'after\n');
  expect(await gitState(folder, undefined)).toEqual({ commit: git('rev-parse', 'HEAD').trim(), dirty: true });
  expect(await gitState(tmpdir(), kept)).toBeNull();
});
