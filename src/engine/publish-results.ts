/**
 * Copies what people want to look at out of the store: `results/<pipeline>/<run>/<stage>/<output>/<name>`, and a pointer `latest`. Copies
 * (reflinks where the file system has them), never hard links: a picture that somebody edits must not change the cache.
 */
import { constants, existsSync } from 'node:fs';
import { chmod, copyFile, mkdir, readlink, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { randomBytes } from 'node:crypto';
import { PipelineError } from '../core/errors.js';
import { outsidePath } from './artifact-reader.js';
import { checkFileName } from './artifact-name.js';
import type { Plan } from './plan.js';
import { publishedFiles } from './published-files.js';
import type { RunSummary } from './run-journal.js';
import { errnoOf } from './store/fs-port.js';
import type { Store } from './store/store.js';

const COPIED_MODE = 0o644;
const LATEST = 'latest';

export interface PublishedResults {
  /** `<folder>/<pipeline>/<run>`; made even if nothing is published, so that a report can be put there */
  readonly folder: string;
  /** paths of the copies, in the order of the plan */
  readonly files: readonly { readonly stage: string; readonly output: string; readonly name: string; readonly path: string; readonly restricted: boolean }[];
}

/** The bytes were verified when the run used them. Errors: E_STORE_IO with the path, E_NO_SPACE. */
export async function publishResults(plan: Plan, summary: RunSummary, store: Store, folder: string): Promise<PublishedResults> {
  const pipeline = join(folder, plan.name);
  const target = join(pipeline, summary.id);
  const files: PublishedResults['files'][number][] = [];
  try {
    await mkdir(target, { recursive: true });
    for (const { name: stage, manifest } of plan.stages) {
      const outputs = summary.outputs.get(stage) ?? {};
      for (const { output, file } of publishedFiles(manifest, outputs)) {
        checkFileName(file.name);
        const path = join(target, stage, output, file.name);
        await mkdir(dirname(path), { recursive: true });
        if (file.inline !== undefined) await writeFile(path, Buffer.from(file.inline, 'base64'));
        else await copy(file.external === true ? outsidePath(file, summary.outside) : store.objectPath(file.digest), path);
        files.push({ stage, output, name: file.name, path, restricted: outputs[output]?.restricted === true });
      }
    }
    await pointTo(pipeline, summary.id);
  } catch (error) {
    throw error instanceof PipelineError ? error : notWritten(target, error);
  }
  return { folder: target, files };
}

async function copy(from: string, to: string): Promise<void> {
  await copyFile(from, to, constants.COPYFILE_FICLONE);
  await chmod(to, COPIED_MODE); // objects are read-only, and copies keep the mode
}

/** Replaces the pointer in one step; a text file where the file system has no symbolic links. A folder that somebody made there stays. */
async function pointTo(pipeline: string, run: string): Promise<void> {
  const latest = join(pipeline, LATEST);
  const temporary = join(pipeline, `.${LATEST}-${randomBytes(4).toString('hex')}`);
  try {
    await symlink(run, temporary, 'dir');
  } catch (error) {
    if (!['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS'].includes(errnoOf(error) ?? '')) throw error;
    await writeFile(temporary, `${run}\n`);
  }
  try {
    await rename(temporary, latest);
  } catch (error) {
    await rm(temporary, { force: true });
    if (!existsSync(latest) || (await readlink(latest).catch(() => undefined)) !== undefined) throw error;
  }
}

function notWritten(folder: string, error: unknown): PipelineError {
  const code = errnoOf(error);
  if (code === undefined) throw error;
  const full = code === 'ENOSPC' || code === 'EDQUOT';
  return new PipelineError(full ? 'E_NO_SPACE' : 'E_STORE_IO', `"${folder}" could not be written: ${(error as Error).message}`, {
    facts: { system: code },
    hint: full ? 'Free some space, or name another folder with --results; the results themselves are in the cache.' : 'Name a folder that you may write to with --results.',
    cause: error,
  });
}
