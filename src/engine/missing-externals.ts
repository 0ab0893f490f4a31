/** Are the outside files of a plan there? Asked before anything runs, so that a missing file of the last stage does not cost the work of the first. Nothing is read. */
import { statSync } from 'node:fs';
import { PipelineError } from '../core/errors.js';
import type { SourceSpan } from '../core/source-span.js';
import { baseName } from './coordinates.js';
import { withSpan, type Diagnostic } from './diagnostics.js';
import { externalParameters } from './external-parameters.js';
import type { Plan, PlannedStage } from './plan.js';
import { listExternals } from './stage-externals.js';
import type { StageRegistry } from './stage.js';

/** One error a file that is not there (once for all instances of a stage that read it), and what the stage types say of their own lists, each at the parameter that names the place. */
export async function missingExternals(plan: Plan, registry: StageRegistry): Promise<Diagnostic[]> {
  const found: Diagnostic[] = [];
  const said = new Set<string>();
  const add = (stage: PlannedStage, subject: string, error: PipelineError): void => {
    const what = JSON.stringify([baseName(stage.name), subject]);
    if (!said.has(what)) found.push({ severity: 'error', error });
    said.add(what);
  };
  for (const stage of plan.stages) {
    if (stage.skipped !== undefined) continue;
    try {
      for (const { name, path } of await listExternals(stage, registry, said)) {
        if (statSync(path, { throwIfNoEntry: false })?.isFile() === true) continue;
        add(stage, path, new PipelineError('E_EXTERNAL_MISSING', `"${name}", which stage "${stage.name}" reads, is not there`, { facts: { expected: path, found: 'no file' }, hint: 'Complete the data, or correct the path.', span: placeOf(stage) }));
      }
    } catch (error) {
      if (!(error instanceof PipelineError)) throw error;
      add(stage, JSON.stringify([error.code, error.facts]), error.span === undefined ? withSpan(error, placeOf(stage)) : error);
    }
  }
  return found;
}

function placeOf(stage: PlannedStage): SourceSpan {
  for (const [name] of externalParameters(stage.manifest.params)) {
    const span = stage.paramSpans.get(`/${name}`);
    if (span !== undefined) return span;
  }
  return stage.span;
}
