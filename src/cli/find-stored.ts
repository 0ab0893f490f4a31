/** Finds what a reference on the command line means: a key or digest by a unique beginning. */
import { PipelineError } from '../core/errors.js';
import { nodeFs } from '../engine/store/fs-port.js';
import { layoutOf, type Shelf } from '../engine/store/layout.js';
import { placesOf } from '../engine/store/walk.js';

const SHORTEST = 4;

export interface Stored {
  readonly shelf: Shelf;
  readonly id: string;
  readonly path: string;
}

/** Undefined if nothing begins like that. E_USAGE if several do. */
export async function findStored(directory: string, prefix: string): Promise<Stored | undefined> {
  if (!/^[0-9a-f]+$/.test(prefix) || prefix.length < SHORTEST) return undefined;
  for (const shelf of ['records', 'memos', 'evicted', 'objects'] as const) {
    const found: Stored[] = [];
    for await (const { id, path } of placesOf(nodeFs, layoutOf(directory), shelf)) if (id?.startsWith(prefix) === true) found.push({ shelf, id, path });
    if (found.length > 1) throw new PipelineError('E_USAGE', `"${prefix}" is the beginning of ${found.length} ${shelf}`, { facts: { expected: 'the beginning of one', found: found.slice(0, 5).map(({ id }) => id.slice(0, prefix.length + 4)).join(', ') }, hint: 'give more of it' });
    if (found[0] !== undefined) return found[0];
  }
  return undefined;
}
