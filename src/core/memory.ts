/** How much memory there is. A limit to refuse by, never an input of a result. */
import { totalmem } from 'node:os';

/** Memory of this machine, or of the container if that has less. Bytes. */
export function machineMemory(): number {
  // 0: no limit is known
  return Math.min(totalmem(), process.constrainedMemory() || Infinity);
}
