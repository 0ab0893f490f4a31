/** Runs that are answered from memory: exactly when nothing changed, and exactly as the ordinary way answers. */
import { appendFileSync, chmodSync, existsSync, lstatSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, renameSync, rmSync, statSync, symlinkSync, truncateSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { PipelineError } from '../../src/core/errors.js';
import { FakeProject, FILE } from './fake-project.js';

const outside = mkdtempSync(join(tmpdir(), 'pipeline-outside-'));
const DATA = join(outside, 'data.txt');

/** An outside file is remembered when it is older than the clock's tick. */
beforeAll(async () => {
  writeFileSync(DATA, 'abc');
  await sleep(2100);
});
afterAll(() => rmSync(outside, { recursive: true }));

const PIPELINE = `name: demo
env: [COLOUR]
params:
  number: 2
  colour: \${env.COLOUR ?? 'red'}
stages:
  outside:
    type: fake.source
    params: { file: '${DATA}' }
  number:
    type: fake.number
    matrix: { n: [1, 2] }
    params: { value: "\${params.number + matrix.n}" }
  twice:
    type: fake.double
    inputs: { number: "\${stages.number[n=1]}" }
  never:
    type: fake.double
    when: \${params.number > 100}
    inputs: { number: "\${stages.outside}" }
`;

/** A project in which everything has run and been remembered. */
async function remembered(): Promise<FakeProject> {
  const project = new FakeProject();
  project.build = 'this build';
  project.write('demo.yaml', PIPELINE);
  project.during = (type, { outputs }) => void (type === 'fake.double' && outputs['number']?.write('large.csv', 'x'.repeat(5000)));
  expect((await project.run(['run', 'demo.yaml'])).code).toBe(0);
  return project;
}

/** Whether a run was answered from memory, and its first line. */
async function ask(project: FakeProject, ...args: string[]): Promise<{ memory: boolean; counts: string; code: number }> {
  const before = project.planned;
  const { stdout, code } = await project.run(['run', 'demo.yaml', ...args], { env: environment });
  return { memory: project.planned === before, counts: (stdout.split('\n')[0] as string).replace(/ in .*/, ''), code };
}
let environment: NodeJS.ProcessEnv = {};

/** what a run is called: it follows from its id */
const NAME = /\b[a-z]+-[a-z]+-[0-9a-f]{2,}\b/g;
const cache = (project: FakeProject, shelf: string): string[] =>
  readdirSync(join(project.folder, 'cache', shelf), { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name)).sort();
const recordOf = (project: FakeProject, type: string): string => cache(project, 'records').find((path) => readFileSync(path, 'utf8').includes(`"type":"${type}"`)) as string;
const latest = (project: FakeProject): string => join(project.folder, 'results', 'demo', 'latest');

/** Other bytes of the same size, and the modification time set back. */
function editQuietly(path: string): void {
  const { mtime, atime, mode } = lstatSync(path);
  const bytes = readFileSync(path);
  bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] as number) ^ 1;
  chmodSync(path, 0o644);
  writeFileSync(path, bytes);
  chmodSync(path, mode);
  utimesSync(path, atime, mtime);
}

const ALL_RESTORED = '0 ran, 4 restored, 1 skipped, 0 failed, 0 blocked';
type Change = readonly [what: string, change: (project: FakeProject) => void, counts: string, ...args: string[]];
const CHANGES: readonly Change[] = [
  ['the text of the file', (project) => appendFileSync(join(project.folder, 'demo.yaml'), '# a comment\n'), ALL_RESTORED],
  ['--set', () => undefined, '3 ran, 1 restored, 1 skipped, 0 failed, 0 blocked', '--set', 'params.number=7'],
  ['--set to what it is', () => undefined, ALL_RESTORED, '--set', 'params.number=2'],
  ['a variable that is read', () => (environment = { COLOUR: 'blue' }), ALL_RESTORED],
  ['an outside file, its size and modification time kept', () => editQuietly(DATA), '1 ran, 3 restored, 1 skipped, 0 failed, 0 blocked'],
  ['a record that is gone', (project) => rmSync(recordOf(project, 'fake.double')), '1 ran, 3 restored, 1 skipped, 0 failed, 0 blocked'],
  ['a record that was edited, its size and modification time kept', (project) => editQuietly(recordOf(project, 'fake.double')), '1 ran, 3 restored, 1 skipped, 0 failed, 0 blocked'],
  ['a record replaced by a copy of another', (project) => writeFileSync(recordOf(project, 'fake.double'), readFileSync(recordOf(project, 'fake.number'))), '1 ran, 3 restored, 1 skipped, 0 failed, 0 blocked'],
  ['an object that is gone', (project) => rmSync(cache(project, 'objects')[0] as string), '1 ran, 3 restored, 1 skipped, 0 failed, 0 blocked'],
  ['an object that is shorter', (project) => { chmodSync(cache(project, 'objects')[0] as string, 0o644); truncateSync(cache(project, 'objects')[0] as string, 10); }, '1 ran, 3 restored, 1 skipped, 0 failed, 0 blocked'],
  ['a published object with other bytes', (project) => editQuietly(cache(project, 'objects')[0] as string), '1 ran, 3 restored, 1 skipped, 0 failed, 0 blocked'],
  ['the version of a stage type', (project) => (project.versions['fake.double'] = 2), '1 ran, 3 restored, 1 skipped, 0 failed, 0 blocked'],
  ['the program', (project) => (project.build = 'another build'), ALL_RESTORED],
  ['--force', () => undefined, '4 ran, 0 restored, 1 skipped, 0 failed, 0 blocked', '--force'],
  ['--cache-mode off', () => undefined, '4 ran, 0 restored, 1 skipped, 0 failed, 0 blocked', '--cache-mode', 'off'],
  ['another folder for results', () => undefined, ALL_RESTORED, '--results', 'elsewhere'],
  ['a picture that somebody removed', (project) => rmSync(join(latest(project), 'twice', 'number', 'number.png')), ALL_RESTORED],
  ['a report that somebody removed', (project) => rmSync(join(latest(project), 'report.html')), ALL_RESTORED],
  ['results of another run as the newest', (project) => { rmSync(latest(project)); symlinkSync('20200101-000000-0000', latest(project)); }, ALL_RESTORED],
  ['the record of the run whose results stand', (project) => rmSync(cache(project, 'runs').find((path) => path.endsWith('run.json')) as string), ALL_RESTORED],
  ['the memory itself: one bit', (project) => editQuietly(cache(project, 'unchanged')[0] as string), ALL_RESTORED],
  ['the memory itself: its end', (project) => truncateSync(cache(project, 'unchanged')[0] as string, 500), ALL_RESTORED],
];

describe('a run in which nothing changed', () => {
  test.each(CHANGES.map((change): [string, Change] => [change[0], change]))('is not answered from memory if it differs by %s; the next one is again', async (what, [, change, counts, ...args]) => {
    environment = {};
    using project = await remembered();
    expect(await ask(project)).toEqual({ memory: true, counts: ALL_RESTORED, code: 0 });
    change(project);
    expect(await ask(project, ...args)).toEqual({ memory: false, counts, code: 0 });
    const unstored = what === '--force' || what === '--cache-mode off';
    if (what.startsWith('an outside file')) await sleep(2100); // it was not settled when it was read, so it is read once more
    if (what.startsWith('an outside file')) expect(await ask(project)).toEqual({ memory: false, counts: ALL_RESTORED, code: 0 });
    // it left results of its own, and under --force new records: the memory of before knows neither, the next one does
    if (unstored) expect(await ask(project)).toEqual({ memory: false, counts: ALL_RESTORED, code: 0 });
    expect(await ask(project, ...(unstored ? [] : args))).toEqual({ memory: true, counts: ALL_RESTORED, code: 0 });
  });

  test('prints, tells and records what the ordinary way does', async () => {
    environment = {};
    using project = await remembered();
    const both = async (...args: string[]): Promise<{ first: unknown; second: unknown; planned: boolean[] }> => {
      const answers: unknown[] = [];
      const planned: boolean[] = [];
      for (const build of [undefined, 'this build']) {
        project.build = build;
        const before = project.planned;
        const result = await project.run(['run', 'demo.yaml', ...args]);
        planned.push(project.planned > before);
        const folder = dirname(cache(project, 'runs').filter((path) => path.endsWith('run.json')).at(-1) as string);
        const text = (name: string): string => project.normalise(readFileSync(join(folder, name), 'utf8')).replace(/"(durationMs|ms)": ?[\d.]+/g, '"$1":0').replace(/"startedAt": ?"[^"]*"/g, '"startedAt":""').replace(NAME, '<name>');
        // stages end in any order: what is told is compared, not when
        answers.push({ ...result, stderr: result.stderr.replace(NAME, '<name>').split('\n').sort(), stdout: result.stdout.replace(NAME, '<name>').replace(/"durationMs":[\d.]+/g, '').split('\n').sort(), run: text('run.json'), events: text('events.ndjson').replace(/"seq":\d+,/g, '').split('\n').sort() });
      }
      return { first: answers[0], second: answers[1], planned };
    };
    for (const args of [[], ['--json'], ['--quiet'], ['--verbose']]) {
      const { first, second, planned } = await both(...args);
      expect(second).toEqual(first);
      expect(planned).toEqual([true, false]);
    }
  });

  test('is answered in mode read too, and nothing is written', async () => {
    environment = {};
    using project = await remembered();
    const before = ['records', 'runs', 'unchanged', 'leases'].flatMap((shelf) => cache(project, shelf)).map((path) => [path, statSync(path).mtimeMs]);
    expect(await ask(project, '--cache-mode', 'read')).toEqual({ memory: true, counts: ALL_RESTORED, code: 0 });
    expect(['records', 'runs', 'unchanged', 'leases'].flatMap((shelf) => cache(project, shelf)).map((path) => [path, statSync(path).mtimeMs])).toEqual(before);
  });

  test('counts as a use of its records, to the hour', async () => {
    environment = {};
    using project = await remembered();
    const long = (hours: number): Date => new Date(Date.now() - hours * 3_600_000);
    const [old, young] = [recordOf(project, 'fake.double'), recordOf(project, 'fake.source')];
    utimesSync(old, long(50), long(50)); // as if it had been used then: another stamp, so the ordinary way touches it
    expect((await ask(project)).memory).toBe(false);
    expect(statSync(old).mtimeMs).toBeGreaterThan(long(1).getTime());
    const path = cache(project, 'unchanged')[0] as string;
    const [, body] = readFileSync(path, 'utf8').split('\n') as [string, string];
    utimesSync(old, long(2), long(2));
    const { ino, dev, size, mtimeNs, ctimeNs } = lstatSync(old, { bigint: true });
    const memory = JSON.parse(body) as { records: [string, string][] };
    const named = (file: string) => memory.records.find(([key]) => file.endsWith(`${key.slice(2)}.json`)) as [string, string];
    named(old)[1] = `${dev}:${ino}:${size}:${mtimeNs}:${ctimeNs}`;
    const text = JSON.stringify(memory);
    const { digestOf } = await import('../../src/core/digest.js');
    writeFileSync(path, `${digestOf(text)}\n${text}`);
    const untouched = statSync(young).mtimeMs;
    expect((await ask(project)).memory).toBe(true);
    expect(statSync(old).mtimeMs).toBeGreaterThan(long(1).getTime());
    expect(statSync(young).mtimeMs).toBe(untouched);
    expect((await ask(project)).memory).toBe(true);
  });

  test('is not remembered after a failure, with a warning, or by a program that does not know its own build', async () => {
    using project = new FakeProject();
    const memories = (): number => (existsSync(join(project.folder, 'cache', 'unchanged')) ? cache(project, 'unchanged').length : 0);
    expect((await project.run(['run', 'demo.yaml'])).code).toBe(0);
    expect(memories()).toBe(0);
    project.build = 'this build';
    project.during = () => {
      throw new PipelineError('E_DATA', '"number" was told to fail');
    };
    expect((await project.run(['run', 'demo.yaml', '--force'])).code).toBe(1);
    expect(memories()).toBe(0);
    project.during = () => undefined;
    project.write('demo.yaml', FILE.replace('type: fake.number\n', 'type: fake.number\n    resources: { gpu: 1 }\n'));
    expect((await project.run(['run', 'demo.yaml'])).stderr).toContain('warning: ');
    expect(memories()).toBe(0);
    project.write('demo.yaml', FILE);
    expect((await project.run(['run', 'demo.yaml'])).code).toBe(0);
    expect(memories()).toBe(1);
  });

  test('takes the ordinary way where the folder of memories cannot be made', async () => {
    using project = new FakeProject();
    project.build = 'this build';
    mkdirSync(join(project.folder, 'cache'));
    writeFileSync(join(project.folder, 'cache', 'unchanged'), 'a file in the way');
    for (let i = 0; i < 2; i += 1) expect((await project.run(['run', 'demo.yaml'])).code).toBe(0);
    renameSync(join(project.folder, 'cache', 'unchanged'), join(project.folder, 'away'));
  });
});
