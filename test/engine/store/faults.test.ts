import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { PipelineError } from '../../../src/core/errors.js';
import { digestOf } from '../../../src/core/digest.js';
import type { StageKey } from '../../../src/engine/record.js';
import type { FsPort } from '../../../src/engine/store/fs-port.js';
import { collectGarbage } from '../../../src/engine/store/gc.js';
import { storeInfo } from '../../../src/engine/store/info.js';
import { verifyStore } from '../../../src/engine/store/verify.js';
import { Crash, FaultFs, type Fault } from '../../rigs/fault-fs.js';
import { assertStoreInvariants } from '../../rigs/store-invariants.js';
import { keyOf, memoOf, runStage, StoreRig } from '../../rigs/store-rig.js';

/** Everything a run does to a store: a stage that stores an object twice, a memo, reading it all back. Notes the key that was acknowledged. */
async function scenario(rig: StoreRig, fs: FsPort, acknowledged: Set<StageKey>): Promise<void> {
  const store = await rig.open({ fs });
  try {
    acknowledged.add((await runStage(store, 'a', ['twice', 'once', 'twice'])).key);
    const memo = memoOf('m', [{ name: 'x', ...(await store.putBytes(Buffer.from('memo'))) }]);
    await store.publishMemo(memo);
    const record = await store.lookup(keyOf('a'));
    for (const file of record?.outputs['out']?.files ?? []) await store.verifyObject(file.digest, file.size);
    await store.lookupMemo(memo.key);
  } finally {
    await store.close();
  }
}

const FINISHED = new Set([keyOf('a')]);

async function provoke(work: () => Promise<unknown>): Promise<unknown> {
  try {
    await work();
    return undefined;
  } catch (error) {
    return error;
  }
}

/** Runs the scenario with the fault at the 1st, 2nd, … operation until it no longer fires; returns how many fault points there were. */
async function everyOperation(fault: Omit<Fault, 'nth'>, check: (rig: StoreRig, error: unknown, acknowledged: Set<StageKey>) => Promise<void>): Promise<number> {
  for (let nth = 1; ; nth += 1) {
    await using rig = new StoreRig('memory');
    const fs = new FaultFs({ ...fault, nth });
    const acknowledged = new Set<StageKey>();
    const error = await provoke(() => scenario(rig, fs, acknowledged));
    if (fs.fired === 0) {
      expect(error).toBeUndefined();
      return nth - 1;
    }
    await check(rig, error, acknowledged);
  }
}

describe('a fault at every single operation', { timeout: 240_000 }, () => {
  const cases = [
    ['ENOSPC', 'once', 'E_NO_SPACE'],
    ['ENOSPC', 'forever', 'E_NO_SPACE'],
    ['EIO', 'once', 'E_STORE_IO'],
    ['EROFS', 'forever', 'E_STORE_IO'],
    ['EMFILE', 'once', 'E_STORE_IO'],
  ] as const;

  test.each(cases)('%s %s: the error is typed, the store stays right, and the same work then succeeds', async (errno, mode, code) => {
    const points = await everyOperation({ mode, code: errno }, async (rig, error, acknowledged) => {
      if (error !== undefined) {
        expect(error).toBeInstanceOf(PipelineError);
        // Damage that a failing disk only pretends is reported by the steps that follow it.
        if (!(errno === 'EIO' && (error as PipelineError).code === 'E_CACHE_DAMAGED')) expect(error).toMatchObject({ code });
        expect((error as PipelineError).message).toContain(rig.directory);
        expect((error as PipelineError).hint).toBeTruthy();
      }
      // An object that the disk could not read was set aside: the records that need it are then misses.
      await assertStoreInvariants(rig.directory, { finished: FINISHED, damaged: errno === 'EIO' });
      const again = new Set<StageKey>();
      await scenario(rig, new FaultFs(), again);
      expect(again).toEqual(FINISHED);
      const store = await rig.open({ mode: 'read' });
      for (const key of [...acknowledged, ...again]) expect(await store.lookup(key)).toBeDefined();
    });
    expect(points).toBeGreaterThan(150);
  });

  test('killed at any operation: a run killed while storing leaves no entry, or a whole one', async () => {
    const points = await everyOperation({ mode: 'crash', code: '' }, async (rig, error, acknowledged) => {
      if (error !== undefined) expect(error).toBeInstanceOf(Crash); // at the very end the kill only interrupts the release of the lease
      const reader = await rig.open({ mode: 'read' });
      for (const key of acknowledged) expect(await reader.lookup(key), 'an acknowledged record was lost').toBeDefined();
      await reader.close();
      const again = new Set<StageKey>();
      await scenario(rig, new FaultFs(), again);
      expect(again).toEqual(FINISHED);
      await assertStoreInvariants(rig.directory, { finished: FINISHED });
    });
    expect(points).toBeGreaterThan(150);
  });

  test('verify, info and gc report every fault as a typed error or as a problem, and change nothing for the worse', async () => {
    const work = [
      ['verify', (directory: string, fs: FsPort) => verifyStore(directory, { readData: true, fs })],
      ['info', (directory: string, fs: FsPort) => storeInfo(directory, fs)],
      ['gc', (directory: string, fs: FsPort) => collectGarbage(directory, { dryRun: false, graceMs: 0, fs })],
    ] as const;
    for (const [name, run] of work) {
      await using rig = new StoreRig('memory');
      await scenario(rig, new FaultFs(), new Set());
      for (let nth = 1; ; nth += 1) {
        const fs = new FaultFs({ nth, mode: 'once', code: 'EIO' });
        const error = await provoke(() => run(rig.directory, fs));
        if (error !== undefined) expect(error, `${name} at ${fs.log.at(-1) ?? ''}`).toMatchObject({ code: 'E_STORE_IO' });
        if (fs.fired === 0) break;
      }
      const store = await rig.open({ mode: 'read' });
      for (const key of FINISHED) expect(await store.lookup(key)).toBeDefined();
      await assertStoreInvariants(rig.directory, { finished: FINISHED });
    }
  });
});

test('a store whose folder vanishes while it is used says so', async () => {
  await using rig = new StoreRig();
  const store = await rig.open();
  const staging = await store.createStaging('s');
  const path = join(staging, 'x');
  writeFileSync(path, 'x');
  await (await import('node:fs/promises')).rm(rig.directory, { recursive: true });
  await expect(store.putFile(path)).rejects.toMatchObject({ code: 'E_STORE_IO' });
  await store.putBytes(Buffer.from('x'));
  expect(await store.verifyObject(digestOf('x'), 1)).toBe('ok');
  expect(existsSync(staging)).toBe(false);
});
