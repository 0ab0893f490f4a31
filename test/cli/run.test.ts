import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { PipelineError } from '../../src/core/errors.js';
import { FakeProject } from './fake-project.js';

describe('pipeline run', () => {
  test('runs what is new, restores it the second time, and reruns only what an edit touches', async () => {
    using project = new FakeProject();
    const first = await project.run(['run', 'demo.yaml']);
    expect(first).toEqual({
      code: 0,
      stderr: [
        'demo  run <run>  3 stages',
        '– never   skipped             when: is false',
        '▸ number  started   <key>  after <time>  never run',
        '✓ number  ran       <key>  <time>',
        '▸ twice   started   <key>  after <time>  never run',
        '✓ twice   ran       <key>  <time>',
        '',
      ].join('\n'),
      stdout: [
        '2 ran, 0 restored, 1 skipped, 0 failed, 0 blocked in <time>',
        'pictures',
        '  results/demo/<run>/twice/number/number.png',
        'tables',
        '  results/demo/<run>/twice/number/number.csv',
        'report',
        '  results/demo/<run>/report.html',
        '',
      ].join('\n'),
    });
    const second = await project.run(['run', 'demo.yaml']);
    expect(second.stderr).toBe('demo  run <run>  3 stages\n– never   skipped             when: is false\n✓ number  restored  <key>  <time>\n✓ twice   restored  <key>  <time>\n');
    expect(second.stdout.split('\n')[0]).toBe('0 ran, 2 restored, 1 skipped, 0 failed, 0 blocked in <time>');
    expect(second.stdout).toContain('  results/demo/<run>/report.html  (of an earlier run, which left exactly the same)\n');
    const third = await project.run(['run', 'demo.yaml', '--set', 'params.number=5']);
    expect(third.stderr).toContain('▸ number  started   <key>  after <time>  params.value 2 → 5\n');
    expect(project.runs).toEqual(['fake.number', 'fake.double', 'fake.number', 'fake.double']);
    const back = await project.run(['run', 'demo.yaml']);
    expect(back.stdout.split('\n')[0]).toBe('0 ran, 2 restored, 1 skipped, 0 failed, 0 blocked in <time>');
  });

  test('writes one report with the metrics and pictures of its stages', async () => {
    using project = new FakeProject();
    await project.run(['run', 'demo.yaml']);
    const html = readFileSync(join(project.folder, 'results', 'demo', 'latest', 'report.html'), 'utf8');
    expect(html).toContain('<div class="tile"><b>4</b><span>twice</span></div>');
    expect(html).toContain('<figcaption>&lt;b&gt;one pixel&lt;/b&gt;</figcaption>');
    expect(html).toContain('<img src="data:image/png;base64,iVBORw0KGgo');
    expect(html).toContain('<td>value 4; never run</td>');
    expect(html).not.toContain(project.folder + '/cache');
  });

  test('with --json prints events one a line, then where the results are, and nothing on stderr', async () => {
    using project = new FakeProject();
    const { code, stdout, stderr } = await project.run(['run', 'demo.yaml', '--json']);
    expect([code, stderr]).toEqual([0, '']);
    const lines = stdout.trimEnd().split('\n').map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(lines[0]).toMatchObject({ schema: 'pipeline.run.v1', kind: 'run.started', pipeline: 'demo' });
    expect(lines.map(({ kind }) => kind)).toEqual(['run.started', 'stage.skipped', 'stage.started', 'stage.ran', 'stage.started', 'stage.progress', 'stage.ran', 'run.finished', 'results']);
    expect(lines.at(-1)).toMatchObject({ schema: 'pipeline.results.v1', outcome: 'succeeded', report: '<project>/results/demo/<run>/report.html' });
  });

  test('a failure names the stage, what it said, its log and the next command; what depends on it is blocked', async () => {
    using project = new FakeProject();
    project.during = (type) => {
      if (type === 'fake.number') throw new PipelineError('E_DATA', '"betas" hold 3 NaN', { facts: { expected: 'finite values', found: 'NaN at 17' }, hint: 'exclude session 4' });
    };
    const failed = await project.run(['run', 'demo.yaml']);
    expect(failed.code).toBe(1);
    expect(failed.stderr).toBe([
      'demo  run <run>  3 stages',
      '– never   skipped             when: is false',
      '▸ number  started   <key>  after <time>  never run',
      '✗ number  failed    <key>  <time>',
      '  E_DATA  "betas" hold 3 NaN',
      '    expected: finite values',
      '    found: NaN at 17',
      '    exclude session 4',
      '■ twice   blocked             by number',
      'number failed  log: cache/runs/<run>/logs/number.log',
      '  more: pipeline help E_DATA',
      'What finished is kept. To go on: pipeline run demo.yaml',
      '',
    ].join('\n'));
    expect(failed.stdout.split('\n')[0]).toBe('0 ran, 0 restored, 1 skipped, 1 failed, 1 blocked in <time>');
    const [id, ...more] = readdirSync(join(project.folder, 'results', 'demo'));
    expect(more).toEqual([]); // "latest" is for runs that succeeded
    const html = readFileSync(join(project.folder, 'results', 'demo', id as string, 'report.html'), 'utf8');
    expect(html).toContain('<div class="error"><b>E_DATA</b> &quot;betas&quot; hold 3 NaN');
    project.during = () => undefined;
    expect((await project.run(['run', 'demo.yaml'])).code).toBe(0);
  });

  test('--force=STAGE runs that stage again, and what comes after it only if its bytes changed', async () => {
    using project = new FakeProject();
    await project.run(['run', 'demo.yaml']);
    const { stderr } = await project.run(['run', 'demo.yaml', '--force=number']);
    expect(stderr).toContain('▸ number  started   <key>  after <time>  forced\n');
    expect(stderr).toContain('✓ twice   restored');
    const all = await project.run(['run', '--force', 'demo.yaml']);
    expect(all.stdout.split('\n')[0]).toBe('2 ran, 0 restored, 1 skipped, 0 failed, 0 blocked in <time>');
    const wrong = await project.run(['run', 'demo.yaml', '--force=nummer']);
    expect(wrong).toEqual({ code: 2, stdout: '', stderr: 'E_UNKNOWN_STAGE_NAME  "nummer" is not a stage of "demo"\n  expected: one of 3 stages\n  found: "nummer"\n  did you mean "number"?\nmore: pipeline help E_UNKNOWN_STAGE_NAME\n' });
  });

  test('a run that changed nothing names the results and the report that are there, and copies nothing', async () => {
    using project = new FakeProject();
    const first = await project.run(['run', 'demo.yaml']);
    const results = join(project.folder, 'results', 'demo');
    const names = readdirSync(results).sort();
    const second = await project.run(['run', 'demo.yaml']);
    expect(readdirSync(results).sort()).toEqual(names);
    expect(second.stdout.split('\n').slice(1)).toEqual(first.stdout.replace('report.html\n', 'report.html  (of an earlier run, which left exactly the same)\n').split('\n').slice(1));
    rmSync(join(results, 'latest', 'twice', 'number', 'number.png'));
    await project.run(['run', 'demo.yaml']);
    expect(readdirSync(results)).toHaveLength(3);
    expect(existsSync(join(results, 'latest', 'twice', 'number', 'number.png'))).toBe(true);
  });

  test('results that cannot be written are an error of the environment', async () => {
    using project = new FakeProject();
    mkdirSync(join(project.folder, 'results'));
    project.write('results/demo', '');
    const { code, stderr } = await project.run(['run', 'demo.yaml']);
    expect(code).toBe(6);
    expect(stderr).toContain('E_STORE_IO  "<project>/results/demo/<run>" could not be written');
    expect(stderr).toContain('Name a folder that you may write to with --results.');
  });

  test.each(['--results', '--cache-dir'])('a file given to %s, or a path below one, is an error of usage before anything runs', async (option) => {
    using project = new FakeProject();
    let ran = 0;
    project.during = () => void (ran += 1);
    project.write('taken', '');
    for (const path of ['taken', 'taken/below/it']) {
      const { code, stderr } = await project.run(['run', 'demo.yaml', option, path]);
      expect(code).toBe(2);
      expect(stderr).toContain(`E_USAGE  "<project>/${path}" cannot be the folder of`);
      expect(stderr).toContain(`Name a folder with ${option}.`);
    }
    expect(ran).toBe(0);
  });

  test('the command to go on has the options of the run, quoted for a shell, and forces what has not run yet', async () => {
    using project = new FakeProject();
    project.during = (type) => {
      if (type === 'fake.double') throw new PipelineError('E_DATA', '"betas" are empty');
    };
    const { stderr } = await project.run(['run', 'demo.yaml', '--set', 'params.number=3', '--jobs', '2', '--keep-going', '--force', '--results', 'my results', '--cache-dir', 'store']);
    expect(stderr).toContain("What finished is kept. To go on: pipeline run demo.yaml --set params.number=3 --jobs 2 --keep-going --force=twice --results 'my results' --cache-dir store\n");
    const unkept = await project.run(['run', 'demo.yaml', '--cache-mode', 'off', '--results', "it's"]);
    expect(unkept.stderr).toContain(`Nothing was stored (--cache-mode off). To run it again: pipeline run demo.yaml --cache-mode off --results 'it'\\''s'\n`);
  });

  test('--cache-mode off neither reads nor writes the cache, and still gives results', async () => {
    using project = new FakeProject();
    const { code, stdout } = await project.run(['run', 'demo.yaml', '--cache-mode', 'off']);
    expect(code).toBe(0);
    expect(stdout).toContain('results/demo/<run>/twice/number/number.png');
    expect(existsSync(join(project.folder, 'cache', 'records'))).toBe(false);
  });

  test('a stop in the middle is said at once, ends with 130, and the same command goes on', async () => {
    using project = new FakeProject();
    const controller = new AbortController();
    project.during = (type, { signal }) => {
      if (type !== 'fake.double') return;
      controller.abort();
      signal.throwIfAborted();
    };
    const stopped = await project.run(['run', 'demo.yaml'], { signal: controller.signal });
    expect(stopped.code).toBe(130);
    expect(stopped.stderr).toContain('Stopping… press Ctrl-C again to kill\n');
    expect(stopped.stderr).toContain('■ twice   cancelled  <key>  <time>\n');
    expect(stopped.stdout.split('\n')[0]).toBe('1 ran, 0 restored, 1 skipped, 0 failed, 0 blocked, 1 cancelled in <time>');
    expect(stopped.stderr).toContain('What finished is kept. To go on: pipeline run demo.yaml\n');
    project.during = () => undefined;
    const next = await project.run(['run', 'demo.yaml']);
    expect(next.stdout.split('\n')[0]).toBe('1 ran, 1 restored, 1 skipped, 0 failed, 0 blocked in <time>');
  });

  test('an invalid file is reported with place and caret, and nothing has run', async () => {
    using project = new FakeProject();
    project.write('demo.yaml', 'name: demo\nstages:\n  number:\n    type: fake.nummer\n  other:\n    type: fake.number\n    params: { value: -1 }\n');
    expect(await project.run(['run', 'demo.yaml'])).toEqual({
      code: 3,
      stdout: '',
      stderr: [
        'demo.yaml:4:11  E_UNKNOWN_STAGE_TYPE  "fake.nummer" is not a known stage type',
        '  3 |   number:',
        '  4 |     type: fake.nummer',
        '    |           ^^^^^^^^^^^',
        '  stage: number',
        '  did you mean "fake.number"?',
        '',
        'demo.yaml:7:22  E_OUT_OF_RANGE  parameter "value" of stage "other" is out of range',
        '  6 |     type: fake.number',
        '  7 |     params: { value: -1 }',
        '    |                      ^^',
        '  expected: an integer at least 0',
        '  found: -1',
        '  give an integer at least 0',
        '',
        '2 errors; nothing has run. more: pipeline help E_UNKNOWN_STAGE_TYPE',
        '',
      ].join('\n'),
    });
    expect(readdirSync(project.folder).sort()).toEqual(['demo.yaml', 'package.json']);
  });

  test('warnings of a stage are shown, its messages only with --verbose; escape codes never reach the terminal', async () => {
    using project = new FakeProject();
    project.during = (type, context) => {
      if (type !== 'fake.number') return;
      context.log('a message');
      context.warn('\u001b[31mred\u001b[0m \u0007alarm');
    };
    const quietly = await project.run(['run', 'demo.yaml', '--cache-mode', 'off']);
    expect(quietly.stderr).toContain('! number  warning   red alarm\n');
    expect(quietly.stderr).not.toContain('a message');
    const verbose = await project.run(['run', 'demo.yaml', '--cache-mode', 'off', '-v']);
    expect(verbose.stderr).toContain('  number  a message\n');
    const quiet = await project.run(['run', 'demo.yaml', '--cache-mode', 'off', '-q']);
    expect(quiet.stderr).toBe('! number  warning   red alarm\n');
  });
});
