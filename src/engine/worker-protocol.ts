/**
 * What the engine and a worker process tell each other, and the description of one stage's work that crosses between them. Structured-clone
 * data only. The same job runs inline in the engine's process, so nothing here depends on there being a second process.
 */
import type { SerializedError } from '../core/errors.js';
import type { JsonObject } from '../core/json.js';
import type { ArtifactFile } from './artifact.js';
import type { StoreEvent } from './events.js';
import type { StageKey } from './record.js';
import type { StageInput } from './run-state.js';
import type { StageCode, StageManifest, StageResources } from './stage.js';
import type { KnownExternal } from './stage-externals.js';
import type { Store } from './store/store.js';

export interface StageJob {
  /** its name in the pipeline: for messages only */
  readonly stage: string;
  readonly type: string;
  /** what the manifest says; the loaded code has to agree */
  readonly version: number;
  /** of a type from a module of the project: where its code is; absent: built in */
  readonly code?: StageCode;
  readonly key: StageKey;
  readonly params: JsonObject;
  /** port → verified artifacts; an unconnected optional port is absent */
  readonly inputs: Readonly<Record<string, StageInput>>;
  readonly outputPorts: readonly string[];
  /** with the content that the key was made from, and the stamps that tell whether they still have it */
  readonly externals: readonly KnownExternal[];
  /** the outside files that the inputs refer to */
  readonly outside: readonly KnownExternal[];
  /** seed text for `context.random`; null for types that draw nothing */
  readonly seed: string | null;
  readonly needs: readonly string[];
  /** service → numeric family, as the key has it */
  readonly services: Readonly<Record<string, string>>;
  readonly resources: StageResources;
  /** private folder for outputs being made */
  readonly staging: string;
  /** nothing that an earlier run kept inside the stage may be used: its result is to be compared with that run's */
  readonly fresh?: true;
  readonly store: { readonly directory: string; readonly mode: Store['mode']; readonly scratch?: string };
}

/** Files of one output; their bytes are durable in the store when this is handed over. */
export interface MadeOutput {
  readonly files: readonly ArtifactFile[];
  readonly restricted: boolean;
}

export interface StageResult {
  readonly outputs: Readonly<Record<string, MadeOutput>>;
  readonly metrics: Readonly<Record<string, number>>;
  /** what the stage kept to go on from, if anything: of no use once the result is published */
  readonly checkpoint: string | undefined;
}

/** What a stage says while it runs. */
export type StageSignal =
  | { readonly kind: 'progress'; readonly done: number; readonly total: number; readonly note?: string }
  | { readonly kind: 'log'; readonly level: 'info' | 'warning'; readonly text: string };

export type ToWorker =
  | { readonly kind: 'run'; readonly job: StageJob }
  /** which stage types does this bundle define? */
  | { readonly kind: 'describe'; readonly code: StageCode }
  | { readonly kind: 'abort'; readonly reason: SerializedError }
  /** no more jobs: close what is open and end */
  | { readonly kind: 'stop' };

export type FromWorker =
  | StageSignal
  | { readonly kind: 'damaged'; readonly event: StoreEvent }
  | { readonly kind: 'done'; readonly result: StageResult }
  | { readonly kind: 'described'; readonly manifests: readonly StageManifest[] }
  | { readonly kind: 'failed'; readonly error: SerializedError };
