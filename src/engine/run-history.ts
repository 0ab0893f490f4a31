/** Reads the runs that a store remembers, newest first. Anything that cannot be read is left out: a run record is a memory, not a truth. */
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { PipelineError } from '../core/errors.js';
import { readEventLog, type LoggedEvent } from './event-log.js';
import { MATERIALS_FILE, RUN_FILE, type MaterialLine } from './run-folder.js';
import { readMarks } from './run-marks.js';
import type { RunRecord } from './run-record.js';
import { resolveRun, type KnownRuns } from './run-reference.js';
import { isMissing } from './store/fs-port.js';
import { layoutOf } from './store/layout.js';
import { livenessOf } from './store/owner.js';
import { isPlainObject } from './store/plain.js';

export type { LoggedEvent };

const ID = /^\d{8}-\d{6}-[0-9a-f]{4,}$/;

/** Ids of the runs in a store, newest first. */
export function runIds(storeDirectory: string): string[] {
  try {
    const names = readdirSync(layoutOf(storeDirectory).runs).filter((name) => ID.test(name));
    return names.sort().reverse();
  } catch (error) {
    if (isMissing(error)) return [];
    throw error;
  }
}

export function runFolderOf(storeDirectory: string, id: string): string {
  return join(layoutOf(storeDirectory).runs, id);
}

/** The newest runs, newest first. */
export function listRuns(storeDirectory: string, limit = Infinity): RunRecord[] {
  const runs: RunRecord[] = [];
  for (const id of runIds(storeDirectory)) {
    if (runs.length >= limit) break;
    const record = tryRun(storeDirectory, id);
    if (record !== undefined) runs.push(record);
  }
  return runs;
}

/** The run that a word means: see run-reference.ts. E_UNKNOWN_RUN if there is none, or more than one; E_RECORD_DAMAGED if what is kept of it cannot be read. */
export function readRun(storeDirectory: string, reference: string): RunRecord {
  const id = resolveRun(reference, knownRuns(storeDirectory));
  const record = tryRun(storeDirectory, id);
  if (record !== undefined) return record;
  throw new PipelineError('E_RECORD_DAMAGED', `"${id}" is a run whose record cannot be read`, {
    facts: { path: join(runFolderOf(storeDirectory, id), RUN_FILE) },
    hint: 'Look at its events with `pipeline log`; no result depends on this file.',
  });
}

/** What a word on the command line may mean. */
export function knownRuns(storeDirectory: string): KnownRuns {
  return {
    ids: runIds(storeDirectory),
    tagsOf: (id) => readMarks(storeDirectory, id)?.tags ?? [],
    isReadable: (id) => tryRun(storeDirectory, id) !== undefined,
  };
}

/** The id of the run that a word means, whether its record can be read or not. */
export function findRun(storeDirectory: string, reference: string): string {
  return resolveRun(reference, knownRuns(storeDirectory));
}

/** What happened in a run, in order. A torn last line (the run was killed) is left out. */
export function readEvents(storeDirectory: string, id: string): LoggedEvent[] {
  return [...(readEventLog(runFolderOf(storeDirectory, id))?.events ?? [])];
}

/** Key materials of the stages that this run did not restore. */
export function readMaterials(storeDirectory: string, id: string): MaterialLine[] {
  return readLines(join(runFolderOf(storeDirectory, id), MATERIALS_FILE)).filter((line) => isPlainObject(line['material'])) as unknown as MaterialLine[];
}

/** undefined if there is none, or it cannot be read. */
export function tryRun(storeDirectory: string, id: string): RunRecord | undefined {
  try {
    const data: unknown = JSON.parse(readFileSync(join(runFolderOf(storeDirectory, id), RUN_FILE), 'utf8'));
    if (!isPlainObject(data) || data['format'] !== 1 || data['id'] !== id || !Array.isArray(data['stages'])) return undefined;
    const record = data as unknown as RunRecord;
    if (record.outcome !== 'running' || record.owner === undefined || livenessOf(record.owner) !== 'dead') return record;
    return { ...record, outcome: 'interrupted' };
  } catch {
    return undefined;
  }
}

function readLines(path: string): Record<string, unknown>[] {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if (isMissing(error)) return [];
    throw error;
  }
  return text.split('\n').flatMap((line) => {
    try {
      const data: unknown = JSON.parse(line);
      return isPlainObject(data) ? [data] : [];
    } catch {
      return [];
    }
  });
}
