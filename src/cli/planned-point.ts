/** What a run of a plan would do, asked of the store: for `plan`, and for each point of a sweep that it previews. */
import { baseName } from '../engine/coordinates.js';
import { estimatePlan, type PlanEstimate } from '../engine/estimate.js';
import type { Plan } from '../engine/plan.js';
import { selectRun } from '../engine/run-selection.js';
import { planStatus, type StageStatus } from '../engine/status.js';
import type { Invocation } from './invocation.js';
import { selectionOf } from './plan-request.js';
import { projectPaths } from './project-paths.js';
import { computingComposition } from './computing.js';
import { withReadingStore } from './reading-store.js';
import { countAnswers } from './render/plan-lines.js';

export interface PlannedPoint {
  readonly plan: Plan;
  readonly statuses: readonly StageStatus[];
  readonly estimate: PlanEstimate;
}

/** What the store says of the selected stages. */
export async function lookedUp(invocation: Invocation, whole: Plan): Promise<PlannedPoint> {
  const { plan, mayRun } = selectRun(whole, selectionOf(invocation));
  const { registry } = computingComposition(invocation, invocation.args[0]);
  return withReadingStore(projectPaths(invocation, invocation.args[0]).store, async (store) => {
    const statuses = await planStatus(plan, { registry, store, mayRun });
    return { plan, statuses, estimate: await estimatePlan(plan, statuses, store) };
  });
}

export function planJson({ plan, statuses, estimate }: PlannedPoint): object {
  const planned = new Map(plan.stages.map((stage) => [stage.name, stage]));
  const stages = statuses.map(({ stage, answer, key, why, reasons, after }) => {
    const coordinates = baseName(stage) === stage ? undefined : planned.get(stage)?.coordinates;
    const time = estimate.stages.get(stage);
    return {
      stage, ...(coordinates === undefined ? {} : { coordinates }), type: planned.get(stage)?.manifest.type, answer, key: key ?? null, why,
      ...(reasons === undefined ? {} : { reasons }), ...(after === undefined ? {} : { after }), ...(time === undefined ? {} : { estimate: { ms: Math.round(time.ms), from: time.from } }),
    };
  });
  return { stages, counts: countAnswers(statuses), estimate: { runMs: Math.round(estimate.runMs), maybeMs: Math.round(estimate.maybeMs), unknown: estimate.unknown } };
}
