/** Runs a stage whose type comes from a module of the project. What its code throws is the user's, not a bug of this program, and is reported with its place. */
import { PipelineError } from '../../core/errors.js';
import { runStage, type StageHost } from '../run-stage.js';
import type { StageCode, StageDefinition } from '../stage.js';
import type { StageJob, StageResult } from '../worker-protocol.js';

/** Errors: those of `runStage`; E_STAGE_THREW for anything else that the code throws; E_ENVIRONMENT if the bundle is not the planned one. */
export async function runOwnStage(code: StageCode, job: StageJob, host: StageHost): Promise<StageResult> {
  try {
    return await runStage(await definitionOf(code, job), job, host);
  } catch (error) {
    if (error instanceof PipelineError || host.signal.aborted) throw error;
    throw threw(`"${job.stage}" failed in its own code`, error, { type: job.type });
  }
}

async function definitionOf(code: StageCode, { type }: StageJob): Promise<StageDefinition> {
  const { definitionsIn } = await import('./load-bundle.js');
  for (const definition of (await definitionsIn(code)).values()) if (definition.type === type) return definition;
  throw new PipelineError('E_UNKNOWN_STAGE_TYPE', `"${type}" is not defined by its module any more`, { facts: { expected: type, found: 'other types' }, hint: 'Define it whatever the environment of the process is.' });
}

/** Node's own frames and ours say nothing to the author. */
const FOREIGN = /node:internal|[\\/]dist[\\/](?:engine|cli)[\\/]/;

export function threw(message: string, error: unknown, facts: Readonly<Record<string, string>>, code: 'E_STAGE_THREW' | 'E_MODULE' = 'E_STAGE_THREW'): PipelineError {
  const found = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  const frame = error instanceof Error ? error.stack?.split('\n').find((line) => /^\s+at /.test(line) && !FOREIGN.test(line)) : undefined;
  return new PipelineError(code, message, {
    facts: { found, ...(frame === undefined ? {} : { at: frame.trim().replace(/^at /, '') }), ...facts },
    hint: code === 'E_MODULE' ? 'Correct the code at that place; let the module only define stage types when it is loaded.' : 'Correct the code at that place; throw a PipelineError from "pipeline-encoding/stage" to say what is wrong with the data.',
    cause: error,
  });
}
