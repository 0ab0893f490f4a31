/** A sweep on the command line: what people and scripts see of its instances. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { compositionOf } from '../../src/cli/registry.js';
import type { CliIo } from '../../src/cli/io.js';
import { loadPlan } from '../../src/engine/load-plan.js';
import { FakeProject } from './fake-project.js';

const SWEEP = `name: sweep
params: { numbers: [1, 2, 3, 10] }
stages:
  number: { type: fake.number, matrix: { n: "\${params.numbers}" }, params: { value: "\${matrix.n}" } }
  twice: { type: fake.double, matrix: { n: "\${params.numbers}" }, when: "\${matrix.n != 10}", inputs: { number: "\${stages.number}" } }
  sum: { type: fake.sum, inputs: { numbers: { once: "\${stages.number[n=10]}", twice: "\${stages.twice}" } } }
`;

function sweep(): FakeProject {
  const project = new FakeProject();
  project.write('sweep.yaml', SWEEP);
  return project;
}

test('plan puts the instances of a stage into one line an answer, and -v and --json show each', async () => {
  using project = sweep();
  const plan = (...more: string[]) => project.run(['plan', 'sweep.yaml', ...more]);
  expect((await plan()).stdout).toBe(['number  run                4 of 4  never run', 'twice   maybe              3 of 4  after "number" (3)', 'twice   skipped            1 of 4  when: is false', 'sum     maybe              after "twice" (3), "number[n=10]"', '0 hit, 4 run, 4 maybe, 1 skipped', 'no times known of 8 stages', ''].join('\n'));
  await project.run(['run', 'sweep.yaml']);
  expect((await plan()).stdout).toBe(['number  hit                4 of 4', 'twice   hit                3 of 4', 'twice   skipped            1 of 4  when: is false', 'sum     hit      <key>', '8 hit, 0 run, 0 maybe, 1 skipped', ''].join('\n'));
  expect((await plan('--set', 'params.numbers=[1, 2, 4, 10]')).stdout).toContain('number  hit                3 of 4\nnumber  run                1 of 4  never run  about <time>\n');
  expect((await plan('-v')).stdout).toContain('number[n=1]   hit      <key>\n');
  const { stages } = JSON.parse((await plan('--json')).stdout) as { stages: { stage: string }[] };
  expect(stages).toHaveLength(9);
  expect(stages[3]).toMatchObject({ stage: 'number[n=10]', coordinates: { n: 10 }, type: 'fake.number', answer: 'hit' });
  expect(stages[8]).not.toHaveProperty('coordinates');
});

test('run tells what ran a line each, and what was restored, skipped or blocked a line a stage', async () => {
  using project = sweep();
  const first = await project.run(['run', 'sweep.yaml']);
  expect(first.code).toBe(0);
  const lines = first.stderr.split('\n');
  expect(lines[0]).toBe('sweep  run <run>  9 stages');
  expect(lines).toContain('✓ twice[n=2]    ran       <key>  <time>');
  expect(lines).toContain('= number        4 instances: 4 ran');
  expect(lines).toContain('= twice         4 instances: 3 ran, 1 skipped');
  expect(first.stderr).not.toContain('twice[n=10]');
  const second = await project.run(['run', 'sweep.yaml']);
  expect(second.stderr).toBe(['sweep  run <run>  9 stages', '= number        4 instances: 4 restored', '= twice         4 instances: 3 restored, 1 skipped', '✓ sum           restored  <key>  <time>', ''].join('\n'));
  expect((await project.run(['run', 'sweep.yaml', '-v'])).stderr).toContain('✓ number[n=1]   restored');
  const events = (await project.run(['run', 'sweep.yaml', '--json'])).stdout.trim().split('\n').map((line) => JSON.parse(line) as { kind: string; stage?: string });
  expect(events.filter(({ kind }) => kind === 'stage.restored').map(({ stage }) => stage)).toEqual(expect.arrayContaining(['number[n=1]', 'twice[n=3]', 'sum']));
});

test('results lie by coordinates, and the gather saw its labels', async () => {
  using project = sweep();
  await project.run(['run', 'sweep.yaml']);
  const latest = join(project.folder, 'results', 'sweep', 'latest');
  expect(readFileSync(join(latest, 'twice', 'n=2', 'number', 'number.csv'), 'utf8')).toBe('value\n4\n');
  expect(existsSync(join(latest, 'twice', 'n=10'))).toBe(false);
  expect(readFileSync(join(latest, 'sum', 'number', 'sum.csv'), 'utf8')).toBe('{"n":1,"name":"twice"} 2\n{"n":2,"name":"twice"} 4\n{"n":3,"name":"twice"} 6\n{"n":10,"name":"once"} 10\n');
  expect(readFileSync(join(latest, 'report.html'), 'utf8')).toContain('twice[n=2]');
});

test('--force takes a stage with all its instances, or some of them', async () => {
  using project = sweep();
  await project.run(['run', 'sweep.yaml']);
  const runs = async (force: string): Promise<Record<string, number>> => {
    project.runs.length = 0;
    const { code, stderr } = await project.run(['run', 'sweep.yaml', force]);
    expect(`${code}${stderr}`).toMatch(/^0/);
    return Object.fromEntries(['fake.number', 'fake.double', 'fake.sum'].map((type) => [type, project.runs.filter((run) => run === type).length]));
  };
  expect(await runs('--force=twice')).toEqual({ 'fake.number': 0, 'fake.double': 3, 'fake.sum': 0 });
  expect(await runs('--force=twice[n=1],sum')).toEqual({ 'fake.number': 0, 'fake.double': 1, 'fake.sum': 1 });
  expect(await runs('--force=number[n="1"],sum'.replaceAll('"', ''))).toEqual({ 'fake.number': 1, 'fake.double': 0, 'fake.sum': 1 });
  const { code, stderr } = await project.run(['run', 'sweep.yaml', '--force=twice[n=7]']);
  expect(code).toBe(2);
  expect(stderr).toBe('E_UNKNOWN_STAGE_NAME  "twice[n=7]" is not an instance of "twice"\n  expected: coordinates on n\n  found: n=7\n  did you mean "twice[n=1]"?\nmore: pipeline help E_UNKNOWN_STAGE_NAME\n');
});

test('a failure names its instance, and the command that goes on forces what is left', async () => {
  using project = sweep();
  await project.run(['run', 'sweep.yaml']);
  project.during = (_, context) => {
    if (context.params['value'] === 3) throw new RangeError('three');
  };
  const { code, stderr } = await project.run(['run', 'sweep.yaml', '--force', '--keep-going']);
  expect(code).toBe(1);
  expect(stderr).toContain('= twice         4 instances: 2 ran, 1 skipped, 1 blocked\n');
  expect(stderr).toContain('number[n=3] failed  log: cache/runs/<run>/logs/number/n=3.log');
  expect(stderr).toContain("To go on: pipeline run sweep.yaml --keep-going '--force=number[n=3],twice[n=3],sum'\n");
});

test('show takes an instance, or lists those of a stage; explain puts instances together that have the same reasons', async () => {
  using project = sweep();
  await project.run(['run', 'sweep.yaml']);
  expect((await project.run(['show', 'number[n=2]'])).stdout).toContain('✓ number[n=2]  ran       <key>  <time>  never run\n  type fake.number');
  expect((await project.run(['show', 'twice'])).stdout.split('\n').map((line) => line.slice(0, 23).trimEnd())).toEqual(['✓ twice[n=1]   ran', '✓ twice[n=2]   ran', '✓ twice[n=3]   ran', '– twice[n=10]  skipped', '  4 instances, run <run', '']);
  const explained = await project.run(['explain', 'sweep.yaml', 'twice[n=2]']);
  expect(explained.stdout).toContain('twice[n=2] would be restored');
  expect((await project.run(['explain', 'sweep.yaml', 'twice,sum'])).stdout).toBe('twice (3), sum would be restored: nothing that it depends on has changed\ntwice[n=10] would be skipped: when: is false\n');
  const changed = await project.run(['explain', 'sweep.yaml', 'number*,twice', '--set', 'params.numbers=[1, 2, 4, 10]']);
  expect(changed.stdout.split('\n')).toEqual(['number (3), twice (2) would be restored: nothing that it depends on has changed', 'number[n=4] would run: never run', 'twice[n=4] may run: inputs from number have to be settled first', 'twice[n=10] would be skipped: when: is false', '']);
  const { stages } = JSON.parse((await project.run(['explain', 'sweep.yaml', 'twice', '--json'])).stdout) as { stages: { stage: string; answer: string }[] };
  expect(stages.map(({ stage, answer }) => `${stage} ${answer}`)).toEqual(['twice[n=1] hit', 'twice[n=2] hit', 'twice[n=3] hit', 'twice[n=10] skipped']);
});

test('the sweep in the description of pipeline files is planned with the real stage types, and no two of its sources are equal', () => {
  using project = new FakeProject();
  const page = readFileSync(new URL('../../docs/pipeline-file.md', import.meta.url), 'utf8');
  project.write('docs.yaml', /```yaml\n(name: sweep\n[\s\S]*?)```/.exec(page)?.[1] ?? '');
  const { plan, diagnostics } = loadPlan(join(project.folder, 'docs.yaml'), { registry: compositionOf({} as CliIo).registry, set: [], env: {} });
  expect(diagnostics).toEqual([]);
  const sources = (plan?.stages ?? []).filter(({ manifest }) => manifest.type === 'nsd.source');
  expect(sources).toHaveLength(12);
  expect(new Set(sources.map(({ params, inputs }) => JSON.stringify([params, inputs['simulated']?.map(({ stage }) => stage)]))).size).toBe(12);
});
