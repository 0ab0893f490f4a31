/** What the steps of one execution share about stages that are over and about contents outside the store. */
import type { Digest } from '../core/digest.js';
import type { Artifact } from './artifact.js';
import type { PlannedStage } from './plan.js';
import type { KeyMaterial, StageKey } from './record.js';
import type { KnownExternal } from './stage-externals.js';

/** A stage whose outputs others may read. */
export interface FinalStage {
  readonly stage: PlannedStage;
  /** set when it ran or was restored */
  outputs?: Readonly<Record<string, Artifact>>;
  key?: StageKey;
}

export interface StageWithProducers {
  readonly stage: PlannedStage;
  readonly producers: readonly FinalStage[];
}

export interface KeyedStage {
  readonly key: StageKey;
  readonly material: KeyMaterial;
  readonly externals: readonly KnownExternal[];
}

export interface RunContents {
  /** every outside file that a stage of this run has listed, by content */
  readonly outside: Map<Digest, KnownExternal>;
}

/** The artifact at the other end of an edge; undefined while its stage is being repaired or has failed. */
export function outputOf(producers: readonly FinalStage[], stage: string, output: string): Artifact | undefined {
  return producers.find((producer) => producer.stage.name === stage)?.outputs?.[output];
}

/** Port → artifact; ports that are not connected are absent. */
export function inputsOf({ stage, producers }: StageWithProducers): Record<string, Artifact> {
  const inputs: Record<string, Artifact> = {};
  for (const [port, [binding]] of Object.entries(stage.inputs)) {
    const artifact = binding === undefined ? undefined : outputOf(producers, binding.stage, binding.output);
    if (artifact !== undefined) inputs[port] = artifact;
  }
  return inputs;
}

/** Whatever is made from these inputs is then restricted too, whatever the stage says. */
export function holdRestricted(inputs: Readonly<Record<string, Artifact>>): boolean {
  return Object.values(inputs).some((artifact) => artifact.restricted === true);
}
