/**
 * Records under their keys: the commit points of the store. One is served only if it is whole, names its own key and every object that it
 * refers to is present at its size; anything else is a miss, never an error. One is written only when its objects are durable.
 * Of two that computed the same key the first wins, because others may have built on its result already; a forced rerun replaces what is there.
 */
import { PipelineError } from '../../core/errors.js';
import type { StageKey } from '../record.js';
import { publishFile, publishNewFile } from './durable.js';
import { errnoOf, isMissing, readWhole, type FsPort } from './fs-port.js';
import { recordPath, type RecordShelf } from './layout.js';
import type { Objects } from './objects.js';
import { setAside, type DamageListener } from './quarantine.js';
import { decodeRecord, encodeRecord, objectFiles, type AnyRecord } from './record-file.js';

/**
 * A record's time of last use is brought up to date when it is older than this. So what a living process has hit was touched at the latest that long
 * before it hit it, which is what gc goes by; and the stamps of records, by which a run is known to have changed nothing, stay.
 */
export const USED_WITHIN_MS = 3_600_000;

/** A record of features can refer to thousands of objects; the system's threads look at several at a time. */
const LOOKS_AT_ONCE = 64;

export class Records<R extends AnyRecord> {
  readonly #fs: FsPort;
  readonly #root: string;
  readonly #shelf: RecordShelf;
  readonly #objects: Objects;
  readonly #quarantine: string | undefined;
  readonly #report: DamageListener;

  constructor(fs: FsPort, root: string, shelf: RecordShelf, objects: Objects, quarantine: string | undefined, report: DamageListener) {
    this.#fs = fs;
    this.#root = root;
    this.#shelf = shelf;
    this.#objects = objects;
    this.#quarantine = quarantine;
    this.#report = report;
  }

  path(key: StageKey): string {
    return recordPath(this.#root, this.#shelf, key);
  }

  async lookup(key: StageKey): Promise<R | undefined> {
    const path = this.path(key);
    let why: string;
    try {
      const decoded = decodeRecord(await readWhole(this.#fs, path), key);
      if (decoded.kind === 'newer') return undefined;
      if (decoded.kind === 'record') {
        if (!(await this.#isComplete(decoded.record))) return undefined;
        await this.#touch(path);
        return decoded.record as R;
      }
      ({ why } = decoded);
    } catch (error) {
      if (isMissing(error)) return undefined;
      const code = errnoOf(error);
      if (code === undefined) throw error;
      if (code !== 'EIO') {
        // Another user's private file, a stale network file: as good as none, and not ours to move.
        this.#report({ kind: 'store.damaged', what: 'record', id: key, path, action: `it could not be read (${code}): left in place` });
        return undefined;
      }
      why = 'the disk could not read it';
    }
    await setAside(this.#fs, this.#quarantine, this.#report, { what: 'record', id: key, path, isIt: isNotRecord(this.#fs, key) }, why);
    return undefined;
  }

  /** The record whatever has become of its objects, and without touching it: for history. */
  async read(key: StageKey): Promise<R | undefined> {
    const bytes = await readWhole(this.#fs, this.path(key)).catch((error: unknown) => {
      if (errnoOf(error) === undefined) throw error;
      return undefined;
    });
    const decoded = bytes === undefined ? undefined : decodeRecord(bytes, key);
    return decoded?.kind === 'record' ? (decoded.record as R) : undefined;
  }

  async publish(record: R, temporaryName: string, onRival?: (stands: R) => void): Promise<void> {
    for (const file of objectFiles(record)) {
      if (await this.#objects.isPresent(file.digest, file.size)) continue;
      throw new PipelineError('E_CACHE_DAMAGED', `"${this.path(record.key)}" was not written: the object of "${file.name}" is not in the store`, {
        facts: { expected: `${this.#objects.path(file.digest)}, ${file.size} bytes`, found: 'no such object' },
        hint: 'Run again, and let nothing else delete files in the folder of the store meanwhile.',
      });
    }
    const path = this.path(record.key);
    const bytes = encodeRecord(record);
    if (onRival !== undefined && !(await publishNewFile(this.#fs, path, bytes, temporaryName))) {
      const rival = await this.lookup(record.key);
      if (rival !== undefined) return onRival(rival);
    } else if (onRival !== undefined) return;
    await publishFile(this.#fs, path, bytes, temporaryName);
  }

  async drop(key: StageKey): Promise<void> {
    try {
      await this.#fs.unlink(this.path(key));
    } catch (error) {
      if (!isMissing(error)) throw error;
    }
  }

  async #isComplete(record: AnyRecord): Promise<boolean> {
    const files = [...objectFiles(record)];
    for (let i = 0; i < files.length; i += LOOKS_AT_ONCE) {
      const present = await Promise.all(files.slice(i, i + LOOKS_AT_ONCE).map((file) => this.#objects.isPresent(file.digest, file.size)));
      if (present.includes(false)) return false;
    }
    return true;
  }

  /** The time of last use, for gc, to the hour. A store that is only read, or another user's record, keeps the old one: nothing depends on it. */
  async #touch(path: string): Promise<void> {
    if (this.#quarantine === undefined) return;
    const now = this.#fs.now();
    try {
      if (Number((await this.#fs.lstat(path)).mtimeMs) > now - USED_WITHIN_MS) return;
      await this.#fs.touch(path, new Date(now));
    } catch {
      return;
    }
  }
}

/** Whether a file that was moved aside is indeed no record of this key (or cannot be read at all). */
export function isNotRecord(fs: FsPort, key: StageKey): (moved: string) => Promise<boolean> {
  return async (moved) => {
    try {
      return decodeRecord(await readWhole(fs, moved), key).kind === 'damaged';
    } catch (error) {
      if (errnoOf(error) === 'EIO') return true;
      throw error;
    }
  };
}
