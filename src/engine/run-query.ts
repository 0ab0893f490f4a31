/**
 * Which runs a list shows, and in which order. Reads run records and marks only, newest first, and no further than it has to; a record that
 * cannot be read is left out. There is no index: see docs/runs.md for what that costs.
 */
import type { JsonValue } from '../core/json.js';
import { compareUtf8 } from './canonical.js';
import type { RunCondition } from './run-condition.js';
import { fieldText, valueOfField, type Field, type ListedRun } from './run-fields.js';
import { runIds, tryRun } from './run-history.js';
import { NO_MARKS, readMarks } from './run-marks.js';
import { runNames } from './run-name.js';
import type { RunOutcome } from './run-record.js';

export interface RunQuery {
  readonly pipelines: readonly string[];
  readonly outcomes: readonly RunOutcome[];
  /** ms since the epoch, both inclusive */
  readonly since?: number;
  readonly until?: number;
  /** all of them */
  readonly tags: readonly string[];
  /** all of them */
  readonly where: readonly RunCondition[];
  /** absent: the newest first */
  readonly sortBy?: Field;
  readonly descending: boolean;
  readonly limit: number;
}

export interface QueriedRuns {
  readonly runs: readonly ListedRun[];
  /** how many match */
  readonly matching: number | undefined;
  /** fields of the conditions and of the order that no run has */
  readonly unknown: readonly string[];
}

/** Errors: E_USAGE if a condition does not fit the values that it is about. */
export function queryRuns(storeDirectory: string, query: RunQuery): QueriedRuns {
  const ids = runIds(storeDirectory);
  const names = runNames(ids);
  const runs: ListedRun[] = [];
  const all = query.sortBy !== undefined;
  let complete = true;
  for (const id of ids) {
    if (!all && runs.length >= query.limit) {
      complete = false;
      break;
    }
    const began = startOf(id);
    if (began < (query.since ?? -Infinity)) break; // the older ones are too old as well
    if (began > (query.until ?? Infinity)) continue;
    const record = tryRun(storeDirectory, id);
    if (record === undefined) continue;
    const run: ListedRun = { record, name: names.get(id) as string, marks: readMarks(storeDirectory, id) ?? NO_MARKS };
    if (matches(run, query)) runs.push(run);
  }
  const unknown = runs.length > 0 ? [] : query.where.flatMap((condition) => condition.unknownFields());
  if (runs.length === 0) for (const condition of query.where) condition.throwRefused();
  const { sortBy } = query;
  if (sortBy === undefined) return { runs, matching: complete ? runs.length : undefined, unknown };
  const sorted = inOrder(runs, sortBy, query.descending);
  const nowhere = runs.length > 0 && runs.every((run) => valueOfField(run, sortBy) === undefined);
  return { runs: sorted.slice(0, query.limit), matching: runs.length, unknown: nowhere ? [...unknown, fieldText(sortBy)] : unknown };
}

function matches(run: ListedRun, { pipelines, outcomes, tags, where }: RunQuery): boolean {
  const { record, marks } = run;
  if (pipelines.length > 0 && !pipelines.includes(record.pipeline)) return false;
  if (outcomes.length > 0 && !outcomes.includes(record.outcome)) return false;
  return tags.every((tag) => marks.tags.includes(tag)) && where.every((condition) => condition.holds(run));
}

/** Of the id: UTC to the second, then milliseconds. */
export function startOf(id: string): number {
  const [, year, month, day, hour, minute, second, ms] = /^(\d{4})(\d\d)(\d\d)-(\d\d)(\d\d)(\d\d)-([0-9a-f]{3})/.exec(id) ?? [];
  return Date.UTC(Number(year), Number(month) - 1, Number(day), Number(hour), Number(minute), Number(second), Number.parseInt(ms ?? '0', 16));
}

/** Runs without the value come last, whichever way; equal ones stay newest first. */
function inOrder(runs: readonly ListedRun[], field: Field, descending: boolean): ListedRun[] {
  const valued = runs.map((run) => ({ run, value: valueOfField(run, field) }));
  const known = valued.filter(({ value }) => value !== undefined && value !== null);
  known.sort((a, b) => compareValues(a.value as JsonValue, b.value as JsonValue) * (descending ? -1 : 1));
  return [...known, ...valued.filter(({ value }) => value === undefined || value === null)].map(({ run }) => run);
}

/** Numbers by size, before everything else by its text. */
function compareValues(a: JsonValue, b: JsonValue): number {
  if (typeof a === 'number' && typeof b === 'number') return a - b;
  if (typeof a === 'number' || typeof b === 'number') return typeof a === 'number' ? -1 : 1;
  return compareUtf8(typeof a === 'string' ? a : JSON.stringify(a), typeof b === 'string' ? b : JSON.stringify(b));
}
