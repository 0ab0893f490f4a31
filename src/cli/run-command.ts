/** What a run's record keeps of the command line: everything that has to be said again to repeat it, nothing of how its output looks. */
import type { JsonObject, JsonValue } from '../core/json.js';
import type { RunCommand } from '../engine/run-command.js';
import type { Invocation } from './invocation.js';
import { availableCpus, availableMemoryMb } from './machine-limits.js';

/** Also where things are put: another place holds the same. */
const NOT_KEPT: ReadonlySet<string> = new Set(['json', 'color', 'quiet', 'verbose', 'debug', 'results', 'cacheDir', 'tag']);

export function commandOf({ args, options }: Invocation): RunCommand {
  const kept = Object.entries(options.raw).filter(([name, value]) => !NOT_KEPT.has(name) && value !== undefined);
  return { args, options: Object.fromEntries(kept) as Record<string, JsonValue> as JsonObject, cpus: availableCpus(), memoryMb: availableMemoryMb() };
}
