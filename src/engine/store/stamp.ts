/**
 * A file's stamp: what the file system says of it without reading its bytes. Equal stamps mean the same content, unless the file was
 * changed again within the clock's tick; `isSettled` says whether that is excluded ("racily clean" in git's words).
 */
import type { BigIntStats } from 'node:fs';

declare const stampBrand: unique symbol;
export type Stamp = string & { readonly [stampBrand]: 'stamp' };

/** Coarsest tick of file times in use (FAT: 2 s), which also covers small differences between clocks of a server and this machine. */
export const SETTLING_MS = 2000;
const NS_PER_MS = 1_000_000n;

/** device, inode, size, modification and change time in ns. The change time cannot be set back, so restoring a modification time does not hide an edit. */
export function stampOf(stats: BigIntStats): Stamp {
  return `${stats.dev}:${stats.ino}:${stats.size}:${stats.mtimeNs}:${stats.ctimeNs}` as Stamp;
}

/** True if the last change lies well before `now` (ms since the epoch): a later edit must then show in the stamp. */
export function isSettled(stamp: Stamp, now: number): boolean {
  const [, , , modified, changed] = stamp.split(':');
  const limit = BigInt(Math.floor(now - SETTLING_MS)) * NS_PER_MS;
  return BigInt(modified ?? 0) < limit && BigInt(changed ?? 0) < limit;
}
