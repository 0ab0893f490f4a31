/** How the modules of a pipeline file are loaded: where they may lie, where they are remembered, and that `pipeline-encoding` is this very program. */
import type { ModuleLoaderOptions } from '../engine/modules/module-loader.js';
import type { Invocation } from './invocation.js';
import { PACKAGE_ROOT, packageVersion } from './package-root.js';
import { projectPaths } from './project-paths.js';
import { compositionOf } from './registry.js';

/** Raised when what `pipeline-encoding/stage` gives to modules would give other bytes; guarded by stages.lock.json. */
export const STAGE_API = 1;
const NAME = 'pipeline-encoding';

export function moduleLoaderFor(invocation: Invocation, file: string): ModuleLoaderOptions {
  const { io, options } = invocation;
  const { root, store } = projectPaths(invocation, file);
  return {
    root,
    storeDirectory: options.cacheMode === 'read-write' ? store : undefined,
    workerEntry: compositionOf(io).workerEntry,
    env: io.env,
    own: { name: NAME, folder: PACKAGE_ROOT, api: STAGE_API },
    version: packageVersion(),
  };
}
