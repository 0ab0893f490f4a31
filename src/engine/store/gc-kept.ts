/**
 * Why gc left more than its limit: how many bytes it must not touch, by the strongest reason. Says nothing about what it chose; for the summary only.
 */
import type { Digest } from '../../core/digest.js';
import type { MarkedRecord } from './gc-mark.js';

export const KEPT_REASONS = ['recent', 'inUse', 'runs', 'unreferenced'] as const;
/**
 * `recent`: used within the tolerance for clocks, five minutes; `inUse`: since before the oldest process that has the store open; `runs`: used by pinned
 * runs, runs under way or those of `keepRuns`; `unreferenced`: young objects that no record needs, which a run may be about to use.
 */
export type KeptReason = (typeof KEPT_REASONS)[number];
export type Kept = Readonly<Record<KeptReason, number>>;

export interface Bounds {
  /** used since: recent */
  readonly recent: number;
  /** used since: in use */
  readonly held: number;
  readonly isOfKeptRun: (record: MarkedRecord) => boolean;
}

/** `objects`: those that are left; each counts once, with the first record that needs it. */
export function keptBytes(records: readonly MarkedRecord[], objects: ReadonlyMap<Digest, { readonly bytes: number; readonly touchedAt: number }>, bounds: Bounds): Kept {
  const kept = { recent: 0, inUse: 0, runs: 0, unreferenced: 0 };
  const counted = new Set<Digest>();
  for (const record of records) {
    const reason = bounds.isOfKeptRun(record) ? 'runs' : byTime(record.usedAt, bounds);
    for (const digest of record.needs) {
      if (reason !== undefined && !counted.has(digest)) kept[reason] += objects.get(digest)?.bytes ?? 0;
      counted.add(digest);
    }
    if (reason !== undefined && record.shelf !== 'evicted') kept[reason] += record.bytes;
  }
  for (const [digest, { bytes, touchedAt }] of objects) if (!counted.has(digest)) kept[byTime(touchedAt, bounds) ?? 'unreferenced'] += bytes;
  return kept;
}

function byTime(at: number, { recent, held }: Bounds): 'recent' | 'inUse' | undefined {
  return at >= recent ? 'recent' : at >= held ? 'inUse' : undefined;
}
