/**
 * What a call of `pipeline run` asks for, as far as it can be remembered. An option that is not known here takes the ordinary way: a new
 * option cannot be forgotten, only be slow until it is added to `NO_EFFECT` or to the request.
 */
import { resolve } from 'node:path';
import { PipelineError } from '../core/errors.js';
import { softwareVersions } from '../engine/machine.js';
import type { MemoryPlace } from '../engine/run-memory.js';
import type { Invocation } from './invocation.js';
import { packageVersion } from './package-root.js';
import { settingsOf } from './project-configs.js';
import { projectPaths, type ProjectPaths } from './project-paths.js';
import { computingComposition, runSoftware } from './computing.js';
import { isShared } from './run-store.js';

/** Options that change neither the outcome of a run that succeeded nor the files it leaves (tags are put on either way), and those that are in the request. */
const NO_EFFECT: ReadonlySet<string> = new Set(['cacheDir', 'cacheMode', 'json', 'color', 'quiet', 'verbose', 'debug', 'jobs', 'keepGoing', 'tag']);
const IN_REQUEST: ReadonlySet<string> = new Set(['set', 'results', 'device', 'runtime']);

/** undefined: this call is neither remembered nor answered from memory. */
export function memoryPlace(invocation: Invocation): MemoryPlace | undefined {
  const { args, options, io } = invocation;
  const [file, ...others] = args;
  if (file === undefined || others.length > 0 || options.cacheMode === 'off') return undefined;
  for (const [name, value] of Object.entries(options.raw)) {
    if (value !== undefined && value !== false && !NO_EFFECT.has(name) && !IN_REQUEST.has(name)) return undefined;
  }
  const { registry, build } = computingComposition(invocation, file);
  if (build === undefined) return undefined;
  const paths = ownPaths(invocation, file);
  if (paths === undefined) return undefined;
  const request = [
    ['file', resolve(io.cwd, file)],
    ['set', [...options.set]],
    ['results', paths.results],
    ['build', build],
    ['software', { ...softwareVersions(), ...runSoftware(invocation, file) }],
  ] as const;
  return { storeDirectory: paths.store, request, registry, root: paths.root, version: packageVersion() };
}

/** None where a shared cache stands behind the store, which has something to say itself, or where the configuration is wrong. */
function ownPaths(invocation: Invocation, file: string): ProjectPaths | undefined {
  try {
    const paths = projectPaths(invocation, file);
    return isShared(settingsOf(invocation, paths.root)) ? undefined : paths;
  } catch (error) {
    if (error instanceof PipelineError) return undefined; // the ordinary way says it in its turn
    throw error;
  }
}
