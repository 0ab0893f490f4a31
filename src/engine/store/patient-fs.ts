/**
 * A file system that waits when the system has no file handles left and asks again when a network file system has lost track of a file: both
 * pass by themselves. It also notes when bytes cannot be made durable at all, so that a run can say so once. Nothing else is tried again: a full or
 * failing disk is not helped by insisting.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { SYNC_UNSUPPORTED } from './durable.js';
import { errnoOf, type FsPort, type OpenFile } from './fs-port.js';

const NO_HANDLES: ReadonlySet<string> = new Set(['EMFILE', 'ENFILE']);
/** Together about five seconds, in which something else of this process has surely closed a file. */
const WAITS_MS: readonly number[] = [5, 10, 20, 40, 80, 160, 320, 640, 1280, 2560];
const STALE_ATTEMPTS = 2;

export function patientFs(inner: FsPort, onUnsynced: (system: string) => void): FsPort {
  const synced = async (file: OpenFile): Promise<void> => {
    try {
      await file.sync();
    } catch (error) {
      const code = errnoOf(error) ?? '';
      if (!SYNC_UNSUPPORTED.has(code)) throw error;
      onUnsynced(code);
    }
  };
  return {
    ...bound(inner),
    open: async (path, flags, mode) => {
      const file = await insist(() => inner.open(path, flags, mode), flags === 'r');
      return {
        read: (buffer, offset, length) => file.read(buffer, offset, length),
        write: (bytes) => file.write(bytes),
        sync: () => synced(file),
        chmod: (bits) => file.chmod(bits),
        stat: () => file.stat(),
        close: () => file.close(),
      };
    },
    stat: (path) => insist(() => inner.stat(path), true),
    lstat: (path) => insist(() => inner.lstat(path), true),
    readdir: (path) => insist(() => inner.readdir(path), true),
  };
}

async function insist<T>(work: () => Promise<T>, again: boolean): Promise<T> {
  let stale = 0;
  for (let attempt = 0; ; attempt += 1) {
    try {
      return await work();
    } catch (error) {
      const code = errnoOf(error) ?? '';
      const wait = NO_HANDLES.has(code) ? WAITS_MS[attempt] : code === 'ESTALE' && again && (stale += 1) < STALE_ATTEMPTS ? 0 : undefined;
      if (wait === undefined) throw error;
      await sleep(wait);
    }
  }
}

function bound(fs: FsPort): FsPort {
  return {
    open: (path, flags, mode) => fs.open(path, flags, mode),
    stat: (path) => fs.stat(path),
    lstat: (path) => fs.lstat(path),
    link: (from, to) => fs.link(from, to),
    rename: (from, to) => fs.rename(from, to),
    unlink: (path) => fs.unlink(path),
    mkdir: (path) => fs.mkdir(path),
    readdir: (path) => fs.readdir(path),
    removeTree: (path) => fs.removeTree(path),
    touch: (path, time) => fs.touch(path, time),
    freeBytes: (path) => fs.freeBytes(path),
    now: () => fs.now(),
  };
}
