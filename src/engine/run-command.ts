/** How a run was called, for its record: what has to be said again to repeat it, and what it could use. Nothing depends on it. */
import type { JsonObject } from '../core/json.js';
import type { RunRecord } from './run-record.js';

export interface RunCommand {
  /** as they were given */
  readonly args: readonly string[];
  /** by the name of the flag in camel case, as they were written (`{ set: ['params.steps=64'], jobs: '2' }`); without those that only change what is printed or where things are put */
  readonly options: JsonObject;
  readonly cpus: number;
  readonly memoryMb: number;
}

/** `path=value`: what was set beside the file. */
export function setIn(record: RunRecord): readonly string[] {
  const { request } = record as { readonly request?: { readonly set?: readonly string[] } }; // of a sweep: those of this run alone
  const set: unknown = request?.set ?? record.command?.options['set'];
  return Array.isArray(set) ? set.filter((text): text is string => typeof text === 'string') : [];
}
