/** What the steps of one execution share about stages that are over and about contents outside the store. */
import type { Digest } from '../core/digest.js';
import type { Artifact } from './artifact.js';
import type { InputBinding, PlannedStage } from './plan.js';
import type { KeyMaterial, StageKey } from './record.js';
import type { Labels } from './stage.js';
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
  /** by name: a stage may gather thousands */
  readonly producers: ReadonlyMap<string, FinalStage>;
}

/** An artifact at a port that takes many. */
export interface LabelledInput {
  readonly labels: Labels;
  readonly artifact: Artifact;
}

/** What is connected to one port. */
export type StageInput = Artifact | readonly LabelledInput[];

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
export function outputOf({ producers }: StageWithProducers, { stage, output }: InputBinding): Artifact | undefined {
  return producers.get(stage)?.outputs?.[output];
}

/** Port → artifacts; ports that are not connected are absent. */
export function inputsOf(node: StageWithProducers): Record<string, StageInput> {
  const inputs: Record<string, StageInput> = {};
  for (const [port, bindings] of Object.entries(node.stage.inputs)) {
    if (node.stage.manifest.inputs[port]?.many === true) {
      inputs[port] = bindings.flatMap((binding): LabelledInput[] => {
        const artifact = outputOf(node, binding);
        return artifact === undefined ? [] : [{ labels: binding.labels ?? {}, artifact }];
      });
      continue;
    }
    const [binding] = bindings;
    const artifact = binding === undefined ? undefined : outputOf(node, binding);
    if (artifact !== undefined) inputs[port] = artifact;
  }
  return inputs;
}

export function artifactsOf(inputs: Readonly<Record<string, StageInput>>): Artifact[] {
  return Object.values(inputs).flatMap((input) => (isMany(input) ? input.map(({ artifact }) => artifact) : [input]));
}

export function isMany(input: StageInput): input is readonly LabelledInput[] {
  return Array.isArray(input);
}

/** Whatever is made from these inputs is then restricted too, whatever the stage says. */
export function holdRestricted(inputs: Readonly<Record<string, StageInput>>): boolean {
  return artifactsOf(inputs).some((artifact) => artifact.restricted === true);
}
