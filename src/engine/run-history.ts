/** Reads the runs that a store remembers, newest first. Anything that cannot be read is left out: a run record is a memory, not a truth. */
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { PipelineError } from '../core/errors.js';
import type { RunEvent } from './events.js';
import { EVENTS_FILE, MATERIALS_FILE, RUN_FILE, type MaterialLine } from './run-folder.js';
import type { RunRecord } from './run-record.js';
import { isMissing } from './store/fs-port.js';
import { layoutOf } from './store/layout.js';
import { livenessOf } from './store/owner.js';
import { isPlainObject } from './store/plain.js';
import { nearest } from './suggest.js';

const ID = /^\d{8}-\d{6}-[0-9a-f]{4,}$/;

export interface LoggedEvent {
  readonly seq: number;
  /** since the run began */
  readonly ms: number;
  readonly event: RunEvent;
}

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

/** The run whose id begins with `prefix`; `latest` is the newest. E_UNKNOWN_RUN if there is none, or more than one. */
export function readRun(storeDirectory: string, prefix: string): RunRecord {
  const ids = runIds(storeDirectory);
  const matching = prefix === 'latest' ? ids.slice(0, 1) : ids.filter((id) => id.startsWith(prefix));
  const [id] = matching;
  const record = matching.length === 1 && id !== undefined ? tryRun(storeDirectory, id) : undefined;
  if (record !== undefined) return record;
  const near = nearest(prefix, ids);
  throw new PipelineError('E_UNKNOWN_RUN', `"${prefix}" is not the beginning of the id of one run`, {
    facts: {
      expected: 'the beginning of one run id',
      found: matching.length > 1 ? `${matching.length} runs: ${matching.slice(0, 5).join(', ')}${matching.length > 5 ? ', …' : ''}` : id === undefined ? 'no such run' : 'a run whose record cannot be read',
    },
    hint: near === undefined ? 'List the runs with `pipeline runs`.' : `Did you mean "${near}"?`,
  });
}

/** What happened in a run, in order. A torn last line (the run was killed) is left out. */
export function readEvents(storeDirectory: string, id: string): LoggedEvent[] {
  return readLines(join(runFolderOf(storeDirectory, id), EVENTS_FILE)).flatMap((line) => {
    const { seq, ms, ...event } = line;
    return typeof seq === 'number' && typeof ms === 'number' ? [{ seq, ms, event: event as unknown as RunEvent }] : [];
  });
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
