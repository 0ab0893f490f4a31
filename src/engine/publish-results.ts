/**
 * Copies what people want to look at out of the store: `results/<pipeline>/<run>/<stage>/<output>/<name>` (of an instance `<stage>/<coordinates>/<output>/<name>`), with the report of the run, and a
 * pointer `latest` to the last run that succeeded. Copies (reflinks where the file system has them), never hard links: a picture that
 * somebody edits must not change the cache. A run that changed nothing copies nothing. Must not know how a report is made.
 */
import { constants } from 'node:fs';
import { chmod, copyFile, mkdir, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { PipelineError } from '../core/errors.js';
import type { ArtifactFile } from './artifact.js';
import { checkFileName } from './artifact-name.js';
import { outsidePath } from './artifact-reader.js';
import { sortedJson } from './canonical.js';
import { stagePath } from './coordinates.js';
import { pointedRun, pointToRun } from './latest-run.js';
import type { Plan } from './plan.js';
import { publishedFiles } from './published-files.js';
import { readRun } from './run-history.js';
import type { RunSummary } from './run-journal.js';
import type { RunRecord } from './run-record.js';
import { errnoOf } from './store/fs-port.js';
import type { Store } from './store/store.js';

const COPIED_MODE = 0o644;
const REPORT_FILE = 'report.html';

export interface PublishedResults {
  /** `<folder>/<pipeline>/<run>`: of this run, or of an earlier one that left exactly the same */
  readonly folder: string;
  /** path of the report in it */
  readonly report: string;
  /** paths of the copies, in the order of the plan */
  readonly files: readonly { readonly stage: string; readonly output: string; readonly name: string; readonly path: string; readonly restricted: boolean }[];
}

interface Copy {
  readonly file: ArtifactFile;
  readonly named: PublishedResults['files'][number];
}

/**
 * The bytes were verified when the run used them. `report` is asked for the text of the page only if it is to be written.
 * Errors: E_STORE_IO with the path, E_NO_SPACE, and those of `report`.
 */
export async function publishResults(plan: Plan, summary: RunSummary, store: Store, folder: string, report: () => Promise<string>): Promise<PublishedResults> {
  const pipeline = join(folder, plan.name);
  const before = await sameAsLatest(plan, summary, store, pipeline);
  if (before !== undefined) return before;
  const target = join(pipeline, summary.id);
  const copies = copiesIn(target, plan, summary);
  const results = resultsIn(target, copies);
  try {
    await mkdir(target, { recursive: true });
    for (const { file, named } of copies) {
      await mkdir(dirname(named.path), { recursive: true });
      if (file.inline !== undefined) await writeFile(named.path, Buffer.from(file.inline, 'base64'));
      else await copy(file.external === true ? outsidePath(file, summary.outside) : store.objectPath(file.digest), named.path);
    }
    await writeFile(results.report, await report());
    if (summary.outcome === 'succeeded') await pointToRun(pipeline, summary.id);
  } catch (error) {
    throw error instanceof PipelineError ? error : notWritten(target, error);
  }
  return results;
}

/** What the run that `latest` points to has left, if this one restored everything and would leave the same once more. */
async function sameAsLatest(plan: Plan, summary: RunSummary, store: Store, pipeline: string): Promise<PublishedResults | undefined> {
  if (summary.outcome !== 'succeeded' || summary.counts.ran > 0) return undefined;
  const id = await pointedRun(pipeline);
  const record = id === undefined ? undefined : recordOf(store.directory, id);
  if (id === undefined || record === undefined || shownOf(record) !== shownOf(summary.record)) return undefined;
  const target = join(pipeline, id);
  const copies = copiesIn(target, plan, summary);
  const results = resultsIn(target, copies);
  if ((await sizeOf(results.report)) === undefined) return undefined;
  for (const { file, named } of copies) if ((await sizeOf(named.path)) !== file.size) return undefined; // somebody tidied up
  return results;
}

function recordOf(storeDirectory: string, id: string): RunRecord | undefined {
  try {
    return readRun(storeDirectory, id);
  } catch (error) {
    if (error instanceof PipelineError) return undefined; // made with another store, or forgotten
    throw error;
  }
}

/** All of a run that its results and its report show, but for times, words and the machine. */
function shownOf({ file, source, params, env, software, stages }: RunRecord): string {
  return sortedJson({ file, source, params, env, software, stages: stages.map(({ name, key, outputs }) => ({ name, key: key ?? null, outputs })) });
}

function copiesIn(target: string, plan: Plan, { outputs }: RunSummary): Copy[] {
  return plan.stages.flatMap(({ name: stage, manifest }) => {
    const made = outputs.get(stage) ?? {};
    return publishedFiles(manifest, made).map(({ output, file }) => {
      checkFileName(file.name);
      return { file, named: { stage, output, name: file.name, path: join(target, stagePath(stage), output, file.name), restricted: made[output]?.restricted === true } };
    });
  });
}

function resultsIn(target: string, copies: readonly Copy[]): PublishedResults {
  return { folder: target, report: join(target, REPORT_FILE), files: copies.map(({ named }) => named) };
}

async function copy(from: string, to: string): Promise<void> {
  await copyFile(from, to, constants.COPYFILE_FICLONE);
  await chmod(to, COPIED_MODE); // objects are read-only, and copies keep the mode
}

async function sizeOf(path: string): Promise<number | undefined> {
  const stats = await stat(path).catch(() => undefined);
  return stats?.isFile() === true ? stats.size : undefined;
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
