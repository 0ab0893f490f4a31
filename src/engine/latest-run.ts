/**
 * The pointer `latest` in a folder of results: a symbolic link to the folder of a run, or a text file with its id where the file system has
 * no links. It is replaced in one step, so that it always points to a whole run. Knows nothing of what a run left there.
 */
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readFile, readlink, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { errnoOf } from './store/fs-port.js';

const LATEST = 'latest';
const NO_LINKS: ReadonlySet<string> = new Set(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS']);

/** A folder that somebody made under that name stays. System errors pass. */
export async function pointToRun(folder: string, run: string): Promise<void> {
  const latest = join(folder, LATEST);
  const temporary = join(folder, `.${LATEST}-${randomBytes(4).toString('hex')}`);
  try {
    await symlink(run, temporary, 'dir');
  } catch (error) {
    if (!NO_LINKS.has(errnoOf(error) ?? '')) throw error;
    await writeFile(temporary, `${run}\n`);
  }
  try {
    await rename(temporary, latest);
  } catch (error) {
    await rm(temporary, { force: true });
    if (!existsSync(latest) || (await readlink(latest).catch(() => undefined)) !== undefined) throw error;
  }
}

/** The id that the pointer holds; undefined if there is none, or it is not ours. */
export async function pointedRun(folder: string): Promise<string | undefined> {
  const latest = join(folder, LATEST);
  return readlink(latest).catch(async () => (await readFile(latest, 'utf8').catch(() => undefined))?.trim());
}
