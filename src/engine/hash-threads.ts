/**
 * sha256 of large files in threads: one file is one stream and cannot be split, so it is several files at once that use several cores, and none
 * of them holds up the engine's own thread. A thread opens, reads and hashes by itself; only the answer and how far it is come back.
 * Threads are made when first needed, at most one a core, and do not keep the process alive. Knows neither stamps' meaning nor the memory of digests.
 */
import type * as Crypto from 'node:crypto';
import type * as Fs from 'node:fs';
import { availableParallelism } from 'node:os';
import { Worker, type MessagePort } from 'node:worker_threads';
import type { Digest } from '../core/digest.js';

/** More readers than this only make a disk seek. */
const MOST_THREADS = 8;
const BUFFER_BYTES = 4 << 20;

export interface HashedFile {
  readonly digest: Digest;
  readonly size: number;
}

type Answer = { readonly done: number } | { readonly digest: string; readonly size: number } | { readonly code: string; readonly message: string; readonly syscall: string };

/**
 * The whole code of a thread. It is handed over as text, so it may use nothing but its arguments; that way it is the same code whether this
 * module was compiled or not.
 */
function serve(port: MessagePort, fs: typeof Fs, { createHash }: typeof Crypto, bufferBytes: number): void {
  const buffer = Buffer.allocUnsafe(bufferBytes);
  port.on('message', (path: string) => {
    let file: number | undefined;
    try {
      file = fs.openSync(path, 'r');
      const hash = createHash('sha256');
      let size = 0;
      for (let count = fs.readSync(file, buffer); count > 0; count = fs.readSync(file, buffer)) {
        hash.update(count === buffer.length ? buffer : buffer.subarray(0, count));
        size += count;
        port.postMessage({ done: size });
      }
      port.postMessage({ digest: hash.digest('hex'), size });
    } catch (error) {
      const { code = '', message, syscall = 'read' } = error as NodeJS.ErrnoException;
      port.postMessage({ code, message, syscall });
    } finally {
      if (file !== undefined) fs.closeSync(file);
    }
  });
}

export class HashThreads {
  readonly width: number;
  readonly #idle: Worker[] = [];
  readonly #waiting: (() => void)[] = [];
  #busy = 0;

  constructor(width = Math.min(MOST_THREADS, availableParallelism())) {
    this.width = width;
  }

  /** Rejects with a system error of the file, or with the signal's reason: the thread is then stopped in the middle of the file. */
  async hash(path: string, onBytes?: (done: number) => void, signal?: AbortSignal): Promise<HashedFile> {
    if (this.#busy < this.width) this.#busy += 1;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    try {
      signal?.throwIfAborted();
      return await this.#hashIn(this.#idle.pop() ?? newThread(), path, onBytes, signal);
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#busy -= 1;
      else next();
    }
  }

  #hashIn(thread: Worker, path: string, onBytes: ((done: number) => void) | undefined, signal: AbortSignal | undefined): Promise<HashedFile> {
    return new Promise((resolve, reject) => {
      const over = (): void => {
        signal?.removeEventListener('abort', stop);
        thread.off('error', broken).off('message', answered);
        thread.unref();
      };
      const stop = (): void => {
        over();
        void thread.terminate();
        reject(signal?.reason as Error);
      };
      const broken = (error: Error): void => {
        over();
        reject(error);
      };
      const answered = (answer: Answer): void => {
        if ('done' in answer) return onBytes?.(answer.done);
        over();
        this.#idle.push(thread);
        if ('digest' in answer) resolve({ digest: answer.digest as Digest, size: answer.size });
        else reject(Object.assign(new Error(answer.message), { code: answer.code, syscall: answer.syscall, path }));
      };
      signal?.addEventListener('abort', stop, { once: true });
      thread.on('error', broken).on('message', answered);
      thread.ref();
      thread.postMessage(path);
    });
  }
}

function newThread(): Worker {
  const modules = `require('node:worker_threads').parentPort, require('node:fs'), require('node:crypto')`;
  return new Worker(`(${serve.toString()})(${modules}, ${BUFFER_BYTES})`, { eval: true });
}
