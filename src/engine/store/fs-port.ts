/**
 * The one door from the store to the file system and its clock, small enough that a test can make its Nth operation fail. Thin over node:fs: no retries,
 * no policy. Every call may reject with a Node error that has a `code`.
 * Must not know objects, records or leases.
 */
import type { BigIntStats, Dirent } from 'node:fs';
import * as fs from 'node:fs/promises';
import { constants } from 'node:os';

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

class NodeFile implements OpenFile {
  readonly #handle: fs.FileHandle;

  constructor(handle: fs.FileHandle) {
    this.#handle = handle;
  }

  async read(buffer: Uint8Array, offset: number, length: number): Promise<number> {
    return (await this.#handle.read(buffer, offset, length, null)).bytesRead;
  }

  async write(bytes: Uint8Array): Promise<void> {
    let done = 0;
    while (done < bytes.byteLength) done += (await this.#handle.write(bytes, done)).bytesWritten;
  }

  sync(): Promise<void> {
    return this.#handle.sync();
  }

  chmod(mode: number): Promise<void> {
    return this.#handle.chmod(mode);
  }

  stat(): Promise<BigIntStats> {
    return this.#handle.stat({ bigint: true });
  }

  close(): Promise<void> {
    return this.#handle.close();
  }
}

export const nodeFs: FsPort = {
  open: async (path, flags, mode) => new NodeFile(await fs.open(path, flags, mode)),
  stat: (path) => fs.stat(path, { bigint: true }),
  lstat: (path) => fs.lstat(path, { bigint: true }),
  link: (from, to) => fs.link(from, to),
  rename: (from, to) => fs.rename(from, to),
  unlink: (path) => fs.unlink(path),
  mkdir: (path) => fs.mkdir(path, { recursive: true }),
  readdir: (path) => fs.readdir(path, { withFileTypes: true }),
  removeTree: (path) => fs.rm(path, { recursive: true, force: true }),
  touch: (path, time) => fs.utimes(path, time, time),
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
