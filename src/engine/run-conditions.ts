/**
 * Everything outside the store that a finished run was made from, and whether it is still as it was. This is the one list: whatever else may
 * come to decide about a plan or a key has to be added to `RunConditions` (or to the request of run-memory.ts), or a run that changed could be
 * taken for one that did not. What cannot be put into words here makes `conditionsOf` say no, and then nothing is remembered.
 * Reads texts and stamps; plans nothing, loads no stage code and bundles no module.
 */
import { digestOf, type Digest } from '../core/digest.js';
import { PipelineError } from '../core/errors.js';
import type { JsonObject, JsonValue } from '../core/json.js';
import { canonicalDigest } from './canonical.js';
import { ExternalDigests } from './external-digests.js';
import type { LoadedModules } from './modules/own-types.js';
import type { Plan } from './plan.js';
import { sourcesOf, sourceText, type PlanSourceText } from './source-text.js';
import { listExternals, type KnownExternal } from './stage-externals.js';
import type { StageManifest, StageRegistry } from './stage.js';

export interface RunConditions {
  /** texts that the plan was made from */
  readonly sources: readonly PlanSourceText[];
  /** variables that were read; null = unset */
  readonly env: Readonly<Record<string, string | null>>;
  /** modules of the file, by path, and what they define: their code included */
  readonly modules: readonly (readonly [path: string, manifests: Digest])[];
  /** what stages read outside the store: the list may change as well as the contents */
  readonly outside: readonly OutsideOfStage[];
  /** absolute path → its content */
  readonly contents: readonly (readonly [path: string, digest: Digest])[];
}

interface OutsideOfStage {
  readonly stage: string;
  readonly type: string;
  readonly params: JsonObject;
  /** input ports that the stage declares itself */
  readonly inputs?: StageManifest['inputs'];
  /** `contents` is by place in the list of them: hundreds of stages read the same file */
  readonly files: readonly (readonly [name: string, content: number])[];
}

/** Where the program looks for what it rests on. */
export interface RunSurroundings {
  readonly storeDirectory: string;
  readonly registry: StageRegistry;
  readonly root: string;
  readonly version: string;
}

/**
 * `read`: what the keys were made from, which need not be what is there now. undefined: something that the plan rests on is not among the conditions.
 */
export async function conditionsOf(plan: Plan, modules: LoadedModules, read: ReadonlyMap<string, readonly KnownExternal[]>, { registry, storeDirectory }: RunSurroundings): Promise<RunConditions | undefined> {
  const types = typesWith(registry, modules.values());
  const outside: OutsideOfStage[] = [];
  const contents = new Map<string, { readonly place: number; readonly digest: Digest }>();
  for (const { name: stage, manifest, skipped, params } of plan.stages) {
    const { type } = manifest;
    // A type that came from anywhere else would need its own condition.
    if (!isKnown(manifest, types.get(type))) return undefined;
    if (skipped !== undefined) continue;
    const files: (readonly [string, number])[] = [];
    for (const { name, path, content: { digest } } of read.get(stage) ?? []) {
      const known = contents.get(path) ?? { place: contents.size, digest };
      if (known.digest !== digest) return undefined; // it changed while the run went on
      contents.set(path, known);
      files.push([name, known.place]);
    }
    if (files.length > 0 || registry.modules[type]?.externals !== undefined) outside.push({ stage, type, params, ...(manifest.ownPorts === true ? { inputs: manifest.inputs } : {}), files });
  }
  const digests = await ExternalDigests.open(storeDirectory);
  // What was not settled yet when it was read has to be read again.
  for (const [path, { digest }] of contents) if (!isThere(path, digest, digests)) return undefined;
  return {
    sources: sourcesOf(plan), env: plan.env, outside,
    modules: [...modules].map(([path, manifests]) => [path, digestOfTypes(manifests)]),
    contents: [...contents].map(([path, { digest }]) => [path, digest]),
  };
}

export async function stillHold({ sources, env, modules, outside, contents }: RunConditions, surroundings: RunSurroundings, environment: NodeJS.ProcessEnv): Promise<boolean> {
  const { registry, storeDirectory } = surroundings;
  for (const { path, digest } of sources) {
    const text = sourceText(path);
    if (text === undefined || digestOf(text) !== digest) return false;
  }
  for (const [name, value] of Object.entries(env)) if ((environment[name] ?? null) !== value) return false;
  try {
    const defined = await definedAsBefore(modules, surroundings);
    if (defined === undefined) return false;
    if (outside.length === 0) return true;
    const digests = await ExternalDigests.open(storeDirectory);
    for (const [path, digest] of contents) if (!isThere(path, digest, digests)) return false;
    const types = typesWith(registry, defined);
    for (const { stage: name, type, params, inputs, files } of outside) {
      const known = types.get(type);
      if (known === undefined) return false;
      const manifest = inputs === undefined ? known : { ...known, inputs };
      const listed = await listExternals({ name, manifest, params }, registry, outside);
      if (listed.length !== files.length) return false;
      for (const [i, [file, content]] of files.entries()) {
        if (listed[i]?.name !== file || listed[i].path !== contents[content]?.[0]) return false;
      }
    }
  } catch (error) {
    if (error instanceof PipelineError) return false; // the ordinary way says it with its place
    throw error;
  }
  return true;
}

/** The types of the modules, if all their sources and packages are as they were. */
async function definedAsBefore(modules: RunConditions['modules'], surroundings: RunSurroundings): Promise<(readonly StageManifest[])[] | undefined> {
  const defined: (readonly StageManifest[])[] = [];
  if (modules.length === 0) return defined;
  const { knownModule } = await import('./modules/module-loader.js');
  for (const [path, digest] of modules) {
    const manifests = await knownModule(path, surroundings);
    if (manifests === undefined || digestOfTypes(manifests) !== digest) return undefined;
    defined.push(manifests);
  }
  return defined;
}

function typesWith({ manifests }: StageRegistry, defined: Iterable<readonly StageManifest[]>): Map<string, StageManifest> {
  const types = new Map(manifests);
  for (const own of defined) for (const manifest of own) types.set(manifest.type, manifest);
  return types;
}

/** Ports that a stage declares itself stand in the pipeline file; everything else is the type's. */
function isKnown(manifest: StageManifest, known: StageManifest | undefined): boolean {
  if (manifest === known) return true;
  if (known?.ownPorts !== true) return false;
  const { inputs: _inputs, outputs: _outputs, ...rest } = manifest;
  const fields = Object.keys(rest) as (keyof typeof rest)[];
  return fields.length === Object.keys(known).length - 2 && fields.every((field) => rest[field] === known[field]);
}

function digestOfTypes(manifests: readonly StageManifest[]): Digest {
  return canonicalDigest('module-types/1', manifests as unknown as JsonValue);
}

function isThere(path: string, digest: Digest, digests: ExternalDigests): boolean {
  try {
    return digests.known(path)?.digest === digest;
  } catch (error) {
    if (error instanceof PipelineError) return false; // it is gone, or cannot be looked at
    throw error;
  }
}
