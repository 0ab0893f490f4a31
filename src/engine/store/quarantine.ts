/**
 * Damaged files are moved aside under a name that says what they were, never deleted silently: somebody may want to see what happened to
 * a disk. A store that may not be written to leaves them where they are.
 */
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import type { Digest } from '../../core/digest.js';
import type { StageKey } from '../record.js';
import type { RunEvent } from '../events.js';
import { ensureFolder } from './durable.js';
import { errnoOf, isMissing, type FsPort } from './fs-port.js';

export type DamageEvent = Extract<RunEvent, { kind: 'store.damaged' }>;
export type DamageListener = (event: DamageEvent) => void;

const SUFFIX_BYTES = 4;

/** Where a damaged file would go; the suffix keeps several damaged copies of one object apart. */
export function quarantinePath(folder: string, what: 'object' | 'record', id: Digest | StageKey): string {
  return join(folder, `${what}-${id}-${randomBytes(SUFFIX_BYTES).toString('hex')}`);
}

export interface Damage {
  readonly what: 'object' | 'record';
  readonly id: Digest | StageKey;
  readonly path: string;
  /**
   * Looks at the file once it was moved: is it the one that was found damaged? Between the look and the move another process may have put
   * a good one in its place, which is then given back.
   */
  readonly isIt: (moved: string) => Promise<boolean>;
}

/** Moves the file aside; undefined if another process did so first. */
export async function quarantine(fs: FsPort, folder: string, { what, id, path, isIt }: Damage): Promise<string | undefined> {
  await ensureFolder(fs, folder);
  const target = quarantinePath(folder, what, id);
  try {
    await fs.rename(path, target);
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
  if (await isIt(target)) return target;
  await fs.rename(target, path); // over what may have come meanwhile: that is as good
  return undefined;
}

/** Deals with one damaged file and reports it. `folder` undefined: the store is only read. */
export async function setAside(
  fs: FsPort,
  folder: string | undefined,
  report: DamageListener,
  damage: Damage,
  why: string,
): Promise<void> {
  const { what, id, path } = damage;
  const outcome = folder === undefined ? 'left in place, the store is only read' : await moved(fs, folder, damage);
  report({ kind: 'store.damaged', what, id, path, action: `${why}: ${outcome}` });
}

/** A store that cannot be written any more still says what is damaged. */
async function moved(fs: FsPort, folder: string, damage: Damage): Promise<string> {
  try {
    const target = await quarantine(fs, folder, damage);
    return target === undefined ? 'gone or replaced already' : `moved to ${target}`;
  } catch (error) {
    const code = errnoOf(error);
    if (code === undefined) throw error;
    return `left in place, it could not be moved (${code})`;
  }
}
