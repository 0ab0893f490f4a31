/**
 * Sends results to the second level, behind the run's back: objects first, the record last, so that nobody finds a record whose objects are not
 * there. Restricted results stay here. What cannot be sent, or not in the time that the end of the run allows, is counted and costs nothing else.
 */
import type { Digest } from '../../core/digest.js';
import type { StoreEvent } from '../events.js';
import { Gate } from '../gate.js';
import type { StageKey, StageRecord } from '../record.js';
import type { FileStore } from '../store/file-store.js';
import { objectFiles } from '../store/record-file.js';
import { Problems } from './problems.js';
import { recordId, RemoteFailure, type RemoteCache } from './remote-cache.js';
import { isRestricted, packRecord } from './remote-record.js';
import type { RemoteTotals } from './remote-totals.js';
import type { SigningKey } from './signing.js';

const RESULTS_AT_ONCE = 2;

export interface RemoteWriterOptions {
  readonly local: FileStore;
  readonly remote: RemoteCache;
  readonly signer: SigningKey | undefined;
  readonly maxObjectBytes: number;
  readonly sendRestricted: boolean;
  readonly totals: RemoteTotals;
  readonly emit: (event: StoreEvent) => void;
  /** keys under which something lies that cannot be right */
  readonly damaged: ReadonlySet<StageKey>;
}

/** `held`: restricted; `not sent`: see the totals for why. */
export type Sent = 'sent' | 'held' | 'not sent';

export class RemoteWriter {
  readonly #options: RemoteWriterOptions;
  readonly #problems: Problems;
  readonly #gate = new Gate(RESULTS_AT_ONCE);
  readonly #pending = new Set<Promise<Sent>>();
  /** objects that are there, or on their way: results share many */
  readonly #objects = new Map<Digest, Promise<void>>();
  /** set when nothing more is to be sent */
  #over = false;

  constructor(options: RemoteWriterOptions) {
    this.#options = options;
    this.#problems = new Problems(options.totals, options.emit);
  }

  /** `restricted`: it is, whatever the record says. Never rejects. */
  async send(record: StageRecord, restricted = false): Promise<Sent> {
    const { totals, sendRestricted } = this.#options;
    if (!sendRestricted && (restricted || isRestricted(record))) {
      totals.restricted += 1;
      return 'held';
    }
    const work = this.#gate.run(() => this.#sendNow(record));
    this.#pending.add(work);
    try {
      return await work;
    } finally {
      this.#pending.delete(work);
    }
  }

  get pending(): number {
    return this.#pending.size;
  }

  /** Waits for what is under way; gives up what is not done in time, or when `signal` says so. */
  async drain(limitMs: number, signal?: AbortSignal): Promise<void> {
    if (this.#pending.size === 0) return;
    let timer: NodeJS.Timeout | undefined;
    let stop: () => void = () => undefined;
    const enough = new Promise<void>((resolve) => {
      stop = resolve;
      timer = setTimeout(resolve, limitMs);
      if (signal?.aborted === true) resolve();
      else signal?.addEventListener('abort', stop, { once: true });
    });
    await Promise.race([Promise.allSettled(this.#pending), enough]);
    clearTimeout(timer);
    signal?.removeEventListener('abort', stop);
    if (this.#pending.size === 0) return;
    this.#over = true;
    this.#options.totals.problem ??= `"${this.#options.totals.place}" had not taken everything in time`;
    this.#options.remote.close();
    await Promise.allSettled(this.#pending);
  }

  async #sendNow(record: StageRecord): Promise<Sent> {
    const { remote, signer, totals, damaged } = this.#options;
    try {
      if (this.#over || !this.#problems.open) throw new RemoteFailure('ended', `"${remote.place}" is not asked any more`);
      const sizes = new Map([...objectFiles(record)].map(({ digest, size }) => [digest, size]));
      for (const [digest, size] of sizes) await this.#sendOnce(digest, size);
      await remote.putRecord(recordId(record.key), packRecord(record, signer), damaged.has(record.key));
      this.#problems.succeeded();
      totals.sent += 1;
      return 'sent';
    } catch (error) {
      totals.notSent += 1;
      this.#problems.failed(asFailure(error, remote), 'it is not sent');
      return 'not sent';
    }
  }

  #sendOnce(digest: Digest, size: number): Promise<void> {
    const known = this.#objects.get(digest);
    if (known !== undefined) return known;
    const started = this.#sendObject(digest, size);
    this.#objects.set(digest, started);
    started.catch(() => this.#objects.delete(digest));
    return started;
  }

  async #sendObject(digest: Digest, size: number): Promise<void> {
    const { local, remote, maxObjectBytes, totals } = this.#options;
    if (this.#over) throw new RemoteFailure('ended', `"${remote.place}" is not asked any more`);
    if (size > maxObjectBytes) throw new RemoteFailure('unsuitable', `"${remote.place}" is not sent an object of ${size} bytes, more than maxObjectSize allows`);
    const presence = await remote.has(digest, size);
    if (presence === 'present') return;
    // Under a right name it would stay wrong for everybody.
    if ((await local.verifyObject(digest, size)) !== 'ok') throw new RemoteFailure('unsuitable', `"${remote.place}" is not sent the object ${digest.slice(0, 8)}, which is damaged here`);
    await remote.putObject(digest, size, local.objectPath(digest), presence === 'other size');
    totals.bytesSent += size;
  }
}

/** An object that gc removed meanwhile, a disk that cannot read it, a mistake of ours: nobody waits for this, so none of them may end the run. */
function asFailure(error: unknown, remote: RemoteCache): RemoteFailure {
  if (error instanceof RemoteFailure) return error;
  return new RemoteFailure('unsuitable', `"${remote.place}" could not be sent a result: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
}
