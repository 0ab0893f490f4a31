/**
 * The files whose change may change a run: the pipeline file and what it extends, the code that it brings along, and the outside files of its stages, each by its exact path. Folders are never
 * walked, so a data set of hundreds of GB costs no more than the list of files that the stages read anyway.
 */
import { resolve } from 'node:path';
import { PipelineError } from '../../core/errors.js';
import { listExternals } from '../../engine/stage-externals.js';
import { unprintedPlan } from '../checked-plan.js';
import type { Invocation } from '../invocation.js';
import { compositionOf } from '../registry.js';
import { moduleFiles } from './module-files.js';

/** Looking at each every few seconds stays cheap. */
export const MOST_WATCHED = 2000;

export interface Watched {
  readonly files: readonly string[];
  /** more than are watched */
  readonly left: number;
}

/** Of a file that is not valid the outside files are not known. Whatever is wrong is reported by the run itself. */
export async function filesToWatch(invocation: Invocation, file: string): Promise<Watched> {
  const { io } = invocation;
  const { registry } = compositionOf(io);
  const { plan, sources = [] } = await unprintedPlan(invocation, file);
  const pipelineFiles = [...new Set([resolve(io.cwd, file), ...sources.map(({ path }) => path)])];
  const files = new Set([...pipelineFiles, ...moduleFiles(pipelineFiles)]);
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
