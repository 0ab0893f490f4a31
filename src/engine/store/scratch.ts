/**
 * The scratch folder of a run, in TMPDIR: what its store does not take, or may not. Its name says whose it is, so that it is known from the moment that it
 * exists, also where nothing more can be written, and whoever comes next can remove what a killed run has left.
 *
 *   pipeline-scratch-<machine and host>-<boot>-<pid namespace>-<pid>-<start tick>-<random>
 *
 * Only folders of owners that are proved dead are removed; one of another machine or container that shares the folder stays.
 */
import { createHash, randomBytes } from 'node:crypto';
import { readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { errnoOf } from './fs-port.js';
import { currentOwner, livenessOf, type Owner } from './owner.js';

const PREFIX = 'pipeline-scratch-';
const NAME = /^pipeline-scratch-([0-9a-f]{8})-([0-9a-f]{8})-([0-9a-f]{8})-(\d+)-(\d+|x)-[0-9a-f]+$/;
const ID_BYTES = 8;
const SHORT = 8;
/** Stands for what another machine, boot or namespace is called. */
const ANOTHER = 'another';

/** Nothing is made: most runs never need it. */
export function newScratchPath(owner: Owner = currentOwner()): string {
  const [place, boot, namespace] = traitsOf(owner);
  return join(tmpdir(), `${PREFIX}${place}-${boot}-${namespace}-${owner.pid}-${owner.startTicks ?? 'x'}-${randomBytes(ID_BYTES).toString('hex')}`);
}

/** Removes what dead runs have left. What cannot be looked at or removed stays: it belongs to somebody else, or to the next sweep. */
export async function sweepScratch(): Promise<void> {
  const names = await readdir(tmpdir()).catch(passSystemErrors);
  const self = currentOwner();
  for (const name of names ?? []) {
    const owner = ownerIn(name, self);
    if (owner === undefined || livenessOf(owner, self) !== 'dead') continue;
    await rm(join(tmpdir(), name), { recursive: true, force: true }).catch(passSystemErrors);
  }
}

function ownerIn(name: string, self: Owner): Owner | undefined {
  const parts = NAME.exec(name);
  if (parts === null) return undefined;
  const [place, boot, namespace] = traitsOf(self);
  return {
    machine: self.machine,
    host: parts[1] === place ? self.host : ANOTHER,
    boot: parts[2] === boot ? self.boot : ANOTHER,
    pidNamespace: parts[3] === namespace ? self.pidNamespace : ANOTHER,
    pid: Number(parts[4]),
    startTicks: parts[5] === 'x' ? null : Number(parts[5]),
  };
}

function traitsOf({ machine, host, boot, pidNamespace }: Owner): readonly [place: string, boot: string, namespace: string] {
  return [short([machine, host]), short([boot]), short([pidNamespace])];
}

function short(values: readonly (string | null)[]): string {
  return createHash('sha256').update(JSON.stringify(values)).digest('hex').slice(0, SHORT);
}

function passSystemErrors(error: unknown): undefined {
  if (errnoOf(error) === undefined) throw error;
  return undefined;
}
