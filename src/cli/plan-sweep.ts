/** `pipeline plan FILE --set path=1,2,3`: what a sweep would do, point by point, before anything runs. */
import { SweepShares } from '../engine/sweep-shares.js';
import { sweepPoints } from '../engine/sweep.js';
import { checkedPlan } from './checked-plan.js';
import type { Invocation } from './invocation.js';
import { mostPoints } from './plan-request.js';
import { lookedUp, planJson, type PlannedPoint } from './planned-point.js';
import { formatDuration } from './render/duration.js';
import { ANSWERS, countAnswers, estimateText } from './render/plan-lines.js';
import { textTable } from './render/text-table.js';

interface PreviewedPoint extends PlannedPoint {
  readonly own: readonly string[];
  /** stages that will or may run here but were made at an earlier point by then */
  readonly shared: number;
}

export async function planSweep(invocation: Invocation): Promise<number> {
  const { args, io, options } = invocation;
  const file = args[0] as string;
  const shares = new SweepShares();
  const points: PreviewedPoint[] = [];
  for (const { set, own } of sweepPoints(options.set, mostPoints(options))) {
    const checked = await checkedPlan(invocation, file, set, points.length === 0);
    if (checked.plan === undefined) return checked.exitCode;
    const looked = await lookedUp(invocation, checked.plan);
    points.push(withoutShared(looked, own, shares.next(looked.plan)));
  }
  const [first] = points as [PreviewedPoint];
  if (options.json) {
    const shown = points.map((point, i) => ({ index: i + 1, set: point.own, shared: point.shared, ...planJson(point) }));
    io.stdout.write(`${JSON.stringify({ schema: 'pipeline.plan.v1', pipeline: first.plan.name, file: first.plan.file, points: shown, estimate: total(points) })}\n`);
    return 0;
  }
  const answers = ANSWERS.filter((answer) => answer !== 'blocked' || points.some(({ statuses }) => statuses.some((status) => status.answer === 'blocked')));
  const rows = points.map(({ own, statuses, shared, estimate }, i) => {
    const counts = countAnswers(statuses);
    const ms = estimate.runMs + estimate.maybeMs;
    return [String(i + 1), own.join('  '), ...answers.map((answer) => String(counts[answer])), String(shared), `${estimate.unknown > 0 ? 'over ' : ''}${formatDuration(ms)}`];
  });
  io.stdout.write(`${textTable(['#point', 'set', ...answers.map((answer) => `#${answer}`), '#shared', '#at most'], rows)}\n`);
  if (options.quiet) return 0;
  const sum = total(points);
  io.stdout.write(`${points.length} points, ${points.reduce((all, { statuses }) => all + statuses.length, 0)} stages\n`);
  const time = estimateText({ ...sum, stages: { size: points.reduce((all, { estimate }) => all + estimate.stages.size, 0) } });
  if (time !== undefined) io.stdout.write(`${time}\n`);
  return 0;
}

/** A stage that an earlier point makes is found in the cache here. Its estimate is counted there. */
function withoutShared({ plan, statuses, estimate }: PlannedPoint, own: readonly string[], shared: ReadonlySet<string>): PreviewedPoint {
  const isShared = (stage: string, answer: string): boolean => shared.has(stage) && (answer === 'run' || answer === 'maybe');
  let { runMs, maybeMs, unknown } = estimate;
  const stages = new Map(estimate.stages);
  for (const { stage, answer } of statuses) {
    if (!isShared(stage, answer)) continue;
    const known = stages.get(stage)?.ms;
    if (known === undefined) unknown -= 1;
    else if (answer === 'run') runMs -= known;
    else maybeMs -= known;
    stages.delete(stage);
  }
  const left = statuses.filter(({ stage, answer }) => !isShared(stage, answer));
  return { plan, own, statuses: left, shared: statuses.length - left.length, estimate: { stages, runMs, maybeMs, unknown } };
}

function total(points: readonly PreviewedPoint[]): { readonly runMs: number; readonly maybeMs: number; readonly unknown: number } {
  const sum = (of: (point: PreviewedPoint) => number): number => Math.round(points.reduce((all, point) => all + of(point), 0));
  return { runMs: sum(({ estimate }) => estimate.runMs), maybeMs: sum(({ estimate }) => estimate.maybeMs), unknown: sum(({ estimate }) => estimate.unknown) };
}
