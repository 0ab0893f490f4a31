import { readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { FakeProject } from './fake-project.js';

async function finished(): Promise<FakeProject> {
  const project = new FakeProject();
  await project.run(['run', 'demo.yaml']);
  return project;
}

describe('pipeline plan', () => {
  test('says hit, run or maybe for each stage before a run, and the run keeps the word', async () => {
    using project = new FakeProject();
    expect((await project.run(['plan', 'demo.yaml'])).stdout).toBe(['number  run      <key>  never run', 'twice   maybe              after "number"', 'never   skipped            when: is false', '0 hit, 1 run, 1 maybe, 1 skipped', 'no times known of 2 stages', ''].join('\n'));
    await project.run(['run', 'demo.yaml']);
    expect((await project.run(['plan', 'demo.yaml'])).stdout).toBe(['number  hit      <key>', 'twice   hit      <key>', 'never   skipped            when: is false', '2 hit, 0 run, 0 maybe, 1 skipped', ''].join('\n'));
    const { stdout } = await project.run(['plan', 'demo.yaml', '--set', 'params.number=3', '--json']);
    expect(JSON.parse(stdout)).toMatchObject({ schema: 'pipeline.plan.v1', stages: [{ stage: 'number', type: 'fake.number', answer: 'run', why: 'params.value 2 → 3' }, { stage: 'twice', answer: 'maybe', key: null }, { answer: 'skipped' }] });
    expect(project.runs).toHaveLength(2);
  });
});

describe('pipeline explain', () => {
  test('names the leaf that changed', async () => {
    using project = await finished();
    expect((await project.run(['explain', 'demo.yaml', 'number', '--set', 'params.number=3'])).stdout).toBe('number would run: params.value 2 → 3\n  params.value 2 → 3\n  key <key>\n  compared with <key> of run <run>\n');
    expect((await project.run(['explain', 'demo.yaml', 'number'])).stdout).toBe('number would be restored: nothing that it depends on has changed\n  key <key>\n');
    expect((await project.run(['explain', 'demo.yaml', 'twice', '--set', 'params.number=3'])).stdout).toBe('twice may run: something before it has to be settled first\n  inputs from number: known when it has run or been restored\n  number would run: params.value 2 → 3\n  compared with <key> of run <run>\n');
  });

  test('says that an outside file was not read yet', async () => {
    using project = new FakeProject();
    project.write('data.csv', '1\n');
    project.write('demo.yaml', 'name: demo\nstages:\n  source: { type: fake.source, params: { file: data.csv } }\n');
    expect((await project.run(['explain', 'demo.yaml', 'source'])).stdout).toBe('source may run: 1 outside file not yet digested\n');
  });

  test('an unknown stage is refused with the nearest name', async () => {
    using project = await finished();
    const { code, stderr } = await project.run(['explain', 'demo.yaml', 'twise']);
    expect(code).toBe(2);
    expect(stderr).toContain('did you mean "twice"?');
  });
});

describe('pipeline validate', () => {
  test('checks several files and ends with the worst code', async () => {
    using project = new FakeProject();
    project.write('broken.yaml', 'name: broken\nstages: 3\n');
    const { code, stdout, stderr } = await project.run(['validate', 'demo.yaml', 'broken.yaml']);
    expect(code).toBe(3);
    expect(stdout).toBe('✓ demo.yaml  demo, 3 stages\n');
    expect(stderr).toContain('broken.yaml:2:9  E_WRONG_TYPE');
  });

  test('with --json an error is an object with its place', async () => {
    using project = new FakeProject();
    project.write('broken.yaml', 'name: broken\nstages:\n  a: { type: fake.numbr }\n');
    const { stdout, stderr } = await project.run(['validate', 'broken.yaml', '--json']);
    expect(JSON.parse(stderr)).toEqual({ schema: 'pipeline.error.v1', severity: 'error', code: 'E_UNKNOWN_STAGE_TYPE', message: '"fake.numbr" is not a known stage type', facts: { stage: 'a' }, file: 'broken.yaml', line: 3, column: 14, hint: 'did you mean "fake.number"?', exitCode: 3 });
    expect(JSON.parse(stdout)).toEqual({ schema: 'pipeline.validate.v1', file: 'broken.yaml', valid: false, diagnostics: [JSON.parse(stderr)] });
  });
});

describe('pipeline show and runs', () => {
  test('a name shows the stage of the latest run, a key its record, a run id the run, a digest the object', async () => {
    using project = await finished();
    const stage = await project.run(['show', 'twice']);
    expect(stage.stdout).toContain('✓ twice  ran       <key>  <time>  never run\n  type fake.double, version 1, run <run>\n');
    expect(stage.stdout).toMatch(/number +Number +number\.csv +8 B +<key>/);
    const runs = readdirSync(join(project.folder, 'cache', 'runs'));
    const id = runs[0] as string;
    const run = await project.run(['show', id.slice(0, 15)]);
    expect(run.stdout).toContain('run <run>\ndemo  succeeded  <time>  started ');
    const record = JSON.parse(readFileSync(join(project.folder, 'cache', 'runs', id, 'run.json'), 'utf8')) as { stages: { name: string; key?: string }[] };
    const key = record.stages.find(({ name }) => name === 'number')?.key as string;
    const shown = await project.run(['show', key.slice(0, 12)]);
    expect(shown.stdout).toContain('key <digest>\nmade ');
    expect(shown.stdout).toContain('"type": "fake.number"');
  });

  test('a reference to nothing is an error that says how to go on', async () => {
    using project = await finished();
    const { code, stderr } = await project.run(['show', 'nothing']);
    expect(code).toBe(2);
    expect(stderr).toContain('E_UNKNOWN_RUN  "nothing" means no run');
  });

  test('runs are listed newest first with their counts', async () => {
    using project = await finished();
    await project.run(['run', 'demo.yaml']);
    expect((await project.run(['runs'])).stdout.replace(/ +/g, ' ').replace(/[a-z]+-[a-z]+-[0-9a-f]{2} <run>/g, '<name> <run>')).toBe('run id pipeline outcome time ran restored skipped failed blocked\n<name> <run> demo succeeded <time> 0 2 1 0 0\n<name> <run> demo succeeded <time> 2 0 1 0 0\n');
    expect((await project.run(['runs', '--limit', '1'])).stdout.trimEnd().split('\n')).toHaveLength(2);
  });

  test('without any run the list says so', async () => {
    using project = new FakeProject();
    expect((await project.run(['runs'])).stdout).toBe('No runs yet.\n');
  });
});

describe('pipeline cache', () => {
  test.each([[['cache', 'verify']], [['cache', 'verify', '--read-data']], [['cache', 'gc']]])('%j ends with 130 when it is stopped', async (args) => {
    using project = await finished();
    expect(await project.run(args, { signal: AbortSignal.abort() })).toEqual({ code: 130, stdout: '', stderr: 'E_CANCELLED  "pipeline" was stopped by SIGINT\n  Run the same command again to finish.\nmore: pipeline help E_CANCELLED\n' });
  });

  test('info counts records by stage type', async () => {
    using project = await finished();
    const { stdout } = await project.run(['cache', 'info']);
    expect(stdout).toContain('<project>/cache  format 1, 0 in use\n');
    expect(stdout).toMatch(/fake\.double +1 +0/);
  });

  test('verify is silent on a whole cache; a damaged record is named with the command that helps, and the code is 4', async () => {
    using project = await finished();
    expect(await project.run(['cache', 'verify', '--read-data'])).toMatchObject({ code: 0, stderr: '' });
    const records = join(project.folder, 'cache', 'records');
    const shard = readdirSync(records)[0] as string;
    const path = join(records, shard, readdirSync(join(records, shard))[0] as string);
    const text = readFileSync(path, 'utf8');
    rmSync(path);
    writeFileSync(path, text.replace('fake', 'fakf'));
    const { code, stdout } = await project.run(['cache', 'verify']);
    expect(code).toBe(4);
    expect(stdout).toMatch(/^record-damaged {2}<project>\/cache\/records\//);
    expect((await project.run(['cache', 'verify', '--repair'])).code).toBe(0); // nothing is damaged any more
    expect((await project.run(['cache', 'verify'])).code).toBe(0);
  });

  test('gc leaves alone what is fresh; with --dry-run it says what would go and removes nothing', async () => {
    using project = await finished();
    expect((await project.run(['cache', 'gc', '--max-size', '1B'])).stdout).toMatch(/ → .*\(nothing removed\)\nlimit not reached: .* used in the last five minutes stay\n$/);
    const cache = join(project.folder, 'cache');
    const longAgo = new Date(Date.now() - 3 * 86_400_000);
    for (const name of readdirSync(join(cache, 'records'), { recursive: true, encoding: 'utf8' })) utimesSync(join(cache, 'records', name), longAgo, longAgo);
    const before = (await project.run(['cache', 'info', '--json'])).stdout;
    const { code, stdout } = await project.run(['cache', 'gc', '--max-size', '1B', '--dry-run']);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^would be removed +count +bytes\nrecords +2 /);
    expect((await project.run(['cache', 'info', '--json'])).stdout).toBe(before);
    expect((await project.run(['cache', 'gc', '--max-size', '1B', '--keep-runs', '1'])).stdout).toContain('(nothing removed)');
    await project.run(['cache', 'gc', '--max-size', '1B']);
    expect((await project.run(['plan', 'demo.yaml'])).stdout).toContain('number  run      <key>  its record is gone  about <time>\n');
  });
});
