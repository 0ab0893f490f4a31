/**
 * `loadPlan`: pipeline file and `--set` arguments → plan, or everything that is wrong with them. Reads the file and what it extends, and nothing else but the
 * existence of outside files that it names; loads no stage code.
 */
import { dirname, resolve } from 'node:path';
import { Diagnostics } from './diagnostics.js';
import type { Diagnostic } from './diagnostics.js';
import { applyOverrides } from './overrides.js';
import { readPipelineFile } from './pipeline-file.js';
import { readParamsFile } from './params-file.js';
import { buildPlan } from './plan-builder.js';
import { joinTypes, type LoadedModules, type WantedModule } from './modules/own-types.js';
import type { Plan } from './plan.js';
import { applyProfiles } from './profiles.js';
import { Scope } from './scope.js';
import { SourceFiles } from './source-files.js';
import type { SourceFile } from './source-files.js';
import type { StageRegistry } from './stage.js';

export interface LoadOptions {
  readonly registry: StageRegistry;
  /** `path=value`, in the order of the command line */
  readonly set: readonly string[];
  /** names of profiles, applied in this order before `set` */
  readonly profiles?: readonly string[];
  /** files with values of params, applied in this order after the profiles and before `set` */
  readonly paramsFiles?: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  /** the modules that are loaded already; without it a file that lists any is refused (modules/load-plan-with-modules.ts loads them) */
  readonly modules?: LoadedModules;
}

export interface LoadedPlan {
  readonly plan?: Plan;
  readonly diagnostics: readonly Diagnostic[];
  readonly sources: readonly SourceFile[];
  readonly wanted?: readonly WantedModule[];
}

/**
 * @param file path as the user gave it; diagnostics name it like that
 * @returns `wanted` if modules have to be loaded first: neither plan nor all diagnostics then; otherwise `plan` if and only if no diagnostic is an error;
 *   diagnostics in the order of the file; every text that was read, also where there is no plan: whoever waits for a correction has to look at all
 */
export function loadPlan(file: string, { registry, set, profiles = [], paramsFiles = [], env, modules }: LoadOptions): LoadedPlan {
  const diagnostics = new Diagnostics();
  const sources = new SourceFiles(diagnostics);
  let wanted: readonly WantedModule[] = [];
  const plan = load();
  return { ...(plan === undefined || diagnostics.failed ? {} : { plan }), diagnostics: diagnostics.sorted(), sources: sources.read, ...(wanted.length === 0 ? {} : { wanted }) };

  function load(): Plan | undefined {
    const root = sources.load(file);
    if (root === undefined) return undefined;
    const profiled = applyProfiles(root, profiles, diagnostics);
    const given = paramsFiles.map((each) => readParamsFile(each, root, sources, diagnostics));
    const overridden = applyOverrides(profiled.root, set, diagnostics, new Map([profiled.params, ...given].flatMap((values) => [...values])));
    const content = readPipelineFile(overridden.root, diagnostics);
    if (content === undefined) return undefined;
    const path = resolve(file);
    const joined = joinTypes(content.modules, registry, modules, diagnostics);
    wanted = joined.wanted;
    if (wanted.length > 0) return undefined;
    const scope = new Scope(content, env, diagnostics);
    scope.resolveParams(overridden.params);
    return buildPlan(content, { file: path, folder: dirname(path), source: sources.digest(), sources: sources.read }, scope, joined.registry, diagnostics);
  }
}
