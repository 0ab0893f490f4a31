/** Writes an export into a folder that must be empty or absent: what stands there already is never overwritten. */
import { constants } from 'node:fs';
import { chmod, copyFile, mkdir, readdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { PipelineError } from '../../core/errors.js';
import type { Store } from '../../engine/store/store.js';
import { bytesOf, type ExportedFile } from './exported-run.js';

export async function claimFolder(folder: string): Promise<void> {
  const inside = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw cannotWrite(folder, error);
  });
  if (inside.length > 0) throw new PipelineError('E_USAGE', `"${folder}" is not empty`, { facts: { expected: 'an empty folder, or none', found: `${inside.length} entries, ${inside[0] as string} among them` }, hint: 'Name another folder with --out.' });
  await mkdir(folder, { recursive: true }).catch((error: NodeJS.ErrnoException) => {
    throw cannotWrite(folder, error);
  });
}

export async function writeText(folder: string, name: string, text: string): Promise<string> {
  const path = join(folder, name);
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, text, { flag: 'wx' });
  return path;
}

/** False if the bytes are not in the store any more. */
export async function writeCopy(folder: string, { path, file }: ExportedFile, store: Store): Promise<boolean> {
  const bytes = await bytesOf(file, store);
  if (bytes === undefined) return false;
  const target = join(folder, path);
  await mkdir(dirname(target), { recursive: true });
  if ('inline' in bytes) await writeFile(target, bytes.inline, { flag: 'wx' });
  else {
    await copyFile(bytes.path, target, constants.COPYFILE_FICLONE | constants.COPYFILE_EXCL);
    await chmod(target, 0o644); // objects are read-only, and copies keep the mode
  }
  return true;
}

function cannotWrite(folder: string, cause: NodeJS.ErrnoException): PipelineError {
  return new PipelineError('E_STORE_IO', `"${folder}" cannot be written`, { facts: { system: cause.code ?? cause.message }, hint: 'Name another folder with --out.', cause });
}
