/** The store's interface as the rest of the engine uses it; see store/file-store.ts for the write protocol. */
import type { Digest } from '../../core/digest.js';
import type { ArtifactFile } from '../artifact.js';
import type { MemoRecord, StageKey, StageRecord } from '../record.js';
import type { StoreEvent } from '../events.js';

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
  /** Publishes a record; all its objects are durable before. In modes `off` and `read` nothing is written and false is returned. */
  publish(record: StageRecord): Promise<boolean>;
  lookupMemo(key: StageKey): Promise<MemoRecord | undefined>;
  publishMemo(record: MemoRecord): Promise<boolean>;
  /** removes the record under a key (its objects were found damaged) */
  dropRecord(key: StageKey): Promise<void>;

  /** a fresh private folder on the store's file system for outputs being made; removed by `discardStaging`, or by gc if its owner died */
  createStaging(label: string): Promise<string>;
  discardStaging(path: string): Promise<void>;
  /** where a key's checkpoints begin: each run of the key has a folder of its own there (`<this>.<id>`), which survives kills and is removed after success */
  checkpointFolder(key: StageKey): string;

  onEvent(listener: (event: StoreEvent) => void): void;
  close(): Promise<void>;
}

export interface ArtifactDraft {
  readonly type: string;
  readonly files: readonly ArtifactFile[];
  readonly restricted: boolean;
}
