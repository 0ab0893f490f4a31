/**
 * Everything outside the store that a finished run was made from, and whether it is still as it was. This is the one list: whatever else may
 * come to decide about a plan or a key has to be added to `RunConditions` (or to the request of run-memory.ts), or a run that changed could be
 * taken for one that did not. What cannot be put into words here makes `conditionsOf` say no, and then nothing is remembered.
 * Reads texts and stamps; plans nothing, loads no stage code.
 */
import { digestOf, type Digest } from '../core/digest.js';
import { PipelineError } from '../core/errors.js';
import type { JsonObject } from '../core/json.js';
import { ExternalDigests } from './external-digests.js';
import type { Plan } from './plan.js';
import { sourcesOf, sourceText, type PlanSourceText } from './source-text.js';
import { listExternals } from './stage-externals.js';
import type { StageRegistry } from './stage.js';

export interface RunConditions {
  /** texts that the plan was made from */
  readonly sources: readonly PlanSourceText[];
  /** variables that were read; null = unset */
  readonly env: Readonly<Record<string, string | null>>;
  /** what stages read outside the store: the list may change as well as the contents */
  readonly outside: readonly OutsideOfStage[];
}

interface OutsideOfStage {
  readonly stage: string;
  readonly type: string;
  readonly params: JsonObject;
  readonly files: readonly { readonly name: string; readonly path: string; readonly digest: Digest }[];
}

/** undefined: something that the plan rests on is not among the conditions. */
export async function conditionsOf(plan: Plan, registry: StageRegistry, storeDirectory: string): Promise<RunConditions | undefined> {
  const digests = await ExternalDigests.open(storeDirectory);
  const outside: OutsideOfStage[] = [];
  for (const stage of plan.stages) {
    // A type that came from anywhere but the registry would need its own condition.
    if (registry.manifests.get(stage.manifest.type) !== stage.manifest) return undefined;
    if (stage.skipped !== undefined) continue;
    const files = [];
    for (const { name, path } of await listExternals(stage, registry)) {
      const known = digests.known(path);
      if (known === undefined) return undefined; // not settled yet when it was read: it has to be read again
      files.push({ name, path, digest: known.digest });
    }
    if (files.length > 0 || registry.modules[stage.manifest.type]?.externals !== undefined) outside.push({ stage: stage.name, type: stage.manifest.type, params: stage.params, files });
  }
  return { sources: sourcesOf(plan), env: plan.env, outside };
}

export async function stillHold({ sources, env, outside }: RunConditions, registry: StageRegistry, storeDirectory: string, environment: NodeJS.ProcessEnv): Promise<boolean> {
  for (const { path, digest } of sources) {
    const text = sourceText(path);
    if (text === undefined || digestOf(text) !== digest) return false;
  }
  for (const [name, value] of Object.entries(env)) if ((environment[name] ?? null) !== value) return false;
  if (outside.length === 0) return true;
  const digests = await ExternalDigests.open(storeDirectory);
  try {
    for (const { stage: name, type, params, files } of outside) {
      const manifest = registry.manifests.get(type);
      if (manifest === undefined) return false;
      const listed = await listExternals({ name, manifest, params }, registry);
      if (listed.length !== files.length) return false;
      for (const [i, file] of files.entries()) {
        if (listed[i]?.name !== file.name || listed[i].path !== file.path || digests.known(file.path)?.digest !== file.digest) return false;
      }
    }
  } catch (error) {
    if (error instanceof PipelineError) return false; // the ordinary way says it with its place
    throw error;
  }
  return true;
}
