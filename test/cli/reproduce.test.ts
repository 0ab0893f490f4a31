import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { FakeProject } from './fake-project.js';

test('a run of deterministic stages gives the same bytes again, and the cache is neither used nor changed', async () => {
  using project = new FakeProject();
  await project.run(['run', 'demo.yaml', '--set', 'params.number=3']);
  const runs = project.runs.length;
  const before = readdirSync(join(project.folder, 'cache'), { recursive: true }).filter((path) => !String(path).startsWith('leases')).sort();
  const { code, stdout } = await project.run(['reproduce', 'latest', '--quiet']);
  expect(code).toBe(0);
  expect(stdout).toMatch(/: reproduced, 2 of 2 stages gave the same bytes\n$/);
  expect(project.runs.length).toBe(runs + 2);
  expect(readdirSync(join(project.folder, 'cache'), { recursive: true }).filter((path) => !String(path).startsWith('leases')).sort()).toEqual(before);
});

test('the file as it was is run, whatever it says now; nothing is left beside it', async () => {
  using project = new FakeProject();
  await project.run(['run', 'demo.yaml']);
  const path = join(project.folder, 'demo.yaml');
  writeFileSync(path, readFileSync(path, 'utf8').replace('number: 2', 'number: 7'));
  const { code, stdout } = await project.run(['reproduce', 'latest', '--quiet']);
  expect([code, stdout]).toEqual([0, expect.stringContaining('the pipeline file has changed since: the text that the run kept was used\n') as string]);
  expect(readdirSync(project.folder).filter((name) => name.endsWith('.yaml'))).toEqual(['demo.yaml']);
});

test('a stage that gives other bytes is named with its files and metrics, and the exit code is 5', async () => {
  using project = new FakeProject();
  let count = 0;
  project.during = (type, { outputs, metric }) => {
    if (type !== 'fake.number') return;
    count += 1;
    outputs['number']?.json('extra.json', count);
    metric('count', count);
  };
  await project.run(['run', 'demo.yaml']);
  const { code, stdout } = await project.run(['reproduce', 'latest', '--quiet']);
  expect(code).toBe(5);
  expect(stdout).toContain('number different\n  was asked the same: it is not deterministic here, the software or the machine differs, or it reads files that its key does not hold\n  files with other bytes: number/extra.json\n  count 1 → 2 (+1.0e+2 %)\n');
});

test('a run that made nothing, or whose text is lost, is refused', async () => {
  using project = new FakeProject();
  project.during = () => {
    throw new Error('no');
  };
  await project.run(['run', 'demo.yaml']);
  const { code, stderr } = await project.run(['reproduce', 'latest']);
  expect([code, stderr.includes('E_NOT_REPEATABLE')]).toEqual([3, true]);
});
