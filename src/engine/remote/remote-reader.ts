/**
 * Takes results from the second level into the local store. A record is opened (signature, key material, artifacts), then every object that is
 * not here yet is streamed to a private file while it is hashed, and stored under its digest; the record comes last, by the store's own protocol. So
 * whatever an answer holds, it becomes a whole result that is right, or a miss.
 */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Digest } from '../../core/digest.js';
import type { StoreEvent } from '../events.js';
import { Gate } from '../gate.js';
import type { StageKey, StageRecord } from '../record.js';
import type { FileStore } from '../store/file-store.js';
import { nodeFs, type OpenFile } from '../store/fs-port.js';
import { withStoreErrors } from '../store/io-errors.js';
import { objectFiles } from '../store/record-file.js';
import { Problems } from './problems.js';
import { recordId, RemoteFailure, type RemoteCache } from './remote-cache.js';
import { isRestricted, openRecord } from './remote-record.js';
import type { RemoteTotals } from './remote-totals.js';
import type { TrustedKeys } from './signing.js';

const OBJECTS_AT_ONCE = 4;
const FILE_MODE = 0o600;

export interface RemoteReaderOptions {
  readonly local: FileStore;
  readonly remote: RemoteCache;
  readonly trust: TrustedKeys;
  readonly maxObjectBytes: number;
  /** restricted results may come from there as well */
  readonly restricted: boolean;
  readonly totals: RemoteTotals;
  readonly emit: (event: StoreEvent) => void;
}

export class RemoteReader {
  readonly #options: RemoteReaderOptions;
  readonly #problems: Problems;
  readonly #gate = new Gate(OBJECTS_AT_ONCE);
  readonly #running = new Map<Digest, Promise<number>>();
  /** what lies there under the key cannot be right: sending a good one may replace it */
  readonly damaged = new Set<StageKey>();

  constructor(options: RemoteReaderOptions) {
    this.#options = options;
    this.#problems = new Problems(options.totals, options.emit);
  }

  /** The record under a key with all its objects in the local store; undefined: a miss, whatever the reason. Errors: those of the local store. */
  async restore(key: StageKey): Promise<StageRecord | undefined> {
    if (!this.#problems.open) return undefined;
    const { local, totals, emit } = this.#options;
    try {
      const record = await this.#record(key);
      if (record === undefined) return undefined;
      const sizes = new Map([...objectFiles(record)].map(({ digest, size }) => [digest, size]));
      const fetched = await this.#ensureAll(sizes);
      await local.publish(record);
      this.#problems.succeeded();
      const bytes = fetched.reduce((sum, each) => sum + each, 0);
      totals.fetched += 1;
      emit({ kind: 'remote.fetched', place: totals.place, key, bytes, objects: fetched.filter((each) => each > 0).length });
      return record;
    } catch (error) {
      this.#problems.failed(error, 'what it has counts as missing');
      return undefined;
    }
  }

  /** One object that is missing or damaged here. False if it could not be had. */
  async object(digest: Digest, size: number): Promise<boolean> {
    if (!this.#problems.open) return false;
    try {
      await this.#fetch(digest, size);
      this.#problems.succeeded();
      return true;
    } catch (error) {
      this.#problems.failed(error, 'what it has counts as missing');
      return false;
    }
  }

  async #record(key: StageKey): Promise<StageRecord | undefined> {
    const { remote, trust, restricted } = this.#options;
    const bytes = await remote.getRecord(recordId(key));
    if (bytes === undefined) {
      this.#problems.succeeded();
      return undefined;
    }
    const opened = openRecord(bytes, key, trust);
    if (opened.kind === 'damaged') {
      this.damaged.add(key);
      throw new RemoteFailure('wrong', `"${remote.place}" holds something else under ${key.slice(0, 8)}: ${opened.why}`);
    }
    if (opened.kind !== 'record') {
      this.#problems.warn(opened.kind, `"${remote.place}" has a result for ${key.slice(0, 8)} that is not used: ${opened.why}`);
      return undefined;
    }
    if (restricted || !isRestricted(opened.record)) return opened.record;
    this.#problems.warn('restricted', `"${remote.place}" has a restricted result for ${key.slice(0, 8)}, which is not used: restricted data should not be there`);
    return undefined;
  }

  /** Nothing is left running when it rejects, and after a failure nothing more is asked for. */
  async #ensureAll(sizes: ReadonlyMap<Digest, number>): Promise<number[]> {
    let failure: { readonly error: unknown } | undefined;
    const fetched = await Promise.all([...sizes].map(([digest, size]) => this.#gate.run(async () => {
      try {
        return failure === undefined ? await this.#ensure(digest, size) : 0;
      } catch (error) {
        failure ??= { error };
        return 0;
      }
    })));
    if (failure !== undefined) throw (failure as { readonly error: unknown }).error;
    return fetched;
  }

  /** The number of bytes that had to be fetched. */
  async #ensure(digest: Digest, size: number): Promise<number> {
    const { local } = this.#options;
    // present is not enough: a damaged one would stay in the way of the record
    if (existsSync(local.objectPath(digest)) && (await local.verifyObject(digest, size)) === 'ok') return 0;
    return this.#fetch(digest, size);
  }

  #fetch(digest: Digest, size: number): Promise<number> {
    const running = this.#running.get(digest);
    if (running !== undefined) return running;
    const started = this.#download(digest, size).finally(() => this.#running.delete(digest));
    this.#running.set(digest, started);
    return started;
  }

  async #download(digest: Digest, size: number): Promise<number> {
    const { local, remote, maxObjectBytes, totals } = this.#options;
    if (size > maxObjectBytes) throw new RemoteFailure('unsuitable', `"${remote.place}" has an object of ${size} bytes, more than maxObjectSize allows`);
    if (!this.#problems.open) throw new RemoteFailure('ended', `"${remote.place}" is not asked any more`);
    const content = await remote.getObject(digest);
    if (content === undefined) throw new RemoteFailure('unsuitable', `"${remote.place}" has a record without its object ${digest.slice(0, 8)}`);
    const staging = await local.createStaging('remote');
    try {
      const path = join(staging, 'object');
      await withStoreErrors(nodeFs, 'storing what was fetched', path, async () => {
        const file = await nodeFs.open(path, 'wx', FILE_MODE);
        try {
          await copyChecked(content, file, { digest, size, place: remote.place });
        } finally {
          await file.close();
        }
      });
      await local.putFile(path);
    } finally {
      await local.discardStaging(staging);
    }
    totals.bytesFetched += size;
    return size;
  }
}

/** Rejects as soon as there is a byte too many; at the end unless these are the bytes. */
async function copyChecked(content: AsyncIterable<Uint8Array>, file: OpenFile, { digest, size, place }: { readonly digest: Digest; readonly size: number; readonly place: string }): Promise<void> {
  const hash = createHash('sha256');
  let received = 0;
  for await (const part of content) {
    received += part.length;
    if (received > size) throw new RemoteFailure('wrong', `"${place}" sent more than the ${size} bytes of ${digest.slice(0, 8)}`);
    hash.update(part);
    await file.write(part);
  }
  if (received !== size || hash.digest('hex') !== digest) throw new RemoteFailure('wrong', `"${place}" sent other bytes than those of ${digest.slice(0, 8)}`);
}
