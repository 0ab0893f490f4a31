/** Where a command finds the pipeline file, the store and the results. Flags are relative to the current folder, defaults to the project. */
import { dirname, join, resolve } from 'node:path';
import { findProjectRoot } from '../engine/project.js';
import type { Invocation } from './invocation.js';

export interface ProjectPaths {
  readonly root: string;
  readonly store: string;
  readonly results: string;
}

/** @param file a pipeline file, whose project counts wherever the command is called from; without one the current folder's project does */
export function projectPaths({ io, options }: Invocation, file?: string): ProjectPaths {
  const root = findProjectRoot(file === undefined ? io.cwd : dirname(resolve(io.cwd, file)));
  return {
    root,
    store: options.cacheDir === undefined ? join(root, 'cache') : resolve(io.cwd, options.cacheDir),
    results: options.results === undefined ? join(root, 'results') : resolve(io.cwd, options.results),
  };
}
