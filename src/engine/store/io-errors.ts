/**
 * Turns a system error met in the store into a PipelineError that names the path, the system's code and what to do next. Errors that are
 * already PipelineErrors, and bugs, pass unchanged.
 */
import { PipelineError } from '../../core/errors.js';
import { errnoOf, type FsPort } from './fs-port.js';

export const OUT_OF_SPACE: ReadonlySet<string> = new Set(['ENOSPC', 'EDQUOT', 'EFBIG']);

const HINTS: Readonly<Record<string, string>> = {
  EROFS: 'Name a writable folder with --cache-dir, or run with --cache-mode read.',
  EACCES: 'Give yourself access to this path, name another folder with --cache-dir, or run with --cache-mode read.',
  EPERM: 'Give yourself access to this path, name another folder with --cache-dir, or run with --cache-mode read.',
  EIO: 'Check the disk, then run `pipeline cache verify --read-data`.',
  EMFILE: 'Raise the limit of open files (`ulimit -n 4096`) and run again.',
  ENFILE: 'Close other programs that hold many files open and run again.',
  ESTALE: 'The network file system lost this file: run again.',
  EEXIST: 'Remove the file that stands where a folder of the store belongs, or name another folder with --cache-dir.',
  ENOTDIR: 'Remove the file that stands where a folder of the store belongs, or name another folder with --cache-dir.',
};

/** What to do about a system error in the store. */
export function hintFor(system: string): string {
  if (OUT_OF_SPACE.has(system)) return 'Make room: `pipeline cache gc --max-size … --dry-run` shows what could go.';
  return HINTS[system] ?? 'Check that the folder of the store is there and usable, then run again.';
}

/** Runs a piece of store work on `path`; a system error leaves as E_NO_SPACE or E_STORE_IO. */
export async function withStoreErrors<T>(fs: FsPort, action: string, path: string, work: () => Promise<T>, needed?: number): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const code = errnoOf(error);
    if (code === undefined) throw error;
    const place = pathOf(error) ?? path;
    if (OUT_OF_SPACE.has(code)) {
      throw new PipelineError('E_NO_SPACE', `"${place}" could not be written: no space is left`, {
        facts: { action, system: code, ...(needed === undefined ? {} : { neededBytes: needed }), ...(await freeSpace(fs, path)) },
        hint: 'Free some space (`pipeline cache gc --max-size …` removes what was used longest ago) and run again: what is stored stays usable.',
        cause: error,
      });
    }
    throw new PipelineError('E_STORE_IO', `"${place}" could not be used: ${(error as Error).message}`, {
      facts: { action, system: code },
      hint: hintFor(code),
      cause: error,
    });
  }
}

function pathOf(error: unknown): string | undefined {
  const path = (error as { path?: unknown }).path;
  return typeof path === 'string' ? path : undefined;
}

async function freeSpace(fs: FsPort, path: string): Promise<{ freeBytes?: number }> {
  try {
    return { freeBytes: await fs.freeBytes(path) };
  } catch {
    return {}; // a figure for the message only; the error itself is reported either way
  }
}
