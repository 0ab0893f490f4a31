import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { PipelineError } from '../../../src/core/errors.js';
import type { StageKey } from '../../../src/engine/record.js';
import { isClaim } from '../../../src/engine/store/claims.js';
import type { FsPort } from '../../../src/engine/store/fs-port.js';
import { collectGarbage } from '../../../src/engine/store/gc.js';
import { storeInfo } from '../../../src/engine/store/info.js';
import { verifyStore } from '../../../src/engine/store/verify.js';
import { Crash, FaultFs, type Fault } from '../../rigs/fault-fs.js';
import { assertStoreInvariants } from '../../rigs/store-invariants.js';
import { keyOf, memoOf, runStageIn, StoreRig } from '../../rigs/store-rig.js';

/** Everything a run does to a store: a claim, a stage that stores an object twice, a memo, reading it all back. Notes the key that was acknowledged. */
async function scenario(rig: StoreRig, fs: FsPort, acknowledged: Set<StageKey>, unreadable: Set<string> = new Set()): Promise<void> {
  const store = await rig.open({ fs });
  try {
    const claim = await store.claim(keyOf('a'), 'the scenario');
    const { record, stored } = await runStageIn(store, 'a', ['twice', 'once', 'twice']);
    if (stored) acknowledged.add(record.key);
    if (isClaim(claim)) await claim.release();
    const memo = memoOf('m', [{ name: 'x', ...(await store.putBytes(Buffer.from('memo'))) }]);
    await store.publishMemo(memo);
    await store.lookup(keyOf('a'));
    // Saved or not, what was made serves this run, unless just this look fails.
    for (const { digest, size } of record.outputs['out']?.files ?? []) {
      const state = await store.verifyObject(digest, size);
      if (state === 'ok') expect(readFileSync(store.objectPath(digest)).byteLength).toBe(size);
      else unreadable.add(state);
    }
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
async function everyOperation(fault: Omit<Fault, 'nth'>, where: 'everywhere' | 'in the store', check: (rig: StoreRig, error: unknown, acknowledged: Set<StageKey>, at: string) => Promise<void>): Promise<number> {
  for (let nth = 1; ; nth += 1) {
    await using rig = new StoreRig('memory');
    const fs = new FaultFs({ ...fault, nth, ...(where === 'everywhere' ? {} : { within: rig.directory }) });
    const acknowledged = new Set<StageKey>();
    const unreadable = new Set<string>();
    const error = await provoke(() => scenario(rig, fs, acknowledged, unreadable));
    if (fault.writing === true) expect([...unreadable]).toEqual([]);
    if (fs.fired === 0) {
      expect(error).toBeUndefined();
      return nth - 1;
    }
    await check(rig, error, acknowledged, fs.log[nth - 1] ?? '');
  }
}

/** The damage that a fault may do is a miss, and the same work then succeeds. */
async function succeedsAfterwards(rig: StoreRig, acknowledged: Set<StageKey>, errno: string): Promise<void> {
  // An object that the disk could not read was set aside: the records that need it are then misses.
  await assertStoreInvariants(rig.directory, { finished: FINISHED, damaged: errno === 'EIO' });
  const again = new Set<StageKey>();
  await scenario(rig, new FaultFs(), again);
  expect(again).toEqual(FINISHED);
  const store = await rig.open({ mode: 'read' });
  for (const key of [...acknowledged, ...again]) expect(await store.lookup(key)).toBeDefined();
}

describe('a fault at every single operation', { timeout: 240_000 }, () => {
  const cases = [
    ['ENOSPC', 'once', 'E_NO_SPACE'],
    ['ENOSPC', 'forever', 'E_NO_SPACE'],
    ['EIO', 'forever', 'E_STORE_IO'],
    ['EROFS', 'forever', 'E_STORE_IO'],
  ] as const;

  test.each(cases)('%s %s at whatever changes the store: once it is open nothing fails, what was made serves the run, and the same work then succeeds', async (errno, mode, code) => {
    const points = await everyOperation({ mode, code: errno, writing: true }, 'in the store', async (rig, error, acknowledged, at) => {
      if (error !== undefined) expect(error, at).toMatchObject({ code, hint: expect.any(String), message: expect.stringContaining(rig.directory), facts: { action: 'opening the store' } });
      await succeedsAfterwards(rig, acknowledged, errno);
    });
    expect(points).toBeGreaterThan(70);
  });

  test.each(['EIO', 'EACCES', 'EMFILE', 'ESTALE'])('%s once at any operation: the error is typed, the store stays right, and the same work then succeeds', async (errno) => {
    const points = await everyOperation({ mode: 'once', code: errno }, 'in the store', async (rig, error, acknowledged, at) => {
      // What the stage has just written cannot be read: nobody has those bytes any more.
      const action = / \S*\/staging\/\S+\/f\d$/.test(at) ? 'storing a file' : expect.stringMatching(/^opening the store|^checking an object/);
      if (error !== undefined) expect(error, at).toMatchObject({ code: 'E_STORE_IO', hint: expect.any(String), message: expect.stringContaining(rig.directory), facts: { action } });
      await succeedsAfterwards(rig, acknowledged, 'EIO');
    });
    expect(points).toBeGreaterThan(150);
  });

  test('ENOSPC forever in the store and in the folder for temporary files: an error says what is needed and what is free', async () => {
    await everyOperation({ mode: 'forever', code: 'ENOSPC', writing: true }, 'everywhere', async (rig, error, acknowledged, at) => {
      if (error !== undefined) expect(error, at).toMatchObject({ code: 'E_NO_SPACE', hint: expect.stringContaining('pipeline cache gc'), facts: { system: 'ENOSPC' } });
      if (error !== undefined && /pipeline-scratch/.test((error as PipelineError).message)) expect((error as PipelineError).facts).toHaveProperty('neededBytes');
      await succeedsAfterwards(rig, acknowledged, 'ENOSPC');
    });
  });

  test('killed at any operation: a run killed while storing leaves no entry, or a whole one', async () => {
    const points = await everyOperation({ mode: 'crash', code: '' }, 'everywhere', async (rig, error, acknowledged) => {
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

test('a store whose folder is removed while it is used is made again', async () => {
  await using rig = new StoreRig();
  const store = await rig.open();
  const staging = await store.createStaging('s');
  writeFileSync(join(staging, 'x'), 'x');
  rmSync(rig.directory, { recursive: true });
  await expect(store.putFile(join(staging, 'x'))).rejects.toMatchObject({ code: 'E_STORE_IO' }); // the bytes are gone with it
  const { record, stored } = await runStageIn(store, 'a', ['again']);
  expect(stored).toBe(true);
  expect(await store.lookup(record.key)).toEqual(record);
  expect(isClaim(await store.claim(keyOf('b'), 'test'))).toBe(true);
});
