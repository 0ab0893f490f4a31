/** The store's interface as the rest of the engine uses it; see store/file-store.ts for the write protocol. */
import type { Digest } from '../../core/digest.js';
import type { ArtifactFile } from '../artifact.js';
import type { MemoRecord, StageKey, StageRecord } from '../record.js';
import type { ClaimHolder, StoreEvent } from '../events.js';
import type { Claim } from './claims.js';

export type ObjectState = 'ok' | 'missing' | 'damaged';

export interface Store {
  /** the root folder (absolute) */
  readonly directory: string;
  readonly mode: 'off' | 'read' | 'read-write';

  /** Moves (or copies, across file systems) a finished file into the objects; hashes while reading; durable when it resolves. */
  putFile(path: string): Promise<{ readonly digest: Digest; readonly size: number }>;
  putBytes(bytes: Uint8Array): Promise<{ readonly digest: Digest; readonly size: number }>;
  /** where an object is or would be */
  objectPath(digest: Digest): string;
  /** Full check by content, remembered for this process by the file's stamp (dev, inode, size, mtime, ctime in ns). Damage is moved to quarantine and reported. */
  verifyObject(digest: Digest, size: number): Promise<ObjectState>;

  /** The record under a key if it parses, its self-hash holds, and every object is present at its size; anything else is a miss (damage is reported as an event). */
  lookup(key: StageKey): Promise<StageRecord | undefined>;
  /**
   * Publishes a record; all its objects are durable before. False if nothing was kept: in modes `off` and `read`, and in a store that cannot be
   * written any more (full, failing, taken away), which is reported as an event. The outputs then serve this run from its scratch folder.
   * `onRival`: a whole record that is there already stays, and this is called with it; without it the new record takes its place.
   */
  publish(record: StageRecord, onRival?: (stands: StageRecord) => void): Promise<boolean>;
  lookupMemo(key: StageKey): Promise<MemoRecord | undefined>;
  publishMemo(record: MemoRecord): Promise<boolean>;
  /** The same in this folder alone, without asking a second level. */
  lookupHere(key: StageKey): Promise<StageRecord | undefined>;
  /** The record under a key whose objects gc has removed: what it was, for history. It serves no stage; a new record takes its place. */
  lookupEvicted(key: StageKey): Promise<StageRecord | undefined>;

  /** Says to other processes that this key is being computed (claims.ts): the claim, or who has it. Advisory: the store is right without. In modes `off` and `read` a claim that is none. */
  claim(key: StageKey, about: string): Promise<Claim | ClaimHolder>;
  /** Resolves when it is worth looking the key up, and claiming it, again. Rejects with the reason of `signal`. */
  awaitClaim(key: StageKey, signal: AbortSignal): Promise<void>;

  /** removes the record under a key (its objects were found damaged) */
  dropRecord(key: StageKey): Promise<void>;

  /** A fresh private folder on the store's file system for outputs being made (with `scratch`: elsewhere, where that one is full); removed by `discardStaging`, or by gc if its owner died. */
  createStaging(label: string, where?: 'scratch'): Promise<string>;
  discardStaging(path: string): Promise<void>;
  /** where a key's checkpoints begin: each run of the key has a folder of its own there (`<this>.<id>`), which survives kills and is removed after success */
  checkpointFolder(key: StageKey): string;

  /** what happened before somebody listened is told to the first listener */
  onEvent(listener: (event: StoreEvent) => void): void;
  close(): Promise<void>;
}

export interface ArtifactDraft {
  readonly type: string;
  readonly files: readonly ArtifactFile[];
  readonly restricted: boolean;
}
