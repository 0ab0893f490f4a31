/**
 * The one door from the store to the file system and its clock, small enough that a test can make its Nth operation fail. Thin over node:fs: no retries,
 * no policy. Every call may reject with a Node error that has a `code`.
 * Must not know objects, records or leases.
 */
import type { BigIntStats, Dirent } from 'node:fs';
import * as now from 'node:fs';
import * as fs from 'node:fs/promises';
import { constants } from 'node:os';
import { promisify } from 'node:util';
import { PacedCalls } from './paced-calls.js';

export interface OpenFile {
  /** the next bytes in sequence; 0 at the end */
  read(buffer: Uint8Array, offset: number, length: number): Promise<number>;
  /** all of the bytes, in sequence */
  write(bytes: Uint8Array): Promise<void>;
  sync(): Promise<void>;
  chmod(mode: number): Promise<void>;
  stat(): Promise<BigIntStats>;
  /** its error counts: network file systems report a full disk here */
  close(): Promise<void>;
}

export interface FsPort {
  open(path: string, flags: 'r' | 'wx', mode?: number): Promise<OpenFile>;
  /** follows symbolic links */
  stat(path: string): Promise<BigIntStats>;
  lstat(path: string): Promise<BigIntStats>;
  link(from: string, to: string): Promise<void>;
  rename(from: string, to: string): Promise<void>;
  unlink(path: string): Promise<void>;
  /** parents too; the topmost folder that was made, or undefined if all were there */
  mkdir(path: string): Promise<string | undefined>;
  readdir(path: string): Promise<Dirent[]>;
  removeTree(path: string): Promise<void>;
  /** sets the modification time */
  touch(path: string, time: Date): Promise<void>;
  freeBytes(path: string): Promise<number>;
  /** ms since the epoch */
  now(): number;
}

/** Apart, because a disk that is slow to write is not slow to read what it has in its cache. */
const asking = new PacedCalls();
const changing = new PacedCalls();
/** Reads and writes up to this size are small questions; longer ones go on in a thread while this one hashes. */
const SMALL_BYTES = 65_536;
const later = { read: promisify(now.read), write: promisify(now.write), sync: promisify(now.fsync) };

class NodeFile implements OpenFile {
  readonly #descriptor: number;

  constructor(descriptor: number) {
    this.#descriptor = descriptor;
  }

  async read(buffer: Uint8Array, offset: number, length: number): Promise<number> {
    if (length <= SMALL_BYTES) return asking.call(() => now.readSync(this.#descriptor, buffer, offset, length, null), async () => this.#readLater(buffer, offset, length));
    return this.#readLater(buffer, offset, length);
  }

  async #readLater(buffer: Uint8Array, offset: number, length: number): Promise<number> {
    return (await later.read(this.#descriptor, buffer, offset, length, null)).bytesRead;
  }

  async write(bytes: Uint8Array): Promise<void> {
    const small = bytes.byteLength <= SMALL_BYTES;
    const writeLater = async (from: number): Promise<number> => (await later.write(this.#descriptor, bytes, from)).bytesWritten;
    for (let done = 0; done < bytes.byteLength; ) {
      const from = done;
      done += await (small ? changing.call(() => now.writeSync(this.#descriptor, bytes, from), () => writeLater(from)) : writeLater(from));
    }
  }

  /** Waits for a disk, so never in this thread. */
  sync(): Promise<void> {
    return later.sync(this.#descriptor);
  }

  chmod(mode: number): Promise<void> {
    return changing.call(() => now.fchmodSync(this.#descriptor, mode), () => promisify(now.fchmod)(this.#descriptor, mode));
  }

  stat(): Promise<BigIntStats> {
    return asking.call(() => now.fstatSync(this.#descriptor, { bigint: true }), () => promisify(now.fstat)(this.#descriptor, { bigint: true }) as Promise<BigIntStats>);
  }

  close(): Promise<void> {
    return changing.call(() => now.closeSync(this.#descriptor), () => promisify(now.close)(this.#descriptor));
  }
}

export const nodeFs: FsPort = {
  open: async (path, flags, mode) => new NodeFile(await (flags === 'r' ? asking : changing).call(() => now.openSync(path, flags, mode), () => promisify(now.open)(path, flags, mode))),
  stat: (path) => asking.call(() => now.statSync(path, { bigint: true }), () => fs.stat(path, { bigint: true })),
  lstat: (path) => asking.call(() => now.lstatSync(path, { bigint: true }), () => fs.lstat(path, { bigint: true })),
  link: (from, to) => changing.call(() => now.linkSync(from, to), () => fs.link(from, to)),
  rename: (from, to) => changing.call(() => now.renameSync(from, to), () => fs.rename(from, to)),
  unlink: (path) => changing.call(() => now.unlinkSync(path), () => fs.unlink(path)),
  mkdir: (path) => changing.call(() => now.mkdirSync(path, { recursive: true }), () => fs.mkdir(path, { recursive: true })),
  readdir: (path) => fs.readdir(path, { withFileTypes: true }),
  removeTree: (path) => changing.call(() => now.rmSync(path, { recursive: true, force: true }), () => fs.rm(path, { recursive: true, force: true })),
  touch: (path, time) => changing.call(() => now.utimesSync(path, time, time), () => fs.utimes(path, time, time)),
  freeBytes: async (path) => {
    const info = await fs.statfs(path);
    return info.bavail * info.bsize;
  },
  now: () => Date.now(),
};

/** The system's error code (`ENOENT`, …), or undefined for anything that is not a system error. */
export function errnoOf(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error) || !('syscall' in error)) return undefined;
  if (typeof error.code !== 'string') return undefined;
  return /^unknown/i.test(error.code) ? nameOf(error) : error.code;
}

/** Node has no name for some errors that file systems give (EDQUOT, ESTALE): the number tells. */
function nameOf(error: { errno?: unknown; code?: unknown }): string {
  const number = typeof error.errno === 'number' ? -error.errno : NaN;
  return Object.entries(constants.errno).find(([, value]) => value === number)?.[0] ?? String(error.code);
}

export function isMissing(error: unknown): boolean {
  const code = errnoOf(error);
  return code === 'ENOENT' || code === 'ENOTDIR';
}

/** Everything of a small file. */
export async function readWhole(fs: FsPort, path: string): Promise<Buffer> {
  const file = await fs.open(path, 'r');
  try {
    const parts: Buffer[] = [];
    let want = Number((await file.stat()).size) + 1; // one more than it says, so that the usual case ends with a short read
    for (;;) {
      const part = Buffer.allocUnsafe(want);
      const count = await file.read(part, 0, want);
      parts.push(part.subarray(0, count));
      if (count < want) return parts.length === 1 ? (parts[0] as Buffer) : Buffer.concat(parts);
      want = Math.max(want, 65536);
    }
  } finally {
    await file.close();
  }
}

/** The entries of a folder, none if it does not exist. Names that network file systems keep for deleted open files are left out. */
export async function entriesOf(fs: FsPort, path: string): Promise<Dirent[]> {
  try {
    const entries = await fs.readdir(path);
    return entries.filter((entry) => !entry.name.startsWith('.nfs')).sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
  } catch (error) {
    if (isMissing(error)) return [];
    throw error;
  }
}
