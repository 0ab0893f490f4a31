/** What lies in a store that nobody needs any more: counted as gc would remove it now, and what was set aside as damaged. Changes nothing. */
import { DEFAULT_GRACE_MS } from './gc.js';
import { sweepLeftovers } from './gc-leftovers.js';
import type { FsPort } from './fs-port.js';
import { layoutOf } from './layout.js';
import { leasesOf } from './lease.js';
import { noRemoval, type Removal } from './removal.js';
import { sizeOfTree } from './walk.js';

export interface Leftovers {
  readonly temporaries: Removal;
  readonly staging: Removal;
  readonly checkpoints: Removal;
  /** leases of processes that are dead */
  readonly leases: Removal;
  /** processes that are using the store */
  readonly inUse: number;
  readonly quarantine: Removal;
}

export async function leftoversOf(directory: string, fs: FsPort): Promise<Leftovers> {
  const layout = layoutOf(directory);
  const now = fs.now();
  const leases = await leasesOf(fs, layout, now);
  const alive = leases.filter((lease) => lease.alive);
  const removed = { temporaries: noRemoval(), staging: noRemoval(), checkpoints: noRemoval(), leases: noRemoval() };
  await sweepLeftovers(fs, layout, { leases, held: Math.min(now, ...alive.map(({ since }) => since)), olderThan: now - DEFAULT_GRACE_MS, dryRun: true, removed });
  const { count, bytes } = await sizeOfTree(fs, layout.quarantine);
  return { ...removed, inUse: alive.length, quarantine: { count, bytes } };
}
