/**
 * The store on a file system. In mode `read-write` everything is in the store's folder. In modes `read` and `off` nothing in it is written
 * (`off` does not look either): what a run makes lives in a private scratch folder, so that the stages of that run still find each other's
 * outputs. Composition only: how objects, records and leases behave is said where they are made.
 */
import { mkdtemp } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve, sep } from 'node:path';
import type { Digest } from '../../core/digest.js';
import { PipelineError } from '../../core/errors.js';
import type { MemoRecord, StageKey, StageRecord } from '../record.js';
import { TEMPORARY_PREFIX } from './durable.js';
import { nodeFs, type FsPort } from './fs-port.js';
import { withStoreErrors } from './io-errors.js';
import { checkpointPath, ensureFormat, layoutOf, readFormat, type Layout } from './layout.js';
import { Lease } from './lease.js';
import { Objects, type Stored } from './objects.js';
import type { DamageEvent, DamageListener } from './quarantine.js';
import { Records } from './records.js';
import type { ObjectState, Store } from './store.js';

export type StoreMode = Store['mode'];

export interface OpenStoreOptions {
  readonly mode: StoreMode;
  /** a relative folder is relative to this; default: the working directory */
  readonly projectRoot?: string;
  /** modes `read` and `off`: the scratch folder of the process that started the run, shared with its workers; default: a fresh one */
  readonly scratch?: string;
  readonly fs?: FsPort;
}

/** Errors: E_CACHE_FORMAT, E_CACHE_DAMAGED (VERSION), E_STORE_IO, E_NO_SPACE. A folder that is missing or read-only can be opened with mode `read`. */
export async function openStore(directory: string, options: OpenStoreOptions): Promise<FileStore> {
  const { mode, fs = nodeFs } = options;
  const layout = layoutOf(resolve(options.projectRoot ?? '.', directory));
  return withStoreErrors(fs, 'opening the store', layout.root, async () => {
    if (mode !== 'off') await readFormat(fs, layout); // before anything is written: a newer store is left alone
    if (mode === 'read-write') {
      const lease = await Lease.take(fs, layout);
      try {
        await ensureFormat(fs, layout, () => lease.temporaryName());
        return new FileStore(fs, layout, mode, { lease });
      } catch (error) {
        await lease.release();
        throw error;
      }
    }
    const scratch = options.scratch ?? (await mkdtemp(join(tmpdir(), 'pipeline-scratch-')));
    return new FileStore(fs, layout, mode, { scratch, ownsScratch: options.scratch === undefined });
  });
}

type Workplace = { readonly lease: Lease } | { readonly scratch: string; readonly ownsScratch: boolean };

export class FileStore implements Store {
  readonly directory: string;
  readonly mode: StoreMode;
  /** modes `read` and `off`: where this run's objects are; hand it to the workers of the run */
  readonly scratch: string | undefined;
  readonly #fs: FsPort;
  readonly #lease: Lease | undefined;
  readonly #ownsScratch: boolean;
  /** the objects of the folder itself */
  readonly #shared: Objects;
  /** where new objects go: the same, or the scratch folder's */
  readonly #own: Objects;
  readonly #records: Records<StageRecord>;
  readonly #memos: Records<MemoRecord>;
  /** private folder of this process for unfinished things */
  readonly #staging: string;
  readonly #listeners: DamageListener[] = [];
  #counter = 0;

  constructor(fs: FsPort, layout: Layout, mode: StoreMode, workplace: Workplace) {
    this.directory = layout.root;
    this.mode = mode;
    this.#fs = fs;
    const report = (event: DamageEvent): void => {
      for (const listener of this.#listeners) listener(event);
    };
    if ('lease' in workplace) {
      const { lease } = workplace;
      this.scratch = undefined;
      this.#ownsScratch = false;
      this.#lease = lease;
      this.#staging = join(layout.staging, lease.id);
      this.#shared = new Objects(fs, layout.root, layout.quarantine, () => lease.temporaryName(), report);
      this.#own = this.#shared;
    } else {
      const { scratch } = workplace;
      this.scratch = scratch;
      this.#ownsScratch = workplace.ownsScratch;
      this.#lease = undefined;
      this.#staging = join(scratch, 'staging', String(process.pid));
      const name = (): string => this.#temporaryName();
      this.#shared = new Objects(fs, layout.root, undefined, name, report);
      this.#own = new Objects(fs, scratch, join(scratch, 'quarantine'), name, report);
    }
    const quarantine = this.#lease === undefined ? undefined : layout.quarantine;
    this.#records = new Records(fs, layout.root, 'records', this.#shared, quarantine, report);
    this.#memos = new Records(fs, layout.root, 'memos', this.#shared, quarantine, report);
  }

  putFile(path: string): Promise<Stored> {
    return this.#guard('storing a file', path, () => this.#own.putFile(path));
  }

  putBytes(bytes: Uint8Array): Promise<Stored> {
    return this.#guard('storing bytes', this.directory, () => this.#own.putBytes(bytes));
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

  publish(record: StageRecord): Promise<boolean> {
    return this.#publishIn(this.#records, record);
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

  async createStaging(label: string): Promise<string> {
    this.#counter += 1;
    const path = join(this.#staging, `${label.slice(0, 64).replaceAll(/[^A-Za-z0-9_-]/g, '_')}-${this.#counter}`);
    await this.#guard('making a staging folder', path, () => this.#fs.mkdir(path));
    return path;
  }

  async discardStaging(path: string): Promise<void> {
    if (!resolve(path).startsWith(this.#staging + sep)) {
      throw new PipelineError('E_STORE_IO', `"${path}" is not a staging folder of this store`, {
        facts: { expected: `a folder in ${this.#staging}`, found: path },
        hint: 'Pass the path that createStaging returned.',
      });
    }
    await this.#guard('removing a staging folder', path, () => this.#fs.removeTree(path));
  }

  checkpointFolder(key: StageKey): string {
    return checkpointPath(this.scratch ?? this.directory, key);
  }

  onEvent(listener: DamageListener): void {
    this.#listeners.push(listener);
  }

  async close(): Promise<void> {
    await this.#guard('closing the store', this.directory, async () => {
      await this.#fs.removeTree(this.#ownsScratch && this.scratch !== undefined ? this.scratch : this.#staging);
      await this.#lease?.release();
    });
  }

  async #lookupIn<R extends StageRecord | MemoRecord>(records: Records<R>, key: StageKey): Promise<R | undefined> {
    if (this.mode === 'off') return undefined;
    return this.#guard('reading a record', records.path(key), () => records.lookup(key));
  }

  async #publishIn<R extends StageRecord | MemoRecord>(records: Records<R>, record: R): Promise<boolean> {
    if (this.#lease === undefined) return false;
    const name = this.#lease.temporaryName();
    await this.#guard('publishing a record', records.path(record.key), () => records.publish(record, name));
    return true;
  }

  /** Objects of this run come first: in mode `off` the folder's own are not looked at. */
  #holderOf(digest: Digest): Objects {
    if (this.#own === this.#shared || this.mode === 'off') return this.#own;
    return existsSync(this.#own.path(digest)) ? this.#own : this.#shared;
  }

  #temporaryName(): string {
    this.#counter += 1;
    return `${TEMPORARY_PREFIX}${process.pid}-${this.#counter}`;
  }

  #guard<T>(action: string, path: string, work: () => Promise<T>): Promise<T> {
    return withStoreErrors(this.#fs, action, path, work);
  }
}
