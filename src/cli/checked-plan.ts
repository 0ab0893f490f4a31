/** Loads a pipeline file and prints everything that is wrong with it, in one go. Commands go on only with a plan. */
import { resolve } from 'node:path';
import type { Diagnostic } from '../engine/diagnostics.js';
import { loadPlanWithModules, type LoadedPlan } from '../engine/modules/load-plan-with-modules.js';
import { missingExternals } from '../engine/missing-externals.js';
import type { Plan } from '../engine/plan.js';
import { PipelineError } from '../core/errors.js';
import { isSweep } from '../engine/sweep.js';
import { errorJson, errorText, moreHint } from './error-output.js';
import { chosenProfiles, paramsFiles } from './plan-request.js';
import { EXIT } from './exit-codes.js';
import { annotation, isGitHubActions, withoutCommands } from './github-annotation.js';
import type { Invocation } from './invocation.js';
import { moduleLoaderFor } from './own-modules.js';
import { computingComposition } from './computing.js';
import { wantsColor } from './terminal.js';

export type CheckedPlan = { readonly plan: Plan; readonly diagnostics: readonly Diagnostic[]; readonly own: LoadedPlan['own']; readonly modules: LoadedPlan['modules'] } | { readonly plan?: undefined; readonly exitCode: number; readonly diagnostics: readonly Diagnostic[] };

/** `set`: of one point of a sweep; without it `--set` may have one value each. `warnings`: false where the same ones were printed before. */
export async function checkedPlan(invocation: Invocation, file: string, set?: readonly string[], warnings = true): Promise<CheckedPlan> {
  const { registry } = computingComposition(invocation, file);
  const loaded = await unprintedPlan(invocation, file, set);
  const missing = loaded.plan === undefined ? [] : await missingExternals(loaded.plan, registry);
  const diagnostics = [...loaded.diagnostics, ...missing];
  printDiagnostics(warnings ? diagnostics : diagnostics.filter(({ severity }) => severity === 'error'), invocation);
  if (loaded.plan !== undefined && missing.length === 0) return { plan: loaded.plan, diagnostics, own: loaded.own, modules: loaded.modules };
  return { exitCode: diagnostics.find(({ severity }) => severity === 'error')?.error.exitCode ?? EXIT.pipelineInvalid, diagnostics };
}

/** The plan, or what is wrong with it, and nothing printed; `sources`: every text that was read, also where there is no plan. */
export async function unprintedPlan(invocation: Invocation, file: string, set: readonly string[] = onePoint(invocation)): Promise<LoadedPlan> {
  const { io, options } = invocation;
  const { registry } = computingComposition(invocation, file);
  return loadPlanWithModules(resolve(io.cwd, file), { registry, set, profiles: chosenProfiles(options), paramsFiles: paramsFiles(invocation), env: io.env, loader: () => moduleLoaderFor(invocation, file) });
}

function onePoint({ options }: Invocation): readonly string[] {
  if (isSweep(options.set)) throw new PipelineError('E_USAGE', '"--set" has several values', { facts: { expected: 'one value: this command looks at one point', found: options.set.map((text) => `--set ${text}`).join(' ') }, hint: 'give one value; a text keeps its commas in quotes: --set \'path="a, b"\'' });
  return options.set;
}

export function printDiagnostics(diagnostics: readonly Diagnostic[], { io, options }: Invocation): void {
  for (const { severity, error } of diagnostics) {
    if (options.json) {
      io.stderr.write(`${errorJson(error, io.cwd, severity)}\n`);
      continue;
    }
    const color = wantsColor(io.stderr, io.env, options.color);
    const plain = errorText(error, { cwd: io.cwd, color, debug: options.debug });
    const text = isGitHubActions(io.env) ? withoutCommands(plain) : plain;
    io.stderr.write(`${severity === 'warning' ? `warning: ${text}` : text}\n\n`);
    if (isGitHubActions(io.env)) io.stderr.write(`${annotation(error, severity, io)}\n`);
  }
  const errors = diagnostics.filter(({ severity }) => severity === 'error').map(({ error }) => error);
  const more = moreHint(errors);
  if (!options.json && more !== undefined) io.stderr.write(`${errors.length} ${errors.length === 1 ? 'error' : 'errors'}; nothing has run. ${more}\n`);
}
