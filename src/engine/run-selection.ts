/**
 * Which stages of a plan a run is about. Three sets: what is wanted; what is needed, the wanted and all before them; and what may run. A stage
 * that is needed and may not run has to be in the cache; one that is not needed is skipped. The plan stays whole, so names and places do too.
 */
import { PipelineError } from '../core/errors.js';
import type { Plan, PlannedStage } from './plan.js';
import type { StageSelection } from './run-request.js';
import { selectStages } from './stage-selector.js';

export interface SelectedPlan {
  /** the same stages; those that are not needed are skipped */
  readonly plan: Plan;
  /** undefined: any */
  readonly mayRun: ((stage: string) => boolean) | undefined;
}

const NOT_SELECTED = 'not selected';
/** Why a stage is blocked that is needed, not stored, and not selected. */
export const LEFT_OUT = 'needed, not in the cache, and not selected to run';

/**
 * - `until`: these and all they need. Any of them may run.
 * - `from`: these and all after them may run, the rest of what they need has to be in the cache. With `until`, what is both.
 * - `only`: these may run, what they need has to be in the cache.
 * - `omit`: less these and what needs them.
 *
 * Errors: E_UNKNOWN_STAGE_NAME, E_USAGE for selections that leave nothing or contradict one another.
 */
export function selectRun(plan: Plan, selection: StageSelection): SelectedPlan {
  const { until = [], from = [], only = [], omit = [] } = selection;
  if (until.length + from.length + only.length + omit.length === 0) return { plan, mayRun: undefined };
  if (only.length > 0 && until.length + from.length > 0) throw new PipelineError('E_USAGE', '"--only" stands beside another selection', { facts: { expected: '--only alone, or --from and --until', found: from.length > 0 ? '--only and --from' : '--only and stages to go to' }, hint: 'remove one of them' });
  const named = (selectors: readonly string[]): string[] => selectors.flatMap((selector) => selectStages(plan.stages, selector, plan.name).map(({ name }) => name));
  const before = neighbours(plan.stages);
  const after = reversed(before);
  const all = plan.stages.map(({ name }) => name);

  const start = from.length === 0 ? new Set(all) : closure(named(from), after);
  const goals = only.length > 0 ? named(only) : until.length > 0 ? named(until) : [...start];
  const reach = only.length > 0 ? new Set(goals) : until.length > 0 ? closure(goals, before) : new Set(all);
  const left = closure(named(omit), after);
  const may = new Set([...reach].filter((name) => start.has(name) && !left.has(name)));
  const wanted = goals.filter((name) => start.has(name) && !left.has(name));
  if (wanted.length === 0) throw new PipelineError('E_USAGE', 'no stage is selected', { facts: { expected: 'at least one', found: omit.length > 0 ? 'all are omitted, or need what is' : 'nothing of --until comes after --from' }, hint: 'select other stages' });

  const needed = closure(wanted, before);
  const stages = plan.stages.map((stage): PlannedStage => (needed.has(stage.name) || stage.skipped !== undefined ? stage : { ...stage, skipped: NOT_SELECTED }));
  return { plan: { ...plan, stages }, mayRun: [...needed].every((name) => may.has(name)) ? undefined : (stage) => may.has(stage) };
}

type Neighbours = ReadonlyMap<string, readonly string[]>;

/** Stage → the stages that it takes from; a stage that is skipped takes nothing. */
function neighbours(stages: readonly PlannedStage[]): Neighbours {
  return new Map(stages.map(({ name, inputs, skipped }) => [name, skipped === undefined ? [...new Set(Object.values(inputs).flatMap((edges) => edges.map(({ stage }) => stage)))] : []]));
}

function reversed(before: Neighbours): Neighbours {
  const after = new Map<string, string[]>([...before.keys()].map((name) => [name, []]));
  for (const [name, producers] of before) for (const producer of producers) after.get(producer)?.push(name);
  return after;
}

/** The names and all that is reached from them. */
function closure(names: readonly string[], next: Neighbours): Set<string> {
  const found = new Set(names);
  // a set that grows while it is walked is walked to its end
  for (const name of found) for (const other of next.get(name) ?? []) found.add(other);
  return found;
}
