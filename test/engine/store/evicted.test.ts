import { existsSync, mkdirSync, readFileSync, readdirSync, unlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { nodeFs, type FsPort } from '../../../src/engine/store/fs-port.js';
import { collectGarbage, type GcOptions } from '../../../src/engine/store/gc.js';
import { storeInfo } from '../../../src/engine/store/info.js';
import { recordPath } from '../../../src/engine/store/layout.js';
import { setPinned } from '../../../src/engine/run-marks.js';
import { currentOwner } from '../../../src/engine/store/owner.js';
import { subsetFrom } from '../../../src/engine/store/subset.js';
import { verifyStore, type StoreProblem } from '../../../src/engine/store/verify.js';
import { PipelineRig } from '../../rigs/pipeline-rig.js';
import { assertStoreInvariants, filesBelow, later } from '../../rigs/store-invariants.js';
import { keyOf, memoOf, recordOf, runStage, StoreRig } from '../../rigs/store-rig.js';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;

function age(path: string, ms: number): void {
  const then = new Date(Date.now() - ms);
  utimesSync(path, then, then);
}

/** Stage i was used last i hours ago and has 10 kB of its own. */
async function aged(rig: StoreRig, names: readonly string[], type?: (name: string) => string): Promise<void> {
  const store = await rig.open();
  for (const name of names) await runStage(store, name, [name.padEnd(10_000, '.')], type?.(name));
  await store.close();
  for (const path of filesBelow(join(rig.directory, 'objects'))) age(path, names.length * HOUR + DAY);
  for (const [i, name] of names.entries()) age(recordPath(rig.directory, 'records', keyOf(name, type?.(name))), (i + 1) * HOUR);
}

const gc = (rig: StoreRig, options: Partial<GcOptions> = {}) => collectGarbage(rig.directory, { dryRun: false, ...options });

async function hits(rig: StoreRig, names: readonly string[]): Promise<string> {
  const store = await rig.open({ mode: 'read' });
  let found = '';
  for (const name of names) if ((await store.lookup(keyOf(name))) !== undefined) found += name;
  await store.close();
  return found;
}

function run(rig: StoreRig, id: string, keys: readonly string[], more: object = {}): string {
  const folder = join(rig.directory, 'runs', id);
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'run.json'), JSON.stringify({ outcome: 'succeeded', stages: keys.map((key) => ({ key })), ...more }));
  return folder;
}

describe('a record whose bytes were evicted', () => {
  test('is a miss, is no damage, tells what it was, and comes back with the next run', async () => {
    await using rig = new StoreRig();
    await aged(rig, ['a', 'b']);
    const store = await rig.open();
    const before = await store.lookup(keyOf('b'));
    age(recordPath(rig.directory, 'records', keyOf('b')), 2 * HOUR);
    await store.close();
    const summary = await gc(rig, { maxBytes: 15_000 });
    expect(summary.removed).toMatchObject({ evicted: { count: 1 }, records: { count: 0 }, objects: { count: 1, bytes: 10_000 } });
    expect(await hits(rig, ['a', 'b'])).toBe('a');
    const again = await rig.open();
    expect(await again.lookupEvicted(keyOf('b'))).toEqual(before);
    expect(await again.lookupEvicted(keyOf('a'))).toBeUndefined();
    expect(await verifyStore(rig.directory, { readData: true })).toMatchObject({ clean: true, records: 1, evicted: 1 });
    expect((await storeInfo(rig.directory)).evicted.count).toBe(1);
    await runStage(again, 'b', ['b'.padEnd(10_000, '.')]);
    expect(await again.lookup(keyOf('b'))).toEqual(before);
    await again.close();
    await gc(rig, { fs: later(1) });
    expect(filesBelow(join(rig.directory, 'evicted'))).toEqual([]); // it lives again
    await assertStoreInvariants(rig.directory);
  });

  test('is forgotten a year after its last use, or when the user says, but not while a pinned run names it', async () => {
    await using rig = new StoreRig();
    await aged(rig, ['a', 'b']);
    await gc(rig, { maxBytes: 0 });
    const left = () => readdirSync(join(rig.directory, 'evicted'), { recursive: true }).filter((name) => String(name).endsWith('.json')).length;
    await gc(rig, { fs: later(300) });
    expect(left()).toBe(2);
    run(rig, '20260101-000000-aaaa', [keyOf('a')]);
    await setPinned(rig.directory, '20260101-000000-aaaa', true);
    expect((await gc(rig, { fs: later(366) })).removed.records.count).toBe(1);
    expect(left()).toBe(1);
    await setPinned(rig.directory, '20260101-000000-aaaa', false);
    await gc(rig, { historyMs: 30 * 60_000 });
    expect(left()).toBe(0);
  });

  test('that is damaged is found, and repaired by setting it aside', async () => {
    await using rig = new StoreRig();
    await aged(rig, ['a']);
    await gc(rig, { maxBytes: 0 });
    const path = recordPath(rig.directory, 'evicted', keyOf('a'));
    writeFileSync(path, readFileSync(path, 'utf8').replace('"r":0.5', '"r":0.6'));
    expect(await verifyStore(rig.directory, { readData: false })).toMatchObject({ damaged: true, problems: { 'record-damaged': 1 } });
    expect(await verifyStore(rig.directory, { readData: false, repair: true })).toMatchObject({ damaged: false });
    expect(await verifyStore(rig.directory, { readData: false })).toMatchObject({ clean: true });
  });

  test('is the reason why a stage runs again, and its values still explain a change', async () => {
    await using rig = PipelineRig.create();
    rig.pipeline('  a: { type: fake.inline, params: { label: a, text: A, pad: 5000 } }\n');
    await rig.run();
    rmRuns(rig.storeDirectory);
    await collectGarbage(rig.storeDirectory, { dryRun: false, maxBytes: 0, graceMs: 0, fs: later(1) });
    const { events } = await rig.run();
    expect(events.find(({ kind }) => kind === 'stage.started')).toMatchObject({ reason: 'evicted by gc: its record is kept, its bytes are not' });
    await collectGarbage(rig.storeDirectory, { dryRun: false, maxBytes: 0, graceMs: 0, fs: later(1) });
    const changed = await rig.run({ set: ['stages.a.params.text=B'] });
    expect(changed.events.find(({ kind }) => kind === 'stage.started')).toMatchObject({ reason: 'params.text "A" → "B"' });
  });
});

/** What explain could fall back on: then only the evicted record is left. */
function rmRuns(directory: string): void {
  for (const path of filesBelow(join(directory, 'runs')).filter((name) => name.endsWith('materials.ndjson'))) unlinkSync(path);
}

describe('what gc lets go', () => {
  test('is never what a pinned run used, nor, where its marks cannot be read, what it may have used', async () => {
    for (const readable of [true, false]) {
      await using rig = new StoreRig();
      await aged(rig, ['a', 'b', 'c']);
      const folder = run(rig, '20250101-000000-aaaa', [keyOf('c')]);
      if (readable) await setPinned(rig.directory, '20250101-000000-aaaa', true);
      else writeFileSync(join(folder, 'marks'), 'a file where a folder belongs');
      run(rig, '20260101-000000-bbbb', [keyOf('b')]);
      await gc(rig, { maxBytes: 0 });
      expect(await hits(rig, ['a', 'b', 'c'])).toBe('c');
    }
  });

  test('is never what a run under way has found, even if its clock was set back by a day', async () => {
    await using rig = new StoreRig();
    await aged(rig, ['a', 'b', 'c']);
    const events = (key: string, last: string): string => `{"seq":1,"ms":1,"kind":"stage.restored","stage":"x","key":"${key}"}\n{"seq":2,"ms":2,"kind":"${last}"}\n`;
    const running = run(rig, '20260101-000000-aaaa', [], { outcome: 'running', owner: currentOwner() });
    writeFileSync(join(running, 'events.ndjson'), events(keyOf('b'), 'stage.log'));
    const dead = run(rig, '20260101-000000-bbbb', [], { outcome: 'running', owner: { ...currentOwner(), boot: 'earlier' } });
    writeFileSync(join(dead, 'events.ndjson'), events(keyOf('a'), 'stage.log'));
    const over = run(rig, '20260101-000000-cccc', [], { outcome: 'running', owner: currentOwner() });
    writeFileSync(join(over, 'events.ndjson'), events(keyOf('c'), 'run.finished'));
    await gc(rig, { maxBytes: 0 });
    expect(await hits(rig, ['a', 'b', 'c'])).toBe('b');
  });

  test('goes down to the low-water mark only once the limit is exceeded', async () => {
    await using rig = new StoreRig();
    await aged(rig, ['a', 'b', 'c', 'd']);
    await gc(rig, { maxBytes: 60_000, downToBytes: 15_000 });
    expect(await hits(rig, ['a', 'b', 'c', 'd'])).toBe('abcd');
    await gc(rig, { maxBytes: 35_000, downToBytes: 25_000 });
    expect(await hits(rig, ['a', 'b', 'c', 'd'])).toBe('ab');
  });

  test('is told by stage type and by run', async () => {
    await using rig = new StoreRig();
    const type = (name: string): string => (name === 'c' ? 'evaluate' : 'dream');
    await aged(rig, ['a', 'b', 'c'], type);
    run(rig, '20260101-000000-aaaa', [keyOf('a', 'dream'), keyOf('c', 'evaluate')]);
    run(rig, '20260102-000000-bbbb', [keyOf('b', 'dream'), keyOf('c', 'evaluate')]);
    const summary = await gc(rig, { maxBytes: 15_000, dryRun: true });
    expect(summary.byType).toEqual([{ type: 'dream', records: 1, bytes: 10_000 }, { type: 'evaluate', records: 1, bytes: 10_000 }]);
    expect(summary.byRun).toEqual([{ run: '20260102-000000-bbbb', records: 2, bytes: 20_000 }, { run: '20260101-000000-aaaa', records: 1, bytes: 10_000 }]);
    expect(await hits(rig, [])).toBe('');
    expect({ ...(await gc(rig, { maxBytes: 15_000 })), dryRun: true }).toEqual(summary);
  });

  test('is a record without objects last and whole, and a value inside a stage whole', async () => {
    await using rig = new StoreRig();
    const store = await rig.open();
    await store.publish(recordOf('small', []));
    const memo = memoOf('m', [{ name: 'x', ...(await store.putBytes(Buffer.alloc(10_000, 'm'))) }]);
    await store.publishMemo(memo);
    await store.close();
    for (const path of filesBelow(rig.directory).filter((name) => /objects|records|memos/.test(name))) age(path, 2 * DAY);
    const summary = await gc(rig, { maxBytes: 2000 });
    expect(summary.removed).toMatchObject({ evicted: { count: 0 }, memos: { count: 1 }, objects: { count: 1 } });
    expect(await hits(rig, ['small'])).toBe('small');
    expect(await gc(rig, { maxBytes: 0 })).toMatchObject({ removed: { evicted: { count: 0 }, records: { count: 1 } }, bytesAfter: 0, historyBytes: 0 });
  });
});

describe('a check', () => {
  test('goes on where a folder cannot be listed, and says that it could not look', async () => {
    await using rig = new StoreRig();
    await aged(rig, ['a', 'b', 'c']);
    const shard = join(rig.directory, 'objects', readdirSync(join(rig.directory, 'objects')).sort()[0] as string);
    const failing: FsPort = {
      ...nodeFs,
      readdir: async (path) => {
        if (path === shard) throw Object.assign(new Error('EIO: i/o error'), { code: 'EIO', syscall: 'scandir', path });
        return nodeFs.readdir(path);
      },
    };
    const problems: StoreProblem[] = [];
    const summary = await verifyStore(rig.directory, { readData: true, fs: failing, onProblem: (problem) => problems.push(problem) });
    expect(summary).toMatchObject({ clean: false, unchecked: 1, records: 3 });
    expect(problems[0]).toMatchObject({ kind: 'unreadable', path: shard, command: `ls -l '${shard}'` });
  });

  test('of a part reads that part: all parts together read everything once, and a percentage about as much as it says', async () => {
    await using rig = new StoreRig();
    const store = await rig.open();
    for (let i = 0; i < 200; i += 1) await store.putBytes(Buffer.from(`object ${i}`));
    await store.close();
    let read = 0;
    for (let part = 1; part <= 7; part += 1) read += (await verifyStore(rig.directory, { readData: true, isInSubset: subsetFrom(`${part}/7`) as never })).objectsRead;
    expect(read).toBe(200);
    for (const start of [0, 0.5, 0.97]) {
      const { objectsRead } = await verifyStore(rig.directory, { readData: true, isInSubset: subsetFrom('25%', () => start) as never });
      expect(objectsRead).toBeGreaterThan(25);
      expect(objectsRead).toBeLessThan(80);
    }
    expect((await verifyStore(rig.directory, { readData: true, isInSubset: subsetFrom('100%') as never })).objectsRead).toBe(200);
    for (const wrong of ['', '0%', '101%', '8/7', '0/7', '5', '%', '-1%']) expect(subsetFrom(wrong)).toBeUndefined();
  });

  test('that repairs takes bytes from elsewhere where it can, and drops the record where it cannot', async () => {
    await using rig = new StoreRig();
    await aged(rig, ['a', 'b']);
    const store = await rig.open();
    for (const path of filesBelow(join(rig.directory, 'objects'))) unlinkSync(path);
    const elsewhere = 'a'.padEnd(10_000, '.');
    const refetch = async (digest: string): Promise<boolean> => {
      const [a] = Object.values((await readRecord('a')).outputs as Record<string, { files: { digest: string }[] }>);
      if (a?.files[0]?.digest !== digest) return false;
      await store.putBytes(Buffer.from(elsewhere));
      return true;
    };
    const readRecord = async (name: string): Promise<{ outputs: unknown }> => (JSON.parse(readFileSync(recordPath(rig.directory, 'records', keyOf(name)), 'utf8')) as { record: { outputs: unknown } }).record;
    expect(await verifyStore(rig.directory, { readData: false, repair: true, refetch })).toMatchObject({ damaged: false, problems: { 'object-missing': 2 } });
    await store.close();
    expect(await hits(rig, ['a', 'b'])).toBe('a');
    expect(existsSync(recordPath(rig.directory, 'records', keyOf('b')))).toBe(false);
    expect((await verifyStore(rig.directory, { readData: true })).clean).toBe(true);
  });
});
