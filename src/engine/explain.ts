/**
 * Why a stage would run, or would not: its key material now against the last one of the same stage of the same file, leaf by leaf. Where
 * something before it will run, its own inputs are not known yet, and only the other leaves are compared.
 */
import { diffMaterial, type Change } from './diff-material.js';
import { ExternalDigests } from './external-digests.js';
import { keyMaterial } from './key-material.js';
import type { Plan, PlannedStage } from './plan.js';
import type { KeyMaterial, StageKey } from './record.js';
import { knownExternals, planStatus, type StageStatus, type StatusOptions } from './status.js';
import { selectOne, selectStages } from './stage-selector.js';
import { Past, type Reason } from './why.js';

export interface Explanation extends StageStatus {
  /** what changed, leaf by leaf; empty for a hit and for a stage that was never run */
  readonly changes: readonly Change[];
  /** what it was compared with; null if there is nothing of this type */
  readonly against: Reason['against'];
  /** stages before it that will or may run */
  readonly undecided: readonly string[];
}

/** Of one stage; a selector that means several is refused (E_USAGE). */
export async function explainStage(plan: Plan, stageName: string, options: StatusOptions): Promise<Explanation> {
  const [explanation] = await explainStages(plan, [selectOne(plan.stages, stageName, plan.name).name], options);
  return explanation as Explanation;
}

/** The stages that the selectors mean, in the order of the plan. Errors: E_UNKNOWN_STAGE_NAME with the nearest name, E_USAGE, and those of planStatus. */
export async function explainStages(plan: Plan, selectors: readonly string[], options: StatusOptions): Promise<Explanation[]> {
  const chosen = new Set(selectors.flatMap((selector) => selectStages(plan.stages, selector, plan.name)));
  const past = new Past(plan.file, options.store, plan.env); // before anything is looked up: it hears of damage
  const statuses = await planStatus(plan, options);
  const byName = new Map(statuses.map((status) => [status.stage, status]));
  const explanations: Explanation[] = [];
  for (const stage of plan.stages) if (chosen.has(stage)) explanations.push(await explained(stage, byName.get(stage.name) as StageStatus, past, options, chosen.size === 1));
  return explanations;
}

/** `alone`: a stage that never ran is compared with the nearest record, which reads them all; of many stages none is. */
async function explained(stage: PlannedStage, status: StageStatus, past: Past, options: StatusOptions, alone: boolean): Promise<Explanation> {
  if (status.answer === 'maybe') return explainOpen(stage, status, past, options);
  const none = { changes: [], against: null, undecided: [] };
  if (status.answer !== 'run' || status.key === undefined || status.material === undefined) return { ...status, ...none };
  const reason = await compareWithPast(past, stage.name, status.key, status.material, alone);
  return { ...status, why: reason.text, changes: reason.changes, reasons: reason.reasons, against: reason.against, undecided: [] };
}

async function compareWithPast(past: Past, stage: string, key: StageKey, material: KeyMaterial, alone: boolean): Promise<Reason> {
  const reason = await past.why(stage, key, material);
  return reason.against === null && alone ? past.nearest(material) : reason;
}

async function explainOpen(stage: PlannedStage, status: StageStatus, past: Past, options: StatusOptions): Promise<Explanation> {
  const undecided = status.after ?? [];
  const before = await past.lastMaterial(stage.name);
  if (before === undefined) return { ...status, changes: [], against: null, undecided };
  const digests = await ExternalDigests.open(options.store.directory);
  const externals = await knownExternals(stage, options.registry, digests);
  // What is not known yet is taken as it was, so that the difference shows what is certain.
  const known = { inputs: before.material.inputs, externals: typeof externals === 'string' ? before.material.externals : externals };
  const changes = diffMaterial(before.material, keyMaterial(stage, known, options.registry));
  return { ...status, changes, reasons: changes, against: before.against, undecided };
}
