/**
 * Removes what nobody needs: objects that no record refers to, what killed processes left behind, and, if limits are given, the bytes of the records
 * used longest ago (gc-choice.ts). A record whose bytes go is moved to the shelf `evicted`. Runs beside writers and beside another gc without a lock, because
 *   - nothing touched since an hour before the oldest living lease began (or since this gc began) is removed: adding, finding and reusing all
 *     touch, finding if nobody did within the last hour;
 *   - a file's time is looked at again right before it is unlinked;
 *   - what runs under way have found is kept as well, whatever their clocks said when they touched it;
 *   - a record goes from its place, durably, before its objects, so a kill in between leaves unreferenced objects and never a dangling record;
 *   - and if all that fails, a record whose object is gone is a miss and the stage runs again.
 * Run records (`runs/`) and the quarantine are never touched.
 */
import { dirname } from 'node:path';
import type { Digest } from '../../core/digest.js';
import { ensureFolder, syncFolder } from './durable.js';
import { isMissing, nodeFs, type FsPort } from './fs-port.js';
import { choose, type Choice } from './gc-choice.js';
import { sweepLeftovers } from './gc-leftovers.js';
import { markRecords, type MarkedRecord } from './gc-mark.js';
import { withStoreErrors } from './io-errors.js';
import { layoutOf, objectPath, readFormat, recordPath, type Layout } from './layout.js';
import { leasesOf } from './lease.js';
import { patientFs } from './patient-fs.js';
import { addTo, noRemoval, type Removal } from './removal.js';
import { USED_WITHIN_MS } from './records.js';
import { keysByRun, keysOfKeptRuns } from './run-keys.js';
import { sweepScratch } from './scratch.js';
import { placesOf } from './walk.js';

export const DEFAULT_GRACE_MS = 24 * 3_600_000;
/** How long evicted records are remembered: a year since their last use. */
export const DEFAULT_HISTORY_MS = 365 * 24 * 3_600_000;
/** Clocks of two machines that share a store may differ by this much without any harm. */
const CLOCK_SKEW_MS = 300_000;

export interface GcOptions {
  /** evict what was used longest ago until objects and records together (evicted ones aside) are at most this */
  readonly maxBytes?: number;
  /** once `maxBytes` is exceeded, go down to this, so that the next run does not exceed it again at once; default: `maxBytes` */
  readonly downToBytes?: number;
  /** evict what was not used for this long */
  readonly maxAgeMs?: number;
  /** never evict what the newest N runs ran or restored; what pinned runs and runs under way did is kept anyway */
  readonly keepRuns?: number;
  /** forget evicted records that were not used for this long; default a year */
  readonly historyMs?: number;
  readonly dryRun: boolean;
  /** unreferenced objects and leftovers younger than this stay; default 24 h */
  readonly graceMs?: number;
  readonly signal?: AbortSignal;
  readonly fs?: FsPort;
}

export type RemovedKind = 'evicted' | 'records' | 'memos' | 'objects' | 'temporaries' | 'staging' | 'checkpoints' | 'leases';

/** Results that have to be computed again should somebody want them. */
export interface Lost {
  readonly records: number;
  /** of the objects that go with them */
  readonly bytes: number;
}

export interface GcSummary {
  readonly dryRun: boolean;
  /** `evicted`: records that stay as history while their bytes go (which count as objects); `records`, `memos`: those that go themselves */
  readonly removed: Readonly<Record<RemovedKind, Removal>>;
  /** largest first */
  readonly byType: readonly (Lost & { readonly type: string })[];
  /** runs that used what goes, newest first; runs share results, so the sums overlap */
  readonly byRun: readonly (Lost & { readonly run: string })[];
  /** objects, records and memos together, without evicted records */
  readonly bytesBefore: number;
  readonly bytesAfter: number;
  /** evicted records, when it is done */
  readonly historyBytes: number;
}

/** Errors: E_CACHE_FORMAT (also for a single newer record: it may need any object), E_CACHE_DAMAGED (VERSION), E_STORE_IO. */
export async function collectGarbage(directory: string, options: GcOptions): Promise<GcSummary> {
  const fs = patientFs(options.fs ?? nodeFs, () => undefined);
  const layout = layoutOf(directory);
  return withStoreErrors(fs, 'collecting garbage', layout.root, async () => {
    await readFormat(fs, layout);
    return collect(fs, layout, options);
  });
}

async function collect(fs: FsPort, layout: Layout, options: GcOptions): Promise<GcSummary> {
  const { dryRun, graceMs = DEFAULT_GRACE_MS, historyMs = DEFAULT_HISTORY_MS } = options;
  const began = fs.now();
  const leases = await leasesOf(fs, layout, began);
  const held = Math.min(began, ...leases.filter((lease) => lease.alive).map((lease) => lease.since - USED_WITHIN_MS)) - CLOCK_SKEW_MS;
  const removed = {
    evicted: noRemoval(),
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
  const needed = new Set<Digest>();
  for (const { needs } of marked) for (const digest of needs) needed.add(digest);
  const keep = await keysOfKeptRuns(fs, layout, { newest: options.keepRuns ?? 0 });
  const bytesBefore = sum(objects.values(), ({ bytes }) => bytes) + sum(marked, ({ shelf, bytes }) => (shelf === 'evicted' ? 0 : bytes));
  const choice = choose(
    marked,
    { bytesOf: (digest) => objects.get(digest)?.bytes ?? 0, unreferencedBytes: sum([...objects].filter(([digest]) => !needed.has(digest)), ([, { bytes }]) => bytes) },
    bytesBefore,
    {
      maxBytes: options.maxBytes,
      downToBytes: options.downToBytes,
      usedSince: options.maxAgeMs === undefined ? -Infinity : began - options.maxAgeMs,
      rememberedSince: began - historyMs,
    },
    (record) => keep.has(record.key) || (record.shelf !== 'evicted' && record.usedAt >= held),
  );

  const gone = await removeRecords(fs, layout, choice, removed, dryRun);
  const orphaned = new Set<Digest>();
  needed.clear();
  for (const record of marked) for (const digest of record.needs) (gone.has(record) ? orphaned : needed).add(digest);
  for (const [digest, object] of objects) {
    options.signal?.throwIfAborted();
    const oldEnough = object.touchedAt < held && (orphaned.has(digest) || object.touchedAt < began - graceMs);
    if (needed.has(digest) || !oldEnough) continue;
    if (dryRun || (await removeIfUntouched(fs, objectPath(layout.root, digest), object.touchedAt))) addTo(removed.objects, object.bytes);
  }
  if (!dryRun) await sweepScratch(); // outside the store, and therefore not counted
  await sweepLeftovers(fs, layout, { leases, held, olderThan: began - graceMs, dryRun, removed });
  const recordBytes = sum(gone, ({ bytes }) => bytes);
  const history = sum(marked, ({ shelf, bytes }) => (shelf === 'evicted' ? bytes : 0)) + recordBytes - removed.records.bytes - removed.memos.bytes;
  return { dryRun, removed, byType: lostByType(gone, choice), byRun: await lostByRun(fs, layout, gone, choice), bytesBefore, bytesAfter: bytesBefore - recordBytes - removed.objects.bytes, historyBytes: history };
}

/** Takes what was chosen from its place; returns the records that no stage finds any more. */
async function removeRecords(fs: FsPort, layout: Layout, { evicted, forgotten }: Choice, removed: Record<RemovedKind, Removal>, dryRun: boolean): Promise<ReadonlySet<MarkedRecord>> {
  const gone = new Set<MarkedRecord>();
  const folders = new Set<string>();
  for (const record of new Set([...evicted, ...forgotten])) {
    const path = recordPath(layout.root, record.shelf, record.key);
    const target = forgotten.has(record) ? undefined : recordPath(layout.root, 'evicted', record.key);
    if (!dryRun && !(await removeIfUntouched(fs, path, record.usedAt, target))) continue;
    for (const changed of [path, ...(target === undefined ? [] : [target])]) folders.add(dirname(changed));
    if (target === undefined) addTo(removed[record.shelf === 'memos' ? 'memos' : 'records'], record.bytes);
    else addTo(removed.evicted, 0);
    if (record.shelf !== 'evicted') gone.add(record);
  }
  if (!dryRun) for (const folder of folders) await syncFolder(fs, folder);
  return gone;
}

function lostByType(gone: ReadonlySet<MarkedRecord>, { freed }: Choice): GcSummary['byType'] {
  const lost = new Map<string, { records: number; bytes: number }>();
  for (const record of gone) {
    const { records, bytes } = lost.get(record.type) ?? { records: 0, bytes: 0 };
    lost.set(record.type, { records: records + 1, bytes: bytes + (freed.get(record) ?? 0) });
  }
  return [...lost].map(([type, amounts]) => ({ type, ...amounts })).sort((a, b) => b.bytes - a.bytes || (a.type < b.type ? -1 : 1));
}

async function lostByRun(fs: FsPort, layout: Layout, gone: ReadonlySet<MarkedRecord>, { freed }: Choice): Promise<GcSummary['byRun']> {
  if (gone.size === 0) return [];
  const byKey = new Map([...gone].filter(({ shelf }) => shelf === 'records').map((record) => [record.key, record]));
  const lost: (Lost & { run: string })[] = [];
  for await (const { run, keys } of keysByRun(fs, layout)) {
    const used = [...keys].flatMap((key) => byKey.get(key) ?? []);
    if (used.length > 0) lost.push({ run, records: used.length, bytes: sum(used, (record) => freed.get(record) ?? 0) });
  }
  return lost;
}

interface ObjectPlace {
  readonly bytes: number;
  readonly touchedAt: number;
}

async function listObjects(fs: FsPort, layout: Layout): Promise<Map<Digest, ObjectPlace>> {
  const objects = new Map<Digest, ObjectPlace>();
  for await (const { path, id } of placesOf(fs, layout, 'objects')) {
    if (id === undefined) continue;
    try {
      const stats = await fs.lstat(path);
      objects.set(id, { bytes: Number(stats.size), touchedAt: Number(stats.mtimeMs) });
    } catch (error) {
      if (!isMissing(error)) throw error; // removed while we looked
    }
  }
  return objects;
}

/** Unlinks a file, or moves it to `target`, unless it was touched since we looked. */
async function removeIfUntouched(fs: FsPort, path: string, touchedAt: number, target?: string): Promise<boolean> {
  try {
    if (Number((await fs.lstat(path)).mtimeMs) !== touchedAt) return false;
    if (target === undefined) await fs.unlink(path);
    else {
      await ensureFolder(fs, dirname(target));
      await fs.rename(path, target);
    }
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
