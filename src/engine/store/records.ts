/**
 * Records under their keys: the commit points of the store. One is served only if it is whole, names its own key and every object that it
 * refers to is present at its size; anything else is a miss, never an error. One is written only when its objects are durable.
 * The last writer wins: both computed the same key, and a forced rerun has to replace what is there.
 */
import { PipelineError } from '../../core/errors.js';
import type { StageKey } from '../record.js';
import { publishFile } from './durable.js';
import { errnoOf, isMissing, readWhole, type FsPort } from './fs-port.js';
import { recordPath } from './layout.js';
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
  readonly #shelf: 'records' | 'memos';
  readonly #objects: Objects;
  readonly #quarantine: string | undefined;
  readonly #report: DamageListener;

  constructor(fs: FsPort, root: string, shelf: 'records' | 'memos', objects: Objects, quarantine: string | undefined, report: DamageListener) {
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
      if (errnoOf(error) !== 'EIO') throw error;
      why = 'the disk could not read it';
    }
    await setAside(this.#fs, this.#quarantine, this.#report, { what: 'record', id: key, path, isIt: isNotRecord(this.#fs, key) }, why);
    return undefined;
  }

  async publish(record: R, temporaryName: string): Promise<void> {
    for (const file of objectFiles(record)) {
      if (await this.#objects.isPresent(file.digest, file.size)) continue;
      throw new PipelineError('E_CACHE_DAMAGED', `"${this.path(record.key)}" was not written: the object of "${file.name}" is not in the store`, {
        facts: { expected: `${this.#objects.path(file.digest)}, ${file.size} bytes`, found: 'no such object' },
        hint: 'Run again, and let nothing else delete files in the folder of the store meanwhile.',
      });
    }
    await publishFile(this.#fs, this.path(record.key), encodeRecord(record), temporaryName);
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
