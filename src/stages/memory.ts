/** Refuses work that this machine cannot hold, before anything large is read. It knows sizes in bytes only, never what they are for. */
import { PipelineError } from '../core/errors.js';
import { machineMemory } from '../core/memory.js';

const GIGABYTE = 1e9;

export interface MemoryNeed {
  /** subject of the message, e.g. `the ridge fit` */
  readonly what: string;
  readonly bytes: number;
  /** the sizes that make it so large */
  readonly sizes: string;
  /** what would make it smaller */
  readonly hint: string;
}

/** Errors: E_ENVIRONMENT if more bytes are needed than there are. */
export function refuseBeyondMemory({ what, bytes, sizes, hint }: MemoryNeed, available = machineMemory()): void {
  if (bytes <= available) return;
  const gigabytes = (value: number): string => `${(value / GIGABYTE).toPrecision(3)} GB`;
  throw new PipelineError('E_ENVIRONMENT', `${what} does not fit into the memory of this machine`, { facts: { expected: `at most ${gigabytes(available)}`, found: `about ${gigabytes(bytes)} for ${sizes}` }, hint });
}
