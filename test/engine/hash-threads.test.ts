import { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { digestOf } from '../../src/core/digest.js';
import { ExternalDigests } from '../../src/engine/external-digests.js';
import { HashThreads } from '../../src/engine/hash-threads.js';

const folder = mkdtempSync(join(tmpdir(), 'hash-threads-'));
afterAll(() => rmSync(folder, { recursive: true }));
const file = (name: string, bytes: Uint8Array): string => {
  writeFileSync(join(folder, name), bytes);
  return join(folder, name);
};
const patterned = (size: number, seed: number): Buffer => Buffer.from(Uint8Array.from({ length: size }, (_, i) => (i * 31 + seed) & 255));

describe('hashing in threads', () => {
  test('gives the digest and the size of each file, more files than threads, empty ones and such of whole and broken buffers', async () => {
    const threads = new HashThreads(2);
    const contents = [0, 1, 4 << 20, (4 << 20) + 1, 9_000_001].map((size, i) => patterned(size, i));
    const hashed = await Promise.all(contents.map((bytes, i) => threads.hash(file(`f${i}`, bytes))));
    expect(hashed).toEqual(contents.map((bytes) => ({ digest: digestOf(bytes), size: bytes.length })));
  });

  test('says how far it is, and goes on with the next file after one that is not there', async () => {
    const threads = new HashThreads(1);
    const path = file('progress', patterned(9_000_000, 7));
    const seen: number[] = [];
    await expect(threads.hash(join(folder, 'nowhere'))).rejects.toMatchObject({ code: 'ENOENT', syscall: 'open' });
    await threads.hash(path, (done) => seen.push(done));
    expect(seen).toEqual([4 << 20, 8 << 20, 9_000_000]);
  });

  test('an abort ends it in the middle of a file with the reason, and the next one is hashed', async () => {
    const threads = new HashThreads(1);
    const path = join(folder, 'endless');
    writeFileSync(path, '');
    truncateSync(path, 64 * 2 ** 30); // zeros that take no room
    const abort = new AbortController();
    const running = threads.hash(path, () => abort.abort(new RangeError('enough')), abort.signal);
    await expect(running).rejects.toThrow('enough');
    expect((await threads.hash(file('after', patterned(10, 1)))).size).toBe(10);
  });

  test('a large outside file has the digest that a small one would have, and is remembered', async () => {
    const path = join(folder, 'large');
    writeFileSync(path, 'begin');
    truncateSync(path, 65 << 20);
    const digests = await ExternalDigests.open(join(folder, 'store'));
    const whole = Buffer.alloc(65 << 20);
    whole.write('begin');
    expect(await digests.digest(path)).toMatchObject({ digest: digestOf(whole), size: 65 << 20 });
  });
});
