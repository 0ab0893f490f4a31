/**
 * Examines a whole store and goes on after every error, so that one bad file never hides the next. Changes nothing unless asked to repair:
 * then damaged files are moved to quarantine and records that need them are removed, so that the next run computes those stages again; unless the bytes can be
 * had from elsewhere. Records whose bytes gc has removed are no damage: they are on a shelf of their own.
 */
import type { Digest } from '../../core/digest.js';
import { patientFs } from './patient-fs.js';
import { quarantine, quarantinePath, type Damage } from './quarantine.js';
import type { StageKey } from '../record.js';
import { errnoOf, isMissing, nodeFs, readWhole, type FsPort } from './fs-port.js';
import { hashFile } from './hash-file.js';
import { withStoreErrors } from './io-errors.js';
import { layoutOf, objectPath, readFormat, recordPath, type Layout, type RecordShelf } from './layout.js';
import { decodeRecord, objectFiles, type AnyRecord } from './record-file.js';
import { isNotRecord } from './records.js';
import { placesOf } from './walk.js';

export type ProblemKind =
  | 'object-damaged'
  | 'object-wrong-size'
  | 'object-missing'
  | 'record-damaged'
  | 'record-unknown-format'
  | 'stray-file'
  | 'unreadable';

export interface StoreProblem {
  readonly kind: ProblemKind;
  readonly path: string;
  /** what is wrong, in words */
  readonly message: string;
  /** stage types whose results need it */
  readonly affects: readonly string[];
  /** a shell command that puts the store right again; the stages concerned are then computed by the next run */
  readonly command: string;
  readonly repaired: boolean;
}

export interface VerifyOptions {
  /** also hash every object and not only look at its size */
  readonly readData: boolean;
  /** with `readData`: only objects for which this is true */
  readonly isInSubset?: (digest: Digest) => boolean;
  readonly repair?: boolean;
  /** with `repair`: gets a missing or damaged object from elsewhere and puts it into the store; false if it cannot */
  readonly refetch?: (digest: Digest, size: number) => Promise<boolean>;
  readonly onProblem?: (problem: StoreProblem) => void;
  readonly onProgress?: (done: { readonly objects: number; readonly bytes: number }) => void;
  readonly signal?: AbortSignal;
  readonly fs?: FsPort;
}

export interface VerifySummary {
  readonly objects: number;
  readonly records: number;
  readonly memos: number;
  /** records that are kept as history */
  readonly evicted: number;
  /** objects and bytes that were hashed */
  readonly objectsRead: number;
  readonly bytesRead: number;
  /** unfinished files of running or killed processes: no problem, gc removes them */
  readonly temporaries: number;
  /** number of problems of each kind that occurred */
  readonly problems: Readonly<Partial<Record<ProblemKind, number>>>;
  /** no problem was found, and nothing was left unchecked */
  readonly clean: boolean;
  /** something is damaged that was not repaired */
  readonly damaged: boolean;
  /** files and folders that could not be looked at */
  readonly unchecked: number;
}

/** Errors: E_CACHE_FORMAT, E_CACHE_DAMAGED (VERSION), E_STORE_IO where a folder cannot be listed. A missing folder is an empty, clean store. */
export async function verifyStore(directory: string, options: VerifyOptions): Promise<VerifySummary> {
  const fs = patientFs(options.fs ?? nodeFs, () => undefined);
  const layout = layoutOf(directory);
  return withStoreErrors(fs, 'verifying the store', layout.root, async () => {
    await readFormat(fs, layout);
    return new Verifier(fs, layout, options).run();
  });
}

interface User {
  readonly shelf: RecordShelf;
  readonly key: StageKey;
  readonly type: string;
}

interface Need {
  readonly size: number;
  readonly users: User[];
}

class Verifier {
  readonly #fs: FsPort;
  readonly #layout: Layout;
  readonly #options: VerifyOptions;
  /** what the records need of each object */
  readonly #needs = new Map<Digest, Need>();
  readonly #good = new Set<Digest>();
  readonly #types = new Map<string, string>();
  readonly #reported = new Set<Digest>();
  readonly #problems: Partial<Record<ProblemKind, number>> = {};
  #temporaries = 0;
  #objectsRead = 0;
  #bytesRead = 0;
  #left = 0;

  constructor(fs: FsPort, layout: Layout, options: VerifyOptions) {
    this.#fs = fs;
    this.#layout = layout;
    this.#options = options;
  }

  async run(): Promise<VerifySummary> {
    const records = await this.#verifyRecords('records');
    const memos = await this.#verifyRecords('memos');
    const evicted = await this.#verifyRecords('evicted');
    const objects = await this.#verifyObjects();
    for (const [digest, need] of this.#needs) {
      if (!this.#good.has(digest) && !this.#reported.has(digest)) await this.#objectProblem('object-missing', digest, need, 'the object does not exist');
    }
    const clean = Object.keys(this.#problems).length === 0;
    const unchecked = this.#problems.unreadable ?? 0;
    return {
      objects, records, memos, evicted,
      objectsRead: this.#objectsRead, bytesRead: this.#bytesRead, temporaries: this.#temporaries,
      problems: this.#problems, clean, damaged: this.#left > 0, unchecked,
    };
  }

  async #verifyRecords(shelf: RecordShelf): Promise<number> {
    let count = 0;
    for await (const { path, kind, id } of placesOf(this.#fs, this.#layout, shelf, (folder, error) => this.#unreadable(folder, error))) {
      this.#options.signal?.throwIfAborted();
      if (kind === 'temporary') this.#temporaries += 1;
      else if (id === undefined) this.#stray(path);
      else {
        count += 1;
        await this.#verifyRecord(shelf, path, id as string as StageKey);
      }
    }
    return count;
  }

  async #verifyRecord(shelf: RecordShelf, path: string, key: StageKey): Promise<void> {
    let bytes;
    try {
      bytes = await readWhole(this.#fs, path);
    } catch (error) {
      if (!isMissing(error)) this.#unreadable(path, error);
      return;
    }
    const decoded = decodeRecord(bytes, key);
    if (decoded.kind === 'record') return shelf === 'evicted' ? undefined : this.#note(decoded.record, shelf, key);
    if (decoded.kind === 'newer') {
      this.#problem('record-unknown-format', path, `it has format ${decoded.format}: a newer version of pipeline wrote it`, [], `rm ${quote(path)}`, false);
      return;
    }
    const damage: Damage = { what: 'record', id: key, path, isIt: isNotRecord(this.#fs, key) };
    const repaired = this.#options.repair === true && (await this.#setAside(damage));
    this.#problem('record-damaged', path, decoded.why, [], this.#moveCommand('record', key, path), repaired);
  }

  #note(record: AnyRecord, shelf: RecordShelf, key: StageKey): void {
    const said = record.material['type' as keyof typeof record.material];
    const type = typeof said === 'string' ? said : '';
    const user: User = { shelf, key, type: this.#types.get(type) ?? type };
    this.#types.set(user.type, user.type);
    for (const { digest, size } of objectFiles(record)) {
      const need = this.#needs.get(digest);
      if (need === undefined) this.#needs.set(digest, { size, users: [user] });
      else if (need.users.at(-1) !== user) need.users.push(user);
    }
  }

  async #verifyObjects(): Promise<number> {
    let count = 0;
    for await (const { path, kind, id } of placesOf(this.#fs, this.#layout, 'objects', (folder, error) => this.#unreadable(folder, error))) {
      this.#options.signal?.throwIfAborted();
      if (kind === 'temporary') this.#temporaries += 1;
      else if (id === undefined) this.#stray(path);
      else {
        count += 1;
        await this.#verifyObject(path, id);
        this.#options.onProgress?.({ objects: count, bytes: this.#bytesRead });
      }
    }
    return count;
  }

  async #verifyObject(path: string, digest: Digest): Promise<void> {
    const need = this.#needs.get(digest);
    try {
      const { size: bytes, ino } = await this.#fs.lstat(path);
      const size = Number(bytes);
      if (need !== undefined && size !== need.size) {
        return await this.#objectProblem('object-wrong-size', digest, need, `it has ${size} bytes; its records say ${need.size}`, ino);
      }
      const read = this.#options.readData && (this.#options.isInSubset?.(digest) ?? true);
      if (read && (await this.#digestAt(path, size)) !== digest) {
        return await this.#objectProblem('object-damaged', digest, need, 'its bytes do not match its name', ino);
      }
      this.#good.add(digest);
    } catch (error) {
      if (errnoOf(error) === undefined) throw error;
      if (isMissing(error)) return; // removed while we looked: reported as missing if something needs it
      this.#reported.add(digest);
      this.#unreadable(path, error);
    }
  }

  async #digestAt(path: string, size: number): Promise<Digest> {
    const file = await this.#fs.open(path, 'r');
    try {
      const hashed = await hashFile(file, size, this.#options.signal === undefined ? {} : { signal: this.#options.signal });
      this.#objectsRead += 1;
      this.#bytesRead += hashed.size;
      return hashed.digest;
    } finally {
      await file.close();
    }
  }

  async #objectProblem(kind: ProblemKind, digest: Digest, need: Need | undefined, message: string, inode?: bigint): Promise<void> {
    this.#reported.add(digest);
    const path = objectPath(this.#layout.root, digest);
    const users = need?.users ?? [];
    const records = users.map(({ shelf, key }) => recordPath(this.#layout.root, shelf, key));
    const removal = records.length === 0 ? [] : [`rm -f ${records.map(quote).join(' ')}`];
    const commands = kind === 'object-missing' ? removal : [this.#moveCommand('object', digest, path), ...removal];
    const types = [...new Set(users.map(({ type }) => type))].filter((type) => type !== '').sort();
    const repaired = this.#options.repair === true && (await this.#repairObject(kind, digest, need, path, records, inode));
    this.#problem(kind, path, message, types, commands.join(' && '), repaired);
  }

  async #repairObject(kind: ProblemKind, digest: Digest, need: Need | undefined, path: string, records: readonly string[], inode: bigint | undefined): Promise<boolean> {
    const isIt = async (moved: string): Promise<boolean> => (await this.#fs.lstat(moved)).ino === inode;
    try {
      if (kind !== 'object-missing') await quarantine(this.#fs, this.#layout.quarantine, { what: 'object', id: digest, path, isIt });
      if (need !== undefined && (await this.#options.refetch?.(digest, need.size)) === true) return true;
      for (const record of records) await this.#fs.unlink(record).catch(ignoreMissing);
      return true;
    } catch (error) {
      if (errnoOf(error) === undefined) throw error;
      return false; // a store that cannot be written: the problem and its command stay
    }
  }

  async #setAside(damage: Damage): Promise<boolean> {
    try {
      return (await quarantine(this.#fs, this.#layout.quarantine, damage)) !== undefined;
    } catch (error) {
      if (errnoOf(error) === undefined) throw error;
      return false;
    }
  }

  #stray(path: string): void {
    this.#problem('stray-file', path, 'nothing in a store has such a name here', [], `rm -r ${quote(path)}`, false);
  }

  #unreadable(path: string, error: unknown): void {
    this.#problem('unreadable', path, `it could not be read (${errnoOf(error) ?? 'unknown'})`, [], `ls -l ${quote(path)}`, false);
  }

  #moveCommand(what: 'object' | 'record', id: Digest | StageKey, path: string): string {
    return `mkdir -p ${quote(this.#layout.quarantine)} && mv ${quote(path)} ${quote(quarantinePath(this.#layout.quarantine, what, id))}`;
  }

  #problem(kind: ProblemKind, path: string, message: string, affects: readonly string[], command: string, repaired: boolean): void {
    this.#problems[kind] = (this.#problems[kind] ?? 0) + 1;
    if (!repaired && kind !== 'unreadable') this.#left += 1;
    this.#options.onProblem?.({ kind, path, message, affects, command, repaired });
  }
}

function ignoreMissing(error: unknown): void {
  if (!isMissing(error)) throw error as Error;
}

/** For a POSIX shell. */
function quote(path: string): string {
  return `'${path.replaceAll("'", `'\\''`)}'`;
}
