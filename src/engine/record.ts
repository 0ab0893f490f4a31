/** What the store keeps under a key: the whole key material (for explain) and the outputs. Never written for a failure. */
import type { Digest } from '../core/digest.js';
import type { JsonObject } from '../core/json.js';
import type { Artifact } from './artifact.js';
import type { Labels } from './stage.js';

declare const keyBrand: unique symbol;
/** sha256 of the canonical encoding of a stage's key material. */
export type StageKey = string & { readonly [keyBrand]: 'key' };

/** An artifact at a port that takes many: the stage sees its labels, so they are in the key; the name of the stage that made it is not. */
export interface LabelledDigest {
  readonly labels: Labels;
  readonly digest: Digest;
}

/** The contents at one port: the digest of the artifact, as a list of one, or those of many in the canonical order of their labels. */
export type InputContents = readonly Digest[] | readonly LabelledDigest[];

/** Everything that determines a stage's result, and nothing else. Each field says why it is in; docs/cache-key.md says what is out. */
export interface KeyMaterial {
  /** format of this very structure: raised when its meaning changes */
  readonly format: 1;
  readonly type: string;
  /** the stage author's promise about code: see stages.lock.json */
  readonly version: number;
  /** digest of a user module's bundle; null for built-in types, whose code is guarded by `version` */
  readonly code: Digest | null;
  /** resolved, defaults filled; parameters marked x-external are absent: their content is under `externals` */
  readonly params: JsonObject;
  /** port → artifact digests: content, not upstream keys, so an upstream rerun with the same bytes stops there */
  readonly inputs: Readonly<Record<string, InputContents>>;
  /** logical name → content digest */
  readonly externals: Readonly<Record<string, Digest>>;
  /** service → numeric family */
  readonly services: Readonly<Record<string, string>>;
  /** the pipeline's seed, for types that draw random numbers; null otherwise */
  readonly seed: number | null;
}

export interface StageRecord {
  readonly format: 1;
  readonly key: StageKey;
  readonly material: KeyMaterial;
  readonly outputs: Readonly<Record<string, Artifact>>;
  readonly metrics: Readonly<Record<string, number>>;
  /** facts about how it was made; not part of any comparison */
  readonly made: {
    readonly at: string;
    readonly durationMs: number;
    readonly host: string;
    readonly software: Readonly<Record<string, string>>;
  };
}

/** A value cached inside a stage (`context.memo`). */
export interface MemoRecord {
  readonly format: 1;
  readonly key: StageKey;
  readonly material: JsonObject;
  readonly outputs: Readonly<Record<string, Artifact>>;
  readonly made: StageRecord['made'];
}
