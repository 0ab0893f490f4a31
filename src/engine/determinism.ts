/**
 * Evidence that a stage is not deterministic: the same key gave other bytes. Which files differ is compared by digest, output by output. What was seen
 * goes into the run record and, durably, into the folder `evidence/` of the store, so that it is still there when the run is forgotten.
 */
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import type { Digest } from '../core/digest.js';
import type { Artifact } from './artifact.js';
import { compareUtf8, sortedJson } from './canonical.js';
import type { Difference, FileDifference } from './events.js';
import type { StageKey } from './record.js';
import { publishFile, TEMPORARY_PREFIX } from './store/durable.js';
import { nodeFs } from './store/fs-port.js';
import { layoutOf } from './store/layout.js';

type Outputs = Readonly<Record<string, Artifact>>;

export interface Evidence extends Difference {
  readonly format: 1;
  readonly key: StageKey;
  readonly stage: string;
  readonly type: string;
  readonly run: string;
  readonly at: string;
  readonly host: string;
}

const ID_BYTES = 4;

/** The files in which two results of one key differ, in the order of outputs and names; none if they are the same. */
export function compareOutputs(stored: Outputs, now: Outputs): FileDifference[] {
  const outputs = [...new Set([...Object.keys(stored), ...Object.keys(now)])].sort(compareUtf8);
  return outputs.flatMap((output) => {
    const [before, after] = [digestsOf(stored[output]), digestsOf(now[output])];
    const names = [...new Set([...before.keys(), ...after.keys()])].sort(compareUtf8);
    return names.flatMap((name): FileDifference[] => {
      const [was, is] = [before.get(name) ?? null, after.get(name) ?? null];
      return was === is ? [] : [{ output, name, stored: was, now: is }];
    });
  });
}

/** Errors: those of the file system, as they come. */
export async function keepEvidence(storeDirectory: string, evidence: Evidence): Promise<void> {
  const id = randomBytes(ID_BYTES).toString('hex');
  const path = join(layoutOf(storeDirectory).evidence, `${evidence.key}-${id}.json`);
  await publishFile(nodeFs, path, Buffer.from(`${sortedJson(evidence, 1)}\n`), `${TEMPORARY_PREFIX}evidence-${id}`);
}

function digestsOf(artifact: Artifact | undefined): ReadonlyMap<string, Digest> {
  return new Map(artifact?.files.map(({ name, digest }) => [name, digest]));
}
