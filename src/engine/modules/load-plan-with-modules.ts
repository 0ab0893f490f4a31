/** `loadPlan` for files that may bring modules: reads the file, loads what it lists, and reads it once more with their types. A file without modules is read once. */
import { PipelineError } from '../../core/errors.js';
import { withSpan, type Diagnostic } from '../diagnostics.js';
import { loadPlan, type LoadOptions } from '../load-plan.js';
import type { StageManifest } from '../stage.js';
import type { ModuleLoaderOptions } from './module-loader.js';
import type { LoadedModules } from './own-types.js';

export interface LoadWithModules extends Omit<LoadOptions, 'modules'> {
  /** asked for only where the file lists modules */
  loader(): ModuleLoaderOptions;
}

/** What `loadPlan` gives. */
export interface LoadedPlan extends Omit<ReturnType<typeof loadPlan>, 'wanted'> {
  /** the stage types that the modules of the file define */
  readonly own: readonly StageManifest[];
  /** the same by module */
  readonly modules: LoadedModules;
}

export async function loadPlanWithModules(file: string, { loader, ...options }: LoadWithModules): Promise<LoadedPlan> {
  const loaded = new Map<string, readonly StageManifest[]>();
  const { wanted, ...first } = loadPlan(file, { ...options, modules: loaded });
  if (wanted === undefined) return { ...first, own: [], modules: loaded };
  const { loadModule } = await import('./module-loader.js');
  const how = loader();
  const failures: Diagnostic[] = [];
  for (const { path, span } of wanted) {
    try {
      loaded.set(path, await loadModule(path, how));
    } catch (error) {
      if (!(error instanceof PipelineError)) throw error;
      failures.push({ severity: 'error', error: error.span === undefined ? withSpan(naming(path, error), span) : error });
    }
  }
  // What hangs on types that are not known would only repeat the same mistake.
  if (failures.length > 0) return { ...first, diagnostics: [...first.diagnostics, ...failures], own: [], modules: loaded };
  const second = loadPlan(file, { ...options, modules: loaded });
  return { ...second, own: [...loaded.values()].flat(), modules: loaded };
}

/** What is wrong stands in the module, though the place that is shown is the line that lists it. */
function naming(path: string, error: PipelineError): PipelineError {
  if (error.message.includes(path)) return error;
  return new PipelineError(error.code, error.message, { facts: { ...error.facts, module: path }, ...(error.hint === undefined ? {} : { hint: error.hint }), ...(error.cause === undefined ? {} : { cause: error.cause }) });
}
