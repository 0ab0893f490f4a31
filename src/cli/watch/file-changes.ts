/**
 * Waits until one of some files changes. What counts is the file's stamp (identity, size, times), compared with the one taken before the work
 * began, so a change while nobody was looking is noticed too. Folders are watched, not files, because editors save by renaming a new file over
 * the old one; and stamps are looked at every now and then besides, because network file systems tell nothing of other machines' changes and
 * watching may be refused.
 */
import { watch, type FSWatcher } from 'node:fs';
import { stat } from 'node:fs/promises';
import { dirname } from 'node:path';

/** path → what the file was like; absent and unreadable files have a stamp too */
export type FileStamps = ReadonlyMap<string, string>;

export interface WaitOptions {
  readonly signal: AbortSignal;
  /** calls back at any change in a folder; throws or reports an error where that is not possible */
  readonly watchFolder?: typeof watchFolder;
  readonly timing?: Timing;
}

export interface Timing {
  /** nothing has changed for this long: the editor, or the checkout, is done */
  readonly settleMs: number;
  /** how often to look where every folder is watched, and where one is not */
  readonly lookEveryMs: number;
  readonly pollEveryMs: number;
}

const TIMING: Timing = { settleMs: 150, lookEveryMs: 3000, pollEveryMs: 500 };
/** Files that keep changing are not waited for longer than this many settling times. */
const MOST_SETTLING = 40;

export async function stampFiles(paths: Iterable<string>): Promise<FileStamps> {
  const stamps = new Map<string, string>();
  for (const path of paths) stamps.set(path, await stampOf(path));
  return stamps;
}

/** Those that differ, in the order of the stamps. */
export async function changedSince(stamps: FileStamps): Promise<string[]> {
  const changed: string[] = [];
  for (const [path, stamp] of stamps) if ((await stampOf(path)) !== stamp) changed.push(path);
  return changed;
}

/** Resolves to the files that changed, once they have settled; to none when the signal aborts. */
export async function waitForChange(stamps: FileStamps, { signal, watchFolder: watchOne = watchFolder, timing = TIMING }: WaitOptions): Promise<string[]> {
  const bell = new Bell(signal);
  const folders = [...new Set([...stamps.keys()].map((path) => dirname(path)))];
  let refused = 0;
  const watchers = folders.flatMap((folder) => {
    try {
      return [watchOne(folder, () => bell.ring(), () => { refused += 1; })];
    } catch {
      refused += 1; // gone, or too many watches: looked at often instead
      return [];
    }
  });
  try {
    for (;;) {
      const changed = await changedSince(stamps);
      if (signal.aborted) return [];
      if (changed.length > 0) return await settled(stamps, changed, timing, bell);
      await bell.wait(refused > 0 ? timing.pollEveryMs : timing.lookEveryMs);
    }
  } finally {
    for (const watcher of watchers) watcher.close();
  }
}

/** A checkout writes many files, and a save may be two steps: goes on when two looks in a row saw the same. */
async function settled(stamps: FileStamps, first: readonly string[], { settleMs }: Timing, bell: Bell): Promise<string[]> {
  let changed = [...first];
  let last = await stampFiles(stamps.keys());
  for (let i = 0; i < MOST_SETTLING && !bell.isOver; i += 1) {
    await bell.pause(settleMs);
    const moved = await changedSince(last);
    changed = await changedSince(stamps);
    if (moved.length === 0) break;
    last = await stampFiles(stamps.keys());
  }
  return bell.isOver ? [] : changed;
}

export function watchFolder(folder: string, onChange: () => void, onRefused: () => void): Pick<FSWatcher, 'close'> {
  const watcher = watch(folder, { persistent: true }, onChange);
  watcher.on('error', onRefused);
  return watcher;
}

/** Wakes a waiter at a ring, after a time, or at the end. A ring that nobody waits for is kept for the next. */
class Bell {
  readonly #signal: AbortSignal;
  #rung = false;
  #wake: (() => void) | undefined;

  constructor(signal: AbortSignal) {
    this.#signal = signal;
  }

  get isOver(): boolean {
    return this.#signal.aborted;
  }

  ring(): void {
    this.#rung = true;
    this.#wake?.();
  }

  async wait(ms: number): Promise<void> {
    if (!this.#rung) await this.pause(ms, true);
    this.#rung = false;
  }

  /** The whole time, or until the end; a ring cuts it short only if asked to. */
  async pause(ms: number, ringable = false): Promise<void> {
    if (this.isOver) return;
    await new Promise<void>((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        this.#signal.removeEventListener('abort', done);
        this.#wake = undefined;
        resolve();
      };
      const timer = setTimeout(done, ms);
      this.#signal.addEventListener('abort', done);
      if (ringable) this.#wake = done;
    });
  }
}

async function stampOf(path: string): Promise<string> {
  try {
    const { dev, ino, size, mtimeNs, ctimeNs } = await stat(path, { bigint: true });
    return [dev, ino, size, mtimeNs, ctimeNs].join(':');
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? 'unreadable';
  }
}
