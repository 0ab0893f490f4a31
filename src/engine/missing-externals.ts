/** Are the outside files of a plan there? Asked before anything runs, so that a missing file of the last stage does not cost the work of the first. Nothing is read. */
import { statSync } from 'node:fs';
import { PipelineError } from '../core/errors.js';
import type { SourceSpan } from '../core/source-span.js';
import { withSpan, type Diagnostic } from './diagnostics.js';
import { externalParameters } from './external-parameters.js';
import type { Plan, PlannedStage } from './plan.js';
import { listExternals } from './stage-externals.js';
import type { StageRegistry } from './stage.js';

/** One error a file that is not there, and what the stage types say of their own lists, each at the parameter that names the place. */
export async function missingExternals(plan: Plan, registry: StageRegistry): Promise<Diagnostic[]> {
  const found: Diagnostic[] = [];
  for (const stage of plan.stages) {
    if (stage.skipped !== undefined) continue;
    try {
      for (const { name, path } of await listExternals(stage, registry)) {
        if (statSync(path, { throwIfNoEntry: false })?.isFile() === true) continue;
        found.push({
          severity: 'error',
          error: new PipelineError('E_EXTERNAL_MISSING', `"${name}", which stage "${stage.name}" reads, is not there`, { facts: { expected: path, found: 'no file' }, hint: 'Complete the data, or correct the path.', span: placeOf(stage) }),
        });
      }
    } catch (error) {
      if (!(error instanceof PipelineError)) throw error;
      found.push({ severity: 'error', error: error.span === undefined ? withSpan(error, placeOf(stage)) : error });
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
