/** How a run was called, for its record: what has to be said again to repeat it, and what it could use. Nothing depends on it. */
import type { JsonObject } from '../core/json.js';

export interface RunCommand {
  /** as they were given */
  readonly args: readonly string[];
  /** by the name of the flag in camel case, as they were written (`{ set: ['params.steps=64'], jobs: '2' }`); without those that only change what is printed or where things are put */
  readonly options: JsonObject;
  readonly cpus: number;
  readonly memoryMb: number;
}
