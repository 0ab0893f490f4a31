/** The values in which runs differ: the columns that are worth showing beside one another. Pure. */
import type { JsonValue } from '../core/json.js';
import { sortedJson } from './canonical.js';
import { fieldText, leavesOf, parseField, valueOfField, type Field, type ListedRun } from './run-fields.js';
import type { RunRecord } from './run-record.js';

/**
 * Params of the pipeline, parameters of stages that were set on the command line, and metrics that are not the same in all of these runs, in
 * this order; a run that lacks a value differs from one that has it.
 */
export function changedFields(runs: readonly ListedRun[]): Field[] {
  const fields = new Map<string, Field>();
  const add = (field: Field): unknown => fields.set(fieldText(field), field);
  for (const { record } of runs) for (const names of leavesOf(record.params)) if (names.length > 0) add({ root: 'params', names });
  for (const { record } of runs) for (const field of setIn(record).flatMap(setField)) add(field);
  for (const { record } of runs) for (const { name, metrics } of record.stages) for (const metric of Object.keys(metrics)) add({ root: 'metrics', names: [name, metric] });
  return [...fields.values()].filter((field) => new Set(runs.map((run) => textOf(valueOfField(run, field)))).size > 1);
}

/** `path=value`: what was set beside the file. */
function setIn(record: RunRecord): readonly string[] {
  const { request } = record as { readonly request?: { readonly set?: readonly string[] } }; // of a sweep: those of this run alone
  const set: unknown = request?.set ?? record.command?.options['set'];
  return Array.isArray(set) ? set.filter((text): text is string => typeof text === 'string') : [];
}

/** `stages.dream.params.steps=64` → its field. Other things that can be set show in params, or are no values. */
function setField(argument: string): Field[] {
  const path = (argument.split('=')[0] as string).trim();
  return /^stages\.[A-Za-z][A-Za-z0-9_-]*\.params\../.test(path) ? [parseField(path)] : [];
}

function textOf(value: JsonValue | undefined): string {
  return value === undefined ? '' : sortedJson(value);
}
