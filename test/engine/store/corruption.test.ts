import { chmodSync, existsSync, readFileSync, readdirSync, renameSync, rmSync, truncateSync, writeFileSync, appendFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { Random } from '../../../src/core/random.js';
import { digestOf } from '../../../src/core/digest.js';
import type { ArtifactFile } from '../../../src/engine/artifact.js';
import type { FileStore } from '../../../src/engine/store/file-store.js';
import { nodeFs, type FsPort } from '../../../src/engine/store/fs-port.js';
import { recordPath } from '../../../src/engine/store/layout.js';
import type { StoreEvent } from '../../../src/engine/events.js';
import { verifyStore, type StoreProblem } from '../../../src/engine/store/verify.js';
import { FaultFs } from '../../rigs/fault-fs.js';
import { assertStoreInvariants } from '../../rigs/store-invariants.js';
import { keyOf, runStage, StoreRig } from '../../rigs/store-rig.js';

const CONTENT = Array.from({ length: 500 }, (_, i) => String.fromCharCode(33 + (i % 90))).join('');

async function oneStage(rig: StoreRig): Promise<{ file: ArtifactFile; path: string; recordFile: string }> {
  const store = await rig.open();
  const record = await runStage(store, 'a', [CONTENT]);
  const file = record.outputs['out']?.files[0] as ArtifactFile;
  await store.close();
  return { file, path: store.objectPath(file.digest), recordFile: recordPath(rig.directory, 'records', record.key) };
}

function overwrite(path: string, bytes: Uint8Array): void {
  rmSync(path);
  writeFileSync(path, bytes);
}

async function listening(rig: StoreRig): Promise<{ store: FileStore; events: StoreEvent[] }> {
  const store = await rig.open();
  const events: StoreEvent[] = [];
  store.onEvent((event) => events.push(event));
  return { store, events };
}

async function problemsOf(rig: StoreRig, repair = false): Promise<StoreProblem[]> {
  const problems: StoreProblem[] = [];
  const summary = await verifyStore(rig.directory, { readData: true, repair, onProblem: (problem) => problems.push(problem) });
  expect(summary.clean).toBe(problems.length === 0);
  return problems;
}

describe('a damaged object', () => {
  test('detects corruption: each of 8 bits at 50 offsets, and is put right by storing it again', async () => {
    await using rig = new StoreRig();
    const { file, path } = await oneStage(rig);
    const good = readFileSync(path);
    const { store, events } = await listening(rig);
    for (let offset = 0; offset < 500; offset += 10) {
      for (let bit = 0; bit < 8; bit += 1) {
        const bad = Buffer.from(good);
        bad[offset] = (bad[offset] as number) ^ (1 << bit);
        overwrite(path, bad);
        expect(await store.verifyObject(file.digest, file.size)).toBe('damaged');
        expect(existsSync(path)).toBe(false);
        expect(await store.verifyObject(file.digest, file.size)).toBe('missing');
        expect(await store.lookup(keyOf('a'))).toBeUndefined();
        await store.putBytes(good);
        expect(await store.verifyObject(file.digest, file.size)).toBe('ok');
      }
    }
    expect(events).toHaveLength(400);
    expect(readdirSync(join(rig.directory, 'quarantine'))).toHaveLength(400);
    expect(events[0]).toMatchObject({ kind: 'store.damaged', what: 'object', id: file.digest, path });
    expect(await store.lookup(keyOf('a'))).toBeDefined();
  });

  test.each<[string, (path: string) => void]>([
    ['truncated', (path) => truncateSync(path, 100)],
    ['empty', (path) => truncateSync(path, 0)],
    ['extended', (path) => appendFileSync(path, '!')],
  ])('an object that is %s is a miss at once, because its size is checked', async (_, damage) => {
    await using rig = new StoreRig();
    const { file, path } = await oneStage(rig);
    chmodSync(path, 0o644);
    damage(path);
    expect((await problemsOf(rig)).map((problem) => problem.kind)).toEqual(['object-wrong-size']);
    const { store } = await listening(rig);
    expect(await store.lookup(keyOf('a'))).toBeUndefined();
    expect(await store.verifyObject(file.digest, file.size)).toBe('damaged');
    await runStage(store, 'a', [CONTENT]);
    expect(await store.lookup(keyOf('a'))).toBeDefined();
    expect(await problemsOf(rig)).toEqual([]);
  });

  test('two swapped objects and a good object under a wrong name are found', async () => {
    await using rig = new StoreRig();
    const writer = await rig.open();
    await runStage(writer, 'a', ['first', 'other']);
    const [one, two] = ['first', 'other'].map((content) => writer.objectPath(digestOf(content))) as [string, string];
    renameSync(one, one + '.x');
    renameSync(two, one);
    renameSync(one + '.x', two);
    expect((await problemsOf(rig)).map((problem) => problem.kind).sort()).toEqual(['object-damaged', 'object-damaged']);
    const { store, events } = await listening(rig);
    expect(await store.verifyObject(digestOf('first'), 5)).toBe('damaged');
    expect(await store.verifyObject(digestOf('other'), 5)).toBe('damaged');
    expect(events).toHaveLength(2);
    expect(await store.lookup(keyOf('a'))).toBeUndefined();
  });

  test('a damaged object in the way is set aside when the same bytes are stored', async () => {
    await using rig = new StoreRig();
    const { path } = await oneStage(rig);
    overwrite(path, Buffer.from(CONTENT).fill(0, 10, 11));
    const { store, events } = await listening(rig);
    await runStage(store, 'b', [CONTENT]);
    expect(events).toHaveLength(1);
    expect(readFileSync(path, 'utf8')).toBe(CONTENT);
    await store.close();
    await assertStoreInvariants(rig.directory);
  });

  test('a disk that cannot read it (EIO) counts as damage', async () => {
    await using rig = new StoreRig();
    const { file } = await oneStage(rig);
    const fs = new FaultFs({ nth: 3, mode: 'once', code: 'EIO', operation: 'read' }); // VERSION takes the first two
    const store = await rig.open({ fs });
    const events: StoreEvent[] = [];
    store.onEvent((event) => events.push(event));
    expect(await store.verifyObject(file.digest, file.size)).toBe('damaged');
    expect(events).toEqual([expect.objectContaining({ action: expect.stringMatching(/^the disk could not read it: moved to /) })]);
    expect(fs.log.filter((line) => line.includes('objects'))).toHaveLength(1);
  });

  test('what was verified is not read again until its stamp changes', async () => {
    await using rig = new StoreRig();
    const { file } = await oneStage(rig);
    const fs = new FaultFs();
    const store = await rig.open({ fs });
    await Promise.all([store.verifyObject(file.digest, file.size), store.verifyObject(file.digest, file.size)]);
    expect(fs.log.filter((line) => line.startsWith('open') && line.includes('objects'))).toHaveLength(1);
    await store.verifyObject(file.digest, file.size);
    expect(fs.log.filter((line) => line.startsWith('open') && line.includes('objects'))).toHaveLength(1);
    overwrite(store.objectPath(file.digest), Buffer.from(CONTENT));
    expect(await store.verifyObject(file.digest, file.size)).toBe('ok');
    expect(fs.log.filter((line) => line.startsWith('open') && line.includes('objects'))).toHaveLength(2);
  });
});

describe('an object that others work on at the same time', () => {
  test('is right though its times change while it is read', async () => {
    await using rig = new StoreRig();
    const { file, path } = await oneStage(rig);
    const racing: FsPort = { ...nodeFs, open: (at, flags, mode) => (at === path ? nodeFs.touch(path, new Date(1000)) : Promise.resolve()).then(() => nodeFs.open(at, flags, mode)) };
    const store = await rig.open({ fs: racing });
    expect(await store.verifyObject(file.digest, file.size)).toBe('ok');
    expect(existsSync(path)).toBe(true);
  });

  test('is given back if it was put right between the look and the move to quarantine', async () => {
    await using rig = new StoreRig();
    const { file, path } = await oneStage(rig);
    const good = readFileSync(path);
    overwrite(path, Buffer.alloc(good.length));
    const racing: FsPort = {
      ...nodeFs,
      rename: (from, to) => {
        if (from === path) {
          renameSync(path, `${path}.held`); // keeps the inode from being used again
          writeFileSync(path, good);
        }
        return nodeFs.rename(from, to);
      },
    };
    const store = await rig.open({ fs: racing });
    expect(await store.verifyObject(file.digest, file.size)).toBe('damaged');
    expect(await store.verifyObject(file.digest, file.size)).toBe('ok');
    expect(readdirSync(join(rig.directory, 'quarantine'))).toEqual([]);
  });

  test('a record that was replaced by a good one between the look and the move is given back', async () => {
    await using rig = new StoreRig();
    const { recordFile } = await oneStage(rig);
    const good = readFileSync(recordFile);
    writeFileSync(recordFile, 'torn');
    const racing: FsPort = {
      ...nodeFs,
      rename: (from, to) => {
        if (from === recordFile) writeFileSync(recordFile, good);
        return nodeFs.rename(from, to);
      },
    };
    const store = await rig.open({ fs: racing });
    expect(await store.lookup(keyOf('a'))).toBeUndefined();
    expect(await store.lookup(keyOf('a'))).toBeDefined();
  });
});

describe('a damaged record', () => {
  test('every single changed byte makes it a miss', async () => {
    await using rig = new StoreRig();
    const { recordFile } = await oneStage(rig);
    const good = readFileSync(recordFile);
    const random = new Random('bytes');
    const { store, events } = await listening(rig);
    for (let offset = 0; offset < good.length; offset += 1) {
      const bad = Buffer.from(good);
      bad[offset] = (bad[offset] as number) ^ (1 << random.integer(0, 8));
      writeFileSync(recordFile, bad);
      expect(await store.lookup(keyOf('a')), `byte ${offset}`).toBeUndefined();
    }
    expect(events).toHaveLength(good.length);
    expect(events[0]).toMatchObject({ kind: 'store.damaged', what: 'record', id: keyOf('a') });
    writeFileSync(recordFile, good);
    expect(await store.lookup(keyOf('a'))).toBeDefined();
  });

  test('every torn length makes it a miss', async () => {
    await using rig = new StoreRig();
    const { recordFile } = await oneStage(rig);
    const good = readFileSync(recordFile);
    const { store } = await listening(rig);
    for (let length = 0; length < good.length; length += 7) {
      writeFileSync(recordFile, good.subarray(0, length));
      expect(await store.lookup(keyOf('a'))).toBeUndefined();
    }
  });

  test('a whole record under the name of another key is a miss', async () => {
    await using rig = new StoreRig();
    const writer = await rig.open();
    const a = await runStage(writer, 'a', ['x']);
    const b = await runStage(writer, 'b', ['y']);
    const [first, second] = [a, b].map((record) => recordPath(rig.directory, 'records', record.key)) as [string, string];
    writeFileSync(first, readFileSync(second));
    const problems = await problemsOf(rig);
    expect(problems.map((problem) => [problem.kind, problem.message])).toEqual([['record-damaged', 'it belongs to another key']]);
    const { store } = await listening(rig);
    expect(await store.lookup(a.key)).toBeUndefined();
    expect(await store.lookup(b.key)).toEqual(b);
  });

  test('a record of a newer format is a miss and is left alone', async () => {
    await using rig = new StoreRig();
    const { recordFile } = await oneStage(rig);
    const body = '{"future":true}';
    const text = `{"format":2,"selfHash":"${digestOf(`record-file/2\n${body}`)}","record":${body}}\n`;
    writeFileSync(recordFile, text);
    const { store, events } = await listening(rig);
    expect(await store.lookup(keyOf('a'))).toBeUndefined();
    expect(events).toEqual([]);
    expect(readFileSync(recordFile, 'utf8')).toBe(text);
  });
});

describe('verify', () => {
  test('a good store is clean and its counts are right', async () => {
    await using rig = new StoreRig();
    const store = await rig.open();
    await runStage(store, 'a', ['12345', '678']);
    await runStage(store, 'b', ['12345']);
    const summary = await verifyStore(rig.directory, { readData: true });
    expect(summary).toEqual({ objects: 2, records: 2, memos: 0, evicted: 0, objectsRead: 2, damaged: false, unchecked: 0, bytesRead: 8, temporaries: 0, problems: {}, clean: true });
    expect(await verifyStore(join(rig.folder, 'nowhere'), { readData: true })).toMatchObject({ objects: 0, clean: true });
  });

  test('it goes on after every error and names each with what needs it and what to do', async () => {
    await using rig = new StoreRig();
    const store = await rig.open();
    for (const name of ['a', 'b', 'c', 'd']) await runStage(store, name, [`content of ${name}`], `type.${name}`);
    const object = (name: string) => store.objectPath(digestOf(`content of ${name}`));
    const record = (name: string) => recordPath(rig.directory, 'records', keyOf(name, `type.${name}`));
    overwrite(object('a'), Buffer.from('CONTENT of a'));
    rmSync(object('b'));
    writeFileSync(record('c'), '{"torn');
    writeFileSync(join(rig.directory, 'objects', 'notes.txt'), 'mine');
    const problems = await problemsOf(rig);
    const shown = problems.map(({ kind, path, affects, command }) => ({
      kind,
      path: path.slice(rig.directory.length),
      affects,
      command: command.replaceAll(rig.directory, '').replaceAll(/-[0-9a-f]{8}'/g, "-#'"),
    }));
    const short = (path: string) => path.slice(rig.directory.length);
    const byKind = new Map(shown.map((problem) => [problem.kind, problem]));
    expect(shown).toHaveLength(4);
    expect(byKind.get('object-damaged')).toEqual({
      kind: 'object-damaged',
      path: short(object('a')),
      affects: ['type.a'],
      command: `mkdir -p '/quarantine' && mv '${short(object('a'))}' '/quarantine/object-${digestOf('content of a')}-#' && rm -f '${short(record('a'))}'`,
    });
    expect(byKind.get('object-missing')).toEqual({ kind: 'object-missing', path: short(object('b')), affects: ['type.b'], command: `rm -f '${short(record('b'))}'` });
    expect(byKind.get('record-damaged')?.path).toBe(short(record('c')));
    expect(byKind.get('stray-file')?.command).toBe(`rm -r '/objects/notes.txt'`);
  });

  test('repair puts everything right that the next run can compute again', async () => {
    await using rig = new StoreRig();
    const store = await rig.open();
    for (const name of ['a', 'b', 'c']) await runStage(store, name, [`content of ${name}`]);
    overwrite(store.objectPath(digestOf('content of a')), Buffer.from('CONTENT of a'));
    rmSync(store.objectPath(digestOf('content of b')));
    const problems = await problemsOf(rig, true);
    expect(problems.map((problem) => problem.repaired)).toEqual([true, true]);
    expect(await problemsOf(rig)).toEqual([]);
    expect(await store.lookup(keyOf('a'))).toBeUndefined();
    expect(await store.lookup(keyOf('c'))).toBeDefined();
  });

  test('without reading data only sizes and presence are checked', async () => {
    await using rig = new StoreRig();
    const { path } = await oneStage(rig);
    overwrite(path, Buffer.alloc(500));
    expect((await verifyStore(rig.directory, { readData: false })).clean).toBe(true);
    expect((await verifyStore(rig.directory, { readData: true })).problems).toEqual({ 'object-damaged': 1 });
  });

  test('an unreadable object is listed and the others are still examined', async () => {
    await using rig = new StoreRig();
    const store = await rig.open();
    await runStage(store, 'a', ['first', 'other']);
    await store.close();
    const problems: StoreProblem[] = [];
    const fs = new FaultFs({ nth: 3, mode: 'once', code: 'EIO', operation: 'read' });
    const summary = await verifyStore(rig.directory, { readData: true, fs, onProblem: (problem) => problems.push(problem) });
    expect(problems.map((problem) => problem.kind)).toEqual(['unreadable']);
    expect(summary.objects).toBe(2);
    expect(summary.bytesRead).toBe(5);
  });
});
