/** `pipeline runs`: the runs that the store remembers, filtered, sorted, and as a table of the values that one wants to see. */
import { PipelineError } from '../../core/errors.js';
import type { JsonValue } from '../../core/json.js';
import { changedFields } from '../../engine/run-columns.js';
import { RunCondition } from '../../engine/run-condition.js';
import { countsOf, fieldText, parseField, valueOfField, type Field, type ListedRun } from '../../engine/run-fields.js';
import { queryRuns, type RunQuery } from '../../engine/run-query.js';
import type { RunOutcome } from '../../engine/run-record.js';
import { splitSelectors } from '../../engine/stage-selector.js';
import type { Invocation } from '../invocation.js';
import { momentOf } from '../moments.js';
import { flagOption, textOption, textsOption } from '../option-values.js';
import { projectPaths } from '../project-paths.js';
import { formatDuration } from '../render/duration.js';
import { csvTable, markdownTable } from '../render/table-formats.js';
import { textTable } from '../render/text-table.js';
import { printable } from '../terminal.js';

const DEFAULT_LIMIT = 20;
const USUAL = ['name', 'id', 'pipeline', 'outcome', 'time', 'ran', 'restored', 'skipped', 'failed', 'blocked'] as const;
const BESIDE_CHANGES = ['name', 'id', 'outcome', 'time'] as const;
const OUTCOMES: readonly RunOutcome[] = ['running', 'interrupted', 'succeeded', 'failed', 'cancelled'];
const MS = 1000;
const SHORT_COMMIT = 8;
const DIGITS_SHOWN = 6;

export function handle(invocation: Invocation): Promise<number> {
  const { io, options } = invocation;
  const formats = ['json', 'csv', 'md'].filter((name) => flagOption(options, name));
  if (formats.length > 1) throw new PipelineError('E_USAGE', `"--${formats.join('" and "--')}" cannot be combined`, { hint: 'choose one form of output' });
  const { runs, matching, unknown } = queryRuns(projectPaths(invocation).store, queryOf(invocation));
  const columns = columnsOf(invocation, runs);
  const nowhere = runs.length === 0 ? [] : columns.filter((field) => field.root !== 'run' && runs.every((run) => valueOfField(run, field) === undefined)).map(fieldText);
  const absent = [...new Set([...unknown, ...nowhere])];
  if (absent.length > 0) io.stderr.write(`${invocation.err.symbol('warning')} no run ${runs.length === 0 ? 'that was looked at' : 'in the list'} has ${absent.map(printable).join(', ')}\n`);
  io.stdout.write(`${text(invocation, formats[0], columns, runs)}\n`);
  if (formats.length === 0 && !options.quiet && runs.length > 0 && (matching === undefined || matching > runs.length)) io.stderr.write(`${matching === undefined ? `the newest ${runs.length}` : `${runs.length} of ${matching}`}; more with --limit or --all\n`);
  return Promise.resolve(0);
}

function queryOf({ options }: Invocation): RunQuery {
  const moment = (name: 'since' | 'until'): number | undefined => {
    const value = textOption(options, name);
    return value === undefined ? undefined : momentOf(`--${name}`, value, Date.now(), name === 'until');
  };
  const [since, until] = [moment('since'), moment('until')];
  const sortBy = textOption(options, 'sortBy');
  return {
    pipelines: textsOption(options, 'pipeline'),
    outcomes: textsOption(options, 'outcome').map(outcomeOf),
    tags: textsOption(options, 'tag'),
    where: textsOption(options, 'where').map((condition) => new RunCondition(condition)),
    ...(since === undefined ? {} : { since }),
    ...(until === undefined ? {} : { until }),
    ...(sortBy === undefined ? {} : { sortBy: parseField(sortBy) }),
    descending: flagOption(options, 'desc'),
    limit: flagOption(options, 'all') ? Infinity : (options.limit ?? DEFAULT_LIMIT),
  };
}

function outcomeOf(word: string): RunOutcome {
  const outcome = OUTCOMES.find((known) => known === word);
  if (outcome !== undefined) return outcome;
  throw new PipelineError('E_USAGE', `"${word}" is not the outcome of a run`, { facts: { expected: OUTCOMES.join(', '), found: word }, hint: 'write e.g. --outcome failed' });
}

function columnsOf({ options }: Invocation, runs: readonly ListedRun[]): readonly Field[] {
  const chosen = textOption(options, 'columns');
  const changed = flagOption(options, 'onlyChanged') ? changedFields(runs) : [];
  const base = chosen === undefined ? (flagOption(options, 'onlyChanged') ? BESIDE_CHANGES : USUAL).map(parseField) : splitSelectors(chosen).map(parseField);
  const marked = chosen === undefined ? (['tags', 'pinned'] as const).filter((field) => runs.some(({ marks }) => (field === 'tags' ? marks.tags.length > 0 : marks.pinned))).map(parseField) : [];
  return [...base, ...changed, ...marked];
}

function text({ options }: Invocation, format: string | undefined, columns: readonly Field[], runs: readonly ListedRun[]): string {
  const headings = columns.map(fieldText);
  const values = runs.map((run) => columns.map((field) => valueOfField(run, field)));
  if (format === 'csv') return csvTable(headings, values);
  if (format === 'md') return markdownTable(headings, values);
  if (format === 'json') {
    const extra = textOption(options, 'columns') !== undefined || flagOption(options, 'onlyChanged');
    return JSON.stringify({ schema: 'pipeline.runs.v1', ...(extra ? { columns: headings } : {}), runs: runs.map((run, i) => ({ ...jsonOf(run), ...(extra ? { values: Object.fromEntries(headings.map((heading, j) => [heading, values[i]?.[j] ?? null])) } : {}) })) });
  }
  if (runs.length === 0) return isFiltered(options.raw) ? 'No run matches.' : 'No runs yet.';
  const numeric = columns.map((_, j) => values.some((row) => typeof row[j] === 'number') && values.every((row) => row[j] === undefined || typeof row[j] === 'number'));
  return textTable(headings.map((heading, j) => `${numeric[j] === true ? '#' : ''}${heading === 'name' ? 'run' : heading}`), values.map((row) => row.map((value, j) => shown(columns[j] as Field, value))));
}

function isFiltered(raw: Readonly<Record<string, unknown>>): boolean {
  return ['pipeline', 'outcome', 'since', 'until', 'tag', 'where'].some((name) => raw[name] !== undefined);
}

function jsonOf({ record, name, marks }: ListedRun): object {
  const { id, pipeline, file, outcome, startedAt, durationMs, restricted, params, stages } = record;
  const metrics = Object.fromEntries(stages.filter((stage) => Object.keys(stage.metrics).length > 0).map((stage) => [stage.name, stage.metrics]));
  return { id, name, pipeline, file, outcome, startedAt, durationMs, counts: countsOf(stages), tags: marks.tags, pinned: marks.pinned, restricted, params, metrics };
}

/** What a terminal shows of a value. */
function shown({ root, names }: Field, value: JsonValue | undefined): string {
  if (value === undefined || value === null) return '-';
  if (root === 'run' && names[0] === 'time') return formatDuration((value as number) * MS);
  if (root === 'run' && names[0] === 'commit') return (value as string).slice(0, SHORT_COMMIT);
  if (typeof value === 'number') return Number.isInteger(value) ? String(value) : String(Number(value.toPrecision(DIGITS_SHOWN)));
  return printable(typeof value === 'string' ? value : JSON.stringify(value)).replaceAll('\n', ' ');
}
