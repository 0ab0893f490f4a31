/**
 * A cache in a folder that several machines see, laid out as Bazel's own disk cache: `ac/ab/<sha256>`, `cas/ab/<sha256>`. Written like the store: a
 * temporary file in the same folder, all bytes synced, then its name, so that a reader sees a whole file or none, whoever else writes. The
 * folder itself has to exist: a share that is not mounted must not be filled on the local disk.
 */
import { randomBytes } from 'node:crypto';
import { dirname, join } from 'node:path';
import type { Digest } from '../../core/digest.js';
import { ensureFolder, removeQuietly, syncFolder, TEMPORARY_PREFIX, writeTemporary } from '../store/durable.js';
import { errnoOf, isMissing, nodeFs, type FsPort, type OpenFile } from '../store/fs-port.js';
import { MAX_RECORD_BYTES, RemoteFailure, type Presence, type RemoteCache } from './remote-cache.js';

const MODE = 0o444;
const BUFFER_BYTES = 1 << 20;
const LINK_UNSUPPORTED: ReadonlySet<string> = new Set(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'EMLINK', 'ENOSYS']);
const REFUSED: ReadonlySet<string> = new Set(['EACCES', 'EPERM', 'EROFS']);

export class FolderRemote implements RemoteCache {
  readonly place: string;
  readonly #fs: FsPort;
  #closed = false;

  constructor(folder: string, fs: FsPort = nodeFs) {
    this.place = folder;
    this.#fs = fs;
  }

  getRecord(id: Digest): Promise<Uint8Array | undefined> {
    return this.#try(async () => {
      const file = await this.#open('ac', id);
      if (file === undefined) return undefined;
      const parts: Uint8Array[] = [];
      let size = 0;
      for await (const part of this.#contentOf(file)) {
        size += part.length;
        if (size > MAX_RECORD_BYTES) throw new RemoteFailure('wrong', `"${this.#path('ac', id)}" is larger than a record can be`);
        parts.push(part);
      }
      return Buffer.concat(parts);
    });
  }

  getObject(digest: Digest): Promise<AsyncIterable<Uint8Array> | undefined> {
    return this.#try(async () => {
      const file = await this.#open('cas', digest);
      return file === undefined ? undefined : this.#contentOf(file);
    });
  }

  putRecord(id: Digest, bytes: Uint8Array, replace: boolean): Promise<void> {
    return this.#write(this.#path('ac', id), replace, (file) => file.write(bytes));
  }

  putObject(digest: Digest, _size: number, path: string, replace: boolean): Promise<void> {
    return this.#write(this.#path('cas', digest), replace, async (copy) => {
      for await (const part of this.#contentOf(await this.#fs.open(path, 'r'))) await copy.write(part);
    });
  }

  has(digest: Digest, size: number): Promise<Presence> {
    return this.#try(async () => {
      try {
        const stats = await this.#fs.lstat(this.#path('cas', digest));
        return stats.isFile() && stats.size === BigInt(size) ? 'present' : 'other size';
      } catch (error) {
        if (isMissing(error)) return 'absent';
        throw error;
      }
    });
  }

  close(): void {
    this.#closed = true;
  }

  #path(shelf: 'ac' | 'cas', id: Digest): string {
    return join(this.place, shelf, id.slice(0, 2), id);
  }

  async #open(shelf: 'ac' | 'cas', id: Digest): Promise<OpenFile | undefined> {
    try {
      return await this.#fs.open(this.#path(shelf, id), 'r');
    } catch (error) {
      if (!isMissing(error)) throw error;
      await this.#assertThere();
      return undefined;
    }
  }

  /** Every part is a buffer of its own: the caller may keep it. */
  async *#contentOf(file: OpenFile): AsyncGenerator<Uint8Array> {
    try {
      for (;;) {
        if (this.#closed) throw new RemoteFailure('ended', `"${this.place}" was not asked any more`);
        const buffer = Buffer.allocUnsafe(BUFFER_BYTES);
        const count = await file.read(buffer, 0, BUFFER_BYTES);
        if (count === 0) return;
        yield buffer.subarray(0, count);
      }
    } catch (error) {
      throw this.#asFailure(error);
    } finally {
      await file.close().catch(() => undefined);
    }
  }

  #write(path: string, replace: boolean, fill: (file: OpenFile) => Promise<void>): Promise<void> {
    return this.#try(async () => {
      await this.#assertThere();
      const folder = dirname(path);
      await ensureFolder(this.#fs, folder);
      const name = `${TEMPORARY_PREFIX}${process.pid}-${randomBytes(6).toString('hex')}`;
      const temporary = await writeTemporary(this.#fs, folder, name, MODE, fill);
      try {
        await this.#give(temporary.path, path, replace);
      } catch (error) {
        await removeQuietly(this.#fs, temporary.path);
        throw error;
      }
      await syncFolder(this.#fs, folder);
    });
  }

  async #give(from: string, to: string, replace: boolean): Promise<void> {
    if (replace) return this.#fs.rename(from, to);
    try {
      await this.#fs.link(from, to);
    } catch (error) {
      const code = errnoOf(error) ?? '';
      if (LINK_UNSUPPORTED.has(code)) return this.#fs.rename(from, to);
      if (code !== 'EEXIST') throw error; // somebody was faster
    }
    await removeQuietly(this.#fs, from);
  }

  async #assertThere(): Promise<void> {
    const stats = await this.#fs.stat(this.place);
    if (!stats.isDirectory()) throw new RemoteFailure('unreachable', `"${this.place}" is not a folder`);
  }

  async #try<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      throw this.#asFailure(error);
    }
  }

  #asFailure(error: unknown): unknown {
    const code = errnoOf(error);
    if (code === undefined) return error; // ours, or a bug
    if (REFUSED.has(code)) return new RemoteFailure('refused', `"${this.place}" does not let us: ${(error as Error).message}`, { cause: error });
    return new RemoteFailure('unreachable', `"${this.place}" could not be used: ${(error as Error).message}`, { cause: error });
  }
}
