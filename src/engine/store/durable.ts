/**
 * The steps that make a file durable and visible at once: a temporary name in the same folder, every byte written, fsync, close with its
 * error checked, then the final name, then fsync of the folder. A reader sees the whole file or none; after a crash likewise.
 * After a failed fsync nothing of that file is reused: the kernel may already have dropped its pages.
 */
import { dirname, join } from 'node:path';
import { errnoOf, isMissing, readWhole, type FsPort, type OpenFile } from './fs-port.js';

export const TEMPORARY_PREFIX = '.tmp-';

/** File systems that cannot fsync a folder, or anything at all, say one of these; there is nothing more to be done then. */
export const SYNC_UNSUPPORTED: ReadonlySet<string> = new Set(['EINVAL', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS']);
/** The file system cannot give a file a second name. */
export const LINK_UNSUPPORTED: ReadonlySet<string> = new Set(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'EMLINK', 'ENOSYS']);
/** File systems without permission bits say one of these. The bits only guard against accidents, so nothing depends on them. */
const CHMOD_UNSUPPORTED: ReadonlySet<string> = new Set(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS']);

export async function syncFile(file: OpenFile): Promise<void> {
  try {
    await file.sync();
  } catch (error) {
    if (!SYNC_UNSUPPORTED.has(errnoOf(error) ?? '')) throw error;
  }
}

export async function syncFolder(fs: FsPort, folder: string): Promise<void> {
  const handle = await fs.open(folder, 'r');
  try {
    await syncFile(handle);
  } finally {
    await handle.close();
  }
}

export async function protectFile(file: OpenFile, mode: number): Promise<void> {
  try {
    await file.chmod(mode);
  } catch (error) {
    if (!CHMOD_UNSUPPORTED.has(errnoOf(error) ?? '')) throw error;
  }
}

/** Makes a folder and its parents, and makes their names durable. */
export async function ensureFolder(fs: FsPort, folder: string): Promise<void> {
  const first = await fs.mkdir(folder);
  if (first === undefined) return;
  for (let made = folder; made.length >= first.length; made = dirname(made)) await syncFolder(fs, dirname(made));
}

/** Opens a new file in `folder`, lets `fill` write it, and returns its path with its bytes durable; on any error nothing is left. */
export async function writeTemporary<T>(
  fs: FsPort,
  folder: string,
  name: string,
  mode: number,
  fill: (file: OpenFile) => Promise<T>,
): Promise<{ path: string; result: T }> {
  const path = join(folder, name);
  const file = await fs.open(path, 'wx', 0o600);
  let closed = false;
  try {
    const result = await fill(file);
    await syncFile(file);
    await protectFile(file, mode);
    closed = true;
    await file.close();
    return { path, result };
  } catch (error) {
    if (!closed) await file.close().catch(() => undefined);
    await removeQuietly(fs, path);
    throw error;
  }
}

/** Writes a small file in one step, replacing what had the name before. */
export async function publishFile(fs: FsPort, path: string, bytes: Uint8Array, temporaryName: string): Promise<void> {
  const folder = dirname(path);
  await ensureFolder(fs, folder);
  const temporary = await writeTemporary(fs, folder, temporaryName, 0o644, (file) => file.write(bytes));
  try {
    await fs.rename(temporary.path, path);
  } catch (error) {
    // A network file system that has lost the answer to a rename that it did tries again, and then finds nothing to rename.
    if (!isMissing(error) || !(await holds(fs, path, bytes))) {
      await removeQuietly(fs, temporary.path);
      throw error;
    }
  }
  await syncFolder(fs, folder);
}

/** Writes a small file in one step if nothing has its name; false if something has. Where names cannot be given exclusively it replaces what is there. */
export async function publishNewFile(fs: FsPort, path: string, bytes: Uint8Array, temporaryName: string): Promise<boolean> {
  const folder = dirname(path);
  await ensureFolder(fs, folder);
  const temporary = await writeTemporary(fs, folder, temporaryName, 0o644, (file) => file.write(bytes));
  try {
    await fs.link(temporary.path, path);
  } catch (error) {
    const code = errnoOf(error) ?? '';
    if (!LINK_UNSUPPORTED.has(code)) {
      await removeQuietly(fs, temporary.path);
      // A network file system that has lost the answer to a link that it made tries again, and then finds the name taken.
      if (code === 'EEXIST') return holds(fs, path, bytes);
      throw error;
    }
    await fs.rename(temporary.path, path);
  }
  await syncFolder(fs, folder);
  await removeQuietly(fs, temporary.path);
  return true;
}

async function holds(fs: FsPort, path: string, bytes: Uint8Array): Promise<boolean> {
  return readWhole(fs, path).then((found) => found.equals(bytes), () => false);
}

/** For cleaning up after an error that is being reported: gc removes what cannot be removed now. */
export async function removeQuietly(fs: FsPort, path: string): Promise<void> {
  await fs.unlink(path).catch(() => undefined);
}
