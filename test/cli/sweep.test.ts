import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { PipelineError } from '../../src/core/errors.js';
import type { RunRecord } from '../../src/engine/run-record.js';
import { FakeProject } from './fake-project.js';

function records(project: FakeProject): RunRecord[] {
  const runs = join(project.folder, 'cache', 'runs');
  return readdirSync(runs).sort().map((id) => JSON.parse(readFileSync(join(runs, id, 'run.json'), 'utf8')) as RunRecord);
}

const bodyOf = (stdout: string): string => stdout.slice(stdout.indexOf('sweep <run>'));

describe('pipeline run --set path=a,b', () => {
  test('makes a run a point, in order, through one cache, and a table at the end', async () => {
    using project = new FakeProject();
    await project.run(['run', 'demo.yaml']); // number=2 is stored
    const { code, stdout, stderr } = await project.run(['run', 'demo.yaml', '--set', 'params.number=2,5,7']);
    expect([code, project.runs]).toEqual([0, ['fake.number', 'fake.double', 'fake.number', 'fake.double', 'fake.number', 'fake.double']]);
    expect(stderr.split('\n').filter((line) => line.startsWith('point'))).toEqual(['point 1 of 3  params.number=2', 'point 2 of 3  params.number=5', 'point 3 of 3  params.number=7']);
    const lines = bodyOf(stdout).split('\n');
    expect(lines[1]?.split(/ {2,}/)).toEqual(['point', 'params.number', 'run', 'outcome', 'time', 'ran', 'restored', 'skipped', 'failed', 'blocked', 'twice.value']);
    expect(lines.slice(2, 5).map((line) => line.trim().split(/ {2,}/).filter((_, i) => i !== 4))).toEqual([
      ['1', '2', '<run>', 'succeeded', '0', '2', '1', '0', '0', '4'], ['2', '5', '<run>', 'succeeded', '2', '0', '1', '0', '0', '10'], ['3', '7', '<run>', 'succeeded', '2', '0', '1', '0', '0', '14'],
    ]);
  });

  test('each run has a record with its place in the sweep and what was set', async () => {
    using project = new FakeProject();
    await project.run(['run', 'demo.yaml', '--set', 'params.number=2,5', '--set', 'seed=3']);
    const requests = records(project).map(({ request }) => request);
    const id = requests[0]?.sweep?.id;
    expect(requests).toEqual([
      { set: ['params.number=2', 'seed=3'], sweep: { id, index: 1, of: 2, set: ['params.number=2'] } },
      { set: ['params.number=5', 'seed=3'], sweep: { id, index: 2, of: 2, set: ['params.number=5'] } },
    ]);
    expect(records(project).map(({ params }) => params['number'])).toEqual([2, 5]);
  });

  test('a point that is wrong is found before anything runs', async () => {
    using project = new FakeProject();
    const { code, stderr } = await project.run(['run', 'demo.yaml', '--set', 'params.number=2,x']);
    expect([code, project.runs]).toEqual([3, []]);
    expect(stderr).toContain('--set params.number=x  E_WRONG_TYPE');
    expect((await project.run(['run', 'demo.yaml', '--set', 'params.number=1,,2'])).stderr).toMatch(/E_USAGE {2}value 2 of 3 is empty/);
  });

  test('more points than the cap are refused, and allowed by --max-points', async () => {
    using project = new FakeProject();
    const values = Array.from({ length: 33 }, (_, i) => i).join(',');
    const refused = await project.run(['run', 'demo.yaml', '--set', `params.number=${values}`]);
    expect([refused.code, project.runs]).toEqual([2, []]);
    expect(refused.stderr).toContain('expected: at most 32\n  found: params.number 33\n');
    expect((await project.run(['validate', 'demo.yaml', '--set', `params.number=${values}`, '--max-points', '33'])).code).toBe(0);
  });

  test('a point that fails ends the sweep; with --keep-going the others run, and the worst exit code counts', async () => {
    using project = new FakeProject();
    project.during = (type, { params }) => {
      if (type === 'fake.number' && params['value'] === 5) throw new PipelineError('E_DATA', '"five" is out of luck');
    };
    const stopped = await project.run(['run', 'demo.yaml', '--set', 'params.number=4,5,6']);
    expect(stopped.code).toBe(1);
    expect(bodyOf(stopped.stdout)).toMatch(/\n +3 {2}6 .* not run\n$/);
    expect(stopped.stderr).toContain('What finished is kept. To go on: pipeline run demo.yaml --set params.number=4,5,6\n');
    const on = await project.run(['run', 'demo.yaml', '--set', 'params.number=4,5,6', '--keep-going']);
    expect(on.code).toBe(1);
    expect(bodyOf(on.stdout)).toMatch(/1 {2}4 .*succeeded.*\n.*2 {2}5 .*failed.*\n.*3 {2}6 .*succeeded/);
  });

  test('Ctrl-C ends the sweep with 130, and the same command goes on', async () => {
    using project = new FakeProject();
    const controller = new AbortController();
    project.during = (type, { params, signal }) => {
      if (type !== 'fake.number' || params['value'] !== 5) return;
      controller.abort();
      signal.throwIfAborted();
    };
    const stopped = await project.run(['run', 'demo.yaml', '--set', 'params.number=4,5,6'], { signal: controller.signal });
    expect(stopped.code).toBe(130);
    expect(stopped.stdout).toContain('0 ran, 0 restored, 1 skipped, 0 failed, 1 blocked, 1 cancelled in <time>');
    expect(stopped.stderr).toContain('To go on: pipeline run demo.yaml --set params.number=4,5,6\n');
    expect(records(project)).toHaveLength(2);
    project.during = () => undefined;
    expect((await project.run(['run', 'demo.yaml', '--set', 'params.number=4,5,6'])).code).toBe(0);
  });

  test('--json is one stream, the run on every line', async () => {
    using project = new FakeProject();
    const { stdout, stderr } = await project.run(['run', 'demo.yaml', '--set', 'params.number=4,5', '--json']);
    expect(stderr).toBe('');
    const lines = stdout.trimEnd().split('\n').map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(lines[0]).toEqual({ schema: 'pipeline.sweep.v1', kind: 'sweep.started', sweep: '<run>', points: [{ index: 1, set: ['params.number=4'] }, { index: 2, set: ['params.number=5'] }] });
    expect(lines.at(-1)).toMatchObject({ schema: 'pipeline.sweep.v1', kind: 'sweep.finished', points: [{ index: 1, outcome: 'succeeded', counts: { ran: 2 } }, { index: 2, run: '<run>' }] });
    expect(lines.slice(1, -1).every(({ run }) => run === '<run>')).toBe(true);
    expect(lines.filter(({ kind }) => kind === 'run.finished')).toHaveLength(2);
  });

  test('a text keeps its commas in quotes', async () => {
    using project = new FakeProject();
    project.write('text.yaml', 'name: text\nparams: { note: none }\nstages: { number: { type: fake.number } }\n');
    await project.run(['run', 'text.yaml', '--set', 'params.note="a, b"']);
    expect(records(project).map(({ params }) => params['note'])).toEqual(['a, b']);
  });

  test('commands that look at one point say so', async () => {
    using project = new FakeProject();
    const { code, stderr } = await project.run(['explain', 'demo.yaml', 'number', '--set', 'params.number=1,2']);
    expect([code, stderr.split('\n')[0]]).toEqual([2, 'E_USAGE  "--set" has several values']);
  });
});

describe('pipeline plan', () => {
  test('previews a sweep: what each point does, what points share, and how long it may take', async () => {
    using project = new FakeProject();
    project.write('demo.yaml', 'name: demo\nparams: { number: 2 }\nstages:\n  same: { type: fake.number, params: { value: 1 } }\n  number: { type: fake.number, params: { value: "${params.number}" } }\n  twice: { type: fake.double, inputs: { number: "${stages.number}" } }\n');
    const { stdout } = await project.run(['plan', 'demo.yaml', '--set', 'params.number=2,5,2.0']);
    expect(stdout.split('\n').map((line) => line.trim().split(/ {2,}/))).toEqual([
      ['point', 'set', 'hit', 'run', 'maybe', 'skipped', 'shared', 'at most'],
      ['1', 'params.number=2', '0', '2', '1', '0', '0', 'over <time>'],
      ['2', 'params.number=5', '0', '1', '1', '0', '1', 'over <time>'],
      ['3', 'params.number=2.0', '0', '0', '0', '0', '3', '<time>'],
      ['3 points, 5 stages'], ['no times known of 5 stages'], [''],
    ]);
    expect(project.runs).toEqual([]);
    const { stdout: json } = await project.run(['plan', 'demo.yaml', '--set', 'params.number=2,5', '--json']);
    expect(JSON.parse(json)).toMatchObject({ schema: 'pipeline.plan.v1', points: [{ index: 1, set: ['params.number=2'], counts: { run: 2, maybe: 1 } }, { shared: 1, stages: [{ stage: 'number' }, { stage: 'twice', after: ['number'] }] }], estimate: { unknown: 5 } });
  });

  test('estimates from the last time of the stage, else of its like, and says of how many nothing is known', async () => {
    using project = new FakeProject();
    await project.run(['run', 'demo.yaml']);
    const { stdout } = await project.run(['plan', 'demo.yaml', '--set', 'params.number=3', '--json']);
    const { stages, counts, estimate } = JSON.parse(stdout) as { stages: { stage: string; estimate?: { ms: number; from: string } }[]; counts: object; estimate: { unknown: number } };
    expect(stages.map(({ stage, estimate: time }) => [stage, time?.from])).toEqual([['number', 'stage'], ['twice', 'stage'], ['never', undefined]]);
    expect([counts, estimate.unknown]).toEqual([{ hit: 0, run: 1, maybe: 1, skipped: 1, blocked: 0 }, 0]);
    project.write('other.yaml', 'name: other\nstages:\n  five: { type: fake.number, params: { value: 5 } }\n  total: { type: fake.sum, inputs: { numbers: "${stages.five}" } }\n');
    const other = await project.run(['plan', 'other.yaml']);
    expect(other.stdout).toMatch(/^five {3}run {6}<key> {2}never run {2}about <time>\ntotal {2}maybe {14}after "five"\n0 hit, 1 run, 1 maybe, 0 skipped\n.*; no times known of 1 stage\n$/);
    await project.run(['run', 'demo.yaml']);
    expect((await project.run(['plan', 'demo.yaml'])).stdout).toMatch(/2 hit, 0 run, 0 maybe, 1 skipped\n$/);
  });
});

describe('a selection', () => {
  test('targets behind the file and --until are the same', async () => {
    using project = new FakeProject();
    const { stdout, stderr } = await project.run(['run', 'demo.yaml', 'number']);
    expect(stdout.split('\n')[0]).toBe('1 ran, 0 restored, 2 skipped, 0 failed, 0 blocked in <time>');
    expect(stderr).toContain('– twice   skipped             not selected\n');
    expect((await project.run(['plan', 'demo.yaml', '--until', 'number'])).stdout).toBe('number  hit      <key>\ntwice   skipped            not selected\nnever   skipped            when: is false\n1 hit, 0 run, 0 maybe, 2 skipped\n');
    expect(records(project).map(({ request }) => request)).toEqual([{ selection: { until: ['number'] } }]);
  });

  test('--only with something missing ends with 1 and says what to do', async () => {
    using project = new FakeProject();
    const { code, stderr } = await project.run(['run', 'demo.yaml', '--only', 'twice']);
    expect([code, project.runs]).toEqual([1, []]);
    expect(stderr).toContain('■ number  blocked             needed, not in the cache, and not selected to run\n■ twice   blocked             by number\n');
    expect(stderr).toContain('"number" is needed and not in the cache: select it too, or go to a stage with --until, which runs what it needs\n');
    expect((await project.run(['plan', 'demo.yaml', '--only', 'twice'])).stdout).toContain('0 hit, 0 run, 0 maybe, 1 skipped, 2 blocked\n');
    await project.run(['run', 'demo.yaml', 'number']);
    expect((await project.run(['run', 'demo.yaml', '--only', 'tw*'])).stdout.split('\n')[0]).toBe('1 ran, 1 restored, 1 skipped, 0 failed, 0 blocked in <time>');
  });

  test('the command to go on repeats it, with profiles and files of params', async () => {
    using project = new FakeProject();
    project.write('demo.yaml', readFileSync(join(project.folder, 'demo.yaml'), 'utf8').replace('params:\n  number: 2\n', 'params:\n  number: 2\nprofiles: { quick: { params: { number: 3 } } }\n'));
    project.write('v.json', '{"number": 4}');
    project.during = () => {
      throw new PipelineError('E_DATA', '"betas" are empty');
    };
    const { stderr } = await project.run(['run', 'demo.yaml', 'twice', '--profile', 'quick', '--params-file', 'v.json', '--omit', 'never']);
    expect(stderr).toContain('To go on: pipeline run demo.yaml twice --profile quick --params-file v.json --omit never\n');
    expect(records(project)[0]).toMatchObject({ params: { number: 4 }, request: { profiles: ['quick'], paramsFiles: [join(project.folder, 'v.json')], selection: { until: ['twice'], omit: ['never'] } } });
    expect(records(project)[0]?.sources).toHaveLength(2);
  });
});
