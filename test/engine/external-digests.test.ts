import { appendFileSync, chmodSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, statSync, symlinkSync, truncateSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { digestOf } from '../../src/core/digest.js';
import { ExternalDigests } from '../../src/engine/external-digests.js';
import { nodeFs, type FsPort } from '../../src/engine/store/fs-port.js';
import { temporaryFolder } from '../rigs/store-rig.js';

/** The clock runs ten seconds ahead of the files' times, so that they count as settled. */
const settled: FsPort = { ...nodeFs, now: () => Date.now() + 10_000 };

class Counting {
  opens = 0;
  readonly fs: FsPort;
  constructor(inner: FsPort = settled) {
    this.fs = {
      ...inner,
      open: (path, flags, mode) => {
        if (path.endsWith('.hdf5')) this.opens += 1;
        return inner.open(path, flags, mode);
      },
    };
  }
}

function rig() {
  const folder = temporaryFolder();
  const store = join(folder.path, 'cache');
  const file = join(folder.path, 'betas.hdf5');
  mkdirSync(store);
  writeFileSync(file, 'content');
  return { store, file, path: folder.path, [Symbol.dispose]: () => folder[Symbol.dispose]() };
}

describe('digests of outside files', () => {
  test('a file is read once, remembered across processes, and its digest is that of its bytes', async () => {
    using r = rig();
    const counting = new Counting();
    const digests = await ExternalDigests.open(r.store, counting.fs);
    expect(digests.known(r.file)).toBeUndefined();
    const first = await digests.digest(r.file);
    expect(first).toMatchObject({ digest: digestOf('content'), size: 7 });
    expect(await digests.digest(r.file)).toEqual(first);
    expect(await digests.save()).toBe(true);
    const later = await ExternalDigests.open(r.store, counting.fs);
    expect(later.known(r.file)).toEqual(first);
    expect(await later.digest(r.file)).toEqual(first);
    expect(counting.opens).toBe(1);
  });

  test('asking twice at once reads once', async () => {
    using r = rig();
    const counting = new Counting();
    const digests = await ExternalDigests.open(r.store, counting.fs);
    await Promise.all([digests.digest(r.file), digests.digest(r.file)]);
    expect(counting.opens).toBe(1);
  });

  test('an edit of the same size with its modification time set back is seen', async () => {
    using r = rig();
    const digests = await ExternalDigests.open(r.store, settled);
    const { mtime, atime } = statSync(r.file);
    await digests.digest(r.file);
    await new Promise((resolve) => setTimeout(resolve, 20));
    writeFileSync(r.file, 'CONTENT');
    utimesSync(r.file, atime, mtime);
    expect(digests.known(r.file)).toBeUndefined();
    expect((await digests.digest(r.file)).digest).toBe(digestOf('CONTENT'));
  });

  test('a stamp too fresh to be safe is not trusted', async () => {
    using r = rig();
    const digests = await ExternalDigests.open(r.store, nodeFs);
    const first = await digests.digest(r.file);
    expect(digests.known(r.file)).toBeUndefined();
    expect(await digests.unchanged(r.file, first)).toBe(true);
    expect(await digests.save()).toBe(true);
    expect(existsSync(join(r.store, 'external-digests.json'))).toBe(false);
    const old = new Date(Date.now() - 60_000); // the change time stays fresh, as after an edit that hides itself
    utimesSync(r.file, old, old);
    await digests.digest(r.file);
    expect(digests.known(r.file)).toBeUndefined();
  });

  test('symbolic links are followed, so a file is known by any of its names', async () => {
    using r = rig();
    mkdirSync(join(r.path, 'annex'));
    renameSync(r.file, join(r.path, 'annex', 'MD5-s7--abc'));
    symlinkSync(join('annex', 'MD5-s7--abc'), r.file);
    const digests = await ExternalDigests.open(r.store, settled);
    const { digest } = await digests.digest(r.file);
    expect(digest).toBe(digestOf('content'));
    expect(digests.known(join(r.path, 'annex', 'MD5-s7--abc'))?.digest).toBe(digest);
    rmSync(r.file);
    writeFileSync(join(r.path, 'other'), 'another');
    symlinkSync('other', r.file);
    expect(digests.known(r.file)).toBeUndefined();
    expect((await digests.digest(r.file)).digest).toBe(digestOf('another'));
  });

  test('a read-only file in a read-only folder is read, and a read-only store only forgets', async () => {
    using r = rig();
    chmodSync(r.file, 0o444);
    const readOnly: FsPort = {
      ...settled,
      open: (path, flags, mode) =>
        flags === 'wx' ? Promise.reject(Object.assign(new Error('EROFS'), { code: 'EROFS', syscall: 'open' })) : settled.open(path, flags, mode),
    };
    const digests = await ExternalDigests.open(r.store, readOnly);
    expect((await digests.digest(r.file)).size).toBe(7);
    expect(await digests.save()).toBe(false);
    expect(digests.known(r.file)?.size).toBe(7);
  });

  test.each<[string, (file: string) => void]>([
    ['edited', (file) => writeFileSync(file, 'CONTENT')],
    ['extended', (file) => appendFileSync(file, '!')],
    ['removed', (file) => rmSync(file)],
    ['replaced by a folder', (file) => (rmSync(file), mkdirSync(file))],
  ])('unchanged is false for a file that was %s while a stage ran', async (_, change) => {
    using r = rig();
    const digests = await ExternalDigests.open(r.store, settled);
    const before = await digests.digest(r.file);
    expect(await digests.unchanged(r.file, before)).toBe(true);
    await new Promise((resolve) => setTimeout(resolve, 20));
    change(r.file);
    expect(await digests.unchanged(r.file, before)).toBe(false);
  });

  test.each<[string, (file: string) => void]>([
    ['touched', (file) => utimesSync(file, 1_000_000, 1_000_000)],
    ['given another mode', (file) => chmodSync(file, 0o444)],
    ['replaced by an equal copy', (file) => (writeFileSync(`${file}.new`, 'content'), renameSync(`${file}.new`, file))],
  ])('unchanged is true for a file that was %s while a stage ran', async (_, touch) => {
    using r = rig();
    const digests = await ExternalDigests.open(r.store, settled);
    const before = await digests.digest(r.file);
    await new Promise((resolve) => setTimeout(resolve, 20));
    touch(r.file);
    expect(digests.known(r.file)).toBeUndefined();
    expect(await digests.unchanged(r.file, before)).toBe(true);
  });

  test('a file that changes while it is read is refused', async () => {
    using r = rig();
    writeFileSync(r.file, Buffer.alloc(3_000_000));
    const digests = await ExternalDigests.open(r.store, settled);
    let done = false;
    const reading = digests.digest(r.file, () => {
      if (!done) truncateSync(r.file, 2_500_000);
      done = true;
    });
    await expect(reading).rejects.toMatchObject({ code: 'E_INPUT_CHANGED' });
    expect(digests.known(r.file)).toBeUndefined();
  });

  test('progress runs to the size, and a signal stops it', async () => {
    using r = rig();
    writeFileSync(r.file, Buffer.alloc(5_000_000));
    const digests = await ExternalDigests.open(r.store, settled);
    const controller = new AbortController();
    const seen: number[] = [];
    const stopped = digests.digest(r.file, (done) => (seen.push(done), controller.abort(new Error('stop'))), controller.signal);
    await expect(stopped).rejects.toThrow('stop');
    expect(seen).toHaveLength(1);
    seen.length = 0;
    await digests.digest(r.file, (done, total) => (seen.push(done), expect(total).toBe(5_000_000)));
    expect(seen.at(-1)).toBe(5_000_000);
    expect(seen).toEqual([...seen].sort((a, b) => a - b));
  });

  test('a missing file is named with the nearest folder that exists', async () => {
    using r = rig();
    const digests = await ExternalDigests.open(r.store);
    const path = join(r.path, 'nsddata', 'ppdata', 'x.hdf5');
    const expected = { code: 'E_EXTERNAL_MISSING', facts: { found: 'nothing there', 'nearest folder': r.path } };
    expect(() => digests.known(path)).toThrow(/x\.hdf5" does not exist/);
    symlinkSync('.git/annex/objects/not-fetched', join(r.path, 'dangling'));
    expect(() => digests.known(join(r.path, 'dangling'))).toThrow(/does not exist/);
    symlinkSync('loop', join(r.path, 'loop'));
    expect(() => digests.known(join(r.path, 'loop'))).toThrow(/does not exist/);
    expect(() => digests.known(r.path)).toThrow(/is not a file/);
    await expect(digests.digest(path)).rejects.toMatchObject(expected);
  });

  test('damage to the memory costs rereading and nothing else, whatever byte it hits', async () => {
    using r = rig();
    const digests = await ExternalDigests.open(r.store, settled);
    await digests.digest(r.file);
    await digests.save();
    const memory = join(r.store, 'external-digests.json');
    const good = readFileSync(memory);
    for (let offset = 0; offset < good.length; offset += 1) {
      const bad = Buffer.from(good);
      bad[offset] = (bad[offset] as number) ^ 1;
      writeFileSync(memory, bad);
      const known = (await ExternalDigests.open(r.store, settled)).known(r.file);
      if (known !== undefined) expect(known.digest).toBe(digestOf('content')); // a changed space between words
    }
    writeFileSync(memory, good.subarray(0, 50));
    expect((await ExternalDigests.open(r.store, settled)).known(r.file)).toBeUndefined();
  });

  test('two processes that save at once keep a whole memory, and one after the other keep both', async () => {
    using r = rig();
    const other = join(r.path, 'other');
    writeFileSync(other, 'other');
    const [one, two] = [await ExternalDigests.open(r.store, settled), await ExternalDigests.open(r.store, settled)];
    await one.digest(r.file);
    await two.digest(other);
    await one.save();
    await two.save();
    const both = await ExternalDigests.open(r.store, settled);
    expect([both.known(r.file)?.size, both.known(other)?.size]).toEqual([7, 5]);
    const racing = await Promise.all(Array.from({ length: 8 }, () => ExternalDigests.open(r.store, settled)));
    for (const [i, memory] of racing.entries()) {
      writeFileSync(`${other}-${i}`, `number ${i}`);
      await memory.digest(`${other}-${i}`);
    }
    await Promise.all(racing.map((memory) => memory.save()));
    const after = await ExternalDigests.open(r.store, settled);
    expect([after.known(r.file)?.size, after.known(other)?.size]).toEqual([7, 5]); // of the eight, as many as the race left
    expect(racing.some((_, i) => after.known(`${other}-${i}`) !== undefined)).toBe(true);
  });
});
