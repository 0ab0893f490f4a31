/**
 * A lease says that a process is using the store. It guards nothing while files are added or read (they need no lock); it tells gc which
 * staging folders and temporary files belong to somebody alive, and since when, so that nothing touched since then is removed.
 *
 *   leases/<id>.json   written once: the owner and when it began   ·   leases/<id>.beat   touched every minute
 *
 * A lease of another machine or container cannot be proved dead; it counts as dead after a day of silence, far more than clocks differ.
 */
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { removeQuietly, TEMPORARY_PREFIX } from './durable.js';
import { entriesOf, isMissing, readWhole, type FsPort } from './fs-port.js';
import type { Layout } from './layout.js';
import { currentOwner, livenessOf, parseOwner, type Owner } from './owner.js';
import { isPlainObject } from './plain.js';

const BEAT_EVERY_MS = 60_000;
/** Generous, because a beat comes from a process whose main thread may be busy for long; a dead foreign owner only keeps some bytes alive. */
const SILENT_FOREIGN_MS = 24 * 3_600_000;
const ID_BYTES = 8;

export class Lease {
  readonly id: string;
  readonly #fs: FsPort;
  readonly #path: string;
  readonly #beat: string;
  readonly #timer: NodeJS.Timeout;
  #temporaries = 0;

  private constructor(fs: FsPort, layout: Layout, id: string) {
    this.#fs = fs;
    this.id = id;
    this.#path = join(layout.leases, `${id}.json`);
    this.#beat = join(layout.leases, `${id}.beat`);
    this.#timer = setInterval(() => void fs.touch(this.#beat, new Date(fs.now())).catch(() => undefined), BEAT_EVERY_MS);
    this.#timer.unref();
  }

  static async take(fs: FsPort, layout: Layout): Promise<Lease> {
    const id = randomBytes(ID_BYTES).toString('hex');
    const lease = new Lease(fs, layout, id);
    try {
      const text = JSON.stringify({ owner: currentOwner(), startedAt: fs.now() });
      await fs.mkdir(layout.leases);
      await writeOnce(fs, lease.#path, `${text}\n`);
      await writeOnce(fs, lease.#beat, '');
      return lease;
    } catch (error) {
      await lease.release();
      throw error;
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

/** Not made durable: after a crash its owner is dead anyway, and a torn lease is never taken for a dead one. */
async function writeOnce(fs: FsPort, path: string, text: string): Promise<void> {
  const file = await fs.open(path, 'wx', 0o644);
  try {
    await file.write(Buffer.from(text));
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
