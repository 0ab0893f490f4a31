/** Fine-tuning through the real program, killed in the middle: separate processes, real files, real numbers. */
import { spawnSync } from 'node:child_process';
import { resolve } from 'node:path';
import { expect, it } from 'vitest';

it('a training killed at random steps goes on to the bytes of one that nobody disturbed', () => {
  const done = spawnSync(process.execPath, [resolve('tools/slow/resume.mjs'), '--kills', '3', '--epochs', '2', '--seed', '2'], { encoding: 'utf8' });
  expect(done.stdout + done.stderr).toContain('violations: 0');
  expect(done.stdout).toContain('kills: 3');
  expect(done.stdout).not.toContain('runs that went on from a checkpoint: 0');
  expect(done.status).toBe(0);
}, 120_000);
