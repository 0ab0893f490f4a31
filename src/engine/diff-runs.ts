/**
 * What differs between two runs: what they were asked to do, what they were made with, and, stage by stage, what became of it and why the keys
 * differ. Reads records and what the runs wrote down; what is gone (key material of an evicted record) is said to be unknown, never equal.
 */
import type { Digest } from '../core/digest.js';
import type { JsonObject } from '../core/json.js';
import { diffMaterial } from './diff-material.js';
import { diffValues, type ValueChange } from './diff-values.js';
import type { StageWord } from './events.js';
import { PastMaterials } from './past-materials.js';
import { throughEnvironment, type StageReason } from './reasons.js';
import type { StageKey } from './record.js';
import type { RunRecord, StageOutcome } from './run-record.js';
import { readSources } from './run-sources.js';
import type { Store } from './store/store.js';
import { unifiedDiff } from './text-diff.js';

export interface StageSide {
  readonly word: StageWord | null;
  readonly key: StageKey | null;
  readonly durationMs: number | null;
}

export interface MetricChange {
  readonly name: string;
  readonly a: number | null;
  readonly b: number | null;
  /** b − a; null unless both are there */
  readonly delta: number | null;
}

export interface OutputChange {
  readonly name: string;
  readonly a: Digest | null;
  readonly b: Digest | null;
}

export interface StageDifference {
  readonly stage: string;
  /** null: the run has no such stage */
  readonly a: StageSide | null;
  readonly b: StageSide | null;
  /** null: one of the keys is not known */
  readonly sameKey: boolean | null;
  /** where both keys are known and differ: the leaves; null if the material of one of them is gone */
  readonly changes: readonly StageReason[] | null;
  /** those that differ */
  readonly metrics: readonly MetricChange[];
  readonly sameMetrics: number;
  readonly outputs: readonly OutputChange[];
  readonly sameOutputs: number;
  /** word and time aside: they tell of the cache, not of the result */
  readonly differs: boolean;
}

export interface SourceDifference {
  readonly path: string;
  /** null: there is none, or its text was not kept */
  readonly a: Digest | null;
  readonly b: Digest | null;
  /** unified; absent unless both texts are there */
  readonly diff?: readonly string[];
}

export interface RunDifference {
  readonly params: readonly ValueChange[];
  readonly env: readonly ValueChange[];
  /** options of the command line */
  readonly options: readonly ValueChange[];
  readonly sameSource: boolean;
  readonly sources: readonly SourceDifference[];
  readonly git: readonly ValueChange[];
  readonly software: readonly ValueChange[];
  readonly hardware: readonly ValueChange[];
  readonly stages: readonly StageDifference[];
  readonly differs: boolean;
}

/** `isWanted`: of which stages. Errors: E_STORE_IO. */
export async function diffRuns(a: RunRecord, b: RunRecord, store: Store, isWanted: (stage: string) => boolean = () => true): Promise<RunDifference> {
  const materials = new PastMaterials(store);
  for (const { id } of [b, a]) materials.read(id);
  const [before, after] = [a, b].map(({ stages }) => new Map(stages.map((stage) => [stage.name, stage]))) as [Map<string, StageOutcome>, Map<string, StageOutcome>];
  const stages: StageDifference[] = [];
  for (const name of new Set([...before.keys(), ...after.keys()])) {
    if (isWanted(name)) stages.push(await stageDifference(name, before.get(name), after.get(name), materials, a, b));
  }
  const whole = {
    params: diffValues(a.params, b.params),
    env: diffValues(a.env, b.env),
    options: diffValues(a.command?.options ?? {}, b.command?.options ?? {}),
    sameSource: a.source === b.source,
    sources: sourceDifferences(a, b, store.directory),
    git: a.git === undefined || b.git === undefined ? [] : diffValues(gitOf(a), gitOf(b)), // a run in which nothing ran does not ask git
    software: diffValues(a.software, b.software),
    hardware: diffValues({ ...a.hardware }, { ...b.hardware }),
    stages,
  };
  const { params, env, sameSource, git, software, hardware } = whole;
  const differs = !sameSource || [params, env, git, software, hardware].some((changes) => changes.length > 0) || stages.some((stage) => stage.differs);
  return { ...whole, differs };
}

async function stageDifference(stage: string, a: StageOutcome | undefined, b: StageOutcome | undefined, materials: PastMaterials, before: RunRecord, after: RunRecord): Promise<StageDifference> {
  const sameKey = a?.key === undefined || b?.key === undefined ? null : a.key === b.key;
  const metrics = metricChanges(a, b);
  const outputs = outputChanges(a, b);
  const changes = sameKey === false ? await leaves(a?.key as StageKey, b?.key as StageKey, materials, before, after) : [];
  const failed = a?.error?.message !== b?.error?.message;
  return {
    stage,
    a: sideOf(a),
    b: sideOf(b),
    sameKey,
    changes,
    metrics: metrics.changed,
    sameMetrics: metrics.same,
    outputs: outputs.changed,
    sameOutputs: outputs.same,
    differs: a === undefined || b === undefined || sameKey === false || failed || metrics.changed.length + outputs.changed.length > 0 || (a.word === 'skipped') !== (b.word === 'skipped'),
  };
}

async function leaves(a: StageKey, b: StageKey, materials: PastMaterials, before: RunRecord, after: RunRecord): Promise<readonly StageReason[] | null> {
  const [was, is] = [await materials.of(a), await materials.of(b)];
  return was === undefined || is === undefined ? null : throughEnvironment(diffMaterial(was, is), before.env, after.env);
}

function sideOf(stage: StageOutcome | undefined): StageSide | null {
  return stage === undefined ? null : { word: stage.word ?? null, key: stage.key ?? null, durationMs: stage.durationMs ?? null };
}

function metricChanges(a: StageOutcome | undefined, b: StageOutcome | undefined): { readonly changed: MetricChange[]; readonly same: number } {
  const all = namesIn(a?.metrics, b?.metrics).map((name): MetricChange => {
    const [before, after] = [valueIn(a?.metrics, name), valueIn(b?.metrics, name)];
    return { name, a: before, b: after, delta: before === null || after === null ? null : after - before };
  });
  const changed = all.filter((metric) => metric.a !== metric.b);
  return { changed, same: all.length - changed.length };
}

function outputChanges(a: StageOutcome | undefined, b: StageOutcome | undefined): { readonly changed: OutputChange[]; readonly same: number } {
  const all = namesIn(a?.outputs, b?.outputs).map((name): OutputChange => ({ name, a: valueIn(a?.outputs, name)?.digest ?? null, b: valueIn(b?.outputs, name)?.digest ?? null }));
  const changed = all.filter((output) => output.a !== output.b);
  return { changed, same: all.length - changed.length };
}

function namesIn(...maps: readonly (object | undefined)[]): string[] {
  return [...new Set(maps.flatMap((map) => Object.keys(map ?? {})))].sort();
}

function valueIn<T>(map: Readonly<Record<string, T>> | undefined, name: string): T | null {
  return map !== undefined && Object.hasOwn(map, name) ? (map[name] as T) : null;
}

function gitOf({ git }: RunRecord): JsonObject {
  return git === undefined || git === null ? {} : { commit: git.commit, dirty: git.dirty, ...(git.diff === undefined ? {} : { diff: git.diff.digest }) };
}

/** Texts are matched by their place in the list: the pipeline file first, then what it is built on. */
function sourceDifferences(a: RunRecord, b: RunRecord, directory: string): SourceDifference[] {
  if (a.source === b.source) return [];
  const [before, after] = [readSources(directory, a.id), readSources(directory, b.id)];
  if (before.length === 0 || after.length === 0) return [{ path: b.file, a: before[0]?.digest ?? null, b: after[0]?.digest ?? null }];
  const [main, ...others] = before;
  const [mainAfter, ...othersAfter] = after;
  const pairs = [[main, mainAfter] as const, ...[...new Set([...others, ...othersAfter].map(({ path }) => path))].map((path) => [others.find((file) => file.path === path), othersAfter.find((file) => file.path === path)] as const)];
  return pairs.flatMap(([was, is]) => {
    if (was?.digest === is?.digest) return [];
    return [{ path: (is ?? was)?.path ?? '', a: was?.digest ?? null, b: is?.digest ?? null, ...(was === undefined || is === undefined ? {} : { diff: unifiedDiff(was.text, is.text) }) }];
  });
}
