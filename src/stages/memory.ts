/** Refuses work that this machine cannot hold, before anything large is read. It knows sizes in bytes only, never what they are for. */
import { totalmem } from 'node:os';
import { PipelineError } from '../core/errors.js';

const GIGABYTE = 1e9;

/** Memory of this machine, or of the container if that has less. Bytes. */
function availableBytes(): number {
  // 0: no limit is known
  return Math.min(totalmem(), process.constrainedMemory() || Infinity);
}

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
export function refuseBeyondMemory({ what, bytes, sizes, hint }: MemoryNeed, available = availableBytes()): void {
  if (bytes <= available) return;
  const gigabytes = (value: number): string => `${(value / GIGABYTE).toPrecision(3)} GB`;
  throw new PipelineError('E_ENVIRONMENT', `${what} does not fit into the memory of this machine`, { facts: { expected: `at most ${gigabytes(available)}`, found: `about ${gigabytes(bytes)} for ${sizes}` }, hint });
}
