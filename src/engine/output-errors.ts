/**
 * Tells a disk that does not take what a stage writes from a mistake of the stage. Whoever wrote may have wrapped the system's error in words of its
 * own (the writers of HDF5 and NIfTI do), so it is looked for behind an error as well. A program of the user's only says that it failed:
 * there the disk is asked.
 */
import { statfsSync } from 'node:fs';
import { sep } from 'node:path';
import { PipelineError } from '../core/errors.js';
import { errnoOf, isMissing } from './store/fs-port.js';
import { hintFor, OUT_OF_SPACE } from './store/io-errors.js';
import type { StageJob } from './worker-protocol.js';

/** `facts.action` of an error that says that the disk did not take what a stage wrote. */
export const WRITING_OUTPUTS = 'writing outputs';

const OUTPUT_ERRORS: ReadonlySet<string> = new Set([...OUT_OF_SPACE, 'EROFS', 'EIO']);
/** A program that meets a full disk leaves less than one write's worth. */
const FULL_BYTES = 64 * 1024;

type Place = Pick<StageJob, 'stage' | 'staging'> & { readonly store: Pick<StageJob['store'], 'directory'> };

/** `writesTo`: the folders of this stage's outputs, checkpoints and the like. The error to report: E_NO_SPACE or E_STORE_IO with the action WRITING_OUTPUTS if the disk of the staging folder is to blame, otherwise `error`. */
export function outputError(job: Place, error: unknown, writesTo: readonly string[] = [job.staging]): unknown {
  const behind = systemErrorOf(job, error, writesTo);
  if (behind === undefined) return error;
  const { system, message } = behind;
  const here = job.staging.startsWith(job.store.directory + sep);
  const free = freeBytes(job.staging);
  return new PipelineError(OUT_OF_SPACE.has(system) ? 'E_NO_SPACE' : 'E_STORE_IO', `"${job.stage}" could not write its outputs: ${message}`, {
    facts: { action: WRITING_OUTPUTS, system, folder: job.staging, ...(free === undefined ? {} : { freeBytes: free }) },
    hint: here ? hintFor(system) : 'Neither the store nor the folder for temporary files takes it: make room, or name another one with TMPDIR.',
    cause: error,
  });
}

function systemErrorOf(job: Place, error: unknown, writesTo: readonly string[]): { readonly system: string; readonly message: string } | undefined {
  if (error instanceof PipelineError) {
    // The store's own errors say what they did: it has been to the scratch folder already.
    if (error.facts['action'] !== undefined) return undefined;
    if (error.code === 'E_COMMAND_FAILED') return (freeBytes(job.staging) ?? Infinity) < FULL_BYTES ? { system: 'ENOSPC', message: 'no space is left on its disk' } : undefined;
    const { path } = error.facts;
    if (typeof path === 'string' && !writesTo.some((folder) => isBelow(path, folder))) return undefined;
    return error.cause === undefined ? undefined : systemErrorOf(job, error.cause, writesTo);
  }
  const system = errnoOf(error) ?? '';
  const { path, syscall } = error as { path?: unknown; syscall?: unknown };
  // Errors of writing carry no path; errors that carry one must be about a folder that the stage writes to.
  const about = typeof path === 'string' ? writesTo.some((folder) => isBelow(path, folder)) : syscall !== 'read';
  // Node's recursive mkdir says ENOENT whatever the system said.
  const refused = syscall === 'mkdir' && isMissing(error);
  return (OUTPUT_ERRORS.has(system) || refused) && about ? { system, message: (error as Error).message } : undefined;
}

function isBelow(path: string, folder: string): boolean {
  return path === folder || path.startsWith(folder + sep);
}

function freeBytes(folder: string): number | undefined {
  try {
    const { bavail, bsize } = statfsSync(folder);
    return bavail * bsize;
  } catch {
    return undefined; // a figure for the message, or a reason less to blame the disk
  }
}
