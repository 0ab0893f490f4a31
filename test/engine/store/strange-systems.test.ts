import { closeSync, ftruncateSync, openSync, readFileSync, statSync, writeSync } from 'node:fs';
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { StoreEvent } from '../../../src/engine/events.js';
import { nodeFs, type FsPort } from '../../../src/engine/store/fs-port.js';
import { recordPath } from '../../../src/engine/store/layout.js';
import { currentOwner, livenessOf } from '../../../src/engine/store/owner.js';
import { patientFs } from '../../../src/engine/store/patient-fs.js';
import { assertStoreInvariants } from '../../rigs/store-invariants.js';
import { keyOf, runStageIn, StoreRig } from '../../rigs/store-rig.js';

const error = (code: string, path = ''): Error => Object.assign(new Error(`${code}: injected, '${path}'`), { code, syscall: 'x', path });

/** Does what is asked and then loses the answer, once for each kind, as a network file system may. */
function forgetful(): { fs: FsPort; lost: string[] } {
  const lost: string[] = [];
  const lose = (operation: string, path: string, code: string): void => {
    if (lost.includes(operation)) return;
    lost.push(operation);
    throw error(code, path);
  };
  const fs: FsPort = {
    ...nodeFs,
    link: async (from, to) => {
      await nodeFs.link(from, to);
      if (to.includes('/objects/')) lose('link of an object', to, 'EEXIST');
      if (to.includes('/records/')) lose('link of a record', to, 'EEXIST');
    },
    rename: async (from, to) => {
      await nodeFs.rename(from, to);
      lose('rename', to, 'ENOENT');
    },
    unlink: async (path) => {
      await nodeFs.unlink(path);
      lose('unlink', path, 'ENOENT');
    },
  };
  return { fs, lost };
}

describe('a file system', () => {
  test('that loses answers to what it did is believed by what is there then', async () => {
    await using rig = new StoreRig();
    const { fs, lost } = forgetful();
    const store = await rig.open({ fs });
    const events: StoreEvent[] = [];
    store.onEvent((event) => events.push(event));
    const { record, stored } = await runStageIn(store, 'a', ['x', 'y']);
    expect(stored).toBe(true);
    expect(await store.publish(record)).toBe(true);
    expect(lost.sort()).toEqual(['link of an object', 'rename', 'unlink']);
    expect(await store.publish(record, () => expect.unreachable('its own record is no rival'))).toBe(true);
    expect(events).toEqual([]);
    expect(await store.lookup(record.key)).toEqual(record);
    await store.close();
    await assertStoreInvariants(rig.directory);
  });

  test('without hard links, without permission bits and without fsync keeps everything all the same', async () => {
    await using rig = new StoreRig();
    const refuse = (code: string) => async () => Promise.reject(error(code));
    const fs: FsPort = {
      ...nodeFs,
      link: refuse('EPERM'),
      open: async (...args) => Object.assign(await nodeFs.open(...args), { chmod: refuse('ENOTSUP'), sync: refuse('EINVAL') }),
    };
    const store = await rig.open({ fs });
    const events: StoreEvent[] = [];
    store.onEvent((event) => events.push(event));
    const { record, stored } = await runStageIn(store, 'a', ['x', 'y']);
    expect(stored).toBe(true);
    expect(await store.publish(record, () => expect.unreachable())).toBe(true);
    expect(events).toEqual([{ kind: 'store.unsynced', system: 'EINVAL' }]);
    await store.close();
    await assertStoreInvariants(rig.directory);
  });

  test('that has lost track of a file is asked once more, and one without handles until there are some', async () => {
    const counts: Record<string, number> = {};
    const failing = (code: string, times: number): FsPort => ({
      ...nodeFs,
      lstat: async (path) => {
        counts[code] = (counts[code] ?? 0) + 1;
        if ((counts[code] ?? 0) <= times) throw error(code, path);
        return nodeFs.lstat(path);
      },
    });
    const unsynced = (): void => undefined;
    await expect(patientFs(failing('ESTALE', 1), unsynced).lstat('/')).resolves.toBeDefined();
    await expect(patientFs(failing('EMFILE', 4), unsynced).lstat('/')).resolves.toBeDefined();
    counts['ESTALE'] = 0;
    await expect(patientFs(failing('ESTALE', 2), unsynced).lstat('/')).rejects.toMatchObject({ code: 'ESTALE' });
    await expect(patientFs(failing('EIO', 1), unsynced).lstat('/')).rejects.toMatchObject({ code: 'EIO' });
    expect(counts).toEqual({ ESTALE: 2, EMFILE: 5, EIO: 1 });
  });
});

describe('a store of several users', () => {
  test('a record and an object that another user keeps to himself are misses, are named, and the run goes on', async () => {
    await using rig = new StoreRig();
    const first = await rig.open();
    const { record } = await runStageIn(first, 'a', ['x'.repeat(100)]);
    const [file] = record.outputs['out']?.files ?? [];
    const path = first.objectPath(file?.digest as never);
    await first.close();
    const secret = new Set([recordPath(rig.directory, 'records', keyOf('a')), path]);
    const fs: FsPort = {
      ...nodeFs,
      open: async (at, flags, mode) => {
        if (secret.has(at)) throw error('EACCES', at);
        return nodeFs.open(at, flags, mode);
      },
    };
    const store = await rig.open({ fs });
    const events: StoreEvent[] = [];
    store.onEvent((event) => events.push(event));
    expect(await store.lookup(keyOf('a'))).toBeUndefined();
    expect(await store.verifyObject(file?.digest as never, file?.size as never)).toBe('missing');
    expect(events).toMatchObject([{ what: 'record', action: expect.stringContaining('EACCES') }, { what: 'object', path, action: expect.stringContaining('EACCES') }]);
    const again = await runStageIn(store, 'a', ['x'.repeat(100)]);
    expect(again.stored).toBe(false); // its object is in the scratch folder: nobody may vouch for the one in the store
    expect(readFileSync(store.objectPath(file?.digest as never), 'utf8')).toBe('x'.repeat(100));
    expect(readFileSync(path, 'utf8')).toBe('x'.repeat(100));
  });
});

test('a process that has ended and that nobody has asked about is dead', async () => {
  // The shell starts a child that ends at once, and becomes a program that never asks.
  const child = spawn('sh', ['-c', 'sh -c "exit 0" & echo $!; exec sleep 30'], { stdio: ['ignore', 'pipe', 'inherit'] });
  try {
    const pid = Number(await new Promise<string>((resolve) => child.stdout.once('data', (chunk: Buffer) => resolve(chunk.toString()))));
    const fields = (): string[] => readFileSync(`/proc/${pid}/stat`, 'utf8').replace(/^.*\) /, '').split(' ');
    for (let i = 0; i < 500 && fields()[0] !== 'Z'; i += 1) await new Promise((resolve) => setTimeout(resolve, 10));
    const self = currentOwner();
    expect(fields()[0]).toBe('Z');
    expect(livenessOf({ ...self, pid, startTicks: Number(fields()[19]) }, self)).toBe('dead');
    expect(livenessOf({ ...self, pid: child.pid as number, startTicks: Number(readFileSync(`/proc/${child.pid}/stat`, 'utf8').replace(/^.*\) /, '').split(' ')[19]) }, self)).toBe('alive');
  } finally {
    child.kill('SIGKILL');
  }
});

/** Four gigabytes are hashed twice: some ten seconds. */
test.runIf(process.env['PIPELINE_BIG_TESTS'] === '1')('a sparse object of more than 4 GiB keeps its size and its digest', { timeout: 300_000 }, async () => {
  await using rig = new StoreRig();
  const store = await rig.open();
  const size = 2 ** 32 + 4097;
  const path = join(await store.createStaging('big'), 'big');
  const file = openSync(path, 'wx');
  ftruncateSync(file, size);
  writeSync(file, Buffer.from('end'), 0, 3, size - 3);
  closeSync(file);
  const stored = await store.putFile(path);
  expect(stored.size).toBe(size);
  expect(statSync(store.objectPath(stored.digest)).size).toBe(size);
  expect(await store.verifyObject(stored.digest, size)).toBe('ok');
  const other = await rig.open({ mode: 'read' });
  expect(await other.verifyObject(stored.digest, size - 2 ** 32)).toBe('damaged'); // a size that was cut to 32 bits
});
