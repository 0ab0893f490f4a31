/**
 * A lease says that a process is using the store. It guards nothing while files are added or read (they need no lock); it tells gc which
 * staging folders and temporary files belong to somebody alive, and since when, so that nothing touched since then is removed.
 *
 *   leases/<id>.json   written once: the owner and when it began   ·   leases/<id>.beat   touched every minute
 *
 * A lease of another machine or container cannot be proved dead; for gc it counts as dead after a day of silence, far more than clocks differ. Who only waits
 * for such an owner goes by `Silence`.
 */
import { randomBytes } from 'node:crypto';
import type { BigIntStats } from 'node:fs';
import { dirname, join } from 'node:path';
import { removeQuietly, TEMPORARY_PREFIX } from './durable.js';
import { entriesOf, isMissing, readWhole, type FsPort } from './fs-port.js';
import type { Layout } from './layout.js';
import { currentOwner, livenessOf, parseOwner, type Owner } from './owner.js';
import { isPlainObject } from './plain.js';

const BEAT_EVERY_MS = 60_000;
/** Generous, because a beat comes from a process whose main thread may be busy for long; a dead foreign owner only keeps some bytes alive. */
const SILENT_FOREIGN_MS = 24 * 3_600_000;
/** For waiters: ten beats. */
const SILENT_OWNER_MS = 10 * BEAT_EVERY_MS;
const ID_BYTES = 8;

export class Lease {
  readonly id: string;
  readonly #fs: FsPort;
  readonly #path: string;
  readonly #beat: string;
  readonly #timer: NodeJS.Timeout;
  readonly #startedAt: number;
  #temporaries = 0;

  private constructor(fs: FsPort, layout: Layout, id: string) {
    this.#fs = fs;
    this.#startedAt = fs.now();
    this.id = id;
    this.#path = join(layout.leases, `${id}.json`);
    this.#beat = join(layout.leases, `${id}.beat`);
    this.#timer = setInterval(() => void this.#renew().catch(() => undefined), BEAT_EVERY_MS);
    this.#timer.unref();
  }

  static async take(fs: FsPort, layout: Layout): Promise<Lease> {
    const id = randomBytes(ID_BYTES).toString('hex');
    const lease = new Lease(fs, layout, id);
    try {
      await fs.mkdir(layout.leases);
      await lease.#write();
      return lease;
    } catch (error) {
      await lease.release();
      throw error;
    }
  }

  /** Now, by the clock of the file system: the change time of a file of ours that was just touched. */
  async storeNow(): Promise<number> {
    await this.#fs.touch(this.#beat, new Date(this.#fs.now()));
    return Number((await this.#fs.stat(this.#beat)).ctimeMs);
  }

  async #write(): Promise<void> {
    const text = JSON.stringify({ owner: currentOwner(), startedAt: this.#startedAt });
    await writeOnce(this.#fs, this.#path, `${text}\n`);
    await writeOnce(this.#fs, this.#beat, '');
  }

  async #renew(): Promise<void> {
    try {
      await this.#fs.touch(this.#beat, new Date(this.#fs.now()));
    } catch (error) {
      if (!isMissing(error)) throw error;
      // Somebody has removed the folder of the store while it is used.
      await this.#fs.mkdir(dirname(this.#path));
      await removeQuietly(this.#fs, this.#path);
      await this.#write();
    }
  }

  /** A name in whose file gc sees that it is ours. */
  temporaryName(): string {
    this.#temporaries += 1;
    return `${TEMPORARY_PREFIX}${this.id}-${this.#temporaries}`;
  }

  async release(): Promise<void> {
    clearInterval(this.#timer);
    await removeQuietly(this.#fs, this.#beat);
    await removeQuietly(this.#fs, this.#path);
  }
}

/** The lease id in the name of a temporary file. */
export function leaseOfTemporary(name: string): string | undefined {
  return /^\.tmp-([0-9a-f]+)-\d+$/.exec(name)?.[1];
}

export interface LeaseState {
  readonly id: string;
  readonly path: string;
  readonly alive: boolean;
  /** ms since the epoch: the earlier of what its owner and what the file system say */
  readonly since: number;
  readonly owner: Owner | undefined;
}

export async function leasesOf(fs: FsPort, layout: Layout, now: number): Promise<LeaseState[]> {
  const self = currentOwner();
  const states: LeaseState[] = [];
  for (const entry of await entriesOf(fs, layout.leases)) {
    if (!entry.name.endsWith('.json')) continue;
    const id = entry.name.slice(0, -'.json'.length);
    const path = join(layout.leases, entry.name);
    try {
      const written = Number((await fs.stat(path)).mtimeMs);
      const { owner, startedAt } = parseLease((await readWhole(fs, path)).toString('utf8'));
      const liveness = owner === undefined ? 'unknown' : livenessOf(owner, self);
      const alive = liveness === 'unknown' ? !(await isSilent(fs, join(layout.leases, `${id}.beat`), written, now)) : liveness === 'alive';
      states.push({ id, path, alive, since: Math.min(written, startedAt ?? written), owner });
    } catch (error) {
      if (!isMissing(error)) throw error; // released between the listing and the look
    }
  }
  return states;
}

export async function removeLease(fs: FsPort, layout: Layout, id: string): Promise<void> {
  await removeQuietly(fs, join(layout.leases, `${id}.beat`));
  await removeQuietly(fs, join(layout.leases, `${id}.json`));
}

/**
 * Whether an owner that cannot be proved dead has been silent for so long that waiting for it makes no sense. Clocks may jump and differ, so
 * it is silent when its last sign of life is old by the clock of this machine (beats carry their owner's time) and by that of the file system as
 * well; or when this process itself has seen no sign for that long, by a clock that nobody sets.
 */
export class Silence {
  readonly #fs: FsPort;
  readonly #layout: Layout;
  readonly #lease: Lease;
  readonly #monotonic: () => number;
  readonly #watched = new Map<string, { readonly sign: string; readonly since: number }>();

  constructor(fs: FsPort, layout: Layout, lease: Lease, monotonic: () => number) {
    this.#fs = fs;
    this.#layout = layout;
    this.#lease = lease;
    this.#monotonic = monotonic;
  }

  /** True if the lease is gone; with `judge` also if its owner has been silent. */
  async ofLease(id: string, judge: boolean): Promise<boolean> {
    try {
      const { mtimeMs, ctimeMs } = await this.#fs.stat(join(this.#layout.leases, `${id}.beat`));
      return judge && (await this.#isSilent(id, `${mtimeMs} ${ctimeMs}`, Number(mtimeMs), Number(ctimeMs), SILENT_OWNER_MS));
    } catch (error) {
      if (isMissing(error)) return true;
      throw error;
    }
  }

  /** Of a file that is written once and says nothing. */
  ofFile(id: string, writtenAt: number, ms: number): Promise<boolean> {
    return this.#isSilent(id, String(writtenAt), writtenAt, writtenAt, ms);
  }

  async #isSilent(id: string, sign: string, ownerTime: number, storeTime: number, ms: number): Promise<boolean> {
    const now = this.#monotonic();
    const before = this.#watched.get(id);
    if (before?.sign !== sign) this.#watched.set(id, { sign, since: now });
    else if (now - before.since > ms) return true;
    return this.#fs.now() - ownerTime > ms && (await this.#lease.storeNow()) - storeTime > ms;
  }
}

/** Not made durable: after a crash its owner is dead anyway, and a torn lease is never taken for a dead one. */
export async function writeOnce(fs: FsPort, path: string, text: string): Promise<BigIntStats> {
  const file = await fs.open(path, 'wx', 0o644);
  try {
    await file.write(Buffer.from(text));
    return await file.stat();
  } catch (error) {
    await removeQuietly(fs, path);
    throw error;
  } finally {
    await file.close();
  }
}

async function isSilent(fs: FsPort, beat: string, written: number, now: number): Promise<boolean> {
  let last = written;
  try {
    last = Math.max(last, Number((await fs.stat(beat)).mtimeMs));
  } catch (error) {
    if (!isMissing(error)) throw error;
  }
  return now - last > SILENT_FOREIGN_MS;
}

function parseLease(text: string): { owner?: Owner; startedAt?: number } {
  try {
    const data: unknown = JSON.parse(text);
    if (!isPlainObject(data)) return {};
    const owner = parseOwner(data['owner']);
    const startedAt = data['startedAt'];
    return { ...(owner === undefined ? {} : { owner }), ...(typeof startedAt === 'number' ? { startedAt } : {}) };
  } catch {
    return {};
  }
}
