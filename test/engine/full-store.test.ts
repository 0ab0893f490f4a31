import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { PipelineRig } from '../rigs/pipeline-rig.js';
import { compiledRig } from '../rigs/pipeline/compiled.js';
import { FaultFs } from '../rigs/fault-fs.js';
import { assertStoreInvariants } from '../rigs/store-invariants.js';

/** Inline and in a worker; every output is an object. */
const CHAIN = `
  a: { type: fake.inline, params: { label: a, text: A, pad: 5000 } }
  b: { type: fake.work, params: { label: b, text: B, pad: 5000 }, inputs: { a: '\${stages.a}' } }
  c: { type: fake.inline, params: { label: c, text: C, pad: 5000 }, inputs: { a: '\${stages.b}' } }
`;

describe('a store that cannot be written any more', () => {
  test.each([
    ['ENOSPC', 'pipeline cache gc --max-size'],
    ['EDQUOT', 'pipeline cache gc --max-size'],
    ['EIO', 'pipeline cache verify'],
    ['EROFS', '--cache-dir'],
  ])('%s: the run succeeds with right results, and says what was not saved and what to do', async (code, command) => {
    await using reference = PipelineRig.create();
    reference.pipeline(CHAIN);
    const right = reference.digests((await reference.run()).summary);
    await using rig = PipelineRig.create();
    rig.pipeline(CHAIN);
    const fs = new FaultFs({ nth: 1, mode: 'forever', code, writing: true, within: join(rig.storeDirectory, 'objects') });
    const { summary, events } = await rig.run({ store: { fs } });
    expect(summary.outcome).toBe('succeeded');
    expect(rig.digests(summary)).toEqual(right);
    expect(summary.unsaved).toMatchObject({ stages: ['a', 'c'], causes: [{ what: 'object', system: code, times: 2 }], hint: expect.stringContaining(command) });
    expect(events.filter(({ kind }) => kind === 'store.unsaved')).toHaveLength(1);
    expect(events.flatMap((event) => (event.kind === 'stage.ran' ? [[event.stage, event.stored]] : []))).toEqual([['a', false], ['b', true], ['c', false]]);
    const record = JSON.parse(readFileSync(join(summary.folder as string, 'run.json'), 'utf8')) as { unsaved: unknown };
    expect(record.unsaved).toEqual(summary.unsaved);
    await assertStoreInvariants(rig.storeDirectory);

    const next = await rig.run();
    expect(rig.words(next.summary)).toEqual({ a: 'ran', b: 'restored', c: 'ran' });
    expect(next.summary.unsaved).toBeUndefined();
  });

  test('a record that cannot be written costs the next run a stage and this one nothing', async () => {
    await using rig = PipelineRig.create();
    rig.pipeline(CHAIN);
    const fs = new FaultFs({ nth: 1, mode: 'forever', code: 'ENOSPC', writing: true, within: join(rig.storeDirectory, 'records') });
    const { summary } = await rig.run({ store: { fs } });
    expect(summary).toMatchObject({ outcome: 'succeeded', unsaved: { stages: ['a', 'b', 'c'], causes: [{ what: 'record', system: 'ENOSPC', times: 3 }] } });
    expect(rig.words((await rig.run()).summary)).toEqual({ a: 'ran', b: 'ran', c: 'ran' });
  });

  test('a folder that cannot be written is read if that was agreed: hits are served, misses computed, one warning', async () => {
    await using rig = PipelineRig.create();
    rig.pipeline(CHAIN);
    await rig.run();
    const set = ['stages.c.params.text=other'];
    const readOnly = (): FaultFs => new FaultFs({ nth: 1, mode: 'forever', code: 'EROFS', writing: true, within: rig.storeDirectory });
    const { summary, events } = await rig.run({ set, store: { fs: readOnly(), fallback: 'read' } });
    expect(rig.words(summary)).toEqual({ a: 'restored', b: 'restored', c: 'ran' });
    expect(events.filter(({ kind }) => kind === 'store.unsaved')).toEqual([expect.objectContaining({ what: 'store', system: 'EROFS' })]);
    expect(summary.record.cacheMode).toBe('read');
    await expect(rig.run({ set, store: { fs: readOnly() } })).rejects.toMatchObject({ code: 'E_STORE_IO', hint: expect.stringContaining('--cache-mode read') });
  });

  test('a file system without fsync is noted in the run record, once', async () => {
    await using rig = PipelineRig.create();
    rig.pipeline(CHAIN);
    const fs = new FaultFs({ nth: 1, mode: 'forever', code: 'EINVAL', operation: 'fsync' });
    const { summary, events } = await rig.run({ store: { fs } });
    expect(summary).toMatchObject({ outcome: 'succeeded', record: { durability: 'reduced' } });
    expect(events.filter(({ kind }) => kind === 'store.unsynced')).toEqual([{ kind: 'store.unsynced', system: 'EINVAL' }]);
    expect(summary.unsaved).toBeUndefined();
    expect((await rig.run()).summary.counts).toMatchObject({ restored: 3 });
  });

  test('a folder of the run that is lost takes nothing from the results', async () => {
    await using rig = PipelineRig.create();
    rig.pipeline(CHAIN);
    mkdirSync(rig.storeDirectory, { recursive: true });
    writeFileSync(join(rig.storeDirectory, 'runs'), 'a file in the way');
    const { summary } = await rig.run();
    expect(summary).toMatchObject({ outcome: 'succeeded', folder: undefined, unsaved: { stages: [], causes: [{ what: 'run' }] } });
    expect((await rig.run()).summary.counts).toMatchObject({ restored: 3 });
  });
});

/** A real file system of its own, in namespaces of its own, where the system lets us. */
const namespaces = spawnSync('unshare', ['-Urm', 'true']).status === 0;

describe.runIf(namespaces)('a disk that is really full', { timeout: 60_000 }, () => {
  interface Child {
    readonly outcome: string;
    readonly counts: Record<string, number>;
    readonly unsaved?: { readonly stages: readonly string[]; readonly causes: readonly { readonly system: string }[]; readonly hint: string };
    readonly failures: readonly { readonly error: { readonly code: string; readonly facts: Record<string, unknown>; readonly message: string } }[];
  }

  /** Runs the pipeline with the store on a file system of `size`, `before` done there first. */
  function runOn(rig: PipelineRig, size: string, before: string, more = 'true'): Child {
    mkdirSync(rig.storeDirectory, { recursive: true });
    const script = `mount -t tmpfs -o size=${size} store "$1"; ${more}; ${before}; exec "$2" "$3" "$4" "$1" "$5" "$6"`;
    const args = [rig.storeDirectory, process.execPath, compiledRig('run-child'), rig.path('p.yaml'), rig.control.folder, compiledRig('worker-entry')];
    return JSON.parse(execFileSync('unshare', ['-Urm', 'sh', '-c', script, 'sh', ...args], { encoding: 'utf8', cwd: rig.folder })) as Child;
  }

  const BIG = `
  small: { type: fake.work, params: { label: small, text: S, pad: 20000 } }
  big: { type: fake.work, params: { label: big, text: B, pad: 900000 }, inputs: { a: '\${stages.small}' } }
  inline: { type: fake.inline, params: { label: inline, text: I, pad: 900000 }, inputs: { a: '\${stages.small}' } }
  last: { type: fake.work, params: { label: last, keep: 3 }, inputs: { a: '\${stages.big}', b: '\${stages.inline}' } }
`;

  test('everything is computed, what fitted is saved, and what to do is said', async () => {
    await using rig = PipelineRig.create();
    rig.pipeline(BIG);
    const child = runOn(rig, '600k', 'true');
    expect(child).toMatchObject({ outcome: 'succeeded', counts: { ran: 4, failed: 0 }, unsaved: { causes: expect.arrayContaining([expect.objectContaining({ system: 'ENOSPC' })]), hint: expect.stringContaining('pipeline cache gc') } });
    expect([...(child.unsaved?.stages ?? [])].sort()).toEqual(['big', 'inline']);
  });

  test('a disk that is full from the start is no obstacle to a run, only to saving', async () => {
    await using rig = PipelineRig.create();
    rig.pipeline(BIG);
    const child = runOn(rig, '600k', 'mkdir "$1"/leases "$1"/claims; head -c 1000000 /dev/zero > "$1"/junk || true');
    expect(child.outcome).toBe('succeeded');
    expect(child.unsaved?.causes[0]?.system).toBe('ENOSPC');
  });

  test('when the folder for temporary files is full too, the stage fails with what is needed and what is free', async () => {
    await using rig = PipelineRig.create();
    rig.pipeline(BIG);
    mkdirSync(rig.path('tmp'));
    const child = runOn(rig, '600k', 'true', 'mount -t tmpfs -o size=300k tmp tmp; export TMPDIR="$PWD/tmp"');
    expect(child.outcome).toBe('failed');
    expect(child.failures[0]?.error).toMatchObject({ code: 'E_NO_SPACE', facts: { system: 'ENOSPC' } });
  });
});

test('where no checkpoint can be kept the stage runs all the same, is stored, and its log says so', async () => {
  await using rig = PipelineRig.create();
  rig.pipeline('  m: { type: fake.memo, params: { label: m, chunks: [p, q] } }\n');
  rig.write({ 'cache/checkpoints': 'a file where a folder belongs' });
  const { summary, events } = await rig.run();
  expect(rig.words(summary)).toEqual({ m: 'ran' });
  expect(events.find((event) => event.kind === 'stage.log' && event.level === 'warning')).toMatchObject({ stage: 'm', text: expect.stringContaining('cannot be saved') });
  expect(rig.words((await rig.run()).summary)).toEqual({ m: 'restored' });
});
