/** What people ask of the past on the command line: lists, differences, logs, marks, outputs. */
import { appendFileSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { PipelineError } from '../../src/core/errors.js';
import { FakeProject } from './fake-project.js';

const ids = (project: FakeProject): string[] => readdirSync(join(project.folder, 'cache', 'runs')).sort();
const folderOf = (project: FakeProject, id: string): string => join(project.folder, 'cache', 'runs', id);

/** Three runs of demo.yaml: number 2, 3 and 5; the last fails in `twice`. */
async function three(): Promise<FakeProject> {
  const project = new FakeProject();
  await project.run(['run', 'demo.yaml', '--tag', 'first']);
  await project.run(['run', 'demo.yaml', '--set', 'params.number=3']);
  project.during = (type, { log }) => {
    for (let i = 1; i <= 12; i += 1) log(`line ${i}`);
    if (type === 'fake.double') throw new PipelineError('E_DATA', '"number" is too large', { hint: 'try a smaller one' });
  };
  await project.run(['run', 'demo.yaml', '--set', 'params.number=5']);
  project.during = () => undefined;
  return project;
}

async function listed(project: FakeProject, ...args: string[]): Promise<Record<string, unknown>[]> {
  const { stdout, code, stderr } = await project.run(['runs', '--json', ...args]);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return (JSON.parse(stdout) as { runs: Record<string, unknown>[] }).runs;
}
const numbers = async (project: FakeProject, ...args: string[]): Promise<unknown[]> => (await listed(project, ...args)).map((run) => (run['params'] as { number: number }).number);

describe('pipeline runs', () => {
  test('filters by pipeline, outcome, tag, time and conditions, and sorts by any value', async () => {
    using project = await three();
    project.write('other.yaml', 'name: other\nstages:\n  a: { type: fake.number }\n');
    expect(await numbers(project)).toEqual([5, 3, 2]);
    expect(await numbers(project, '--outcome', 'failed')).toEqual([5]);
    expect(await numbers(project, '--tag', 'first')).toEqual([2]);
    expect(await numbers(project, '--where', 'params.number>=3')).toEqual([5, 3]);
    expect(await numbers(project, '--where', 'metrics.twice.value > 4')).toEqual([3]);
    expect(await numbers(project, '--where', 'params.number < 5', '--where', 'run.outcome == "succeeded"', '--sort-by', 'params.number')).toEqual([2, 3]);
    expect(await numbers(project, '--sort-by', 'metrics.twice.value', '--desc')).toEqual([3, 2, 5]);
    expect(await numbers(project, '--since', '1h')).toEqual([5, 3, 2]);
    expect(await numbers(project, '--until', '1h')).toEqual([]);
    expect(await numbers(project, '--since', '2020-01-01', '--until', '2020-12-31')).toEqual([]);
    expect(await numbers(project, '--limit', '1')).toEqual([5]);
    expect(await numbers(project, '--pipeline', 'other')).toEqual([]);
    expect((await project.run(['runs', '--pipeline', 'other'])).stdout).toBe('No run matches.\n');
  });

  test('--only-changed shows the values in which the listed runs differ', async () => {
    using project = await three();
    const { stdout } = await project.run(['runs', '--only-changed']);
    const [heading, ...rows] = stdout.trimEnd().split('\n').map((line) => line.split(/ {2,}/));
    expect(heading).toEqual(['run', 'id', 'outcome', 'time', 'params.number', 'metrics.twice.value', 'tags']);
    expect(rows.map((row) => row.slice(2))).toEqual([['failed', '<time>', '5', '-'], ['succeeded', '<time>', '3', '6'], ['succeeded', '<time>', '2', '4', 'first']]);
    expect((await project.run(['runs', '--columns', 'params.number,metrics.twice.value', '--csv'])).stdout).toBe('params.number,metrics.twice.value\n5,\n3,6\n2,4\n');
    expect((await project.run(['runs', '--columns', 'outcome,params.number', '--md'])).stdout).toBe('| outcome | params.number |\n| --- | ---: |\n| failed | 5 |\n| succeeded | 3 |\n| succeeded | 2 |\n');
  });

  test('instances of a matrix have columns of their own', async () => {
    using project = new FakeProject();
    project.write('m.yaml', 'name: m\nparams: { add: [1, 2] }\nstages:\n  number: { type: fake.number, matrix: { n: [1, 2] }, params: { value: "${matrix.n}" } }\n  twice: { type: fake.double, matrix: { n: [1, 2] }, inputs: { number: "${stages.number}" } }\n');
    await project.run(['run', 'm.yaml']);
    expect((await project.run(['runs', '--columns', 'metrics.twice[n=2].value', '--csv'])).stdout).toBe('metrics.twice[n=2].value\n4\n');
    expect(await listed(project, '--where', 'metrics.twice[n=2].value == 4')).toHaveLength(1);
  });

  test('a value that no run has is said, a wrong option is refused, and a torn record is left out', async () => {
    using project = await three();
    const torn = join(project.folder, 'cache', 'runs', '20200101-000000-0000');
    mkdirSync(torn);
    writeFileSync(join(torn, 'run.json'), '{"format":1,');
    expect(await numbers(project, '--all')).toEqual([5, 3, 2]);
    expect(await project.run(['runs', '--where', 'params.nubmer > 1'])).toEqual({ code: 0, stdout: 'No run matches.\n', stderr: '! no run that was looked at has params.nubmer\n' });
    for (const args of [['--sort-by', 'tiem'], ['--since', 'soon'], ['--since', '2026-02-31'], ['--outcome', 'good'], ['--csv', '--md'], ['--where', 'params.number > "a"'], ['--where', '1 +']]) {
      const { code, stderr } = await project.run(['runs', ...args]);
      expect([code, stderr.split('  ')[0]], args.join(' ')).toEqual([2, 'E_USAGE']);
    }
  });
});

describe('pipeline diff', () => {
  test('names the leaf behind every stage that differs, metrics with their difference, and the rest in short', async () => {
    using project = await three();
    const { stdout, code } = await project.run(['diff', 'first', 'latest~1']);
    expect(code).toBe(0);
    expect(stdout).toBe([
      'a  <run>  demo  succeeded', 'b  <run>  demo  succeeded', '',
      'params', '  number 2 → 3',
      'options', '  set (none) → ["params.number=3"]',
      'number  ran <key> → ran <key>', '  param     params.value 2 → 3', '  output    number differs: <key> → <key>',
      'twice  ran <key> → ran <key>', '  input     inputs.number changed', '  metric    value 4 → 6  (+2)', '  output    number differs: <key> → <key>',
      '1 stage with the same key and results', '',
    ].join('\n'));
  });

  test('of one stage only; as JSON; with an exit code on demand', async () => {
    using project = await three();
    const { stdout } = await project.run(['diff', 'latest~1', 'latest', 'twice']);
    expect(stdout).toContain('twice  ran <key> → failed <key>\n');
    expect(stdout).not.toContain('params\n');
    const json = JSON.parse((await project.run(['diff', 'first', 'latest~1', '--json'])).stdout) as { stages: unknown[] };
    expect(json).toMatchObject({ schema: 'pipeline.diff.v1', differs: true, params: [{ path: 'number', before: 2, after: 3 }], sameSource: true });
    expect(json.stages[0]).toMatchObject({ stage: 'number', sameKey: false, changes: [{ code: 'param', path: 'params.value', before: 2, after: 3 }] });
    expect((await project.run(['diff', 'first', 'latest', '--exit-code'])).code).toBe(1);
    expect((await project.run(['diff', 'first', 'first', '--exit-code'])).code).toBe(0);
    expect((await project.run(['diff', 'first', 'latest', 'twise'])).stderr).toContain('did you mean "twice"?');
  });

  test('shows how the text of the pipeline changed, from the copies that the runs keep', async () => {
    using project = new FakeProject();
    await project.run(['run', 'demo.yaml']);
    const text = readFileSync(join(project.folder, 'demo.yaml'), 'utf8');
    project.write('demo.yaml', text.replace('two numbers', 'three numbers'));
    await project.run(['run', 'demo.yaml']);
    project.write('demo.yaml', 'something else');
    expect((await project.run(['diff', 'latest~1', 'latest'])).stdout).toContain('pipeline file  <project>/demo.yaml\n  @@ -1,5 +1,5 @@\n   name: demo\n  -description: two numbers\n  +description: three numbers\n   params:\n');
  });
});

describe('pipeline log', () => {
  test('tells a run again as it was printed, and as the same events', async () => {
    using project = new FakeProject();
    const told = await project.run(['run', 'demo.yaml']);
    const again = await project.run(['log']);
    expect(again.stdout).toBe(`${told.stderr}${told.stdout.split('\n')[0] as string}\n`);
    expect(again.stderr).toBe('');
    const events = (await project.run(['log', 'latest', '--json'])).stdout.trimEnd().split('\n').map((line) => (JSON.parse(line) as { kind: string }).kind);
    expect(events[0]).toBe('run.started');
    expect(events.at(-1)).toBe('run.finished');
  });

  test('a torn last line and what cannot be understood are reported, and the rest is told', async () => {
    using project = new FakeProject();
    await project.run(['run', 'demo.yaml']);
    const log = join(folderOf(project, ids(project)[0] as string), 'events.ndjson');
    const lines = readFileSync(log, 'utf8').trimEnd().split('\n');
    writeFileSync(log, `${lines.slice(0, -1).join('\n')}\n{"seq":90,"ms":5,"kind":"stage.dreamt"}\n{"seq":91,"ms":6,"kind":"stage.started"}\n{"seq":92,"ms`);
    const { code, stdout, stderr } = await project.run(['log']);
    expect(code).toBe(0);
    expect(stdout).toContain('✓ twice   ran');
    expect(stderr).toBe('! 1 line of the log cannot be read: the last one is torn, as after a kill\n! 2 events are not understood\n! the log has no end: the run still goes on, or it was interrupted\n');
    appendFileSync(log, '');
  });

  test('prints the log of a stage, also through show', async () => {
    using project = await three();
    const { stdout } = await project.run(['log', 'latest', 'number']);
    expect(stdout).toMatch(/^line 1\n(?:line \d+\n)+line 12\n$/);
    expect((await project.run(['show', 'number', '--log'])).stdout).toBe(stdout);
    expect((await project.run(['log', 'first', 'number'])).stderr).toBe('number wrote no log in this run (ran)\n');
  });

  test('a failure shows the last lines of the stage\'s log, without the stack, beside the path to all of it', async () => {
    using project = new FakeProject();
    project.during = (_, { log }) => {
      for (let i = 1; i <= 12; i += 1) log(`line ${i}`);
      throw new PipelineError('E_DATA', '"number" is bad');
    };
    const { stderr } = await project.run(['run', 'demo.yaml']);
    expect(stderr).toContain(`number failed  log: cache/runs/<run>/logs/number.log\n  … 2 lines before\n${Array.from({ length: 10 }, (_, i) => `  | line ${i + 3}\n`).join('')}  more: pipeline help E_DATA\n`);
  });
});

describe('tags and pins', () => {
  test('a run is found by its tag; tags and pins show in lists, and no key changes', async () => {
    using project = await three();
    expect((await project.run(['tag', 'latest', 'paper', 'best'])).stdout).toBe('<run>  best paper\n');
    expect((await project.run(['pin', 'paper', 'first'])).stdout).toBe('<run>  best paper  pinned\n<run>  first  pinned\n');
    expect(await listed(project)).toMatchObject([{ tags: ['best', 'paper'], pinned: true }, { tags: [], pinned: false }, { tags: ['first'], pinned: true }]);
    expect((await project.run(['show', 'paper'])).stdout).toContain('run <run>  best paper (pinned)\n');
    expect((await project.run(['untag', 'paper', 'best', 'never'])).stderr).toBe('! it had no tag never\n');
    expect((await project.run(['unpin', 'paper', '--json'])).stdout).toContain('"tags":["paper"],"pinned":false');
    expect((await project.run(['run', 'demo.yaml'])).stdout).toContain('0 ran, 2 restored');
  });

  test('a tag on several runs means none of them until it is moved', async () => {
    using project = await three();
    expect((await project.run(['tag', 'latest', 'first'])).stderr).toBe('! 1 other run has one of these tags: as a reference it means several; --move takes it from them\n');
    expect(await project.run(['show', 'first'])).toMatchObject({ code: 2, stderr: expect.stringContaining('"first" means 2 runs') as string });
    expect((await project.run(['tag', 'latest', 'first', '--move'])).stderr).toBe('');
    expect((await project.run(['show', 'first'])).code).toBe(0);
  });

  test('a word that cannot be a tag stops a run before it begins', async () => {
    using project = new FakeProject();
    for (const args of [['--tag', 'latest'], ['--tag', 'ok', '--cache-mode', 'off']]) expect(await project.run(['run', 'demo.yaml', ...args])).toMatchObject({ code: 2, stderr: expect.stringContaining('E_USAGE') as string });
    expect(project.runs).toEqual([]);
  });
});

describe('pipeline show', () => {
  test('the paths of several files stand beside their names, one path stands alone', async () => {
    using project = new FakeProject();
    let names = ['a.bin', 'b.bin'];
    project.during = (type, { outputs }) => void (type === 'fake.double' && names.forEach((name) => outputs['number']?.write(name, name.repeat(2000))));
    const paths = async (...args: string[]): Promise<{ stdout: string; stderr: string }> => {
      await project.run(['run', 'demo.yaml', '--force']);
      return project.run(['show', 'twice.number', '--path', ...args]);
    };
    expect((await paths()).stdout).toMatch(/^\S+\ta\.bin\n\S+\tb\.bin\n$/);
    const { stdout, stderr } = await paths('--json');
    expect([JSON.parse(stdout), stderr]).toEqual([{ schema: 'pipeline.show.paths.v1', paths: { 'a.bin': expect.any(String) as string, 'b.bin': expect.any(String) as string }, inRecord: ['number.csv', 'number.json', 'number.png', 'report.json'], outside: [] }, '']);
    names = ['a.bin'];
    await project.run(['run', 'demo.yaml', '--set', 'params.number=5']);
    expect((await project.run(['show', 'twice.number', '--path'])).stdout).toMatch(/^\S+\n$/);
  });

  test('an output: its files, where they lie, and the text of one', async () => {
    using project = await three();
    const { stdout } = await project.run(['show', 'twice.number', '--run', 'first']);
    expect(stdout).toContain('twice.number  Number  <digest>\n  run <run>\n  stage twice\n  output number\n  key <digest>\n');
    expect(stdout).toMatch(/number\.csv +8 B +<key> +in the record\n/);
    expect((await project.run(['show', 'twice', '--run', 'first', '--cat', 'number.csv'])).stdout).toBe('value\n4\n');
    expect((await project.run(['show', 'twice.number', '--run', 'first', '--path'])).stderr).toContain('number.csv is small and lies in the record: use --cat number.csv\n');
    expect((await project.run(['show', 'twice.number', '--run', 'first', '--cat', 'number.png'])).stderr).toContain('"number.png" cannot be printed');
    expect((await project.run(['show', 'twice.number', '--run', 'first', '--cat', 'number.cvs'])).stderr).toContain('did you mean "number.csv"?');
    expect((await project.run(['show', 'twice.nmber', '--run', 'first'])).stderr).toContain('did you mean "number"?');
    expect((await project.run(['show', 'twice.number'])).stderr).toContain('"twice" has no outputs in the store');
  });

  test('an artifact by the beginning of its digest; a stage with its inputs, reasons and metrics', async () => {
    using project = await three();
    const record = JSON.parse(readFileSync(join(folderOf(project, ids(project)[0] as string), 'run.json'), 'utf8')) as { stages: { name: string; outputs: Record<string, { digest: string }> }[] };
    const digest = record.stages.find(({ name }) => name === 'twice')?.outputs['number']?.digest as string;
    expect((await project.run(['show', digest.slice(0, 10), '--json'])).stdout).toContain('"schema":"pipeline.show.artifact.v1","output":"number","type":"Number"');
    const { stdout } = await project.run(['show', 'twice', '--run', 'latest~1']);
    expect(stdout).toContain('    input          inputs.number changed\n');
    expect(stdout).toMatch(/input +from +artifact +digest\nnumber +number\.number +Number +<key>\n/);
    expect(stdout).toMatch(/metric +value\nvalue +6\n/);
  });
});

test('a run is called by its name wherever it is shown, and can be called by it', async () => {
  using project = new FakeProject();
  let header = '';
  const run = await project.run(['run', 'demo.yaml', '--json']);
  for (const line of run.stdout.split('\n')) if (line.includes('"run.started"')) header = (JSON.parse(line) as { name: string }).name;
  expect(header).toMatch(/^[a-z]+-[a-z]+-[0-9a-f]{2}$/);
  expect((await project.run(['runs'])).stdout).toContain(header);
  for (const reference of [header, header.slice(0, -2)]) expect((await project.run(['show', reference, '--json'])).stdout).toContain('"schema":"pipeline.show.run.v1"');
});

test('the record holds what was asked, and the reasons with their codes', async () => {
  using project = await three();
  const record = JSON.parse(readFileSync(join(folderOf(project, ids(project)[1] as string), 'run.json'), 'utf8')) as { command: object; stages: { reasons?: object[] }[] };
  expect(record.command).toMatchObject({ args: ['demo.yaml'], options: { set: ['params.number=3'] } });
  expect(record.stages[0]?.reasons).toEqual([{ code: 'param', path: 'params.value', before: 2, after: 3, text: 'params.value 2 → 3' }]);
  const plan = JSON.parse((await project.run(['plan', 'demo.yaml', '--set', 'params.number=9', '--json'])).stdout) as { stages: object[] };
  expect(plan.stages[0]).toMatchObject({ stage: 'number', reasons: [{ code: 'param', path: 'params.value', before: 5, after: 9 }] });
  const explained = JSON.parse((await project.run(['explain', 'demo.yaml', 'number', '--set', 'params.number=9', '--json'])).stdout) as object;
  expect(explained).toMatchObject({ reasons: [{ code: 'param', path: 'params.value' }] });
});
