import { chmodSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { digestOf } from '../../../src/core/digest.js';
import { FolderRemote } from '../../../src/engine/remote/folder-remote.js';
import { recordId } from '../../../src/engine/remote/remote-cache.js';
import { nodeFs } from '../../../src/engine/store/fs-port.js';
import { FaultFs } from '../../rigs/fault-fs.js';
import { filesBelow } from '../../rigs/store-invariants.js';
import { keyOf, runStage, temporaryFolder } from '../../rigs/store-rig.js';
import { contentsOf, Machine } from '../../rigs/two-machines.js';

const BIG = 'x'.repeat(200_000);
const CONTENTS = ['one', BIG];
const key = keyOf('a');

describe('two machines and a folder', () => {
  test('the second restores what the first has run; the folder is laid out as Bazel\'s disk cache', async () => {
    using folder = temporaryFolder();
    await using first = new Machine();
    const record = await first.share(new FolderRemote(folder.path), 'a', CONTENTS);
    const paths = filesBelow(folder.path).map((path) => path.slice(folder.path.length + 1));
    const place = (shelf: string, id: string): string => `${shelf}/${id.slice(0, 2)}/${id}`;
    expect(paths).toEqual([place('ac', recordId(key)), ...CONTENTS.map((text) => place('cas', digestOf(text)))].sort());
    expect(paths.map((path) => statSync(join(folder.path, path)).mode & 0o777)).toEqual([0o444, 0o444, 0o444]);
    await using second = new Machine();
    const store = await second.open(new FolderRemote(folder.path));
    expect(await store.lookup(key)).toEqual(record);
    expect(await contentsOf(store, key)).toEqual(CONTENTS);
    // copies, not links: nobody writes into the objects of another machine
    expect(statSync(store.objectPath(digestOf(BIG))).nlink).toBe(1);
  });

  test('many writers at once leave whole files and nothing temporary', async () => {
    using folder = temporaryFolder();
    const machines = Array.from({ length: 6 }, () => new Machine());
    try {
      await Promise.all(machines.map((machine) => machine.share(new FolderRemote(folder.path), 'a', CONTENTS)));
      expect(machines.flatMap(({ warnings }) => warnings)).toEqual([]);
      const files = filesBelow(folder.path);
      expect(files.length).toBe(3);
      for (const path of files.filter((each) => each.includes('/cas/'))) expect(digestOf(readFileSync(path))).toBe(path.slice(-64));
    } finally {
      for (const machine of machines) await machine[Symbol.asyncDispose]();
    }
  });

  test('a folder that is not there (a share that is not mounted) is not made, and costs one warning', async () => {
    using folder = temporaryFolder();
    const away = join(folder.path, 'away');
    await using machine = new Machine();
    const store = await machine.open(new FolderRemote(away), { mode: 'read-write' });
    expect(await store.lookup(key)).toBeUndefined();
    await runStage(store, 'a', CONTENTS);
    await store.drain(10_000);
    expect(store.totals).toMatchObject({ sent: 0, notSent: 1, problem: expect.stringContaining('could not be used') as string });
    expect(readdirSync(folder.path)).toEqual([]);
  });

  test.each([
    ['other bytes', (path: string) => writeFileSync(path, 'y'.repeat(200_000))],
    ['a part of it', (path: string) => writeFileSync(path, BIG.slice(0, 1000))],
    ['nothing', (path: string) => rmSync(path)],
    ['a folder', (path: string) => { rmSync(path); mkdirSync(path); }],
  ])('an object there that is %s is a miss', async (_name, damage) => {
    using folder = temporaryFolder();
    await using first = new Machine();
    await first.share(new FolderRemote(folder.path), 'a', CONTENTS);
    const digest = digestOf(BIG);
    const path = join(folder.path, 'cas', digest.slice(0, 2), digest);
    chmodSync(path, 0o644);
    damage(path);
    await using second = new Machine();
    const store = await second.open(new FolderRemote(folder.path));
    expect(await store.lookup(key)).toBeUndefined();
    expect(second.warnings).toHaveLength(1);
    expect(filesBelow(join(second.rig.directory, 'records'))).toEqual([]);
  });

  test('an error of the folder at any one operation costs a warning, never the run and never a wrong result', async () => {
    const attempt = async (nth: number, code: string): Promise<boolean> => {
      using folder = temporaryFolder();
      mkdirSync(join(folder.path, 'share'));
      const fs = new FaultFs({ nth, mode: 'once', code }, nodeFs);
      await using first = new Machine();
      const remote = new FolderRemote(join(folder.path, 'share'), fs);
      await first.share(remote, 'a', ['one', 'two']);
      await using second = new Machine();
      const store = await second.open(remote);
      const found = await contentsOf(store, key);
      if (found !== undefined) expect(found).toEqual(['one', 'two']);
      return fs.fired > 0;
    };
    for (const code of ['EIO', 'EACCES']) {
      let nth = 1;
      while (await attempt(nth, code)) nth += 1;
      expect(nth).toBeGreaterThan(20);
    }
  });
});
