/**
 * The store on a file system. In mode `read-write` everything is in the store's folder. In modes `read` and `off` nothing in it is written
 * (`off` does not look either): what a run makes lives in a private scratch folder, so that the stages of that run still find each other's
 * outputs. The same scratch serves mode `read-write` where the folder cannot be written any more (full, failing, taken away): what a stage made is
 * then kept for this run, and the event says what was not saved. Composition only: how objects, records, claims and leases behave is said there.
 */
import { mkdir } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { join, resolve, sep } from 'node:path';
import type { Digest } from '../../core/digest.js';
import { PipelineError } from '../../core/errors.js';
import type { ClaimHolder, StoreEvent, UnsavedThing } from '../events.js';
import type { MemoRecord, StageKey, StageRecord } from '../record.js';
import { Claims, NO_CLAIM, type Claim } from './claims.js';
import { TEMPORARY_PREFIX } from './durable.js';
import { Gate } from '../gate.js';
import { errnoOf, nodeFs, type FsPort } from './fs-port.js';
import { withStoreErrors } from './io-errors.js';
import { checkpointPath, ensureFormat, layoutOf, readFormat, type Layout } from './layout.js';
import { Lease } from './lease.js';
import { Objects, type Stored } from './objects.js';
import { patientFs } from './patient-fs.js';
import { objectFiles } from './record-file.js';
import { Records } from './records.js';
import { newScratchPath, sweepScratch } from './scratch.js';
import type { ObjectState, Store } from './store.js';

export type StoreMode = Store['mode'];

export interface OpenStoreOptions {
  readonly mode: StoreMode;
  /** a relative folder is relative to this; default: the working directory */
  readonly projectRoot?: string;
  /** the scratch folder of the process that started the run, shared with its workers; default: a fresh one */
  readonly scratch?: string;
  /** a folder that cannot be written is opened with mode `read` instead, and an event says so */
  readonly fallback?: 'read';
  readonly fs?: FsPort;
}

/** Errors: E_CACHE_FORMAT, E_CACHE_DAMAGED (VERSION), E_STORE_IO, E_NO_SPACE. A folder that is missing or read-only can be opened with mode `read`. */
export async function openStore(directory: string, options: OpenStoreOptions): Promise<FileStore> {
  const { mode } = options;
  const early: StoreEvent[] = [];
  const listeners: ((event: StoreEvent) => void)[] = [];
  const report = (event: StoreEvent): void => {
    if (listeners.length === 0) early.push(event);
    for (const listener of listeners) listener(event);
  };
  let unsynced = false;
  const fs = patientFs(options.fs ?? nodeFs, (system) => {
    if (!unsynced) report({ kind: 'store.unsynced', system });
    unsynced = true;
  });
  const channel: Channel = { early, listeners, report };
  const layout = layoutOf(resolve(options.projectRoot ?? '.', directory));
  return withStoreErrors(fs, 'opening the store', layout.root, async () => {
    if (mode !== 'off') await readFormat(fs, layout); // before anything is written: a newer store is left alone
    if (mode === 'read-write') {
      try {
        return await openWritable(fs, layout, options, channel);
      } catch (error) {
        const system = errnoOf(error);
        if (options.fallback === undefined || system === undefined) throw error;
        report({ kind: 'store.unsaved', what: 'store', path: layout.root, system, message: (error as Error).message });
      }
    }
    const scratch = options.scratch ?? newScratchPath();
    await makeScratch(scratch);
    return new FileStore(fs, layout, mode === 'read-write' ? 'read' : mode, channel, { scratch, ownsScratch: options.scratch === undefined });
  });
}

async function openWritable(fs: FsPort, layout: Layout, options: OpenStoreOptions, channel: Channel): Promise<FileStore> {
  const lease = await Lease.take(fs, layout);
  try {
    await ensureFormat(fs, layout, () => lease.temporaryName());
    // Only its name is chosen now: most runs never need it.
    const scratch = options.scratch ?? newScratchPath();
    return new FileStore(fs, layout, 'read-write', channel, { lease, scratch, ownsScratch: options.scratch === undefined });
  } catch (error) {
    await lease.release();
    throw error;
  }
}

/** Pieces of work at a time: enough for a disk, and each holds at most two files open, so that hundreds of stages that end at once get by with few handles. */
const WORKING_AT_ONCE = 8;

async function makeScratch(path: string): Promise<void> {
  if ((await mkdir(path, { recursive: true, mode: 0o700 })) !== undefined) await sweepScratch(); // room for ours
}

interface Channel {
  /** what happened before somebody listened */
  readonly early: StoreEvent[];
  readonly listeners: ((event: StoreEvent) => void)[];
  readonly report: (event: StoreEvent) => void;
}

interface Workplace {
  /** absent: the folder is only read */
  readonly lease?: Lease;
  readonly scratch: string;
  readonly ownsScratch: boolean;
}

export class FileStore implements Store {
  readonly directory: string;
  readonly mode: StoreMode;
  /** where objects of this run are that are not in the folder; hand it to the workers of the run. In mode `read-write` it exists only if it was needed */
  readonly scratch: string;
  readonly #fs: FsPort;
  readonly #lease: Lease | undefined;
  readonly #claims: Claims | undefined;
  readonly #ownsScratch: boolean;
  /** the objects of the folder itself */
  readonly #shared: Objects;
  /** the scratch folder's: all that is new in modes `read` and `off`, what could not be saved in mode `read-write` */
  readonly #own: Objects;
  readonly #records: Records<StageRecord>;
  readonly #evicted: Records<StageRecord>;
  readonly #memos: Records<MemoRecord>;
  /** private folders of this process for unfinished things */
  readonly #staging: string;
  readonly #scratchStaging: string;
  readonly #channel: Channel;
  readonly #gate = new Gate(WORKING_AT_ONCE);
  #counter = 0;

  constructor(fs: FsPort, layout: Layout, mode: StoreMode, channel: Channel, { lease, scratch, ownsScratch }: Workplace) {
    this.directory = layout.root;
    this.mode = mode;
    this.scratch = scratch;
    this.#fs = fs;
    this.#channel = channel;
    this.#lease = lease;
    this.#ownsScratch = ownsScratch;
    this.#scratchStaging = join(scratch, 'staging', String(process.pid));
    this.#staging = lease === undefined ? this.#scratchStaging : join(layout.staging, lease.id);
    const { report } = channel;
    const quarantine = lease === undefined ? undefined : layout.quarantine;
    const name = (): string => this.#temporaryName();
    this.#claims = lease === undefined ? undefined : new Claims(fs, layout, lease);
    this.#shared = new Objects(fs, layout.root, quarantine, lease === undefined ? name : () => lease.temporaryName(), report);
    this.#own = new Objects(fs, scratch, join(scratch, 'quarantine'), name, report);
    this.#records = new Records(fs, layout.root, 'records', this.#shared, quarantine, report);
    this.#evicted = new Records(fs, layout.root, 'evicted', this.#shared, undefined, report);
    this.#memos = new Records(fs, layout.root, 'memos', this.#shared, quarantine, report);
  }

  putFile(path: string): Promise<Stored> {
    return this.#guard('storing a file', path, async () => {
      if (this.#lease === undefined) return this.#own.putFile(path);
      const source = await this.#shared.examine(path);
      try {
        await this.#shared.take(path, source);
      } catch (error) {
        this.#unsaved('object', error);
        await this.#inScratch('storing a file', source.stored.size, () => this.#own.copyIn(path, source.stored));
      }
      return source.stored;
    });
  }

  putBytes(bytes: Uint8Array): Promise<Stored> {
    return this.#guard('storing bytes', this.directory, async () => {
      if (this.#lease === undefined) return this.#own.putBytes(bytes);
      try {
        return await this.#shared.putBytes(bytes);
      } catch (error) {
        this.#unsaved('object', error);
        return this.#inScratch('storing bytes', bytes.byteLength, () => this.#own.putBytes(bytes));
      }
    });
  }

  objectPath(digest: Digest): string {
    return this.#holderOf(digest).path(digest);
  }

  verifyObject(digest: Digest, size: number): Promise<ObjectState> {
    return this.#guard('checking an object', this.objectPath(digest), () => this.#holderOf(digest).verify(digest, size));
  }

  lookup(key: StageKey): Promise<StageRecord | undefined> {
    return this.#lookupIn(this.#records, key);
  }

  publish(record: StageRecord, onRival?: (stands: StageRecord) => void): Promise<boolean> {
    return this.#publishIn(this.#records, record, onRival);
  }

  lookupMemo(key: StageKey): Promise<MemoRecord | undefined> {
    return this.#lookupIn(this.#memos, key);
  }

  publishMemo(record: MemoRecord): Promise<boolean> {
    return this.#publishIn(this.#memos, record);
  }

  async dropRecord(key: StageKey): Promise<void> {
    if (this.mode !== 'read-write') return;
    await this.#guard('dropping a record', this.#records.path(key), () => this.#records.drop(key));
  }

  lookupHere(key: StageKey): Promise<StageRecord | undefined> {
    return this.lookup(key);
  }

  async lookupEvicted(key: StageKey): Promise<StageRecord | undefined> {
    return this.mode === 'off' ? undefined : this.#gate.run(() => this.#evicted.read(key));
  }

  async claim(key: StageKey, about: string): Promise<Claim | ClaimHolder> {
    const claims = this.#claims;
    return claims === undefined ? NO_CLAIM : this.#gate.run(() => claims.take(key, about));
  }

  async awaitClaim(key: StageKey, signal: AbortSignal): Promise<void> {
    await this.#claims?.wait(key, signal);
  }

  async createStaging(label: string, where?: 'scratch'): Promise<string> {
    this.#counter += 1;
    const name = `${label.slice(0, 64).replaceAll(/[^A-Za-z0-9_-]/g, '_')}-${this.#counter}`;
    const [path, elsewhere] = [join(this.#staging, name), join(this.#scratchStaging, name)];
    return this.#guard('making a staging folder', path, async () => {
      if (this.#lease !== undefined && where === undefined) {
        try {
          await this.#fs.mkdir(path);
          return path;
        } catch (error) {
          this.#unsaved('staging', error);
        }
      }
      await this.#inScratch('making a staging folder', 0, () => this.#fs.mkdir(elsewhere));
      return elsewhere;
    });
  }

  async discardStaging(path: string): Promise<void> {
    if (![this.#staging, this.#scratchStaging].some((folder) => resolve(path).startsWith(folder + sep))) {
      throw new PipelineError('E_STORE_IO', `"${path}" is not a staging folder of this store`, {
        facts: { expected: `a folder in ${this.#staging}`, found: path },
        hint: 'Pass the path that createStaging returned.',
      });
    }
    await this.#removeTree(path);
  }

  checkpointFolder(key: StageKey): string {
    return checkpointPath(this.#lease === undefined ? this.scratch : this.directory, key);
  }

  onEvent(listener: (event: StoreEvent) => void): void {
    this.#channel.listeners.push(listener);
    for (const event of this.#channel.early.splice(0)) listener(event);
  }

  async close(): Promise<void> {
    await this.#removeTree(this.#staging);
    if (this.#ownsScratch && existsSync(this.scratch)) await this.#removeTree(this.scratch);
    await this.#lease?.release();
  }

  /** What cannot be removed now is left to gc: the work is done all the same. */
  async #removeTree(path: string): Promise<void> {
    try {
      await this.#fs.removeTree(path);
    } catch (error) {
      if (errnoOf(error) === undefined) throw error;
    }
  }

  /** Reports a system error that keeps something from being saved; anything else is thrown on. */
  #unsaved(what: UnsavedThing, error: unknown): void {
    const system = errnoOf(error);
    if (system === undefined) throw error;
    const { path } = error as { path?: unknown };
    this.#channel.report({ kind: 'store.unsaved', what, path: typeof path === 'string' ? path : this.directory, system, message: (error as Error).message });
  }

  /** Work in the scratch folder; if that is full too, the error says how much is needed. */
  #inScratch<T>(action: string, needed: number, work: () => Promise<T>): Promise<T> {
    return withStoreErrors(
      this.#fs,
      `${action} in the scratch folder, because the store cannot be written`,
      this.scratch,
      async () => {
        await makeScratch(this.scratch);
        return work();
      },
      needed,
    );
  }

  async #lookupIn<R extends StageRecord | MemoRecord>(records: Records<R>, key: StageKey): Promise<R | undefined> {
    if (this.mode === 'off') return undefined;
    return this.#guard('reading a record', records.path(key), () => records.lookup(key));
  }

  async #publishIn<R extends StageRecord | MemoRecord>(records: Records<R>, record: R, onRival?: (stands: R) => void): Promise<boolean> {
    if (this.#lease === undefined || this.#needsScratch(record)) return false;
    const name = this.#lease.temporaryName();
    try {
      await this.#gate.run(() => records.publish(record, name, onRival));
      return true;
    } catch (error) {
      this.#unsaved(records === (this.#memos as unknown) ? 'memo' : 'record', error);
      return false;
    }
  }

  /** What is in the scratch folder is there because the store did not take it, or holds something under its name that cannot be checked. */
  #needsScratch(record: StageRecord | MemoRecord): boolean {
    if (!existsSync(this.scratch)) return false;
    for (const { digest } of objectFiles(record)) if (existsSync(this.#own.path(digest))) return true;
    return false;
  }

  /** Objects of this run come first: in mode `off` the folder's own are not looked at. */
  #holderOf(digest: Digest): Objects {
    if (this.mode === 'off') return this.#own;
    return existsSync(this.#own.path(digest)) ? this.#own : this.#shared;
  }

  #temporaryName(): string {
    this.#counter += 1;
    return `${TEMPORARY_PREFIX}${process.pid}-${this.#counter}`;
  }

  #guard<T>(action: string, path: string, work: () => Promise<T>): Promise<T> {
    return withStoreErrors(this.#fs, action, path, () => this.#gate.run(work));
  }
}
