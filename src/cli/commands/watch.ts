/**
 * `pipeline watch FILE`: runs, and runs again whenever something that the run depends on has changed. A run that is under way is never cut
 * short by a change: it ends, what it made is kept, and the next round follows at once. Ctrl-C leaves, during a run after stopping it cleanly.
 */
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { PipelineError } from '../../core/errors.js';
import { errorJson, errorText, shortPath } from '../error-output.js';
import { interruption } from '../interruption.js';
import type { Invocation } from '../invocation.js';
import { printable, wantsColor } from '../terminal.js';
import { stampFiles, waitForChange, type FileStamps } from '../watch/file-changes.js';
import { filesToWatch, type Watched } from '../watch/files-to-watch.js';
import { handle as run } from './run.js';

/** Exit codes of a run that was stopped by a signal are 128 + its number. */
const STOPPED = 128;
const MOST_NAMED = 3;

export async function handle(invocation: Invocation): Promise<number> {
  const { args, io } = invocation;
  const file = args[0] as string;
  let changed: readonly string[] = [];
  for (let round = 1; ; round += 1) {
    announce(round, changed, invocation);
    // stamped before the run reads them: what changes from now on is of the next round
    const before = await stampFiles((await filesToWatch(invocation, file)).files);
    const code = await oneRun(invocation);
    if (code > STOPPED || !existsSync(resolve(io.cwd, file))) return code;
    using stop = interruption(io);
    const watched = await filesToWatch(invocation, file);
    tell(invocation, watched, code);
    changed = await waitForChange(await carriedOn(before, watched), { signal: stop.signal });
    const exitCode = stop.exitCode();
    if (exitCode !== undefined) return exitCode;
  }
}

/** What is wrong with a run does not end the watch: the next edit may be the correction. */
async function oneRun(invocation: Invocation): Promise<number> {
  const { io, options } = invocation;
  try {
    return await run(invocation);
  } catch (error) {
    if (!(error instanceof PipelineError)) throw error;
    io.stderr.write(`${options.json ? errorJson(error, io.cwd) : errorText(error, { cwd: io.cwd, color: wantsColor(io.stderr, io.env, options.color), debug: options.debug })}\n`);
    return error.exitCode;
  }
}

/** Files that were stamped before the run keep that stamp; those that only became known by it get one now. */
async function carriedOn(before: FileStamps, { files }: Watched): Promise<FileStamps> {
  const now = await stampFiles(files.filter((path) => !before.has(path)));
  return new Map(files.map((path) => [path, before.get(path) ?? now.get(path) ?? '']));
}

function announce(round: number, changed: readonly string[], { io, options, err }: Invocation): void {
  if (options.json) {
    io.stdout.write(`${JSON.stringify({ schema: 'pipeline.watch.v1', kind: 'watch.round', round, changed })}\n`);
    return;
  }
  const names = changed.slice(0, MOST_NAMED).map((path) => printable(shortPath(path, io.cwd))).join(', ');
  const more = changed.length > MOST_NAMED ? ` and ${changed.length - MOST_NAMED} more` : '';
  io.stderr.write(`${round === 1 ? '' : '\n'}${err.bold(`round ${round}, ${new Date().toTimeString().slice(0, 8)}${changed.length === 0 ? '' : `: ${names}${more} changed`}`)}\n`);
}

function tell({ io, options, err }: Invocation, { files, left }: Watched, exitCode: number): void {
  if (options.json) {
    io.stdout.write(`${JSON.stringify({ schema: 'pipeline.watch.v1', kind: 'watch.waiting', exitCode, files: files.length, unwatched: left })}\n`);
    return;
  }
  if (options.quiet) return;
  const rest = left === 0 ? '' : `; ${left} more outside files are not watched`;
  io.stderr.write(`${err.dim(`waiting for changes in ${files.length} ${files.length === 1 ? 'file' : 'files'}${rest}; Ctrl-C leaves`)}\n`);
}
