import { existsSync, mkdirSync, readdirSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { digestOf } from '../../../src/core/digest.js';
import type { FileStore } from '../../../src/engine/store/file-store.js';
import { nodeFs, type FsPort } from '../../../src/engine/store/fs-port.js';
import { collectGarbage, type GcOptions, type GcSummary } from '../../../src/engine/store/gc.js';
import { storeInfo } from '../../../src/engine/store/info.js';
import { checkpointPath, recordPath } from '../../../src/engine/store/layout.js';
import { currentOwner, livenessOf, parseOwner, type Owner } from '../../../src/engine/store/owner.js';
import { assertStoreInvariants, filesBelow, killLeases, later } from '../../rigs/store-invariants.js';
import { keyOf, memoOf, recordOf, runStage, StoreRig } from '../../rigs/store-rig.js';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;

function age(path: string, ms: number): void {
  const then = new Date(Date.now() - ms);
  utimesSync(path, then, then);
}

/** A store in which stage i was used last i hours ago, with 1000 bytes of its own and 1000 that all share. */
async function aged(rig: StoreRig, names: readonly string[]): Promise<void> {
  const store = await rig.open();
  for (const name of names) await runStage(store, name, [name.padEnd(1000, '.'), 'shared'.padEnd(1000, '.')]);
  await store.close();
  for (const path of filesBelow(join(rig.directory, 'objects'))) age(path, names.length * HOUR + DAY);
  for (const [i, name] of names.entries()) age(recordPath(rig.directory, 'records', keyOf(name)), (i + 1) * HOUR);
}

const gc = (rig: StoreRig, options: Partial<GcOptions> = {}): Promise<GcSummary> => collectGarbage(rig.directory, { dryRun: false, ...options });

async function hits(rig: StoreRig, names: readonly string[]): Promise<string> {
  const store = await rig.open({ mode: 'read' });
  let found = '';
  for (const name of names) if ((await store.lookup(keyOf(name))) !== undefined) found += name;
  return found;
}

const sumOf = (paths: readonly string[]): number => paths.reduce((sum, path) => sum + statSync(path).size, 0);
const objectCount = (rig: StoreRig): number => filesBelow(join(rig.directory, 'objects')).length;

describe('gc', () => {
  test('without limits removes unreferenced objects past the grace and nothing else', async () => {
    await using rig = new StoreRig();
    await aged(rig, ['a', 'b']);
    const store = await rig.open();
    const [old, fresh] = [await store.putBytes(Buffer.from('old')), await store.putBytes(Buffer.from('fresh'))];
    await store.close();
    age(store.objectPath(old.digest), DAY + HOUR);
    age(store.objectPath(fresh.digest), HOUR);
    const summary = await gc(rig);
    expect(summary.removed).toMatchObject({ objects: { count: 1, bytes: 3 }, records: { count: 0 }, memos: { count: 0 } });
    expect(existsSync(store.objectPath(fresh.digest))).toBe(true);
    expect(await hits(rig, ['a', 'b'])).toBe('ab');
    await assertStoreInvariants(rig.directory);
  });

  test('a dry run says the same and changes nothing', async () => {
    await using rig = new StoreRig();
    await aged(rig, ['a', 'b', 'c']);
    const before = filesBelow(rig.directory);
    const planned = await gc(rig, { dryRun: true, maxBytes: 0 });
    expect(filesBelow(rig.directory)).toEqual(before);
    const done = await gc(rig, { maxBytes: 0 });
    expect({ ...done, dryRun: true }).toEqual(planned);
    expect(done.removed.evicted.count).toBe(3);
    expect(done.removed.records.count).toBe(0);
    expect(done.bytesAfter).toBe(0);
    expect(done.historyBytes).toBe(sumOf(filesBelow(join(rig.directory, 'evicted'))));
  });

  test('with a limit of bytes evicts what was used longest ago, until the rest fits', async () => {
    await using rig = new StoreRig();
    const names = ['a', 'b', 'c', 'd'];
    await aged(rig, names);
    const { objects, records } = await storeInfo(rig.directory);
    expect(objects).toEqual({ count: 5, bytes: 5000 });
    const summary = await gc(rig, { maxBytes: objects.bytes + records.bytes - 1 });
    expect(await hits(rig, names)).toBe('abc');
    expect(summary.removed.objects).toEqual({ count: 1, bytes: 1000 });
    await gc(rig, { maxBytes: 3000 + records.bytes / 2 });
    expect(await hits(rig, names)).toBe('ab');
    expect(objectCount(rig)).toBe(3);
    await assertStoreInvariants(rig.directory);
  });

  test('a hit counts as use', async () => {
    await using rig = new StoreRig();
    await aged(rig, ['a', 'b', 'c']);
    const store = await rig.open();
    await store.lookup(keyOf('c'));
    await store.close();
    await gc(rig, { maxAgeMs: 90 * 60_000 });
    expect(await hits(rig, ['a', 'b', 'c'])).toBe('ac');
  });

  test('keeps what the newest runs used, whatever the limits', async () => {
    await using rig = new StoreRig();
    await aged(rig, ['a', 'b', 'c']);
    for (const [run, name] of [['20260101-000000-aaaa', 'b'], ['20260102-000000-bbbb', 'c']] as const) {
      mkdirSync(join(rig.directory, 'runs', run), { recursive: true });
      writeFileSync(join(rig.directory, 'runs', run, 'run.json'), JSON.stringify({ stages: { x: { key: keyOf(name) } } }));
    }
    await gc(rig, { maxBytes: 0, keepRuns: 1 });
    expect(await hits(rig, ['a', 'b', 'c'])).toBe('c');
    expect(readdirSync(join(rig.directory, 'runs'))).toHaveLength(2);
  });

  test('never removes what a living lease holds, and what it touches is held', async () => {
    await using rig = new StoreRig();
    await aged(rig, ['a', 'b']);
    const store = await rig.open();
    const orphan = await store.putBytes(Buffer.from('not yet in a record'));
    await store.lookup(keyOf('a'));
    await gc(rig, { maxBytes: 0, graceMs: 0, fs: later(2) });
    expect(await hits(rig, ['a', 'b'])).toBe('a');
    expect(await store.verifyObject(orphan.digest, orphan.size)).toBe('ok');
    await store.close();
    await gc(rig, { maxBytes: 0, graceMs: 0, fs: later(2) });
    expect(objectCount(rig)).toBe(0);
  });

  test('an old unreferenced object that a run stores again is held', async () => {
    await using rig = new StoreRig();
    const writer = await rig.open();
    const { digest, size } = await writer.putBytes(Buffer.from('again'));
    await writer.close();
    age(writer.objectPath(digest), 10 * DAY);
    const store = await rig.open();
    await store.putBytes(Buffer.from('again'));
    await gc(rig, { graceMs: 0, fs: later(1) });
    const record = recordOf('late', [{ name: 'x', digest, size }]);
    expect(await store.publish(record)).toBe(true);
    expect(await store.lookup(record.key)).toBeDefined();
  });

  test('what is touched between the look and the removal stays', async () => {
    await using rig = new StoreRig();
    await aged(rig, ['a']);
    const path = recordPath(rig.directory, 'records', keyOf('a'));
    let looks = 0;
    const racing: FsPort = {
      ...nodeFs,
      lstat: async (at) => {
        if (at === path) looks += 1;
        if (at === path && looks === 2) age(path, 0); // a run finds the record just now
        return nodeFs.lstat(at);
      },
    };
    await gc(rig, { maxBytes: 0, fs: racing });
    expect(await hits(rig, ['a'])).toBe('a');
  });

  test('killed at any operation it leaves no record without its objects', async () => {
    const { FaultFs, Crash } = await import('../../rigs/fault-fs.js');
    for (let nth = 1; ; nth += 1) {
      await using rig = new StoreRig('memory');
      await aged(rig, ['a', 'b', 'c']);
      const fs = new FaultFs({ nth, mode: 'crash', code: '' });
      await gc(rig, { maxBytes: 3000, fs }).catch((error: unknown) => expect(error).toBeInstanceOf(Crash));
      const { found, complete } = await consistency(rig, ['a', 'b', 'c']);
      expect(found).toEqual(complete);
      if (fs.fired === 0) break;
    }
  });

  test('two at once do no harm', async () => {
    await using rig = new StoreRig();
    await aged(rig, ['a', 'b', 'c', 'd']);
    await Promise.all([gc(rig, { maxAgeMs: 150 * 60_000 }), gc(rig, { maxAgeMs: 150 * 60_000 }), gc(rig, { maxAgeMs: 150 * 60_000 })]);
    expect(await hits(rig, ['a', 'b', 'c', 'd'])).toBe('ab');
    await assertStoreInvariants(rig.directory);
  });

  test('removes staging, temporary files and leases of dead owners at once, and never those of the living', async () => {
    await using rig = new StoreRig();
    const dead = await rig.open();
    writeFileSync(join(await dead.createStaging('half'), 'big'), Buffer.alloc(1000));
    killLeases(rig.directory);
    const shard = join(rig.directory, 'objects', 'ab');
    mkdirSync(shard, { recursive: true });
    const deadId = (readdirSync(join(rig.directory, 'leases'))[0] as string).split('.')[0] as string;
    writeFileSync(join(shard, `.tmp-${deadId}-7`), 'half');
    const living = await rig.open();
    const mine = await living.createStaging('mine');
    const livingId = mine.split('/').at(-2) as string;
    writeFileSync(join(shard, `.tmp-${livingId}-1`), 'being written');
    writeFileSync(join(shard, '.tmp-whose'), 'unknown');
    const summary = await gc(rig);
    expect(summary.removed).toMatchObject({ staging: { count: 1, bytes: 1000 }, temporaries: { count: 1, bytes: 4 }, leases: { count: 1 } });
    expect(existsSync(mine)).toBe(true);
    expect(readdirSync(shard).sort()).toEqual([`.tmp-${livingId}-1`, '.tmp-whose'].sort());
    await living.close();
    await gc(rig, { fs: later(2) });
    expect(readdirSync(shard)).toEqual([]);
  });

  test('keeps a checkpoint for the next run, until its stage is finished or the grace is over', async () => {
    await using rig = new StoreRig();
    await aged(rig, ['done']);
    const [fresh, old, finished] = ['fresh', 'old', 'done'].map((name) => `${checkpointPath(rig.directory, keyOf(name))}.0a1b2c3d`) as [string, string, string];
    for (const folder of [fresh, old, finished]) {
      mkdirSync(folder, { recursive: true });
      writeFileSync(join(folder, 'epoch'), 'weights');
    }
    for (const [folder, ms] of [[fresh, HOUR], [old, 3 * DAY], [finished, HOUR]] as const) {
      age(join(folder, 'epoch'), ms);
      age(folder, ms);
    }
    const user = await rig.open();
    expect((await gc(rig)).removed.checkpoints.count).toBe(0);
    await user.close();
    expect((await gc(rig)).removed.checkpoints).toEqual({ count: 2, bytes: 14 });
    expect([fresh, old, finished].map((folder) => existsSync(folder))).toEqual([true, false, false]);
  });

  test('leaves the quarantine alone and stops at what a newer version wrote', async () => {
    await using rig = new StoreRig();
    await aged(rig, ['a']);
    mkdirSync(join(rig.directory, 'quarantine'));
    writeFileSync(join(rig.directory, 'quarantine', 'object-x'), 'damaged');
    age(join(rig.directory, 'quarantine', 'object-x'), 100 * DAY);
    await gc(rig, { maxBytes: 0 });
    expect(readdirSync(join(rig.directory, 'quarantine'))).toEqual(['object-x']);
    const path = recordPath(rig.directory, 'records', keyOf('newer'));
    mkdirSync(join(path, '..'), { recursive: true });
    writeFileSync(path, `{"format":2,"selfHash":"${digestOf('record-file/2\n{}')}","record":{}}\n`);
    await expect(gc(rig)).rejects.toMatchObject({ code: 'E_CACHE_FORMAT' });
  });

  test('a store that does not exist has nothing to collect and is not made', async () => {
    await using rig = new StoreRig();
    expect((await gc(rig)).bytesBefore).toBe(0);
    expect(existsSync(rig.directory)).toBe(false);
  });
});

describe('who is alive', () => {
  const self = currentOwner();
  test.each<[string, Partial<Owner>, string]>([
    ['this process', {}, 'alive'],
    ['a process id that was used again', { startTicks: 1 }, 'dead'],
    ['a process id that is free', { pid: 2 ** 22 + 1 }, 'dead'],
    ['an earlier boot of this machine', { boot: 'earlier' }, 'dead'],
    ['another container on this machine', { pidNamespace: 'pid:[1]' }, 'unknown'],
    ['another machine', { host: 'node7', machine: 'm' }, 'unknown'],
    ['another machine from the same image, another boot', { host: 'node7', boot: 'other' }, 'unknown'],
  ])('%s is judged', (_, change, expected) => {
    expect(livenessOf({ ...self, ...change }, self)).toBe(expected);
  });

  test('an owner survives being written and read, and garbage is no owner', () => {
    expect(parseOwner(JSON.parse(JSON.stringify(self)))).toEqual(self);
    for (const garbage of [null, 7, [], {}, { ...self, pid: '1' }, { ...self, boot: 3 }]) expect(parseOwner(garbage)).toBeUndefined();
  });

  test('a foreign or unreadable lease protects for a day after its last beat', async () => {
    for (const text of [JSON.stringify({ owner: { ...self, host: 'node7' }, startedAt: Date.now() }), 'garbage', '']) {
      await using rig = new StoreRig();
      const store = await rig.open();
      await store.close();
      writeFileSync(join(rig.directory, 'leases', 'feed.json'), text);
      writeFileSync(join(rig.directory, 'leases', 'feed.beat'), '');
      mkdirSync(join(rig.directory, 'staging', 'feed'), { recursive: true });
      age(join(rig.directory, 'leases', 'feed.json'), 30 * HOUR);
      age(join(rig.directory, 'leases', 'feed.beat'), 20 * HOUR);
      await gc(rig, { graceMs: 0 });
      expect(existsSync(join(rig.directory, 'staging', 'feed'))).toBe(true);
      age(join(rig.directory, 'leases', 'feed.beat'), 25 * HOUR);
      await gc(rig, { graceMs: 0 });
      expect(readdirSync(join(rig.directory, 'staging'))).toEqual([]);
      expect(readdirSync(join(rig.directory, 'leases'))).toEqual([]);
    }
  });
});

describe('info', () => {
  test('counts by kind and by stage type, shared objects once per type', async () => {
    await using rig = new StoreRig();
    const store = await rig.open();
    await runStage(store, 'a', ['12345', '678'], 'dream');
    await runStage(store, 'b', ['12345'], 'dream');
    await runStage(store, 'c', ['9'], 'evaluate');
    await store.publishMemo(memoOf('m', [{ name: 'x', ...(await store.putBytes(Buffer.from('memo'))) }]));
    await store.putBytes(Buffer.from('nobody needs it'));
    const info = await storeInfo(rig.directory);
    expect(info).toMatchObject({
      directory: rig.directory, exists: true, format: 1,
      objects: { count: 5, bytes: 28 }, records: { count: 3 }, memos: { count: 1 }, unreferenced: { count: 1, bytes: 15 },
      leases: { alive: 1, dead: 0 }, runs: { count: 0, bytes: 0 },
      stageTypes: [
        { type: 'dream', records: 2, memos: 0, bytes: 8 },
        { type: 'test.stage', records: 0, memos: 1, bytes: 4 },
        { type: 'evaluate', records: 1, memos: 0, bytes: 1 },
      ],
    });
    expect(await storeInfo(join(rig.folder, 'nowhere'))).toMatchObject({ exists: false, format: null, objects: { count: 0, bytes: 0 } });
  });
});

/** Which records exist, and which of them have all their objects. */
async function consistency(rig: StoreRig, names: readonly string[]): Promise<{ found: string[]; complete: string[] }> {
  const store: FileStore = await rig.open({ mode: 'read' });
  const found = names.filter((name) => existsSync(recordPath(rig.directory, 'records', keyOf(name))));
  const complete: string[] = [];
  for (const name of found) if ((await store.lookup(keyOf(name))) !== undefined) complete.push(name);
  return { found, complete };
}
