/**
 * How long the stages of a plan may take, from what they took before: the same stage of the same file, else the instances of the same stage, else
 * stages of the same type. Looks at the newest runs only, and at a record where a run restored the stage. An estimate decides nothing.
 */
import { baseName } from './coordinates.js';
import type { Plan } from './plan.js';
import { runIds, tryRun } from './run-history.js';
import type { StageStatus } from './status.js';
import type { Store } from './store/store.js';

/** Enough to have seen every stage of a pipeline that is being worked on. */
const RUNS_SEARCHED = 20;

export type EstimateSource = 'stage' | 'instances' | 'type';

export interface Estimate {
  readonly ms: number;
  /** whose times it is the mean of; of a stage its last time */
  readonly from: EstimateSource;
}

export interface PlanEstimate {
  /** stage → estimate, of those that will or may run */
  readonly stages: ReadonlyMap<string, Estimate>;
  /** of what will run; work, not time on the clock: stages run beside one another */
  readonly runMs: number;
  /** of what may run beyond that */
  readonly maybeMs: number;
  /** stages that will or may run and of which nothing is known */
  readonly unknown: number;
}

export async function estimatePlan(plan: Plan, statuses: readonly StageStatus[], store: Store): Promise<PlanEstimate> {
  const open = new Set(statuses.filter(({ answer }) => answer === 'run' || answer === 'maybe').map(({ stage }) => stage));
  const types = new Map(plan.stages.map(({ name, manifest }) => [name, manifest.type]));
  const past = open.size === 0 ? NOTHING : await pastTimes(plan.file, open, store);
  const stages = new Map<string, Estimate>();
  let [runMs, maybeMs, unknown] = [0, 0, 0];
  for (const { stage, answer } of statuses) {
    if (!open.has(stage)) continue;
    const estimate = estimateOf(stage, types.get(stage) ?? '', past);
    if (estimate === undefined) unknown += 1;
    else stages.set(stage, estimate);
    if (answer === 'run') runMs += estimate?.ms ?? 0;
    else maybeMs += estimate?.ms ?? 0;
  }
  return { stages, runMs, maybeMs, unknown };
}

interface PastTimes {
  /** the last time of a stage of this file */
  readonly byName: Map<string, number>;
  readonly byBase: Map<string, Mean>;
  readonly byType: Map<string, Mean>;
}

interface Mean {
  sum: number;
  count: number;
}

const NOTHING: PastTimes = { byName: new Map(), byBase: new Map(), byType: new Map() };

function estimateOf(stage: string, type: string, { byName, byBase, byType }: PastTimes): Estimate | undefined {
  const own = byName.get(stage);
  if (own !== undefined) return { ms: own, from: 'stage' };
  const base = byBase.get(baseName(stage));
  if (base !== undefined) return { ms: base.sum / base.count, from: 'instances' };
  const like = byType.get(type);
  return like === undefined ? undefined : { ms: like.sum / like.count, from: 'type' };
}

/** Stops as soon as every open stage has a time of its own. */
async function pastTimes(file: string, open: ReadonlySet<string>, store: Store): Promise<PastTimes> {
  const times: PastTimes = { byName: new Map(), byBase: new Map(), byType: new Map() };
  const left = new Set(open);
  for (const id of store.mode === 'off' ? [] : runIds(store.directory).slice(0, RUNS_SEARCHED)) {
    if (left.size === 0) break;
    const run = tryRun(store.directory, id);
    for (const { name, type, word, key, durationMs } of run?.stages ?? []) {
      const isOwn = run?.file === file;
      let ms = word === 'ran' ? durationMs : undefined;
      if (ms === undefined && isOwn && word === 'restored' && key !== undefined && left.has(name)) ms = (await store.lookup(key))?.made.durationMs;
      if (ms === undefined) continue;
      add(times.byType, type, ms);
      if (!isOwn) continue;
      add(times.byBase, baseName(name), ms);
      if (!times.byName.has(name)) times.byName.set(name, ms);
      left.delete(name);
    }
  }
  return times;
}

function add(means: Map<string, Mean>, name: string, ms: number): void {
  const mean = means.get(name) ?? { sum: 0, count: 0 };
  means.set(name, { sum: mean.sum + ms, count: mean.count + 1 });
}
