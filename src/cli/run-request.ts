/**
 * What a call of `pipeline run` asks for, as far as it can be remembered. An option that is not known here takes the ordinary way: a new
 * option cannot be forgotten, only be slow until it is added to `NO_EFFECT` or to the request.
 */
import { resolve } from 'node:path';
import { softwareVersions } from '../engine/machine.js';
import type { MemoryPlace } from '../engine/run-memory.js';
import type { Invocation } from './invocation.js';
import { installedVersions } from './machine-limits.js';
import { projectPaths } from './project-paths.js';
import { compositionOf } from './registry.js';

/** Options that change neither the outcome of a run that succeeded nor what is left of it, and those that are in the request. */
const NO_EFFECT: ReadonlySet<string> = new Set(['cacheDir', 'cacheMode', 'json', 'color', 'quiet', 'verbose', 'debug', 'jobs', 'keepGoing']);
const IN_REQUEST: ReadonlySet<string> = new Set(['set', 'results']);

/** undefined: this call is neither remembered nor answered from memory. */
export function memoryPlace(invocation: Invocation): MemoryPlace | undefined {
  const { args, options, io } = invocation;
  const [file, ...others] = args;
  if (file === undefined || others.length > 0 || options.cacheMode === 'off') return undefined;
  for (const [name, value] of Object.entries(options.raw)) {
    if (value !== undefined && value !== false && !NO_EFFECT.has(name) && !IN_REQUEST.has(name)) return undefined;
  }
  const { registry, build } = compositionOf(io);
  if (build === undefined) return undefined;
  const paths = projectPaths(invocation, file);
  const request = [
    ['file', resolve(io.cwd, file)],
    ['set', [...options.set]],
    ['results', paths.results],
    ['build', build],
    ['software', { ...softwareVersions(), ...installedVersions() }],
  ] as const;
  return { storeDirectory: paths.store, request, registry };
}
