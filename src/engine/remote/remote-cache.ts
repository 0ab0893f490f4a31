/**
 * The second level of the cache: what other machines have made. Two maps, as Bazel's remote caches have them: `cas`, bytes under their digest,
 * and `ac`, records under an id made from a key. Whoever answers is not believed: the caller checks every byte, so an implementation only moves
 * bytes and says how it failed. Nothing here is ever needed for a result.
 */
import { PipelineError, type ErrorDetails } from '../../core/errors.js';
import type { Digest } from '../../core/digest.js';
import { canonicalDigest } from '../canonical.js';
import type { StageKey } from '../record.js';

/** The largest record that is read: some tens of thousands of files. */
export const MAX_RECORD_BYTES = 32 * 1024 * 1024;

export type Presence = 'present' | 'absent' | 'other size';

export interface RemoteCache {
  /** where it is, for messages: never holds a credential */
  readonly place: string;
  /** undefined: not there. At most MAX_RECORD_BYTES. */
  getRecord(id: Digest): Promise<Uint8Array | undefined>;
  /** Keeps what is there already, unless `replace`. */
  putRecord(id: Digest, bytes: Uint8Array, replace: boolean): Promise<void>;
  /** Bytes as they come, unchecked; undefined: not there. Ending the iteration early ends the transfer. */
  getObject(digest: Digest): Promise<AsyncIterable<Uint8Array> | undefined>;
  putObject(digest: Digest, size: number, path: string, replace: boolean): Promise<void>;
  has(digest: Digest, size: number): Promise<Presence>;
  /** ends what is under way */
  close(): void;
}

/**
 * Why something did not arrive. `unreachable`: no answer, or one of a server in trouble; `slow`: not in time; `refused`: it does not want us,
 * asking again is no use; `wrong`: an answer that cannot be right; `unsuitable`: this one thing cannot be moved, others can; `ended`: we stopped it.
 */
export type FailureKind = 'unreachable' | 'slow' | 'refused' | 'wrong' | 'unsuitable' | 'ended';

export class RemoteFailure extends PipelineError {
  readonly kind: FailureKind;

  constructor(kind: FailureKind, message: string, details: ErrorDetails = {}) {
    super('E_SHARED_CACHE', message, details);
    this.kind = kind;
  }
}

/** Where a key's record lies under `ac`. The tag keeps it apart from every action that Bazel digests. */
export function recordId(key: StageKey): Digest {
  return canonicalDigest('remote-ac/1', { key });
}
