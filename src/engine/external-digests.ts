/**
 * Digests of outside files, remembered by stamp so that hundreds of GB are read once. A memory of a file counts only if the file had
 * settled before it was read (git's "racily clean" problem), so an edit within the clock's tick is never missed. Files are known by device
 * and inode, not by path: a data set may be moved, mounted read-only, or reached through symbolic links (DataLad).
 *
 * The file `external-digests.json` in the store's folder is a memory, not a truth: damage or loss costs rereading, nothing else.
 */
import { randomBytes } from 'node:crypto';
import { existsSync, statSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { isDigest, type Digest } from '../core/digest.js';
import { PipelineError } from '../core/errors.js';
import type { JsonValue } from '../core/json.js';
import { canonicalDigest, sortedJson } from './canonical.js';
import { publishFile, TEMPORARY_PREFIX } from './store/durable.js';
import { HashThreads } from './hash-threads.js';
import { errnoOf, isMissing, nodeFs, readWhole, type FsPort } from './store/fs-port.js';
import { hashFile } from './store/hash-file.js';
import { withStoreErrors } from './store/io-errors.js';
import { isPlainObject } from './store/plain.js';
import { isSettled, stampOf, type Stamp } from './store/stamp.js';

const FILE = 'external-digests.json';
const FORMAT = 1;
const DOMAIN = 'external-digests/1';
/** A file of this size takes some tenths of a second: longer than it takes to start a thread, and longer than everything else should wait. */
const THREAD_BYTES = 64 << 20;
const READ_ONLY: ReadonlySet<string> = new Set(['EROFS', 'EACCES', 'EPERM']);

export interface ExternalDigest {
  readonly digest: Digest;
  readonly size: number;
  /** the file's stamp when it was read */
  readonly stamp: Stamp;
}

export class ExternalDigests {
  readonly #fs: FsPort;
  readonly #file: string;
  readonly #known: Map<string, ExternalDigest>;
  readonly #reading = new Map<string, Promise<ExternalDigest>>();
  readonly #threads = new HashThreads();
  #dirty = false;

  private constructor(fs: FsPort, file: string, known: Map<string, ExternalDigest>) {
    this.#fs = fs;
    this.#file = file;
    this.#known = known;
  }

  static async open(storeDirectory: string, fs: FsPort = nodeFs): Promise<ExternalDigests> {
    const file = join(storeDirectory, FILE);
    return new ExternalDigests(fs, file, await load(fs, file));
  }

  /** What is remembered of the file as it is now; undefined if it has to be read. Reads no content. Errors: E_EXTERNAL_MISSING, E_STORE_IO. */
  known(path: string): ExternalDigest | undefined {
    const stamp = currentStamp(path);
    const entry = this.#known.get(identityOf(stamp));
    return entry?.stamp === stamp ? entry : undefined;
  }

  /** Files that are worth reading at the same time: those that are large enough for threads of their own. */
  get atOnce(): number {
    return this.#threads.width;
  }

  /** Errors: E_EXTERNAL_MISSING; E_INPUT_CHANGED if the file changed while it was read; E_STORE_IO. Rejects with the signal's reason. */
  async digest(path: string, onProgress?: (done: number, total: number) => void, signal?: AbortSignal): Promise<ExternalDigest> {
    const known = this.known(path);
    if (known !== undefined) return known;
    const running = this.#reading.get(path);
    if (running !== undefined) return running;
    const started = this.#read(path, onProgress, signal).finally(() => this.#reading.delete(path));
    this.#reading.set(path, started);
    return started;
  }

  /**
   * True if the file has the content that `before` describes. Where only its stamp changed (touched, another mode, replaced by an equal copy), and
   * where it was changed just before it was read, it is read once more.
   */
  async unchanged(path: string, before: ExternalDigest): Promise<boolean> {
    try {
      // The sizes of hundreds of GB tell most changes without reading.
      if (sizeOf(currentStamp(path)) !== before.size) return false;
      return (await this.digest(path)).digest === before.digest;
    } catch (error) {
      if (error instanceof PipelineError && (error.code === 'E_EXTERNAL_MISSING' || error.code === 'E_INPUT_CHANGED')) return false;
      throw error;
    }
  }

  /** Merges with what other processes saved meanwhile. False if the folder may not be written to: nothing is remembered then. */
  async save(): Promise<boolean> {
    if (!this.#dirty) return true;
    const merged = await load(this.#fs, this.#file);
    for (const [identity, entry] of this.#known) merged.set(identity, entry);
    const entries = Object.fromEntries([...merged].map(([identity, { digest, size, stamp }]) => [identity, { digest, size, stamp }]));
    try {
      const temporary = `${TEMPORARY_PREFIX}externals-${randomBytes(8).toString('hex')}`;
      const text = sortedJson({ format: FORMAT, entries, selfHash: canonicalDigest(DOMAIN, entries) }, 1);
      await publishFile(this.#fs, this.#file, Buffer.from(`${text}\n`), temporary);
    } catch (error) {
      if (READ_ONLY.has(errnoOf(error) ?? '')) return false;
      return withStoreErrors(this.#fs, 'remembering digests of outside files', this.#file, () => Promise.reject(error as Error));
    }
    this.#dirty = false;
    return true;
  }

  async #read(path: string, onProgress: ((done: number, total: number) => void) | undefined, signal: AbortSignal | undefined): Promise<ExternalDigest> {
    return withStoreErrors(this.#fs, 'reading an outside file', path, async () => {
      const began = this.#fs.now();
      const file = await this.#fs.open(path, 'r');
      try {
        const stats = await file.stat();
        const stamp = stampOf(stats);
        const total = Number(stats.size);
        const options = { ...(onProgress === undefined ? {} : { onBytes: (done: number) => onProgress(done, total) }), ...(signal === undefined ? {} : { signal }) };
        // Between the two looks at its stamp it does not matter who reads the file.
        const { digest, size } = total < THREAD_BYTES ? await hashFile(file, total, options) : await this.#threads.hash(path, options.onBytes, signal);
        if (stampOf(await file.stat()) !== stamp || currentStamp(path) !== stamp) throw changed(path);
        const entry = { digest, size, stamp };
        if (isSettled(stamp, began)) {
          this.#known.set(identityOf(stamp), entry);
          this.#dirty = true;
        }
        return entry;
      } finally {
        await file.close();
      }
    });
  }
}

/** Errors: E_EXTERNAL_MISSING, E_STORE_IO. */
export function currentStamp(path: string): Stamp {
  let stats;
  try {
    stats = statSync(path, { bigint: true });
  } catch (error) {
    if (isMissing(error) || errnoOf(error) === 'ELOOP') throw missing(path);
    throw new PipelineError('E_STORE_IO', `"${path}" could not be looked at: ${(error as Error).message}`, {
      facts: { system: errnoOf(error) ?? 'unknown' },
      hint: 'Give yourself access to this file and its folders.',
      cause: error,
    });
  }
  if (stats.isFile()) return stampOf(stats);
  throw new PipelineError('E_EXTERNAL_MISSING', `"${path}" is not a file`, {
    facts: { expected: 'a regular file', found: stats.isDirectory() ? 'a folder' : 'a device or pipe' },
    hint: 'Name a regular file.',
  });
}

function missing(path: string): PipelineError {
  let parent = dirname(resolve(path));
  while (!existsSync(parent) && dirname(parent) !== parent) parent = dirname(parent);
  return new PipelineError('E_EXTERNAL_MISSING', `"${path}" does not exist`, {
    facts: { expected: 'a file that can be read', found: 'nothing there', 'nearest folder': parent },
    hint: 'Correct the path, or fetch the file (in a DataLad data set: `datalad get`).',
  });
}

function changed(path: string): PipelineError {
  return new PipelineError('E_INPUT_CHANGED', `"${path}" changed while it was being read`, {
    facts: { expected: 'the same size and times before and after', found: 'others' },
    hint: 'Wait until the file is complete and run again.',
  });
}

function sizeOf(stamp: Stamp): number {
  return Number(stamp.split(':')[2]);
}

function identityOf(stamp: Stamp): string {
  return stamp.split(':', 2).join(':');
}

async function load(fs: FsPort, file: string): Promise<Map<string, ExternalDigest>> {
  const known = new Map<string, ExternalDigest>();
  let data: unknown;
  try {
    data = JSON.parse((await readWhole(fs, file)).toString('utf8'));
    if (!isPlainObject(data) || data['format'] !== FORMAT || !isPlainObject(data['entries'])) return known;
    if (canonicalDigest(DOMAIN, data['entries'] as JsonValue) !== data['selfHash']) return known;
  } catch {
    return known; // absent, unreadable or damaged: the files are read again
  }
  for (const [identity, entry] of Object.entries(data['entries'])) {
    if (!isPlainObject(entry)) continue;
    const { digest, size, stamp } = entry;
    if (typeof digest !== 'string' || !isDigest(digest) || typeof size !== 'number' || typeof stamp !== 'string') continue;
    if (identityOf(stamp as Stamp) === identity) known.set(identity, { digest, size, stamp: stamp as Stamp });
  }
  return known;
}
