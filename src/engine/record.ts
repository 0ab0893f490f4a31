/** What the store keeps under a key: the whole key material (for explain) and the outputs. Never written for a failure. */
import type { Digest } from '../core/digest.js';
import type { JsonObject } from '../core/json.js';
import type { Artifact } from './artifact.js';

declare const keyBrand: unique symbol;
/** sha256 of the canonical encoding of a stage's key material. */
export type StageKey = string & { readonly [keyBrand]: 'key' };

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
  /** port → artifact digests in order: content, not upstream keys, so an upstream rerun with the same bytes stops there */
  readonly inputs: Readonly<Record<string, readonly Digest[]>>;
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
