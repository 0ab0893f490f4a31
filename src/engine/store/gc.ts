/**
 * Removes what nobody needs: objects that no record refers to, what killed processes left behind, and, if limits are given, the records
 * used longest ago with the objects that only they need. Runs beside writers and beside another gc without a lock, because
 *   - nothing touched since an hour before the oldest living lease began (or since this gc began) is removed: adding, finding and reusing all
 *     touch, finding if nobody did within the last hour;
 *   - a file's time is looked at again right before it is unlinked;
 *   - a record goes, durably, before its objects, so a kill in between leaves unreferenced objects and never a dangling record;
 *   - and if all that fails, a record whose object is gone is a miss and the stage runs again.
 * Run records (`runs/`) and the quarantine are never touched.
 */
import { dirname } from 'node:path';
import type { Digest } from '../../core/digest.js';
import { syncFolder } from './durable.js';
import { isMissing, nodeFs, type FsPort } from './fs-port.js';
import { sweepLeftovers } from './gc-leftovers.js';
import { markRecords, type MarkedRecord } from './gc-mark.js';
import { withStoreErrors } from './io-errors.js';
import { layoutOf, readFormat, type Layout } from './layout.js';
import { leasesOf } from './lease.js';
import { addTo, noRemoval, type Removal } from './removal.js';
import { USED_WITHIN_MS } from './records.js';
import { keysOfNewestRuns } from './run-keys.js';
import { placesOf } from './walk.js';

export const DEFAULT_GRACE_MS = 24 * 3_600_000;
/** Clocks of two machines that share a store may differ by this much without any harm. */
const CLOCK_SKEW_MS = 300_000;

export interface GcOptions {
  /** evict what was used longest ago until objects and records together are at most this */
  readonly maxBytes?: number;
  /** evict what was not used for this long */
  readonly maxAgeMs?: number;
  /** never evict what the newest N runs ran or restored */
  readonly keepRuns?: number;
  readonly dryRun: boolean;
  /** unreferenced objects and leftovers younger than this stay; default 24 h */
  readonly graceMs?: number;
  readonly signal?: AbortSignal;
  readonly fs?: FsPort;
}

export interface GcSummary {
  readonly dryRun: boolean;
  readonly removed: Readonly<Record<'records' | 'memos' | 'objects' | 'temporaries' | 'staging' | 'checkpoints' | 'leases', Removal>>;
  /** objects, records and memos together */
  readonly bytesBefore: number;
  readonly bytesAfter: number;
}

/** Errors: E_CACHE_FORMAT (also for a single newer record: it may need any object), E_CACHE_DAMAGED (VERSION), E_STORE_IO. */
export async function collectGarbage(directory: string, options: GcOptions): Promise<GcSummary> {
  const { fs = nodeFs } = options;
  const layout = layoutOf(directory);
  return withStoreErrors(fs, 'collecting garbage', layout.root, async () => {
    await readFormat(fs, layout);
    return collect(fs, layout, options);
  });
}

async function collect(fs: FsPort, layout: Layout, options: GcOptions): Promise<GcSummary> {
  const { dryRun, graceMs = DEFAULT_GRACE_MS } = options;
  const began = fs.now();
  const leases = await leasesOf(fs, layout, began);
  const held = Math.min(began, ...leases.filter((lease) => lease.alive).map((lease) => lease.since - USED_WITHIN_MS)) - CLOCK_SKEW_MS;
  const removed = {
    records: noRemoval(),
    memos: noRemoval(),
    objects: noRemoval(),
    temporaries: noRemoval(),
    staging: noRemoval(),
    checkpoints: noRemoval(),
    leases: noRemoval(),
  };

  const marked = await markRecords(fs, layout, options.signal);
  const objects = await listObjects(fs, layout);
  const keep = await keysOfNewestRuns(fs, layout, options.keepRuns ?? 0);
  const bytesBefore = sum(objects.values(), (object) => object.bytes) + sum(marked, (record) => record.bytes);
  const evicted = chooseEvicted(marked, objects, bytesBefore, options, (record) => record.usedAt >= held || keep.has(record.key), began);

  const folders = new Set<string>();
  for (const record of evicted) {
    if (!dryRun && !(await removeIfUntouched(fs, record.path, record.usedAt))) {
      evicted.delete(record);
      continue;
    }
    folders.add(dirname(record.path));
    addTo(removed[record.shelf], record.bytes);
  }
  if (!dryRun) for (const folder of folders) await syncFolder(fs, folder);

  const orphaned = new Set<Digest>();
  const needed = new Set<Digest>();
  for (const record of marked) for (const digest of record.needs) (evicted.has(record) ? orphaned : needed).add(digest);
  for (const [digest, object] of objects) {
    options.signal?.throwIfAborted();
    const oldEnough = object.touchedAt < held && (orphaned.has(digest) || object.touchedAt < began - graceMs);
    if (needed.has(digest) || !oldEnough) continue;
    if (dryRun || (await removeIfUntouched(fs, object.path, object.touchedAt))) addTo(removed.objects, object.bytes);
  }
  await sweepLeftovers(fs, layout, { leases, held, olderThan: began - graceMs, dryRun, removed });
  const freed = removed.records.bytes + removed.memos.bytes + removed.objects.bytes;
  return { dryRun, removed, bytesBefore, bytesAfter: bytesBefore - freed };
}

interface ObjectPlace {
  readonly path: string;
  readonly bytes: number;
  readonly touchedAt: number;
}

async function listObjects(fs: FsPort, layout: Layout): Promise<Map<Digest, ObjectPlace>> {
  const objects = new Map<Digest, ObjectPlace>();
  for await (const { path, id } of placesOf(fs, layout, 'objects')) {
    if (id === undefined) continue;
    try {
      const stats = await fs.lstat(path);
      objects.set(id, { path, bytes: Number(stats.size), touchedAt: Number(stats.mtimeMs) });
    } catch (error) {
      if (!isMissing(error)) throw error; // removed while we looked
    }
  }
  return objects;
}

/** Which records go: those past the age, then those used longest ago until the rest fits. An object's bytes are freed with its last record. */
function chooseEvicted(
  marked: readonly MarkedRecord[],
  objects: ReadonlyMap<Digest, ObjectPlace>,
  total: number,
  options: GcOptions,
  isProtected: (record: MarkedRecord) => boolean,
  now: number,
): Set<MarkedRecord> {
  const users = new Map<Digest, number>();
  for (const record of marked) for (const digest of record.needs) users.set(digest, (users.get(digest) ?? 0) + 1);
  let bytes = total - sum([...objects].filter(([digest]) => !users.has(digest)), ([, object]) => object.bytes);
  const oldest = options.maxAgeMs === undefined ? -Infinity : now - options.maxAgeMs;
  const limit = options.maxBytes ?? Infinity;
  const evicted = new Set<MarkedRecord>();
  const inOrder = [...marked].sort((a, b) => a.usedAt - b.usedAt || (a.path < b.path ? -1 : 1));
  for (const record of inOrder) {
    if (isProtected(record) || (record.usedAt >= oldest && bytes <= limit)) continue;
    evicted.add(record);
    bytes -= record.bytes;
    for (const digest of record.needs) {
      const left = (users.get(digest) ?? 1) - 1;
      users.set(digest, left);
      if (left === 0) bytes -= objects.get(digest)?.bytes ?? 0;
    }
  }
  return evicted;
}

/** Unlinks a file unless it was touched since we looked. */
async function removeIfUntouched(fs: FsPort, path: string, touchedAt: number): Promise<boolean> {
  try {
    if (Number((await fs.lstat(path)).mtimeMs) !== touchedAt) return false;
    await fs.unlink(path);
    return true;
  } catch (error) {
    if (isMissing(error)) return false;
    throw error;
  }
}

function sum<T>(items: Iterable<T>, bytesOf: (item: T) => number): number {
  let total = 0;
  for (const item of items) total += bytesOf(item);
  return total;
}
