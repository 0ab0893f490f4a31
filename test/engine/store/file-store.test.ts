import { cpSync, existsSync, lstatSync, mkdirSync, readFileSync, readdirSync, rmSync, statSync, symlinkSync, linkSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { digestOf } from '../../../src/core/digest.js';
import type { StageKey } from '../../../src/engine/record.js';
import { openStore } from '../../../src/engine/store/file-store.js';
import { FaultFs } from '../../rigs/fault-fs.js';
import { assertStoreInvariants, filesBelow } from '../../rigs/store-invariants.js';
import { keyOf, memoOf, recordOf, runStage, StoreRig } from '../../rigs/store-rig.js';

describe('a store', () => {
  test('serves what was published, to the same and to another process', async () => {
    await using rig = new StoreRig();
    const store = await rig.open();
    const record = await runStage(store, 'a', ['first', 'second']);
    expect(await store.lookup(record.key)).toEqual(record);
    const other = await rig.open();
    expect(await other.lookup(record.key)).toEqual(record);
    expect(await other.lookup(keyOf('b'))).toBeUndefined();
    for (const file of record.outputs['out']?.files ?? []) {
      expect(await other.verifyObject(file.digest, file.size)).toBe('ok');
      expect(digestOf(readFileSync(other.objectPath(file.digest)))).toBe(file.digest);
    }
  });

  test('keeps memos apart from records under the same key', async () => {
    await using rig = new StoreRig();
    const store = await rig.open();
    const memo = memoOf('chunk', [{ name: 'x', ...(await store.putBytes(Buffer.from('x'))) }]);
    expect(await store.publishMemo(memo)).toBe(true);
    expect(await store.lookupMemo(memo.key)).toEqual(memo);
    expect(await store.lookup(memo.key)).toBeUndefined();
  });

  test('leaves no temp file, staging folder or lease behind', async () => {
    await using rig = new StoreRig();
    const store = await rig.open();
    await runStage(store, 'a', ['x', 'x', 'y']);
    await store.createStaging('never discarded');
    await store.close();
    const names = filesBelow(rig.directory).map((path) => path.slice(rig.directory.length + 1).replace(/[0-9a-f]{2}\/[0-9a-f]{62}/, '#'));
    expect(names).toEqual(['CACHEDIR.TAG', 'VERSION', 'objects/#', 'objects/#', 'records/#.json']);
    expect(readdirSync(join(rig.directory, 'staging'))).toEqual([]);
  });

  test('two stores that ran the same stages hold the same bytes', async () => {
    await using one = new StoreRig();
    await using two = new StoreRig();
    for (const rig of [one, two]) {
      const store = await rig.open();
      await runStage(store, 'a', ['x', 'y']);
      await store.close();
    }
    const content = (rig: StoreRig) => filesBelow(rig.directory).map((path) => [path.slice(rig.directory.length), readFileSync(path, 'utf8')]);
    expect(content(one)).toEqual(content(two));
  });

  test('objects are read-only and share no inode with the place they came from', async () => {
    await using rig = new StoreRig();
    const store = await rig.open();
    const outside = join(rig.folder, 'outside.bin');
    writeFileSync(outside, 'precious');
    const staging = await store.createStaging('s');
    const linked = join(staging, 'hard-linked');
    linkSync(outside, linked);
    const { digest } = await store.putFile(linked);
    writeFileSync(outside, 'scribble');
    expect(readFileSync(store.objectPath(digest), 'utf8')).toBe('precious');
    expect(statSync(store.objectPath(digest)).mode & 0o777).toBe(0o444);
    expect(statSync(store.objectPath(digest)).nlink).toBe(1);
    expect(existsSync(linked)).toBe(false);
  });

  test('a large file is moved, not copied', async () => {
    await using rig = new StoreRig();
    const store = await rig.open();
    const path = join(await store.createStaging('s'), 'big');
    writeFileSync(path, Buffer.alloc(5_000_000, 7));
    const { ino } = statSync(path);
    const { digest, size } = await store.putFile(path);
    expect(size).toBe(5_000_000);
    expect(statSync(store.objectPath(digest)).ino).toBe(ino);
    expect(digest).toBe(digestOf(Buffer.alloc(5_000_000, 7)));
  });

  test('an empty file and no bytes are an object like any other', async () => {
    await using rig = new StoreRig();
    const store = await rig.open();
    const path = join(await store.createStaging('s'), 'empty');
    writeFileSync(path, '');
    expect(await store.putFile(path)).toEqual(await store.putBytes(new Uint8Array()));
    expect(await store.verifyObject(digestOf(''), 0)).toBe('ok');
  });

  test('a symbolic link or a folder is refused as an output', async () => {
    await using rig = new StoreRig();
    const store = await rig.open();
    const staging = await store.createStaging('s');
    symlinkSync('/etc/hostname', join(staging, 'link'));
    await expect(store.putFile(join(staging, 'link'))).rejects.toMatchObject({ code: 'E_DATA', facts: { found: 'a symbolic link' } });
    mkdirSync(join(staging, 'folder'));
    await expect(store.putFile(join(staging, 'folder'))).rejects.toMatchObject({ code: 'E_DATA' });
  });

  test('a record whose object is not there is not published', async () => {
    await using rig = new StoreRig();
    const store = await rig.open();
    const record = recordOf('a', [{ name: 'x', digest: digestOf('nowhere'), size: 7 }]);
    await expect(store.publish(record)).rejects.toMatchObject({ code: 'E_CACHE_DAMAGED' });
    expect(await store.lookup(record.key)).toBeUndefined();
  });

  test('inline and outside files need no object', async () => {
    await using rig = new StoreRig();
    const store = await rig.open();
    const inline = { name: 'small', digest: digestOf('hi'), size: 2, inline: Buffer.from('hi').toString('base64') };
    const record = recordOf('a', [inline, { name: 'outside', digest: digestOf('huge'), size: 10 ** 12, external: true }]);
    expect(await store.publish(record)).toBe(true);
    expect(await store.lookup(record.key)).toEqual(record);
    expect(existsSync(store.objectPath(inline.digest))).toBe(false);
  });

  test('publishing again replaces the record, as a forced rerun has to', async () => {
    await using rig = new StoreRig();
    const store = await rig.open();
    await runStage(store, 'a', ['v1']);
    const second = await runStage(store, 'a', ['v2']);
    expect(await store.lookup(keyOf('a'))).toEqual(second);
    await store.dropRecord(keyOf('a'));
    await store.dropRecord(keyOf('a'));
    expect(await store.lookup(keyOf('a'))).toBeUndefined();
  });

  test('a hit is noted as use, for gc', async () => {
    await using rig = new StoreRig();
    const store = await rig.open();
    await runStage(store, 'a', ['x']);
    const path = filesBelow(join(rig.directory, 'records'))[0] as string;
    utimesSync(path, 1000, 1000);
    await store.lookup(keyOf('a'));
    expect(Date.now() - statSync(path).mtimeMs).toBeLessThan(60_000);
  });

  test('a key has its checkpoints at one place, whoever opens the store', async () => {
    await using rig = new StoreRig();
    const store = await rig.open();
    const folder = store.checkpointFolder(keyOf('a'));
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'epoch-3'), 'weights');
    await store.close();
    const later = await rig.open();
    expect(later.checkpointFolder(keyOf('a'))).toBe(folder);
    expect(existsSync(join(folder, 'epoch-3'))).toBe(true);
  });

  test('a staging label cannot leave the staging folder, and nothing else is discarded', async () => {
    await using rig = new StoreRig();
    const store = await rig.open();
    const staging = await store.createStaging('../../evil name');
    expect(staging.startsWith(join(rig.directory, 'staging'))).toBe(true);
    await expect(store.discardStaging(rig.folder)).rejects.toMatchObject({ code: 'E_STORE_IO' });
    await expect(store.discardStaging(join(staging, '..', '..', '..'))).rejects.toMatchObject({ code: 'E_STORE_IO' });
  });
});

describe('file systems that are different', () => {
  test.each(['EPERM', 'ENOTSUP', 'EMLINK'])('without hard links (%s) objects are renamed into place', async (code) => {
    await using rig = new StoreRig();
    const store = await rig.open({ fs: new FaultFs({ nth: 1, mode: 'forever', code, operation: 'link' }) });
    const record = await runStage(store, 'a', ['x', 'x', 'y']);
    expect(await store.lookup(record.key)).toEqual(record);
    await store.close();
    await assertStoreInvariants(rig.directory, { finished: new Set([record.key]) });
  });

  test('from another file system (EXDEV) a file is copied', async () => {
    await using rig = new StoreRig();
    const store = await rig.open({ fs: new FaultFs({ nth: 1, mode: 'once', code: 'EXDEV', operation: 'link' }) });
    const record = await runStage(store, 'a', ['x']);
    expect(await store.lookup(record.key)).toEqual(record);
    await store.close();
    await assertStoreInvariants(rig.directory);
  });

  test.each(['fsync', 'fchmod'])('without %s the store works all the same', async (operation) => {
    await using rig = new StoreRig();
    const store = await rig.open({ fs: new FaultFs({ nth: 1, mode: 'forever', code: 'ENOTSUP', operation }) });
    const record = await runStage(store, 'a', ['x']);
    expect(await store.lookup(record.key)).toEqual(record);
  });

  test('every file is synced before it is closed, and its folder after it got its name', async () => {
    await using rig = new StoreRig();
    const fs = new FaultFs();
    const store = await rig.open({ fs });
    fs.log.length = 0;
    const { digest } = await store.putBytes(Buffer.from('x'));
    await store.publish(recordOf('a', [{ name: 'x', digest, size: 1 }]));
    const steps = fs.log.map((line) => line.replace(rig.directory, '').replace(/[0-9a-f]{62}/, '#').replace(/\.tmp-\S+/, 'TMP').replace(/\/[0-9a-f]{2}(?=\/|$)/, '/ab'));
    expect(steps).toEqual([
      'mkdir /objects/ab', 'open /objects', 'fsync /objects', 'close /objects', 'open ', 'fsync ', 'close ',
      'open /objects/ab/TMP', 'write /objects/ab/TMP', 'fsync /objects/ab/TMP', 'fchmod /objects/ab/TMP', 'close /objects/ab/TMP',
      'link /objects/ab/#', 'open /objects/ab', 'fsync /objects/ab', 'close /objects/ab', 'unlink /objects/ab/TMP',
      'lstat /objects/ab/#',
      'mkdir /records/ab', 'open /records', 'fsync /records', 'close /records', 'open ', 'fsync ', 'close ',
      'open /records/ab/TMP', 'write /records/ab/TMP', 'fsync /records/ab/TMP', 'fchmod /records/ab/TMP', 'close /records/ab/TMP',
      'rename /records/ab/#.json', 'open /records/ab', 'fsync /records/ab', 'close /records/ab',
    ]);
  });
});

describe('modes', () => {
  test('read: a missing folder gives misses and is not made', async () => {
    await using rig = new StoreRig();
    const store = await rig.open({ mode: 'read' });
    expect(await store.lookup(keyOf('a'))).toBeUndefined();
    await store.close();
    expect(existsSync(rig.directory)).toBe(false);
  });

  test('read: records are served, nothing in the folder changes, and new objects live in the scratch folder', async () => {
    await using rig = new StoreRig();
    const writer = await rig.open();
    const record = await runStage(writer, 'a', ['x']);
    await writer.close();
    const before = filesBelow(rig.directory).map((path) => [path, lstatSync(path).mtimeMs, readFileSync(path, 'utf8')]);
    const store = await rig.open({ mode: 'read' });
    expect(await store.lookup(record.key)).toEqual(record);
    const staging = await store.createStaging('b');
    writeFileSync(join(staging, 'new'), 'new');
    const stored = await store.putFile(join(staging, 'new'));
    expect(await store.publish(recordOf('b', [{ name: 'new', ...stored }]))).toBe(false);
    expect(await store.verifyObject(stored.digest, stored.size)).toBe('ok');
    expect(readFileSync(store.objectPath(stored.digest), 'utf8')).toBe('new');
    const worker = await openStore(rig.directory, { mode: 'read', scratch: store.scratch as string });
    expect(readFileSync(worker.objectPath(stored.digest), 'utf8')).toBe('new');
    expect(worker.objectPath(digestOf('x'))).toBe(join(rig.directory, 'objects', digestOf('x').slice(0, 2), digestOf('x').slice(2)));
    await worker.close();
    expect(existsSync(store.objectPath(stored.digest))).toBe(true);
    await store.close();
    expect(existsSync(store.scratch as string)).toBe(false);
    expect(filesBelow(rig.directory).map((path) => [path, lstatSync(path).mtimeMs, readFileSync(path, 'utf8')])).toEqual(before);
  });

  test('read: damage is reported and left in place', async () => {
    await using rig = new StoreRig();
    const writer = await rig.open();
    await runStage(writer, 'a', ['x']);
    const path = writer.objectPath(digestOf('x'));
    rmSync(path);
    writeFileSync(path, 'y');
    const store = await rig.open({ mode: 'read' });
    const events: string[] = [];
    store.onEvent((event) => event.kind === 'store.damaged' && events.push(event.action));
    expect(await store.verifyObject(digestOf('x'), 1)).toBe('damaged');
    expect(events).toEqual(['its bytes do not match its name: left in place, the store is only read']);
    expect(readFileSync(path, 'utf8')).toBe('y');
  });

  test('off: nothing is looked up and nothing is written', async () => {
    await using rig = new StoreRig();
    const writer = await rig.open();
    const record = await runStage(writer, 'a', ['x']);
    await writer.close();
    const before = filesBelow(rig.directory);
    const store = await rig.open({ mode: 'off' });
    expect(await store.lookup(record.key)).toBeUndefined();
    expect(await store.verifyObject(digestOf('x'), 1)).toBe('missing');
    const { digest } = await store.putBytes(Buffer.from('x'));
    expect(store.objectPath(digest).startsWith(store.scratch as string)).toBe(true);
    await store.close();
    expect(filesBelow(rig.directory)).toEqual(before);
  });
});

describe('the format of a store', () => {
  test('a newer one is refused in every mode that looks, and left alone', async () => {
    await using rig = new StoreRig();
    mkdirSync(rig.directory);
    writeFileSync(join(rig.directory, 'VERSION'), '{"format":2}\n');
    for (const mode of ['read', 'read-write'] as const) {
      await expect(openStore(rig.directory, { mode })).rejects.toMatchObject({ code: 'E_CACHE_FORMAT', facts: { expected: 'format 1', found: 'format 2' } });
    }
    expect(readdirSync(rig.directory)).toEqual(['VERSION']);
  });

  test.each(['', 'garbage', '[]', '{"format":"1"}', '{"format":0}'])('VERSION with %j says nothing and is named', async (text) => {
    await using rig = new StoreRig();
    mkdirSync(rig.directory);
    writeFileSync(join(rig.directory, 'VERSION'), text);
    await expect(openStore(rig.directory, { mode: 'read-write' })).rejects.toMatchObject({ code: 'E_CACHE_DAMAGED' });
  });

  test('a file where the folder belongs is named', async () => {
    await using rig = new StoreRig();
    writeFileSync(rig.directory, 'not a folder');
    await expect(openStore(rig.directory, { mode: 'read-write' })).rejects.toMatchObject({ code: 'E_STORE_IO' });
  });

  test('a relative folder belongs to the project', async () => {
    await using rig = new StoreRig();
    const store = await openStore('cache', { mode: 'read', projectRoot: rig.folder });
    expect(store.directory).toBe(rig.directory);
    await store.close();
  });
});

describe('deleting', () => {
  test('any subset of the folder turns hits into misses and never into anything else', async () => {
    await using rig = new StoreRig();
    const names = ['a', 'b', 'c', 'd', 'e', 'f'];
    let store = await rig.open();
    const truth = new Map<StageKey, unknown>();
    for (const [i, name] of names.entries()) {
      const record = await runStage(store, name, [`x${i}`, `shared${i % 2}`, `y${i}`]);
      truth.set(record.key, record);
    }
    await store.close();
    const all = filesBelow(rig.directory).map((path) => path.slice(rig.directory.length));
    for (let subset = 0; subset < 60; subset += 1) {
      await using copy = new StoreRig('memory');
      cpSync(rig.directory, copy.directory, { recursive: true });
      for (const [i, path] of all.entries()) if (((subset * 2654435761 + i * 40503) >>> 7) % 4 === 0) rmSync(join(copy.directory, path));
      store = await copy.open();
      for (const [key, record] of truth) expect([undefined, record]).toContainEqual(await store.lookup(key));
      await store.close();
      await assertStoreInvariants(copy.directory, { damaged: true });
    }
    rmSync(rig.directory, { recursive: true });
    store = await rig.open();
    for (const key of truth.keys()) expect(await store.lookup(key)).toBeUndefined();
  });
});
