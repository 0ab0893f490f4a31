/**
 * What killed processes leave: temporary files, staging folders, leases, checkpoints of stages that nobody took up again. A thing with an
 * owner goes when the owner is proved dead; a thing without one when it is older than the grace.
 */
import { dirname, join } from 'node:path';
import { leaseOfClaim } from './claims.js';
import { removeQuietly, TEMPORARY_PREFIX } from './durable.js';
import { entriesOf, isMissing, readWhole, type FsPort } from './fs-port.js';
import { recordPath, RUN_TEMPORARY, type Layout } from './layout.js';
import { leaseOfTemporary, removeLease, type LeaseState } from './lease.js';
import type { StageKey } from '../record.js';
import { addTo, type Removal } from './removal.js';
import { placesOf, sizeOfTree } from './walk.js';

export interface Sweep {
  readonly leases: readonly LeaseState[];
  /** nothing touched since then is removed unless its own owner is dead (ms since the epoch) */
  readonly held: number;
  /** the end of the grace (ms since the epoch) */
  readonly olderThan: number;
  readonly dryRun: boolean;
  readonly removed: Readonly<Record<'temporaries' | 'staging' | 'checkpoints' | 'leases', Removal>>;
}

export async function sweepLeftovers(fs: FsPort, layout: Layout, sweep: Sweep): Promise<void> {
  const alive = new Map(sweep.leases.map((lease) => [lease.id, lease.alive]));
  await sweepTemporaries(fs, layout, sweep, alive);
  for (const entry of await entriesOf(fs, layout.staging)) {
    const path = join(layout.staging, entry.name);
    const { bytes } = await sizeOfTree(fs, path);
    const touchedAt = await modifiedAt(fs, path);
    if (touchedAt !== undefined && isLeft(alive.get(entry.name), touchedAt, sweep)) await removeTree(fs, path, bytes, sweep.removed.staging, sweep);
  }
  await sweepMemories(fs, layout, sweep);
  await sweepCheckpoints(fs, layout, sweep);
  for (const lease of sweep.leases) {
    if (lease.alive) continue;
    addTo(sweep.removed.leases, 0);
    if (!sweep.dryRun) await removeLease(fs, layout, lease.id);
  }
  await sweepBeats(fs, layout, sweep, alive);
  await sweepClaims(fs, layout, sweep, alive);
}

/** Claims of owners that are gone; the next stage that wants the key would take them over anyway. */
async function sweepClaims(fs: FsPort, layout: Layout, sweep: Sweep, alive: ReadonlyMap<string, boolean>): Promise<void> {
  for (const entry of await entriesOf(fs, layout.claims)) {
    const path = join(layout.claims, entry.name);
    const touchedAt = await modifiedAt(fs, path);
    const lease = await readWhole(fs, path).then((bytes) => leaseOfClaim(bytes.toString('utf8')), () => undefined);
    const owner = lease === undefined ? undefined : alive.get(lease);
    if (touchedAt === undefined || owner === true || (owner === undefined && touchedAt >= sweep.held)) continue;
    addTo(sweep.removed.leases, 0);
    if (!sweep.dryRun) await removeQuietly(fs, path);
  }
}

/** A beat whose lease is gone: its owner was stopped between removing the two. */
async function sweepBeats(fs: FsPort, layout: Layout, sweep: Sweep, alive: ReadonlyMap<string, boolean>): Promise<void> {
  for (const entry of await entriesOf(fs, layout.leases)) {
    const id = entry.name.endsWith('.beat') ? entry.name.slice(0, -'.beat'.length) : undefined;
    if (id === undefined || alive.has(id)) continue;
    const touchedAt = await modifiedAt(fs, join(layout.leases, entry.name));
    if (touchedAt === undefined || !isLeft(undefined, touchedAt, sweep)) continue;
    addTo(sweep.removed.leases, 0);
    if (!sweep.dryRun) await removeLease(fs, layout, id);
  }
}

async function sweepTemporaries(fs: FsPort, layout: Layout, sweep: Sweep, alive: ReadonlyMap<string, boolean>): Promise<void> {
  const paths: string[] = [];
  for (const shelf of ['objects', 'records', 'memos', 'evicted'] as const) {
    for await (const place of placesOf(fs, layout, shelf)) if (place.kind === 'temporary') paths.push(place.path);
  }
  for (const entry of await entriesOf(fs, layout.root)) if (entry.name.startsWith(TEMPORARY_PREFIX)) paths.push(join(layout.root, entry.name));
  for (const run of await entriesOf(fs, layout.runs)) paths.push(join(layout.runs, run.name, RUN_TEMPORARY));
  for (const path of paths) {
    try {
      const stats = await fs.lstat(path);
      const owner = leaseOfTemporary(path.slice(dirname(path).length + 1));
      if (!isLeft(owner === undefined ? undefined : alive.get(owner), Number(stats.mtimeMs), sweep)) continue;
      if (!sweep.dryRun) await fs.unlink(path);
      addTo(sweep.removed.temporaries, Number(stats.size));
    } catch (error) {
      if (!isMissing(error)) throw error; // its owner finished
    }
  }
}

/** Memories of runs: an old one costs a run that goes the ordinary way once. */
async function sweepMemories(fs: FsPort, layout: Layout, sweep: Sweep): Promise<void> {
  for (const entry of await entriesOf(fs, layout.unchanged)) {
    const path = join(layout.unchanged, entry.name);
    try {
      const stats = await fs.lstat(path);
      if (!isLeft(undefined, Number(stats.mtimeMs), sweep)) continue;
      if (!sweep.dryRun) await fs.unlink(path);
      addTo(sweep.removed.temporaries, Number(stats.size));
    } catch (error) {
      if (!isMissing(error)) throw error; // a run has just replaced it
    }
  }
}

/**
 * A checkpoint outlives its process on purpose. It goes when its stage has a record, or when nobody touched it for the grace; and only while
 * nobody uses the store, because a run that has just taken an old one up shows that nowhere.
 */
async function sweepCheckpoints(fs: FsPort, layout: Layout, sweep: Sweep): Promise<void> {
  if (sweep.leases.some((lease) => lease.alive)) return;
  for (const shard of await entriesOf(fs, layout.checkpoints)) {
    for (const entry of await entriesOf(fs, join(layout.checkpoints, shard.name))) {
      const path = join(layout.checkpoints, shard.name, entry.name);
      const { bytes, newest } = await sizeOfTree(fs, path);
      const touchedAt = Math.max(newest, (await modifiedAt(fs, path)) ?? 0);
      if (touchedAt >= sweep.held) continue;
      // <62 hex>.<id>, or .new-<62 hex>.<id> while it is being made
      const key = `${shard.name}${entry.name.replace(/^\.new-/, '').replace(/\..*$/, '')}` as StageKey;
      const finished = (await modifiedAt(fs, recordPath(layout.root, 'records', key))) !== undefined;
      if (finished || touchedAt < sweep.olderThan) await removeTree(fs, path, bytes, sweep.removed.checkpoints, sweep);
    }
  }
}

function isLeft(ownerAlive: boolean | undefined, touchedAt: number, sweep: Sweep): boolean {
  if (ownerAlive !== undefined) return !ownerAlive;
  return touchedAt < sweep.olderThan && touchedAt < sweep.held;
}

async function modifiedAt(fs: FsPort, path: string): Promise<number | undefined> {
  try {
    return Number((await fs.lstat(path)).mtimeMs);
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

async function removeTree(fs: FsPort, path: string, bytes: number, removal: Removal, sweep: Sweep): Promise<void> {
  if (!sweep.dryRun) await fs.removeTree(path);
  addTo(removal, bytes);
}
