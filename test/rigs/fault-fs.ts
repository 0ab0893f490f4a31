/**
 * A file system whose Nth operation fails. It does every other operation for real and counts them all.
 *   once     the Nth operation fails, later ones succeed      forever  the Nth and all later ones fail
 *   crash    as if the process had been killed at the Nth: nothing happens from then on, not even cleaning up
 * A failing write has written half of its bytes, as a full disk does. Syncing is counted but not done: the machine keeps running.
 */
import type { FsPort, OpenFile } from '../../src/engine/store/fs-port.js';
import { nodeFs } from '../../src/engine/store/fs-port.js';

export class Crash extends Error {}

export interface Fault {
  readonly nth: number;
  readonly mode: 'once' | 'forever' | 'crash';
  readonly code: string;
  /** only operations of this kind count; all of them otherwise */
  readonly operation?: string;
  /** only operations on paths that begin like this count; all of them otherwise */
  readonly within?: string;
  /** only operations that change something count, as with a full or read-only disk */
  readonly writing?: true;
}

const WRITING: ReadonlySet<string> = new Set(['write', 'fsync', 'fchmod', 'link', 'rename', 'unlink', 'mkdir', 'rmtree', 'utimes']);

export class FaultFs implements FsPort {
  operations = 0;
  fired = 0;
  readonly log: string[] = [];
  readonly #fault: Fault | undefined;
  readonly #inner: FsPort;

  constructor(fault?: Fault, inner: FsPort = nodeFs) {
    this.#fault = fault;
    this.#inner = inner;
  }

  #step(operation: string, path: string, writing = WRITING.has(operation)): void {
    const fault = this.#fault;
    if (fault?.operation !== undefined && fault.operation !== operation) return;
    if (fault?.writing === true && !writing) return;
    if (fault?.within !== undefined && !path.startsWith(fault.within)) return;
    this.operations += 1;
    this.log.push(`${operation} ${path}`);
    if (fault === undefined) return;
    const hit = fault.mode === 'once' ? this.operations === fault.nth : this.operations >= fault.nth;
    if (!hit) return;
    this.fired += 1;
    if (fault.mode === 'crash') throw new Crash(`killed at ${operation} ${path}`);
    throw Object.assign(new Error(`${fault.code}: injected, ${operation} '${path}'`), { code: fault.code, syscall: operation, path });
  }

  async open(path: string, flags: 'r' | 'wx', mode?: number): Promise<OpenFile> {
    this.#step('open', path, flags === 'wx');
    const file = await this.#inner.open(path, flags, mode);
    return {
      read: async (buffer, offset, length) => {
        this.#step('read', path);
        return file.read(buffer, offset, length);
      },
      write: async (bytes) => {
        try {
          this.#step('write', path);
        } catch (error) {
          await file.write(bytes.subarray(0, bytes.byteLength >> 1));
          throw error;
        }
        await file.write(bytes);
      },
      sync: async () => this.#step('fsync', path),
      chmod: async (bits) => {
        this.#step('fchmod', path);
        await file.chmod(bits);
      },
      stat: async () => {
        this.#step('fstat', path);
        return file.stat();
      },
      close: async () => {
        await file.close(); // a failing close still releases the descriptor
        this.#step('close', path);
      },
    };
  }

  async stat(path: string) {
    this.#step('stat', path);
    return this.#inner.stat(path);
  }
  async lstat(path: string) {
    this.#step('lstat', path);
    return this.#inner.lstat(path);
  }
  async link(from: string, to: string) {
    this.#step('link', to);
    await this.#inner.link(from, to);
  }
  async rename(from: string, to: string) {
    this.#step('rename', to);
    await this.#inner.rename(from, to);
  }
  async unlink(path: string) {
    this.#step('unlink', path);
    await this.#inner.unlink(path);
  }
  async mkdir(path: string) {
    this.#step('mkdir', path);
    return this.#inner.mkdir(path);
  }
  async readdir(path: string) {
    this.#step('readdir', path);
    return this.#inner.readdir(path);
  }
  async removeTree(path: string) {
    this.#step('rmtree', path);
    await this.#inner.removeTree(path);
  }
  async touch(path: string, time: Date) {
    this.#step('utimes', path);
    await this.#inner.touch(path, time);
  }
  async freeBytes(path: string) {
    this.#step('statfs', path);
    return this.#inner.freeBytes(path);
  }
  now() {
    return this.#inner.now();
  }
}
