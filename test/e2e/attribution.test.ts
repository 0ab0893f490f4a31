/** The study of attribution as it stands in the repository: that it plans, over how many subjects and baselines, and that what it gathers fits together. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';

const folder = mkdtempSync(join(tmpdir(), 'attribution-study-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function plan(...more: string[]): string {
  const done = spawnSync(process.execPath, [resolve('dist/cli/main.js'), 'plan', resolve('pipelines/attribution.yaml'), '--cache-dir', join(folder, 'cache'), ...more], { encoding: 'utf8', env: { ...process.env, CI: '1', NO_COLOR: '1' } });
  expect(done.stderr).toBe('');
  expect(done.status).toBe(0);
  return done.stdout;
}

describe('pipelines/attribution.yaml', () => {
  it('plans one subject a seed, one backbone for all, and maps over subjects and baselines', () => {
    const text = plan();
    expect(text).toMatch(/^simulate +run +3 of 3/m);
    expect(text).toMatch(/^trained +maybe +after "pictures"/m);
    expect(text).toMatch(/^model +maybe +3 of 3/m);
    expect(text).toMatch(/^check-other-baseline +maybe +9 of 9/m);
    expect(text).toMatch(/^comparison +maybe/m);
  });

  it('takes other seeds from the command line', () => {
    expect(plan('--set', 'params.seeds=[7]')).toMatch(/^other-baseline +maybe +3 of 3/m);
  });
});
