/**
 * A run against its repetition in a fresh store: for each stage whether it gave the same bytes, and if not, whether it was asked the same. Equal
 * keys with other bytes mean that the stage is not deterministic on this machine, or that software or hardware differ. Pure.
 */
import type { Artifact } from './artifact.js';
import { diffMaterial, type Change } from './diff-material.js';
import type { KeyMaterial, StageRecord } from './record.js';
import type { RunRecord, StageOutcome } from './run-record.js';

export type ReproducedWord = 'same' | 'different' | 'missing';

export interface ReproducedStage {
  readonly name: string;
  readonly word: ReproducedWord;
  /** leaves of the key material that differ: it was not asked the same; empty if it was */
  readonly changes: readonly Change[];
  /** true: the key material of the run is gone, so whether it was asked the same is not known in detail */
  readonly unknownMaterial: boolean;
  /** files with other bytes, `output/name`; empty where the record of the run has left the store */
  readonly files: readonly string[];
  readonly metrics: readonly { readonly name: string; readonly before: number | undefined; readonly after: number | undefined }[];
  /** why it made nothing this time */
  readonly failure?: string;
}

export interface SideMaterial {
  readonly material?: KeyMaterial | undefined;
  readonly record?: StageRecord | undefined;
}

/** The stages that made something in the run, in its order. */
export function compareStages(before: RunRecord, after: RunRecord, sides: (before: StageOutcome, after: StageOutcome | undefined) => { readonly before: SideMaterial; readonly after: SideMaterial }): ReproducedStage[] {
  const again = new Map(after.stages.map((stage) => [stage.name, stage]));
  return before.stages.filter(({ outputs }) => Object.keys(outputs).length > 0).map((stage) => {
    const now = again.get(stage.name);
    const { before: old, after: fresh } = sides(stage, now);
    const sameKey = stage.key !== undefined && stage.key === now?.key;
    const changes = sameKey || old.material === undefined || fresh.material === undefined ? [] : diffMaterial(old.material, fresh.material);
    const common = { name: stage.name, changes, unknownMaterial: !sameKey && old.material === undefined, metrics: metricsOf(stage, now) };
    if (now === undefined || Object.keys(now.outputs).length === 0) return { ...common, word: 'missing', files: [], failure: failureOf(now) };
    const same = Object.entries(stage.outputs).every(([port, { digest }]) => now.outputs[port]?.digest === digest) && Object.keys(now.outputs).length === Object.keys(stage.outputs).length;
    return { ...common, word: same ? 'same' : 'different', files: same ? [] : filesThatDiffer(old.record?.outputs, fresh.record?.outputs) };
  });
}

function failureOf(stage: StageOutcome | undefined): string {
  if (stage === undefined) return 'the pipeline has no such stage now';
  return stage.error === undefined ? (stage.reason ?? stage.word ?? 'it did not run') : `${stage.error.code}: ${stage.error.message}`;
}

function metricsOf(before: StageOutcome, after: StageOutcome | undefined): ReproducedStage['metrics'] {
  const names = new Set([...Object.keys(before.metrics), ...Object.keys(after?.metrics ?? {})]);
  return [...names].filter((name) => before.metrics[name] !== after?.metrics[name]).map((name) => ({ name, before: before.metrics[name], after: after?.metrics[name] }));
}

function filesThatDiffer(before: Readonly<Record<string, Artifact>> | undefined, after: Readonly<Record<string, Artifact>> | undefined): string[] {
  if (before === undefined || after === undefined) return [];
  return [...new Set([...Object.keys(before), ...Object.keys(after)])].flatMap((port) => {
    const [old, fresh] = [digests(before[port]), digests(after[port])];
    return [...new Set([...old.keys(), ...fresh.keys()])].filter((name) => old.get(name) !== fresh.get(name)).map((name) => `${port}/${name}`);
  });
}

function digests(artifact: Artifact | undefined): ReadonlyMap<string, string> {
  return new Map((artifact?.files ?? []).map(({ name, digest }) => [name, digest]));
}
