import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { Random } from '../../../src/core/random.js';
import { Claims, isClaim, type Claim } from '../../../src/engine/store/claims.js';
import { nodeFs, type FsPort } from '../../../src/engine/store/fs-port.js';
import { collectGarbage } from '../../../src/engine/store/gc.js';
import { layoutOf } from '../../../src/engine/store/layout.js';
import { Lease } from '../../../src/engine/store/lease.js';
import { currentOwner, type Owner } from '../../../src/engine/store/owner.js';
import { Crash, FaultFs } from '../../rigs/fault-fs.js';
import { later } from '../../rigs/store-invariants.js';
import { keyOf, temporaryFolder } from '../../rigs/store-rig.js';

const KEY = keyOf('a');
const MINUTE = 60_000;
const NOBODY = new AbortController().signal;

class ClaimRig implements AsyncDisposable {
  readonly #folder = temporaryFolder();
  readonly layout = layoutOf(this.#folder.path);
  readonly leases: Lease[] = [];
  /** a clock that nobody sets */
  monotonic = 0;

  /** The claims of one more process, as far as the store can tell. */
  async process(fs: FsPort = nodeFs): Promise<Claims> {
    const lease = await Lease.take(fs, this.layout);
    this.leases.push(lease);
    return new Claims(fs, this.layout, lease, () => this.monotonic);
  }

  get path(): string {
    return join(this.layout.claims, KEY);
  }

  /** A claim that somebody has left, and his lease. */
  leave(owner: Partial<Owner> | 'garbage', beat: Date | 'none' = new Date()): void {
    mkdirSync(this.layout.claims, { recursive: true });
    mkdirSync(this.layout.leases, { recursive: true });
    const text = owner === 'garbage' ? '{"nonce":' : JSON.stringify({ nonce: '00112233445566aa', lease: 'feed', about: 'run x', owner: { ...currentOwner(), ...owner } });
    writeFileSync(this.path, text);
    if (beat === 'none') return;
    writeFileSync(join(this.layout.leases, 'feed.beat'), '');
    utimesSync(join(this.layout.leases, 'feed.beat'), beat, beat);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const lease of this.leases) await lease.release();
    this.#folder[Symbol.dispose]();
  }
}

const taken = async (claims: Claims): Promise<Claim> => {
  const answer = await claims.take(KEY, 'run y');
  if (!isClaim(answer)) throw new Error(`held by ${answer.about}`);
  return answer;
};

describe('a claim', () => {
  test('of a process killed at any step of making it is whole or not there, so that nobody waits for one that cannot be read', async () => {
    let crashes = 0;
    for (let nth = 1; ; nth += 1) {
      await using rig = new ClaimRig();
      mkdirSync(rig.layout.claims, { recursive: true });
      const fs = new FaultFs({ nth, mode: 'crash', code: 'EIO', within: rig.layout.claims });
      const outcome = await (await rig.process(fs)).take(KEY, 'run x').catch((error: unknown) => error);
      if (existsSync(rig.path)) expect(JSON.parse(readFileSync(rig.path, 'utf8'))).toMatchObject({ about: 'run x' });
      if (!(outcome instanceof Crash)) break;
      crashes += 1;
    }
    expect(crashes).toBeGreaterThan(3);
  });

  test('is had by one process at a time, and the other is told who has it', async () => {
    await using rig = new ClaimRig();
    const [one, two] = [await rig.process(), await rig.process()];
    const claim = await one.take(KEY, 'run 1, stage dream');
    expect(isClaim(claim) && claim.held).toBe(true);
    expect(await two.take(KEY, 'run 2')).toEqual({ host: currentOwner().host, pid: process.pid, about: 'run 1, stage dream', readable: true });
    if (isClaim(claim)) await claim.release();
    expect(readdirSync(rig.layout.claims)).toEqual([]);
    expect((await taken(two)).held).toBe(true);
  });

  test('that is released wakes who waits, and one that another process took meanwhile is not released', async () => {
    await using rig = new ClaimRig();
    const [one, two] = [await rig.process(), await rig.process()];
    const claim = await taken(one);
    let woken = false;
    const waiting = two.wait(KEY, NOBODY).then(() => (woken = true));
    await sleep(50);
    expect(woken).toBe(false);
    await claim.release();
    await waiting;
    const second = await taken(two);
    await claim.release();
    expect(existsSync(rig.path)).toBe(true);
    await second.release();
    expect(existsSync(rig.path)).toBe(false);
  });

  test('is not waited for any more when the run is stopped', async () => {
    await using rig = new ClaimRig();
    const [one, two] = [await rig.process(), await rig.process()];
    await taken(one);
    const stop = new AbortController();
    const waiting = two.wait(KEY, stop.signal);
    setTimeout(() => stop.abort(new Error('stopped')), 30);
    await expect(waiting).rejects.toThrow('stopped');
  });

  test('that cannot be written is no obstacle', async () => {
    await using rig = new ClaimRig();
    const full: FsPort = {
      ...nodeFs,
      open: async (path, flags, mode) => {
        if (flags === 'wx' && path.startsWith(rig.layout.claims)) throw Object.assign(new Error('ENOSPC'), { code: 'ENOSPC', syscall: 'open' });
        return nodeFs.open(path, flags, mode);
      },
    };
    mkdirSync(rig.layout.claims);
    const claims = await rig.process(full);
    expect(await taken(claims)).toMatchObject({ held: false });
  });

  test('comes back when the folder of the store was removed meanwhile', async () => {
    await using rig = new ClaimRig();
    const claims = await rig.process();
    rmSync(rig.layout.root, { recursive: true });
    expect((await taken(claims)).held).toBe(true);
  });
});

describe('a claim that somebody has left', () => {
  test.each<[string, Partial<Owner>]>([
    ['a process that is dead', { pid: 2 ** 22 + 1 }],
    ['a process whose id was used again', { startTicks: 1 }],
    ['an earlier boot', { boot: 'earlier' }],
  ])('%s is taken over at once', async (_, owner) => {
    await using rig = new ClaimRig();
    rig.leave(owner);
    const claims = await rig.process();
    await claims.wait(KEY, NOBODY);
    expect((await taken(claims)).held).toBe(true);
    expect(readdirSync(rig.layout.claims)).toEqual([KEY]);
  });

  test.each<[string, Partial<Owner>]>([
    ['this machine', {}],
    ['another machine', { host: 'node7', machine: 'm' }],
    ['another container', { pidNamespace: 'pid:[1]' }],
  ])('%s: is taken over when its lease is gone', async (_, owner) => {
    await using rig = new ClaimRig();
    rig.leave(owner, 'none');
    expect((await taken(await rig.process())).held).toBe(true);
  });

  test('on another machine is respected while its beats come, by whichever clock they are recent', async () => {
    await using rig = new ClaimRig();
    const ahead = new Date(Date.now() + 24 * 60 * MINUTE);
    const behind = new Date(Date.now() - 24 * 60 * MINUTE); // the file system has written it just now all the same
    for (const beat of [new Date(), ahead, behind]) {
      rig.leave({ host: 'node7' }, beat);
      expect(isClaim(await (await rig.process()).take(KEY, 'me'))).toBe(false);
    }
    // A clock here that jumps a day ahead makes nobody silent.
    expect(isClaim(await (await rig.process(later(1))).take(KEY, 'me'))).toBe(false);
  });

  test('on another machine is taken over after ten minutes without a beat, by a clock that nobody sets', async () => {
    await using rig = new ClaimRig();
    rig.leave({ host: 'node7' }, new Date(Date.now() + 24 * 60 * MINUTE));
    const claims = await rig.process();
    expect(isClaim(await claims.take(KEY, 'me'))).toBe(false);
    rig.monotonic += 9 * MINUTE;
    expect(isClaim(await claims.take(KEY, 'me'))).toBe(false);
    writeFileSync(join(rig.layout.leases, 'feed.beat'), 'a beat');
    rig.monotonic += 9 * MINUTE;
    expect(isClaim(await claims.take(KEY, 'me'))).toBe(false);
    rig.monotonic += 11 * MINUTE;
    expect(isClaim(await claims.take(KEY, 'me'))).toBe(true);
  });

  test('that is old by both clocks is taken over at once', async () => {
    await using rig = new ClaimRig();
    rig.leave({ host: 'node7' }, new Date(Date.now() - 30 * MINUTE));
    let storeTime = 0;
    const old: FsPort = {
      ...nodeFs,
      stat: async (path) => {
        const stats = await nodeFs.stat(path);
        if (path.endsWith('feed.beat')) storeTime = Number(stats.ctimeMs);
        return path.endsWith('.beat') && !path.endsWith('feed.beat') ? Object.assign(stats, { ctimeMs: BigInt(Math.round(storeTime)) + BigInt(30 * MINUTE) }) : stats;
      },
    };
    expect((await taken(await rig.process(old))).held).toBe(true);
  });

  test('and that cannot be read is not ignored, but ages out', async () => {
    await using rig = new ClaimRig();
    rig.leave('garbage');
    const claims = await rig.process();
    expect(await claims.take(KEY, 'me')).toMatchObject({ readable: false });
    rig.monotonic += MINUTE + 1;
    expect((await taken(claims)).held).toBe(true);
    expect(JSON.parse(readFileSync(rig.path, 'utf8'))).toMatchObject({ about: 'run y' });
  });

  test('is removed by gc, together with what a take-over left, and a living one is not', async () => {
    await using rig = new ClaimRig();
    rig.leave({ pid: 2 ** 22 + 1 }, 'none');
    writeFileSync(`${rig.path}.00112233445566aa`, '{');
    const yesterday = new Date(Date.now() - 25 * 60 * MINUTE);
    for (const name of readdirSync(rig.layout.claims)) utimesSync(join(rig.layout.claims, name), yesterday, yesterday);
    const living = await rig.process();
    await living.take(keyOf('b'), 'me');
    await collectGarbage(rig.layout.root, { dryRun: false, graceMs: 0 });
    expect(readdirSync(rig.layout.claims)).toEqual([keyOf('b')]);
  });
});

describe('several who take over one dead claim', () => {
  /** Every operation yields for a while that a seeded generator draws, so that each seed is another interleaving. */
  function shuffled(random: Random): FsPort {
    const pause = async (): Promise<void> => {
      for (let left = Math.floor(random.uniform(0, 4)); left > 0; left -= 1) await new Promise((resolve) => setImmediate(resolve));
    };
    const slow = <A extends unknown[], R>(work: (...args: A) => Promise<R>) => async (...args: A): Promise<R> => {
      await pause();
      const result = await work(...args);
      await pause();
      return result;
    };
    return { ...nodeFs, open: slow(nodeFs.open), lstat: slow(nodeFs.lstat), rename: slow(nodeFs.rename), unlink: slow(nodeFs.unlink) };
  }

  test('exactly one gets it, in every interleaving, also where one died while taking over', async () => {
    for (let seed = 0; seed < 120; seed += 1) {
      await using rig = new ClaimRig();
      rig.leave({ pid: 2 ** 22 + 1 });
      if (seed % 3 === 0) {
        const dead = { nonce: '00112233445566bb', lease: 'feed', about: 'taking over', owner: { ...currentOwner(), pid: 2 ** 22 + 2 } };
        writeFileSync(`${rig.path}.00112233445566aa`, JSON.stringify(dead));
      }
      const random = new Random(`takeover ${seed}`);
      const processes = await Promise.all(Array.from({ length: 4 }, () => rig.process(shuffled(random))));
      const answers = await Promise.all(processes.map((claims) => claims.take(KEY, 'me')));
      expect(answers.filter((answer) => isClaim(answer) && answer.held), `seed ${seed}`).toHaveLength(1);
      expect(readdirSync(rig.layout.claims), `seed ${seed}`).toEqual([KEY]);
    }
  });

  test('those who come and go never hold one claim together', async () => {
    await using rig = new ClaimRig();
    rig.leave({ pid: 2 ** 22 + 1 });
    const random = new Random('come and go');
    let [holding, most, times] = [0, 0, 0];
    const worker = async (): Promise<void> => {
      const claims = await rig.process(shuffled(random));
      for (let done = 0; done < 8; ) {
        const answer = await claims.take(KEY, 'me');
        if (!isClaim(answer)) {
          await claims.wait(KEY, NOBODY);
          continue;
        }
        expect(answer.held).toBe(true);
        holding += 1;
        most = Math.max(most, holding);
        await new Promise((resolve) => setImmediate(resolve));
        holding -= 1;
        times += 1;
        done += 1;
        await answer.release();
      }
    };
    await Promise.all([worker(), worker(), worker(), worker()]);
    expect({ most, times }).toEqual({ most: 1, times: 32 });
  });
});
