import { mkdirSync, mkdtempSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test, vi } from 'vitest';
import { changedSince, stampFiles, waitForChange, type Timing } from '../../src/cli/watch/file-changes.js';
import { moduleFiles } from '../../src/cli/watch/module-files.js';
import { FILE, FakeProject } from './fake-project.js';

const root = mkdtempSync(join(tmpdir(), 'pipeline-watch-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));
const QUICK: Timing = { settleMs: 20, lookEveryMs: 60_000, pollEveryMs: 20 };
let count = 0;

function file(text = 'one'): string {
  count += 1;
  const folder = join(root, String(count));
  mkdirSync(folder);
  writeFileSync(join(folder, 'watched.txt'), text);
  return join(folder, 'watched.txt');
}

/** Watches for real, and says when it has begun. */
async function waiting(path: string, act: () => void, options: Partial<Parameters<typeof waitForChange>[1]> = {}): Promise<string[]> {
  const stamps = await stampFiles([path]);
  const found = waitForChange(stamps, { signal: new AbortController().signal, timing: QUICK, ...options });
  setTimeout(act, 30);
  return found;
}

describe('waiting for a change', () => {
  test.each([
    ['written to', (path: string) => writeFileSync(path, 'two')],
    ['replaced by rename, as editors save', (path: string) => { writeFileSync(`${path}.new`, 'two'); renameSync(`${path}.new`, path); }],
    ['removed', (path: string) => rmSync(path)],
    ['touched', (path: string) => utimesSync(path, 1, 1)],
  ])('a file that is %s is seen by watching its folder', async (_, act) => {
    const path = file();
    expect(await waiting(path, () => act(path))).toEqual([path]);
  });

  test('where folders cannot be watched, files are looked at instead', async () => {
    const path = file();
    const refused = (): never => { throw Object.assign(new RangeError('no watches left'), { code: 'ENOSPC' }); };
    expect(await waiting(path, () => writeFileSync(path, 'two'), { watchFolder: refused })).toEqual([path]);
    const failing = (_: string, __: () => void, onRefused: () => void) => { onRefused(); return { close: () => undefined }; };
    expect(await waiting(path, () => writeFileSync(path, 'three'), { watchFolder: failing })).toEqual([path]);
  });

  test('a file that is not there yet, in a folder that is not there yet, is seen when it comes', async () => {
    const path = join(root, 'later', 'new.txt');
    expect(await waiting(path, () => { mkdirSync(join(root, 'later')); writeFileSync(path, 'x'); })).toEqual([path]);
  });

  test('a change before the waiting began is seen at once; its neighbours are not taken for it', async () => {
    const path = file();
    const stamps = await stampFiles([path]);
    writeFileSync(`${path}.other`, 'x');
    expect(await changedSince(stamps)).toEqual([]);
    writeFileSync(path, 'changed meanwhile');
    expect(await waitForChange(stamps, { signal: new AbortController().signal, timing: QUICK })).toEqual([path]);
  });

  test('the signal ends it, with no files', async () => {
    const path = file();
    const controller = new AbortController();
    expect(await waiting(path, () => controller.abort(), { signal: controller.signal })).toEqual([]);
  });

  test('nothing is left open', async () => {
    const path = file();
    let open = 0;
    await waiting(path, () => writeFileSync(path, 'two'), { watchFolder: () => { open += 1; return { close: () => { open -= 1; } }; }, timing: { ...QUICK, lookEveryMs: 20 } });
    expect(open).toBe(0);
  });
});

test('the code of a pipeline file is its modules and what they import from the project, cycles and missing files included', () => {
  const folder = join(root, 'modules');
  mkdirSync(join(folder, 'lib'), { recursive: true });
  writeFileSync(join(folder, 'p.yaml'), 'name: p\nmodules: [./own.ts, gone.ts]\nstages: {}\n');
  writeFileSync(join(folder, 'own.ts'), `import x from "yaml";\nimport { a } from './lib/a.js';\nexport * from './lib';\nconst late = await import('./later.js');\n`);
  writeFileSync(join(folder, 'lib', 'a.ts'), `import '../own.js';\n`);
  writeFileSync(join(folder, 'lib', 'index.ts'), '');
  expect(moduleFiles([join(folder, 'p.yaml')]).sort()).toEqual(['gone.ts', 'later.js', 'lib/a.ts', 'lib/index.ts', 'own.ts'].map((name) => join(folder, name)));
  expect(moduleFiles([join(folder, 'missing.yaml'), join(folder, 'own.ts')])).toEqual([]);
});

describe('pipeline watch', () => {
  test('runs again when the pipeline file or an outside file changes, goes on after errors, and leaves at one Ctrl-C', async () => {
    using project = new FakeProject();
    project.write('data.txt', 'first');
    project.write('w.yaml', `${FILE}  read: { type: fake.source, params: { file: data.txt } }\n`);
    const controller = new AbortController();
    const counts = (type: string): number => project.runs.filter((run) => run === type).length;
    const steps: (() => void)[] = [
      () => project.write('data.txt', 'second, longer'),
      () => project.write('w.yaml', 'name: [broken'),
      () => project.write('w.yaml', FILE.replace('number: 2', 'number: 3')),
      () => controller.abort(),
    ];
    const settled = [() => counts('fake.source') === 1, () => counts('fake.source') === 2, undefined, () => counts('fake.number') === 2];
    const lines: Record<string, unknown>[] = [];
    // each waiting is answered with the next edit
    const watching = project.run(['watch', 'w.yaml', '--json'], { signal: controller.signal, onLine: (line) => {
      const event = JSON.parse(line) as Record<string, unknown>;
      if (event['schema'] !== 'pipeline.watch.v1') return;
      lines.push(event);
      if (event['kind'] !== 'watch.waiting') return;
      const check = settled[lines.filter(({ kind }) => kind === 'watch.waiting').length - 1];
      if (check !== undefined) expect(check()).toBe(true);
      setTimeout(() => steps.shift()?.(), 5);
    } });
    const { code, stderr } = await watching;
    expect(code).toBe(130);
    expect(lines.map(({ kind, exitCode, files }) => [kind, exitCode, files])).toEqual([
      ['watch.round', undefined, undefined], ['watch.waiting', 0, 2],
      ['watch.round', undefined, undefined], ['watch.waiting', 0, 2],
      ['watch.round', undefined, undefined], ['watch.waiting', 3, 1],
      ['watch.round', undefined, undefined], ['watch.waiting', 0, 1],
    ]);
    expect(lines[2]).toMatchObject({ round: 2, changed: [join(project.folder, 'data.txt')] });
    expect(stderr).toContain('E_YAML_SYNTAX');
  });

  test('a change during a run lets it end, and the next round follows at once', async () => {
    using project = new FakeProject();
    const controller = new AbortController();
    let rounds = 0;
    project.during = () => {
      if (project.runs.length === 1) project.write('demo.yaml', FILE.replace('number: 2', 'number: 5'));
    };
    const { code, stderr } = await project.run(['watch', 'demo.yaml'], { signal: controller.signal, onError: (text) => {
      if (text.includes('waiting for changes')) rounds += 1;
      if (rounds === 2) controller.abort();
    } });
    expect(code).toBe(130);
    expect(project.runs).toEqual(['fake.number', 'fake.double', 'fake.number', 'fake.double']);
    expect(stderr).toMatch(/^round 1, \d\d:\d\d:\d\d\n[^]*waiting for changes in 1 file; Ctrl-C leaves\n\nround 2, \d\d:\d\d:\d\d: demo\.yaml changed\n[^]*waiting for changes/);
  });

  test('Ctrl-C during a run stops it cleanly and leaves; a file that is not there is not waited for', async () => {
    using project = new FakeProject();
    const controller = new AbortController();
    project.during = () => controller.abort();
    expect((await project.run(['watch', 'demo.yaml'], { signal: controller.signal })).code).toBe(130);
    expect((await project.run(['watch', 'missing.yaml'])).code).toBe(3);
    expect(statSync(join(project.folder, 'demo.yaml')).isFile()).toBe(true);
    await vi.waitFor(() => expect(project.runs).toEqual(['fake.number']));
  });
});
