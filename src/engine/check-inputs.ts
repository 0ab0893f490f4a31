/**
 * Verifies every byte that a stage is about to read: objects by content (remembered by the store for this process), outside files by their
 * stamps. Says which producers have to run again; a changed outside file is an error, because nothing can make the old one again.
 */
import { PipelineError } from '../core/errors.js';
import type { Artifact } from './artifact.js';
import { outsidePath } from './artifact-reader.js';
import type { ExternalDigests } from './external-digests.js';
import { outputOf, type FinalStage, type KeyedStage, type RunContents, type StageWithProducers } from './run-state.js';
import { assertUnchanged, type KnownExternal } from './stage-externals.js';
import { isStoredObject } from './store/record-file.js';
import type { Store } from './store/store.js';

export interface InputCheck {
  /** producers whose artifacts are damaged or incomplete */
  readonly broken: readonly FinalStage[];
  /** an input has other contents than the key was made from: its stage was repaired meanwhile */
  readonly stale: boolean;
}

/** Errors: E_INPUT_CHANGED, E_STORE_IO. */
export async function checkInputs(node: StageWithProducers, keyed: KeyedStage, contents: RunContents, store: Store, digests: ExternalDigests): Promise<InputCheck> {
  const broken = new Set<FinalStage>();
  const artifacts: Artifact[] = [];
  for (const [port, bindings] of Object.entries(node.stage.inputs)) {
    for (const [i, binding] of bindings.entries()) {
      const artifact = outputOf(node, binding);
      const keyedContent = keyed.material.inputs[port]?.[i];
      if (artifact === undefined || artifact.digest !== (typeof keyedContent === 'object' ? keyedContent.digest : keyedContent)) return { broken: [], stale: true };
      artifacts.push(artifact);
      if (await isWhole(artifact, store)) continue;
      broken.add(node.producers.get(binding.stage) as FinalStage);
    }
  }
  await assertUnchanged(node.stage.name, outsideFiles(artifacts, contents), digests);
  return { broken: [...broken], stale: false };
}

async function isWhole(artifact: Artifact, store: Store): Promise<boolean> {
  let whole = true;
  for (const file of artifact.files) {
    if (!isStoredObject(file)) continue;
    if ((await store.verifyObject(file.digest, file.size)) !== 'ok') whole = false; // go on: all damage of an artifact is found at once
  }
  return whole;
}

/**
 * A program that is handed paths of objects can write into them whatever their mode says. Such an object is set aside by the look at it, and what the
 * program made of it is not stored. An object with its old stamp is not read.
 */
export async function assertInputsIntact(stage: string, artifacts: readonly Artifact[], store: Store): Promise<void> {
  for (const artifact of artifacts) {
    if (await isWhole(artifact, store)) continue;
    throw new PipelineError('E_INPUT_CHANGED', `"${stage}" wrote into its input (${artifact.type})`, {
      facts: { expected: 'inputs that are only read', found: 'other bytes than before', artifact: artifact.digest },
      hint: 'Let the program write into the folders of its outputs only; the damaged object was set aside and is made again by the next run.',
    });
  }
}

/** E_DATA for an outside file that no stage of this run has listed. */
export function outsideFiles(artifacts: Iterable<Artifact>, contents: RunContents): KnownExternal[] {
  const found: KnownExternal[] = [];
  for (const artifact of artifacts) {
    for (const file of artifact.files) {
      if (file.external !== true) continue;
      const known = contents.outside.get(file.digest);
      if (known === undefined) outsidePath(file, new Map());
      else found.push(known);
    }
  }
  return found;
}
