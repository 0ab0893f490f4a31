/**
 * Tells waiters that a file of the claims' folder is gone. One listing of the folder serves all who wait; it is repeated ever more slowly, and at once
 * when the system says that the folder changed. Where it says nothing (network file systems) the listing alone decides.
 */
import { watch, type FSWatcher } from 'node:fs';
import { entriesOf, type FsPort } from './fs-port.js';

const SHORTEST_MS = 10;
const LONGEST_MS = 500;
const GROWTH = 1.6;

interface Waiter {
  readonly name: string;
  readonly wake: () => void;
}

export class ClaimWatch {
  readonly #fs: FsPort;
  readonly #folder: string;
  readonly #waiters = new Set<Waiter>();
  #watcher: FSWatcher | undefined;
  #running = false;
  #hurry: () => void = () => undefined;

  constructor(fs: FsPort, folder: string) {
    this.#fs = fs;
    this.#folder = folder;
  }

  /** Resolves when the file is gone, after `mostMs`, or when `signal` aborts. */
  changed(name: string, mostMs: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const end = (): void => {
        clearTimeout(timer);
        signal.removeEventListener('abort', end);
        this.#waiters.delete(waiter);
        if (this.#waiters.size === 0) this.#hurry();
        resolve();
      };
      const waiter: Waiter = { name, wake: end };
      const timer = setTimeout(end, mostMs);
      signal.addEventListener('abort', end, { once: true });
      this.#waiters.add(waiter);
      if (!this.#running) void this.#run();
    });
  }

  async #run(): Promise<void> {
    this.#running = true;
    this.#watchFolder();
    let delay = SHORTEST_MS;
    while (this.#waiters.size > 0) {
      const hurried = await this.#pause(delay);
      const names = await this.#names();
      const gone = [...this.#waiters].filter(({ name }) => names?.has(name) === false);
      for (const { wake } of gone) wake();
      delay = hurried || gone.length > 0 ? SHORTEST_MS : Math.min(LONGEST_MS, delay * GROWTH);
    }
    this.#watcher?.close();
    this.#watcher = undefined;
    this.#running = false;
  }

  /** True if something happened before the time was over. */
  #pause(ms: number): Promise<boolean> {
    return new Promise((resolve) => {
      let hurried = false;
      const timer = setTimeout(() => resolve(false), ms);
      this.#hurry = () => {
        if (hurried) return;
        hurried = true;
        clearTimeout(timer);
        setTimeout(() => resolve(true), Math.min(ms, SHORTEST_MS)); // many changes in a row are one
      };
    });
  }

  async #names(): Promise<ReadonlySet<string> | undefined> {
    try {
      return new Set((await entriesOf(this.#fs, this.#folder)).map(({ name }) => name));
    } catch {
      return undefined; // the waiters look for themselves from time to time
    }
  }

  #watchFolder(): void {
    try {
      this.#watcher = watch(this.#folder, { persistent: false }, () => this.#hurry());
      this.#watcher.on('error', () => this.#watcher?.close());
    } catch {
      this.#watcher = undefined; // no watches left, or no such folder: the listing goes on
    }
  }
}
