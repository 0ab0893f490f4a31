/**
 * A claim says that a process is computing a key, so that others wait for its record instead of computing it too.
 *
 *   claims/<key>   created exclusively and whole (a link to a temporary file): a nonce, the owner, its lease, what it says of itself
 *
 * Nothing depends on claims but time: the store stays right if every one of them is deleted or ignored, and where one cannot be written the stage
 * runs without. A process waits for a claim only with nothing in its hands (no claim for that stage, no cores), and one that holds a claim runs its
 * stage and waits for no other claim, so no circle of waiting can close, whatever order stages come in.
 *
 * A claim is over when it is gone, when its owner is proved dead, when its lease is gone, or when an owner that cannot be judged has been silent (lease.ts).
 * One that cannot be read is never just ignored: it is over when it has not changed for a minute. Who takes over a dead claim creates
 * `<key>.<nonce of the dead>` exclusively, with his own claim in it, looks again, and renames it over the dead one: of several waiters exactly one can.
 */
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import type { ClaimHolder } from '../events.js';
import type { StageKey } from '../record.js';
import { ClaimWatch } from './claim-watch.js';
import { LINK_UNSUPPORTED, removeQuietly, TEMPORARY_PREFIX } from './durable.js';
import { errnoOf, isMissing, readWhole, type FsPort } from './fs-port.js';
import type { Layout } from './layout.js';
import { Silence, writeOnce, type Lease } from './lease.js';
import { currentOwner, livenessOf, parseOwner, type Owner } from './owner.js';
import { isPlainObject } from './plain.js';

const UNREADABLE_MS = 60_000;
const LOOK_EVERY_MS = 5000;
const NONCE_BYTES = 8;
/** Each of them is a process that died in the very act of taking over. */
const MOST_TAKEOVERS = 4;

export interface Claim {
  /** false where no claim could be written: another process may compute the same key meanwhile */
  readonly held: boolean;
  release(): Promise<void>;
}

export const NO_CLAIM: Claim = { held: false, release: () => Promise.resolve() };

interface Seen {
  /** of a claim that cannot be read: what tells it from the next one */
  readonly nonce: string;
  readonly owner: Owner | undefined;
  readonly lease: string;
  readonly about: string;
  readonly writtenAt: number;
}

export class Claims {
  readonly #fs: FsPort;
  readonly #layout: Layout;
  readonly #lease: Lease;
  readonly #silence: Silence;
  readonly #watch: ClaimWatch;
  readonly #owner = currentOwner();

  /** `monotonic`: a clock in ms that nobody sets */
  constructor(fs: FsPort, layout: Layout, lease: Lease, monotonic: () => number = () => performance.now()) {
    this.#fs = fs;
    this.#layout = layout;
    this.#lease = lease;
    this.#silence = new Silence(fs, layout, lease, monotonic);
    this.#watch = new ClaimWatch(fs, layout.claims);
  }

  /** The claim, or who has it. */
  async take(key: StageKey, about: string): Promise<Claim | ClaimHolder> {
    const path = join(this.#layout.claims, key);
    const nonce = randomBytes(NONCE_BYTES).toString('hex');
    const text = `${JSON.stringify({ nonce, owner: this.#owner, lease: this.#lease.id, about })}\n`;
    const mine: Claim = { held: true, release: () => this.#release(path, nonce) };
    try {
      for (;;) {
        if (await this.#create(path, text)) return mine;
        const seen = await this.#look(path);
        if (seen === undefined) continue;
        if (!(await this.#isOver(seen))) return holderOf(seen);
        if (await this.#takeOver(path, seen, text, MOST_TAKEOVERS)) return mine;
        const now = await this.#look(path);
        if (now !== undefined) return holderOf(now); // somebody else is taking it over
      }
    } catch (error) {
      if (errnoOf(error) === undefined) throw error;
      return NO_CLAIM; // it costs time at most
    }
  }

  /** Resolves when it is worth trying again. Rejects with the reason of `signal`. */
  async wait(key: StageKey, signal: AbortSignal): Promise<void> {
    const path = join(this.#layout.claims, key);
    for (;;) {
      signal.throwIfAborted();
      try {
        const seen = await this.#look(path);
        if (seen === undefined || (await this.#isOver(seen))) return;
      } catch (error) {
        if (errnoOf(error) === undefined) throw error; // a look that failed is tried again, slowly
      }
      await this.#watch.changed(key, LOOK_EVERY_MS, signal);
    }
  }

  /** False if the name is taken. */
  async #create(path: string, text: string): Promise<boolean> {
    for (;;) {
      try {
        return await this.#createWhole(path, text);
      } catch (error) {
        if (errnoOf(error) === 'EEXIST') return false;
        if (!isMissing(error)) throw error;
        await this.#fs.mkdir(this.#layout.claims);
      }
    }
  }

  /**
   * Whole or not at all, so that a process that is killed meanwhile leaves no claim that nobody can read (and for which others would wait a minute):
   * written under a temporary name and linked. Where there are no links it is written in place.
   */
  async #createWhole(path: string, text: string): Promise<boolean> {
    const temporary = join(this.#layout.claims, `${TEMPORARY_PREFIX}${randomBytes(NONCE_BYTES).toString('hex')}`);
    await writeOnce(this.#fs, temporary, text);
    try {
      await this.#fs.link(temporary, path);
      return true;
    } catch (error) {
      if (!LINK_UNSUPPORTED.has(errnoOf(error) ?? '')) throw error;
      await writeOnce(this.#fs, path, text);
      return true;
    } finally {
      await removeQuietly(this.#fs, temporary);
    }
  }

  async #look(path: string): Promise<Seen | undefined> {
    try {
      const { mtimeMs, ino } = await this.#fs.lstat(path);
      const text = (await readWhole(this.#fs, path)).toString('utf8');
      return { writtenAt: Number(mtimeMs), ...(parseClaim(text) ?? { nonce: `unreadable-${ino}`, owner: undefined, lease: '', about: '' }) };
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw error;
    }
  }

  async #isOver({ nonce, owner, lease, writtenAt }: Seen): Promise<boolean> {
    if (owner === undefined) return this.#silence.ofFile(nonce, writtenAt, UNREADABLE_MS);
    const liveness = livenessOf(owner, this.#owner);
    if (liveness === 'dead') return true;
    return this.#silence.ofLease(lease, liveness === 'unknown');
  }

  async #takeOver(path: string, dead: Seen, text: string, more: number): Promise<boolean> {
    const marker = `${path}.${dead.nonce}`;
    if (!(await this.#create(marker, text))) {
      const other = await this.#look(marker);
      if (other === undefined || more === 0 || !(await this.#isOver(other))) return false;
      if (!(await this.#takeOver(marker, other, text, more - 1))) return false;
    }
    // The marker is ours, so nobody else replaces the dead claim; but somebody may have done so before.
    if ((await this.#look(path))?.nonce === dead.nonce) {
      await this.#fs.rename(marker, path);
      return true;
    }
    await removeQuietly(this.#fs, marker);
    return false;
  }

  /** By what it says, not by its inode: file systems give the number of a removed file to the next one. */
  async #release(path: string, nonce: string): Promise<void> {
    try {
      if ((await this.#look(path))?.nonce === nonce) await this.#fs.unlink(path);
    } catch (error) {
      if (errnoOf(error) === undefined) throw error; // it is over with our lease
    }
  }
}

export function isClaim(answer: Claim | ClaimHolder): answer is Claim {
  return 'release' in answer;
}

/** The lease in the text of a claim, for gc. */
export function leaseOfClaim(text: string): string | undefined {
  return parseClaim(text)?.lease;
}

function holderOf({ owner, about }: Seen): ClaimHolder {
  return { host: owner?.host ?? 'unknown', pid: owner?.pid ?? 0, about, readable: owner !== undefined };
}

function parseClaim(text: string): Omit<Seen, 'writtenAt'> | undefined {
  try {
    const data: unknown = JSON.parse(text);
    if (!isPlainObject(data)) return undefined;
    const { nonce, lease, about } = data;
    const owner = parseOwner(data['owner']);
    if (owner === undefined || typeof nonce !== 'string' || !/^[0-9a-f]{16}$/.test(nonce) || typeof lease !== 'string' || typeof about !== 'string') return undefined;
    return { nonce, owner, lease, about };
  } catch {
    return undefined;
  }
}
