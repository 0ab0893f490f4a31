/**
 * Values of a run by name, for columns, sorting and conditions:
 *
 *   run.time, run.outcome, …            what the list of runs shows
 *   params.subject, params.grid.lr      params of the pipeline
 *   metrics.evaluate.median_r           metrics of a stage, metrics.evaluate[seed=1].median_r of one instance
 *   stages.dream.params.steps           a parameter of a stage, as it was resolved
 *
 * A run that has no such value gives undefined: pipelines change, and runs of different ones are listed together.
 */
import { PipelineError } from '../core/errors.js';
import type { JsonValue } from '../core/json.js';
import { instanceName, type Coordinate } from './coordinates.js';
import type { RunMarks } from './run-marks.js';
import type { RunRecord, StageOutcome } from './run-record.js';
import { parseSelection, type SelectionError } from './selection.js';
import { suggestion } from './suggest.js';

/** A run as lists see it. */
export interface ListedRun {
  readonly record: RunRecord;
  readonly name: string;
  readonly marks: RunMarks;
}

export type Field =
  | { readonly root: 'run'; readonly names: readonly [name: RunField] }
  | { readonly root: 'params'; readonly names: readonly string[] }
  | { readonly root: 'metrics'; readonly names: readonly [stage: string, metric: string] }
  | { readonly root: 'stages'; readonly names: readonly [stage: string, 'params', ...string[]] };

const COUNTED = ['ran', 'restored', 'skipped', 'failed', 'blocked'] as const;
export const RUN_FIELDS = ['name', 'id', 'pipeline', 'outcome', 'started', 'time', ...COUNTED, 'tags', 'pinned', 'restricted', 'commit', 'file'] as const;
export type RunField = (typeof RUN_FIELDS)[number];

const STAGE = /[A-Za-z][A-Za-z0-9_-]*/y;
const PART = /\.(?:([A-Za-z_][A-Za-z0-9_]*)|"((?:[^"\\]|\\.)*)")/y;
const MS = 1000;

/** `time` alone is `run.time`. E_USAGE for what cannot be the name of a value. */
export function parseField(text: string): Field {
  const trimmed = text.trim();
  const plain = RUN_FIELDS.find((name) => name === trimmed || `run.${name}` === trimmed);
  if (plain !== undefined) return { root: 'run', names: [plain] };
  if (trimmed.startsWith('params.')) return { root: 'params', names: trimmed.slice('params.'.length).split('.') };
  const at = trimmed.startsWith('metrics.') || trimmed.startsWith('stages.') ? readStage(trimmed, trimmed.indexOf('.') + 1, unreadable(text)) : undefined;
  const rest = at === undefined || trimmed[at.end] !== '.' ? '' : trimmed.slice(at.end + 1);
  if (at !== undefined && rest !== '') {
    if (trimmed.startsWith('metrics.')) return { root: 'metrics', names: [at.stage, rest.replace(/^"(.*)"$/, '$1')] };
    const [params, ...names] = rest.split('.');
    if (params === 'params' && names.length > 0) return { root: 'stages', names: [at.stage, 'params', ...names] };
  }
  throw new PipelineError('E_USAGE', `"${text}" is not the name of a value of a run`, {
    facts: { expected: `${RUN_FIELDS.slice(0, 6).join(', ')}, …, params.NAME, metrics.STAGE.NAME or stages.STAGE.params.NAME`, found: text },
    hint: suggestion(trimmed, RUN_FIELDS, 'write e.g. metrics.evaluate.median_r'),
  });
}

/** The same within an expression, where names are words or stand in double quotes: the field that begins at `at`, and the offset behind it. */
export function readField(text: string, at: number, error: SelectionError): { readonly field: Pick<Field, 'root'> & { readonly names: readonly string[] }; readonly end: number } | undefined {
  const root = (['metrics', 'stages', 'run'] as const).find((word) => text.startsWith(`${word}.`, at));
  if (root === undefined) return undefined;
  const stage = root === 'run' ? undefined : readStage(text, at + root.length + 1, error);
  let end = stage?.end ?? at + root.length;
  const names: string[] = [];
  for (;;) {
    PART.lastIndex = end;
    const part = PART.exec(text);
    if (part === null) break;
    names.push(part[1] ?? (part[2] as string).replace(/\\(.)/gs, '$1'));
    end = PART.lastIndex;
  }
  const fail = (expected: string): PipelineError => error(`"${text.slice(at, end)}" is not a value of a run`, at, end - at, `write e.g. ${expected}`);
  if (root === 'run') {
    if (names.length !== 1 || !RUN_FIELDS.includes(names[0] as RunField)) throw fail(`run.time; known are ${RUN_FIELDS.join(', ')}`);
    return { field: { root, names }, end };
  }
  if (root === 'metrics' && stage !== undefined && names.length > 0) return { field: { root, names: [stage.stage, names.join('.')] }, end };
  if (root === 'stages' && stage !== undefined && names[0] === 'params' && names.length > 1) return { field: { root, names: [stage.stage, ...names] }, end };
  throw fail(root === 'metrics' ? 'metrics.evaluate.median_r' : 'stages.dream.params.steps');
}

/** `metrics.evaluate[seed=1].median_r`: what `parseField` reads as this field. */
export function fieldText({ root, names }: Pick<Field, 'root'> & { readonly names: readonly string[] }): string {
  return root === 'run' ? (names[0] as string) : [root, ...names].join('.');
}

export function valueOfField(run: ListedRun, { root, names }: Pick<Field, 'root'> & { readonly names: readonly string[] }): JsonValue | undefined {
  const [first, ...rest] = names as [string, ...string[]];
  if (root === 'run') return runValue(run, first as RunField);
  if (root === 'params') return leafOf(run.record.params, names);
  const stage = stageOf(run.record, first);
  if (root === 'stages') return stage === undefined ? undefined : leafOf(stage.params, rest.slice(1));
  const [metric] = rest as [string];
  return stage !== undefined && Object.hasOwn(stage.metrics, metric) ? stage.metrics[metric] : undefined;
}

export function countsOf(stages: RunRecord['stages']): Record<(typeof COUNTED)[number], number> {
  const counts = { ran: 0, restored: 0, skipped: 0, failed: 0, blocked: 0 };
  for (const { word } of stages) if (word !== undefined) counts[word] += 1;
  return counts;
}

/** Places of everything in a JSON value that is no map: `subject`, `grid.lr`. */
export function leavesOf(value: JsonValue, path: readonly string[] = []): (readonly string[])[] {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return [path];
  return Object.entries(value).flatMap(([name, child]: [string, JsonValue]) => leavesOf(child, [...path, name]));
}

function runValue({ record, name, marks }: ListedRun, field: RunField): JsonValue | undefined {
  switch (field) {
    case 'name':
      return name;
    case 'started':
      return record.startedAt;
    case 'time':
      return record.durationMs / MS;
    case 'tags':
      return marks.tags.join(' ');
    case 'pinned':
      return marks.pinned;
    case 'commit':
      return record.git?.commit;
    case 'ran':
    case 'restored':
    case 'skipped':
    case 'failed':
    case 'blocked':
      return countsOf(record.stages)[field];
    default:
      return record[field];
  }
}

/** By name, once a record. */
const INDEX = new WeakMap<RunRecord, ReadonlyMap<string, StageOutcome>>();

function stageOf(record: RunRecord, name: string): StageOutcome | undefined {
  let index = INDEX.get(record);
  if (index === undefined) INDEX.set(record, (index = new Map(record.stages.map((stage) => [stage.name, stage]))));
  return index.get(name);
}

function leafOf(value: JsonValue, names: readonly string[]): JsonValue | undefined {
  let leaf: JsonValue | undefined = value;
  for (const name of names) {
    if (typeof leaf !== 'object' || leaf === null || Array.isArray(leaf) || !Object.hasOwn(leaf, name)) return undefined;
    leaf = (leaf as Readonly<Record<string, JsonValue>>)[name];
  }
  return leaf;
}

/** The name of the stage or instance that begins at `at`, axes in the order of the alphabet. */
function readStage(text: string, at: number, error: SelectionError): { readonly stage: string; readonly end: number } | undefined {
  STAGE.lastIndex = at;
  const base = STAGE.exec(text)?.[0];
  if (base === undefined) return undefined;
  const bracket = at + base.length;
  if (text[bracket] !== '[') return { stage: base, end: bracket };
  const { axes, end } = parseSelection(text, bracket, error);
  const coordinates = axes.map(({ axis, value, at: place, length }): [string, Coordinate] => {
    if (value.kind === 'path') throw error('an instance is named by values', place, length, 'write e.g. metrics.evaluate[seed=1].median_r');
    return [axis, value.value];
  });
  return { stage: instanceName(base, Object.fromEntries(coordinates)), end };
}

function unreadable(text: string): SelectionError {
  return (message, _at, _length, hint) => new PipelineError('E_USAGE', `"${text}" cannot be read: ${message}`, { hint });
}
