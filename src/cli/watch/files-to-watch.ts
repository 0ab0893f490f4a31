/**
 * The files whose change may change a run: the pipeline file and the outside files of its stages, each by its exact path. Folders are never
 * walked, so a data set of hundreds of GB costs no more than the list of files that the stages read anyway.
 */
import { resolve } from 'node:path';
import { PipelineError } from '../../core/errors.js';
import { loadPlan } from '../../engine/load-plan.js';
import { listExternals } from '../../engine/stage-externals.js';
import type { Invocation } from '../invocation.js';
import { compositionOf } from '../registry.js';

/** Looking at each every few seconds stays cheap. */
export const MOST_WATCHED = 2000;

export interface Watched {
  readonly files: readonly string[];
  /** more than are watched */
  readonly left: number;
}

/** A file that is not valid is watched alone: nothing else is known. Whatever is wrong is reported by the run itself. */
export async function filesToWatch({ io, options }: Invocation, file: string): Promise<Watched> {
  const { registry } = compositionOf(io);
  const { plan } = loadPlan(resolve(io.cwd, file), { registry, set: options.set, env: io.env });
  const files = new Set([resolve(io.cwd, file)]);
  for (const stage of plan?.stages ?? []) {
    if (stage.skipped !== undefined) continue;
    try {
      for (const { path } of await listExternals(stage, registry)) files.add(path);
    } catch (error) {
      if (!(error instanceof PipelineError)) throw error;
    }
  }
  return { files: [...files].slice(0, MOST_WATCHED), left: Math.max(0, files.size - MOST_WATCHED) };
}
