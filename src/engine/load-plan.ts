/**
 * `loadPlan`: pipeline file and `--set` arguments → plan, or everything that is wrong with them. Reads the file, and nothing else but the
 * existence of outside files that it names; loads no stage code.
 */
import { dirname, resolve } from 'node:path';
import { digestOf } from '../core/digest.js';
import { Diagnostics } from './diagnostics.js';
import type { Diagnostic } from './diagnostics.js';
import { applyOverrides } from './overrides.js';
import { readPipelineFile } from './pipeline-file.js';
import { buildPlan } from './plan-builder.js';
import { joinTypes, type LoadedModules, type WantedModule } from './modules/own-types.js';
import type { Plan } from './plan.js';
import { Scope } from './scope.js';
import type { StageRegistry } from './stage.js';
import { Places, readPipelineText } from './yaml-guard.js';
import { parseYaml } from './yaml-spans.js';

export interface LoadOptions {
  readonly registry: StageRegistry;
  /** `path=value`, in the order of the command line */
  readonly set: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  /** the modules that are loaded already; without it a file that lists any is refused (modules/load-plan-with-modules.ts loads them) */
  readonly modules?: LoadedModules;
}

/**
 * @param file path as the user gave it; diagnostics name it like that
 * @returns `wanted` if modules have to be loaded first: neither plan nor all diagnostics then; otherwise `plan` if and only if no diagnostic is an error; diagnostics in the order of the file
 */
export function loadPlan(file: string, { registry, set, env, modules }: LoadOptions): { readonly plan?: Plan; readonly diagnostics: readonly Diagnostic[]; readonly wanted?: readonly WantedModule[] } {
  const diagnostics = new Diagnostics();
  let wanted: readonly WantedModule[] = [];
  const plan = load();
  return { ...(plan === undefined || diagnostics.failed ? {} : { plan }), diagnostics: diagnostics.sorted(), ...(wanted.length === 0 ? {} : { wanted }) };

  function load(): Plan | undefined {
    const text = diagnostics.attempt(undefined, () => readPipelineText(file));
    if (text === undefined) return undefined;
    const root = parseYaml(new Places(text, file), diagnostics);
    if (root === undefined) return undefined;
    const overridden = applyOverrides(root, set, diagnostics);
    const content = readPipelineFile(overridden.root, diagnostics);
    if (content === undefined) return undefined;
    const path = resolve(file);
    const joined = joinTypes(content.modules, dirname(path), registry, modules, diagnostics);
    wanted = joined.wanted;
    if (wanted.length > 0) return undefined;
    const scope = new Scope(content, env, diagnostics);
    scope.resolveParams(overridden.params);
    return buildPlan(content, { file: path, folder: dirname(path), source: digestOf(text) }, scope, joined.registry, diagnostics);
  }
}
