import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { nodeCheck } from '../../src/cli/doctor/node-check.js';
import { currentOwner } from '../../src/engine/store/owner.js';
import { FakeProject } from './fake-project.js';

interface Answer {
  readonly ok: boolean;
  readonly checks: readonly { readonly name: string; readonly status: string; readonly ok: boolean; readonly detail: string; readonly hint?: string }[];
}

async function ask(project: FakeProject, ...args: string[]): Promise<Answer & { readonly code: number; byName(name: string): Answer['checks'][number] | undefined }> {
  const { code, stdout } = await project.run(['doctor', '--json', ...args]);
  const answer = JSON.parse(stdout) as Answer;
  return { ...answer, code, byName: (name) => answer.checks.find((check) => check.name === name) };
}

describe('pipeline doctor', () => {
  test('says what works, and leaves nothing behind where there is no cache yet', async () => {
    using project = new FakeProject();
    const { code, ok, checks, byName } = await ask(project);
    expect([code, ok]).toEqual([0, true]);
    expect(checks.map(({ name }) => name)).toEqual(expect.arrayContaining(['node', 'stage types', 'device', 'cache', 'room', 'rename', 'hard links', 'syncing', 'clock']));
    expect(byName('cache')?.detail).toMatch(/^can be written: <project>\/cache \(not made yet; tried in <project>\)$/);
    expect(byName('device')?.detail).toMatch(/^onnxruntime-cpu \(auto: .*a convolution gives the right answer/);
    expect(byName('tensorflow-cpu')).toBeDefined();
    expect(existsSync(join(project.folder, 'cache'))).toBe(false);
  });

  test('what killed processes left and what was set aside as damaged is counted, with what to do', async () => {
    using project = new FakeProject();
    await project.run(['run', 'demo.yaml']);
    expect((await ask(project)).byName('leftovers')).toMatchObject({ status: 'works', detail: 'none' });
    const cache = join(project.folder, 'cache');
    // a process that had the same id in an earlier boot
    writeFileSync(join(cache, 'leases', 'aaaaaaaaaaaaaaaa.json'), JSON.stringify({ owner: { ...currentOwner(), startTicks: 1 }, startedAt: 1 }));
    mkdirSync(join(cache, 'objects', 'ab'), { recursive: true });
    writeFileSync(join(cache, 'objects', 'ab', '.tmp-aaaaaaaaaaaaaaaa-1'), 'torn');
    mkdirSync(join(cache, 'quarantine'), { recursive: true });
    writeFileSync(join(cache, 'quarantine', 'object-x'), 'damaged');
    const { code, byName } = await ask(project);
    expect(code).toBe(0);
    expect(byName('leftovers')).toMatchObject({ status: 'warning', detail: 'temporary files: 1, leases of dead processes: 1 (4 B), harmless', hint: 'remove them: pipeline cache gc' });
    expect(byName('quarantine')).toMatchObject({ status: 'warning', detail: '1 damaged file was set aside (7 B)' });
    expect(existsSync(join(cache, 'leases', 'aaaaaaaaaaaaaaaa.json'))).toBe(true);
  });

  test('a cache that cannot be written ends with 6 and names another way', async () => {
    using project = new FakeProject();
    const { code, ok, byName } = await ask(project, '--cache-dir', 'demo.yaml');
    expect([code, ok]).toEqual([6, false]);
    expect(byName('cache')).toMatchObject({ status: 'failed', ok: false, hint: expect.stringContaining('--cache-dir') });
    const { code: plain, stdout } = await project.run(['doctor', '-q', '--cache-dir', 'demo.yaml']);
    expect(plain).toBe(6);
    expect(stdout).toMatch(/^. cache +does not work {2}cannot be written: <project>\/demo\.yaml: ENOTDIR$/m);
  });

  test('a cache of a newer version is named as such', async () => {
    using project = new FakeProject();
    mkdirSync(join(project.folder, 'cache'));
    writeFileSync(join(project.folder, 'cache', 'VERSION'), '{"format":99}');
    const { code, byName } = await ask(project);
    expect(code).toBe(6);
    expect(byName('cache')?.detail).toContain('was written by a newer version of pipeline');
  });
});

test('a Node beyond its end of life is a warning, never an error; unknown releases are not judged', () => {
  const now = new Date('2026-11-23T12:00:00Z');
  expect(nodeCheck('20.20.2', now)).toMatchObject({ status: 'warning', detail: expect.stringContaining('no security fixes since 2026-04-30') });
  expect(nodeCheck('20.20.2', new Date('2026-04-30T12:00:00Z')).status).toBe('works');
  expect(nodeCheck('24.1.0', now)).toMatchObject({ status: 'works', detail: '24.1.0, fixed until 2028-04-30' });
  expect(nodeCheck('31.0.0', now)).toMatchObject({ status: 'works', detail: '31.0.0' });
});
