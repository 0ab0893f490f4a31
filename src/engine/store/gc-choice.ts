/**
 * Which records gc lets go, in the order of last use. The record of a stage is small and its bytes are large: what goes are the bytes, while the record
 * stays as `evicted`, so that history and `explain` know what was. Such records do not count towards a limit of bytes; they have a bound of their own, by
 * age. Pure: what is chosen is the same in a dry run.
 */
import type { Digest } from '../../core/digest.js';
import type { MarkedRecord } from './gc-mark.js';

export interface Limits {
  readonly maxBytes: number | undefined;
  /** once `maxBytes` is exceeded, go down to this */
  readonly downToBytes: number | undefined;
  /** ms since the epoch: what was used last before then goes */
  readonly usedSince: number;
  /** ms since the epoch: evicted records that were used last before then are forgotten */
  readonly rememberedSince: number;
}

export interface Choice {
  /** their bytes go */
  readonly evicted: ReadonlySet<MarkedRecord>;
  /** they go themselves */
  readonly forgotten: ReadonlySet<MarkedRecord>;
  /** record → bytes of objects that go with it, as the last that needs them */
  readonly freed: ReadonlyMap<MarkedRecord, number>;
}

export function choose(
  marked: readonly MarkedRecord[],
  objects: { readonly bytesOf: (digest: Digest) => number; readonly unreferencedBytes: number },
  totalBytes: number,
  limits: Limits,
  isProtected: (record: MarkedRecord) => boolean,
): Choice {
  const users = new Map<Digest, number>();
  for (const { needs } of marked) for (const digest of needs) users.set(digest, (users.get(digest) ?? 0) + 1);
  const [evicted, forgotten, freed] = [new Set<MarkedRecord>(), new Set<MarkedRecord>(), new Map<MarkedRecord, number>()];
  let bytes = totalBytes - objects.unreferencedBytes;
  const { maxBytes = Infinity, downToBytes = maxBytes } = limits;
  const limit = bytes > maxBytes ? Math.min(downToBytes, maxBytes) : maxBytes;
  const live = new Set(marked.filter(({ shelf }) => shelf === 'records').map(({ key }) => key));
  const inOrder = marked.filter((record) => !isProtected(record)).sort((a, b) => a.usedAt - b.usedAt || (a.key < b.key ? -1 : 1));
  for (const record of inOrder) {
    if (record.shelf === 'evicted') {
      if (record.usedAt < limits.rememberedSince || live.has(record.key)) forgotten.add(record);
      continue;
    }
    const tooMuch = bytes > limit && record.needs.length > 0; // one without objects frees next to nothing and saves a run
    if (record.usedAt >= limits.usedSince && !tooMuch) continue;
    evicted.add(record);
    if (!isHistory(record)) forgotten.add(record);
    let own = 0;
    for (const digest of record.needs) {
      const left = (users.get(digest) ?? 1) - 1;
      users.set(digest, left);
      if (left === 0) own += objects.bytesOf(digest);
    }
    freed.set(record, own);
    bytes -= own + record.bytes;
  }
  for (const record of inOrder) {
    // What is left is small. To keep it as history would free nothing.
    if (bytes <= limit) break;
    if (record.shelf === 'evicted' || evicted.has(record)) continue;
    forgotten.add(record);
    bytes -= record.bytes;
  }
  return { evicted, forgotten, freed };
}

/** A value inside a stage, or a file that is no record, tells nobody anything later. */
function isHistory({ shelf, whole }: MarkedRecord): boolean {
  return whole && shelf === 'records';
}
