/**
 * A sweep: one run a point, in order, through one cache, so what points share is made once. All points are checked before the first one runs.
 * A point that fails ends the sweep unless it is to keep going; the sweep ends with the worst exit code of its runs.
 */
import { PipelineError } from '../core/errors.js';
import type { Digest } from '../core/digest.js';
import { newRunId } from '../engine/run-folder.js';
import type { RunSummary } from '../engine/run-journal.js';
import type { RunRequest } from '../engine/run-request.js';
import { sweepPoints, type SweepPoint } from '../engine/sweep.js';
import { checkedPlan } from './checked-plan.js';
import { EXIT } from './exit-codes.js';
import { noticeStop } from './interruption.js';
import type { Invocation } from './invocation.js';
import { mostPoints } from './plan-request.js';
import { formatDuration } from './render/duration.js';
import { WORDS } from './render/stage-line.js';
import { textTable } from './render/text-table.js';
import { resumeCommand } from './resume-command.js';

export const SWEEP_SCHEMA = 'pipeline.sweep.v1';

export interface PointToRun {
  readonly set: readonly string[];
  readonly sweep: NonNullable<RunRequest['sweep']>;
  /** of the texts that all points are made from */
  readonly source: Digest;
}

export interface FinishedPoint {
  readonly exitCode: number;
  /** absent if it could not begin */
  readonly summary?: RunSummary;
}

interface Row {
  readonly point: SweepPoint;
  readonly finished?: FinishedPoint;
}

export async function runSweep(invocation: Invocation, run: (point: PointToRun) => Promise<FinishedPoint>): Promise<number> {
  const { args, io, options, err } = invocation;
  const file = args[0] as string;
  const points = sweepPoints(options.set, mostPoints(options));
  const source = await checkAll(invocation, file, points);
  if (typeof source === 'number') return source;
  const id = newRunId(new Date());
  if (options.json) io.stdout.write(`${JSON.stringify({ schema: SWEEP_SCHEMA, kind: 'sweep.started', sweep: id, points: points.map(({ own }, i) => ({ index: i + 1, set: own })) })}\n`);
  const rows: Row[] = points.map((point) => ({ point }));
  using between = noticeStop(io);
  let code: number = EXIT.ok;
  for (const [i, point] of points.entries()) {
    if (between.stopped()) code = Math.max(code, EXIT.interrupted);
    if (between.stopped() || (code !== EXIT.ok && !options.keepGoing)) break;
    if (!options.json && !options.quiet) io.stderr.write(`${err.bold(`point ${i + 1} of ${points.length}`)}  ${point.own.join('  ')}\n`);
    const finished = await run({ set: point.set, sweep: { id, index: i + 1, of: points.length, set: point.own }, source });
    rows[i] = { point, finished };
    code = Math.max(code, finished.exitCode);
  }
  report(invocation, id, rows);
  return code;
}

/** Digest of the texts, or the exit code if a point is wrong: what is wrong is printed, for the first such point only. */
async function checkAll(invocation: Invocation, file: string, points: readonly SweepPoint[]): Promise<Digest | number> {
  let source: Digest | undefined;
  for (const [i, { set }] of points.entries()) {
    const checked = await checkedPlan(invocation, file, set, i === 0);
    if (checked.plan === undefined) return checked.exitCode;
    source = checked.plan.source;
  }
  return source as Digest;
}

/** Errors: E_INPUT_CHANGED if the pipeline is not the one any more that the sweep began with. */
export function checkSource(found: Digest, { source, sweep }: PointToRun, file: string): void {
  if (found === source) return;
  throw new PipelineError('E_INPUT_CHANGED', `"${file}" changed during the sweep`, { facts: { expected: 'the same text for all points', found: `another one at point ${sweep.index} of ${sweep.of}` }, hint: 'run the sweep again: what is unchanged is restored' });
}

function report(invocation: Invocation, id: string, rows: readonly Row[]): void {
  const { io, options, out, err } = invocation;
  if (options.json) {
    const points = rows.map(({ point, finished }, i) => ({ index: i + 1, set: point.own, run: finished?.summary?.id ?? null, outcome: finished?.summary?.outcome ?? 'not run', counts: finished?.summary?.counts ?? null, durationMs: finished?.summary?.durationMs ?? null }));
    io.stdout.write(`${JSON.stringify({ schema: SWEEP_SCHEMA, kind: 'sweep.finished', sweep: id, points })}\n`);
    return;
  }
  const paths = [...new Set(rows.flatMap(({ point }) => point.own.map(pathOf)))];
  const metrics = variedMetrics(rows);
  const cells = rows.map(({ point, finished }, i) => {
    const summary = finished?.summary;
    const values = paths.map((path) => valueOf(point, path));
    return [String(i + 1), ...values, summary?.id ?? '', summary?.outcome ?? 'not run', summary === undefined ? '' : formatDuration(summary.durationMs), ...WORDS.map((word) => (summary === undefined ? '' : String(summary.counts[word]))), ...metrics.map((name) => shown(summary, name))];
  });
  io.stdout.write(`${out.bold(`sweep ${id}`)}\n${textTable(['#point', ...paths, 'run', 'outcome', '#time', ...WORDS.map((word) => `#${word}`), ...metrics.map((name) => `#${name}`)], cells)}\n`);
  if (options.quiet || rows.every(({ finished }) => finished?.summary?.outcome === 'succeeded')) return;
  const kept = options.cacheMode === 'read-write' ? 'What finished is kept. To go on' : `Nothing was stored (--cache-mode ${options.cacheMode}). To run it again`;
  io.stderr.write(`${err.dim(kept)}: ${resumeCommand(invocation, rows.findLast(({ finished }) => finished?.summary !== undefined)?.finished?.summary?.record.stages ?? [])}\n`);
}

const MOST_METRICS = 6;

/** `stage.metric` of the metrics that are not the same at all points. */
function variedMetrics(rows: readonly Row[]): string[] {
  const values = new Map<string, Set<string>>();
  for (const { finished } of rows) {
    for (const { name, metrics } of finished?.summary?.record.stages ?? []) {
      for (const [metric, value] of Object.entries(metrics)) {
        const key = `${name}.${metric}`;
        values.set(key, (values.get(key) ?? new Set()).add(String(value)));
      }
    }
  }
  return [...values].filter(([, different]) => different.size > 1).map(([name]) => name).slice(0, MOST_METRICS);
}

function shown(summary: RunSummary | undefined, name: string): string {
  const value = summary?.record.stages.flatMap(({ name: stage, metrics }) => Object.entries(metrics).flatMap(([metric, each]) => (`${stage}.${metric}` === name ? [each] : [])))[0];
  return value === undefined ? '' : String(Number(value.toPrecision(4)));
}

function pathOf(argument: string): string {
  return argument.slice(0, argument.indexOf('='));
}

function valueOf({ own }: SweepPoint, path: string): string {
  const argument = own.find((each) => pathOf(each) === path);
  return argument === undefined ? '' : argument.slice(path.length + 1);
}
