/** Where a command finds the pipeline file, the store and the results. Flags are relative to the current folder, defaults to the project. */
import { dirname, join, resolve } from 'node:path';
import { findProjectRoot } from '../engine/project.js';
import type { Setting } from '../engine/config/settings.js';
import type { Invocation } from './invocation.js';
import { settingsOf } from './project-configs.js';

export interface ProjectPaths {
  readonly root: string;
  readonly store: string;
  readonly results: string;
}

/** @param file a pipeline file, whose project counts wherever the command is called from; without one the current folder's project does */
export function projectPaths(invocation: Invocation, file?: string): ProjectPaths {
  const { io, options } = invocation;
  const root = findProjectRoot(file === undefined ? io.cwd : dirname(resolve(io.cwd, file)));
  const cache = settingsOf(invocation, root).get('cache.directory') as Setting;
  return {
    root,
    store: resolve(cache.from === 'flag' || cache.from === 'environment' ? io.cwd : root, String(cache.value)),
    results: options.results === undefined ? join(root, 'results') : resolve(io.cwd, options.results),
  };
}
