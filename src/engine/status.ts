/**
 * Says before a run what it would do, reading records and stamps only. A stage whose inputs are all known hits has an exact key; after a
 * stage that will run the answer is `maybe`, because it may give the same bytes as before. Outside files that were never digested are not
 * read for this: hundreds of GB are not opened for a question.
 */
import { statSync } from 'node:fs';
import type { Digest } from '../core/digest.js';
import { namesInShort } from './coordinates.js';
import { ExternalDigests, type ExternalDigest } from './external-digests.js';
import { LEFT_OUT } from './run-selection.js';
import { inputDigests } from './find-key.js';
import { keyMaterial } from './key-material.js';
import { stageKey } from './key.js';
import type { Plan, PlannedStage } from './plan.js';
import type { StageReason } from './reasons.js';
import type { KeyMaterial, StageKey } from './record.js';
import type { FinalStage } from './run-state.js';
import { listExternals } from './stage-externals.js';
import type { StageRegistry } from './stage.js';
import type { Store } from './store/store.js';
import { Past } from './why.js';

/** `blocked`: only where not every stage may run */
export type PlanAnswer = 'hit' | 'run' | 'maybe' | 'skipped' | 'blocked';

export interface StageStatus {
  readonly stage: string;
  readonly answer: PlanAnswer;
  /** known exactly for `hit` and `run` */
  readonly key?: StageKey;
  readonly material?: KeyMaterial;
  /** few words */
  readonly why: string;
  /** the same with codes and exact places; absent where nothing is known to have changed */
  readonly reasons?: readonly StageReason[];
  /** stages before it that will or may run: with them its inputs may change */
  readonly after?: readonly string[];
}

export interface StatusOptions {
  readonly registry: StageRegistry;
  readonly store: Store;
  /** see ExecuteOptions.mayRun */
  readonly mayRun?: ((stage: string) => boolean) | undefined;
}

/** In the order of the plan. Errors: those of the stage types' lists of externals, E_EXTERNAL_MISSING, E_STORE_IO. */
export async function planStatus(plan: Plan, options: StatusOptions): Promise<StageStatus[]> {
  const digests = await ExternalDigests.open(options.store.directory);
  const past = new Past(plan.file, options.store, plan.env);
  const hits = new Map<string, FinalStage>();
  const statuses: StageStatus[] = [];
  const blocked = new Set<string>();
  for (const stage of plan.stages) {
    const status = leftOut(stage, await statusOf(stage, hits, digests, past, options), blocked, options);
    if (status.answer === 'blocked') blocked.add(status.stage);
    statuses.push(status);
  }
  return statuses;
}

/** The status with the selection in mind: what may not run, and what needs it, will not come about. */
function leftOut(stage: PlannedStage, status: StageStatus, blocked: ReadonlySet<string>, { mayRun }: StatusOptions): StageStatus {
  if (mayRun === undefined || status.answer === 'skipped' || status.answer === 'hit') return status;
  const by = (status.after ?? []).filter((producer) => blocked.has(producer));
  if (by.length > 0) return { stage: status.stage, answer: 'blocked', why: `by ${namesInShort(by)}`, after: by };
  if (mayRun(stage.name)) return status;
  return status.answer === 'run' ? { ...status, answer: 'blocked', why: LEFT_OUT } : { ...status, why: `${status.why}; it may not run, and has to be in the cache then` };
}

async function statusOf(stage: PlannedStage, hits: Map<string, FinalStage>, digests: ExternalDigests, past: Past, options: StatusOptions): Promise<StageStatus> {
  const { registry, store } = options;
  const { name } = stage;
  if (stage.skipped !== undefined) return { stage: name, answer: 'skipped', why: stage.skipped };
  const needed = [...new Set(Object.values(stage.inputs).flatMap((bindings) => bindings.map((binding) => binding.stage)))];
  const open = needed.filter((producer) => !hits.has(producer));
  if (open.length > 0) return { stage: name, answer: 'maybe', why: `after ${namesInShort(open)}`, after: open };
  const contents = await knownExternals(stage, registry, digests);
  if (typeof contents === 'string') return { stage: name, answer: 'maybe', why: contents };

  const producers = new Map(needed.map((producer) => [producer, hits.get(producer) as FinalStage]));
  const material = keyMaterial(stage, { inputs: inputDigests({ stage, producers }), externals: contents }, registry);
  const key = stageKey(material);
  const record = await store.lookup(key);
  if (record === undefined) {
    const { text, reasons } = await past.why(name, key, material);
    return { stage: name, answer: 'run', key, material, why: text, reasons };
  }
  hits.set(name, { stage, key, outputs: record.outputs });
  return { stage: name, answer: 'hit', key, material, why: '' };
}

/** The code of a program is small and was often edited a moment ago: reading it gives an answer where "maybe" would help nobody. */
const MOST_CODE_BYTES = 1 << 20;

async function digestOfCode(path: string, digests: ExternalDigests): Promise<ExternalDigest | undefined> {
  const size = statSync(path, { throwIfNoEntry: false })?.size ?? Infinity;
  return size > MOST_CODE_BYTES ? undefined : digests.digest(path);
}

/** Contents by logical name, or why they are not known. */
export async function knownExternals(stage: PlannedStage, registry: StageRegistry, digests: ExternalDigests): Promise<Record<string, Digest> | string> {
  const contents: [name: string, digest: Digest][] = [];
  let unknown = 0;
  for (const { name, path } of await listExternals(stage, registry)) {
    const known = digests.known(path) ?? (stage.manifest.runs === 'program' ? await digestOfCode(path, digests) : undefined);
    if (known === undefined) unknown += 1;
    else contents.push([name, known.digest]);
  }
  if (unknown > 0) return `${unknown} outside ${unknown === 1 ? 'file' : 'files'} not yet digested`;
  return Object.fromEntries(contents);
}
