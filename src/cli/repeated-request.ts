/**
 * The request of an old run, said again: its pipeline file with the text that it had, its values, its environment. A file that has changed since is
 * put beside itself under another name for the time of the repetition, so that paths in it mean what they meant.
 */
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { digestOf } from '../core/digest.js';
import { PipelineError } from '../core/errors.js';
import type { RunRecord } from '../engine/run-record.js';
import { readSources } from '../engine/run-sources.js';
import { optionsOfSoftware } from './computing.js';
import type { Invocation } from './invocation.js';

/** Of the options of a run, those that decide what is planned. */
const PLANNED: readonly string[] = ['set', 'profile', 'paramsFile', 'until', 'from', 'only', 'omit'];

export interface RepeatedRequest extends Disposable {
  readonly invocation: Invocation;
  readonly file: string;
  /** true: the file has changed since, and the kept text is used */
  readonly fromCopy: boolean;
}

/** Errors: E_NOT_REPEATABLE if the text is lost. */
export function repeatedRequest(record: RunRecord, storeDirectory: string, invocation: Invocation): RepeatedRequest {
  const sources = readSources(storeDirectory, record.id);
  const changed = sources.filter(({ path, digest }) => textAt(path) === undefined || digestOf(textAt(path) as string) !== digest);
  const [own] = sources;
  const asItWas = textAt(record.file);
  const isThere = asItWas !== undefined && changed.length === 0 && (own !== undefined || digestOf(asItWas) === record.source);
  const copy = isThere ? undefined : placeCopy(record, sources, changed);
  const before = record.command?.options ?? {};
  const raw = { ...optionsOfSoftware(record.software), ...invocation.options.raw, ...Object.fromEntries(PLANNED.filter((name) => before[name] !== undefined).map((name) => [name, before[name]])) };
  const set = (before['set'] as readonly string[] | undefined) ?? [];
  const env = { ...invocation.io.env };
  for (const [name, value] of Object.entries(record.env)) {
    if (value === null) delete env[name];
    else env[name] = value;
  }
  const file = copy ?? record.file;
  return {
    file,
    fromCopy: copy !== undefined,
    invocation: { ...invocation, args: [file, ...(record.command?.args.slice(1) ?? [])], options: { ...invocation.options, raw, set, force: [], cacheMode: 'read-write' }, io: { ...invocation.io, env } },
    [Symbol.dispose]: () => {
      if (copy !== undefined) rmSync(copy, { force: true });
    },
  };
}

function placeCopy(record: RunRecord, sources: ReturnType<typeof readSources>, changed: ReturnType<typeof readSources>): string {
  const [own] = sources;
  const others = changed.filter(({ path }) => path !== record.file);
  const folder = dirname(record.file);
  const lost = own === undefined ? 'its text was not kept' : others.length > 0 ? `"${(others[0] as { path: string }).path}", which it extends, has changed since` : existsSync(folder) ? undefined : `its folder "${folder}" is gone`;
  if (own === undefined || lost !== undefined) {
    throw new PipelineError('E_NOT_REPEATABLE', `"${record.file}" is not the file that run ${record.id} used`, {
      facts: { expected: `a text with digest ${record.source.slice(0, 12)}`, found: lost ?? 'another text' },
      hint: record.git === undefined || record.git === null ? 'Put the old file back, then repeat the run.' : `Check out commit ${record.git.commit.slice(0, 12)} and repeat the run.`,
    });
  }
  const path = join(folder, `.${basename(record.file).replace(/\.ya?ml$/, '')}.reproduce-${process.pid}.yaml`);
  try {
    writeFileSync(path, own.text, { flag: 'wx' });
  } catch (cause) {
    throw new PipelineError('E_NOT_REPEATABLE', `"${path}" cannot be written`, { facts: { expected: 'a place beside the pipeline file for its old text', found: (cause as Error).message }, hint: 'Put the old file back, or make its folder writable.', cause });
  }
  return path;
}

function textAt(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}
