/**
 * The local store with a second level behind it, as one store: what is not here is looked for there, what is made here goes there. Everything
 * that is used lies in the local store first, so workers, gc and `cache verify` know nothing of it. Values cached inside a stage (memos) and
 * run records stay here: a memo does not know whether it was made from restricted data.
 */
import type { Digest } from '../../core/digest.js';
import type { ClaimHolder, StoreEvent } from '../events.js';
import type { MemoRecord, StageKey, StageRecord } from '../record.js';
import type { Claim } from '../store/claims.js';
import type { FileStore } from '../store/file-store.js';
import type { ObjectState, Store } from '../store/store.js';
import type { RemoteCache } from './remote-cache.js';
import { RemoteReader } from './remote-reader.js';
import type { RemoteTotals } from './remote-totals.js';
import { RemoteWriter, type Sent } from './remote-writer.js';
import type { SigningKey, TrustedKeys } from './signing.js';

export interface LayeredStoreOptions {
  readonly remote: RemoteCache;
  readonly mode: 'read' | 'read-write';
  readonly trust: TrustedKeys;
  readonly signer: SigningKey | undefined;
  readonly maxObjectBytes: number;
  readonly sendRestricted: boolean;
}

export class LayeredStore implements Store {
  readonly directory: string;
  readonly mode: Store['mode'];
  readonly scratch: string | undefined;
  readonly totals: RemoteTotals;
  readonly #local: FileStore;
  readonly #remote: RemoteCache;
  readonly #reader: RemoteReader;
  readonly #writer: RemoteWriter | undefined;
  readonly #listeners: ((event: StoreEvent) => void)[] = [];

  constructor(local: FileStore, { mode, trust, signer, ...options }: LayeredStoreOptions) {
    this.#local = local;
    this.#remote = options.remote;
    this.directory = local.directory;
    this.mode = local.mode;
    this.scratch = local.scratch;
    this.totals = { place: options.remote.place, mode, fetched: 0, bytesFetched: 0, sent: 0, bytesSent: 0, notSent: 0, restricted: 0 };
    const emit = (event: StoreEvent): void => {
      for (const listener of this.#listeners) listener(event);
    };
    const common = { ...options, local, totals: this.totals, emit };
    this.#reader = new RemoteReader({ ...common, trust, restricted: options.sendRestricted });
    this.#writer = mode === 'read-write' ? new RemoteWriter({ ...common, signer, damaged: this.#reader.damaged }) : undefined;
  }

  async lookup(key: StageKey): Promise<StageRecord | undefined> {
    const here = await this.#local.lookup(key);
    return here ?? (this.mode === 'off' ? undefined : this.#reader.restore(key));
  }

  /** without asking the other level */
  lookupHere(key: StageKey): Promise<StageRecord | undefined> {
    return this.#local.lookup(key);
  }

  async publish(record: StageRecord, onRival?: (stands: StageRecord) => void): Promise<boolean> {
    let rival: StageRecord | undefined;
    const noteRival = (stands: StageRecord): void => {
      rival = stands;
      onRival?.(stands);
    };
    const stored = await this.#local.publish(record, ...(onRival === undefined ? [] : [noteRival]));
    if (stored && rival === undefined) void this.#writer?.send(record); // who made the other one sends it
    return stored;
  }

  lookupEvicted(key: StageKey): Promise<StageRecord | undefined> {
    return this.#local.lookupEvicted(key);
  }

  claim(key: StageKey, about: string): Promise<Claim | ClaimHolder> {
    return this.#local.claim(key, about);
  }

  awaitClaim(key: StageKey, signal: AbortSignal): Promise<void> {
    return this.#local.awaitClaim(key, signal);
  }

  async verifyObject(digest: Digest, size: number): Promise<ObjectState> {
    const state = await this.#local.verifyObject(digest, size);
    if (state === 'ok' || this.mode === 'off' || !(await this.#reader.object(digest, size))) return state;
    return this.#local.verifyObject(digest, size);
  }

  /** Sends a result that was made earlier; `undefined` if this level is only read. */
  send(record: StageRecord, restricted: boolean): Promise<Sent> | undefined {
    return this.#writer?.send(record, restricted);
  }

  /** results that are still on their way */
  get pending(): number {
    return this.#writer?.pending ?? 0;
  }

  async drain(limitMs: number, signal?: AbortSignal): Promise<void> {
    await this.#writer?.drain(limitMs, signal);
  }

  /** Ends what is under way; from then on nothing is fetched or sent. */
  interrupt(): void {
    this.#remote.close();
  }

  /** Gives up what is still on its way: call `drain` before. */
  async close(): Promise<void> {
    this.interrupt();
    await this.#writer?.drain(0);
    await this.#local.close();
  }

  onEvent(listener: (event: StoreEvent) => void): void {
    this.#listeners.push(listener);
    this.#local.onEvent(listener);
  }

  putFile(path: string): ReturnType<Store['putFile']> {
    return this.#local.putFile(path);
  }

  putBytes(bytes: Uint8Array): ReturnType<Store['putBytes']> {
    return this.#local.putBytes(bytes);
  }

  objectPath(digest: Digest): string {
    return this.#local.objectPath(digest);
  }

  lookupMemo(key: StageKey): Promise<MemoRecord | undefined> {
    return this.#local.lookupMemo(key);
  }

  publishMemo(record: MemoRecord): Promise<boolean> {
    return this.#local.publishMemo(record);
  }

  dropRecord(key: StageKey): Promise<void> {
    return this.#local.dropRecord(key);
  }

  createStaging(label: string, where?: 'scratch'): Promise<string> {
    return this.#local.createStaging(label, where);
  }

  discardStaging(path: string): Promise<void> {
    return this.#local.discardStaging(path);
  }

  checkpointFolder(key: StageKey): string {
    return this.#local.checkpointFolder(key);
  }
}
