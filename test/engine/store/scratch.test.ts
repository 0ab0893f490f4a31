import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openStore } from '../../../src/engine/store/file-store.js';
import { collectGarbage } from '../../../src/engine/store/gc.js';
import { currentOwner, type Owner } from '../../../src/engine/store/owner.js';
import { newScratchPath, sweepScratch } from '../../../src/engine/store/scratch.js';

let folder = '';
let before: string | undefined;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'pipeline-test-'));
  before = process.env['TMPDIR'];
  mkdirSync(join(folder, 'tmp'));
  process.env['TMPDIR'] = join(folder, 'tmp');
});

afterEach(() => {
  if (before === undefined) delete process.env['TMPDIR'];
  else process.env['TMPDIR'] = before;
  rmSync(folder, { recursive: true, force: true });
});

const self = currentOwner();
/** A process that was there a moment ago. */
const dead = (): Owner => ({ ...self, pid: spawnSync(process.execPath, ['-e', '']).pid });

function left(owner: Owner): string {
  const path = newScratchPath(owner);
  mkdirSync(join(path, 'objects'), { recursive: true });
  writeFileSync(join(path, 'objects', 'bytes'), 'x');
  return path;
}

test('folders of dead runs go: of this boot, of an earlier one, of a process whose id was used again', async () => {
  const paths = [left(dead()), left({ ...self, boot: 'an earlier boot' }), left({ ...self, startTicks: (self.startTicks ?? 0) + 1 })];
  await sweepScratch();
  expect(paths.filter(existsSync)).toEqual([]);
});

test('folders of the living, of other machines and containers, and everything with another name stay', async () => {
  const paths = [left(self), left({ ...dead(), host: 'elsewhere' }), left({ ...dead(), pidNamespace: 'pid:[1]' })];
  for (const name of ['pipeline-scratch-1234', 'pipeline-scratch-', 'mine']) {
    mkdirSync(join(tmpdir(), name));
    paths.push(join(tmpdir(), name));
  }
  await sweepScratch();
  expect(paths.filter((path) => !existsSync(path))).toEqual([]);
});

test('the next run that needs such a folder sweeps, and removes its own', async () => {
  left(dead());
  const store = await openStore(join(folder, 'cache'), { mode: 'off' });
  expect(readdirSync(tmpdir())).toHaveLength(1);
  await store.close();
  expect(readdirSync(tmpdir())).toEqual([]);
});

test('gc sweeps as well, but not with --dry-run', async () => {
  const path = left(dead());
  const store = await openStore(join(folder, 'cache'), { mode: 'read-write' });
  await store.close();
  expect(existsSync(path)).toBe(true);
  await collectGarbage(join(folder, 'cache'), { dryRun: true });
  expect(existsSync(path)).toBe(true);
  await collectGarbage(join(folder, 'cache'), { dryRun: false });
  expect(existsSync(path)).toBe(false);
});
