/** Everything that happens in a run, as one closed union. The engine emits; renderers and the run record listen. */
import type { Digest } from '../core/digest.js';
import type { SerializedError } from '../core/errors.js';
import type { Coordinates } from './coordinates.js';
import type { StageReason } from './reasons.js';
import type { StageKey } from './record.js';

export type StageWord = 'ran' | 'restored' | 'skipped' | 'failed' | 'blocked';

export type RunEvent =
  | { readonly kind: 'run.started'; readonly run: string; readonly name?: string; readonly pipeline: string; readonly file: string; readonly stages: readonly { readonly name: string; readonly type: string; readonly coordinates?: Coordinates }[] }
  | { readonly kind: 'stage.started'; readonly stage: string; readonly type: string; readonly key: StageKey; readonly reason: string; readonly reasons?: readonly StageReason[] }
  | { readonly kind: 'stage.progress'; readonly stage: string; readonly done: number; readonly total: number; readonly note?: string }
  | { readonly kind: 'stage.log'; readonly stage: string; readonly level: 'info' | 'warning'; readonly text: string }
  | { readonly kind: 'stage.ran'; readonly stage: string; readonly key: StageKey; readonly durationMs: number; readonly metrics: Readonly<Record<string, number>>; readonly stored: boolean }
  | { readonly kind: 'stage.restored'; readonly stage: string; readonly key: StageKey; readonly durationMs: number; readonly from?: 'remote' }
  | { readonly kind: 'stage.skipped'; readonly stage: string; readonly reason: string }
  | { readonly kind: 'stage.retrying'; readonly stage: string; readonly attempt: number; readonly of: number; readonly delayMs: number; readonly error: SerializedError }
  | { readonly kind: 'stage.failed'; readonly stage: string; readonly durationMs: number; readonly error: SerializedError }
  | { readonly kind: 'stage.blocked'; readonly stage: string; readonly by: string; readonly reason?: string }
  | { readonly kind: 'store.damaged'; readonly what: 'object' | 'record'; readonly id: Digest | StageKey; readonly path: string; readonly action: string }
  /** another process is computing the same key: the stage waits for it, and holds nothing meanwhile */
  | { readonly kind: 'stage.waiting'; readonly stage: string; readonly key: StageKey; readonly holder: ClaimHolder }
  /** the same key gave other bytes; those that stand are in `stands` */
  | ({ readonly kind: 'stage.differs'; readonly stage: string; readonly key: StageKey } & Difference)
  | { readonly kind: 'store.unsaved'; readonly what: UnsavedThing; readonly path: string; readonly system: string; readonly message: string }
  /** the file system of the store cannot make bytes durable */
  | { readonly kind: 'store.unsynced'; readonly system: string }
  | { readonly kind: 'remote.fetched'; readonly place: string; readonly key: StageKey; readonly bytes: number; readonly objects: number }
  | { readonly kind: 'remote.warning'; readonly place: string; readonly text: string }
  | { readonly kind: 'run.finished'; readonly run: string; readonly durationMs: number; readonly counts: Readonly<Record<StageWord, number>>; readonly outcome: 'succeeded' | 'failed' | 'cancelled' };

/** What a store has to say while it is used. */
export type StoreEvent = Extract<RunEvent, { kind: 'store.damaged' | 'store.unsaved' | 'store.unsynced' | 'remote.fetched' | 'remote.warning' }>;

/** What could not be kept. The run goes on with it all the same. */
export type UnsavedThing = 'result' | 'object' | 'record' | 'memo' | 'staging' | 'store' | 'run' | 'evidence' | 'digests';

/** Who is computing a key. */
export interface ClaimHolder {
  readonly host: string;
  readonly pid: number;
  /** what it said of itself, e.g. its run; empty if the claim cannot be read */
  readonly about: string;
  readonly readable: boolean;
}

/** A stage that is not deterministic, caught in the act. */
export interface Difference {
  /** `check`: --check-determinism; `forced`: a forced rerun; `race`: two processes computed it at once */
  readonly cause: 'check' | 'forced' | 'race';
  /** which result is the record of the key from now on */
  readonly stands: 'stored' | 'new';
  readonly files: readonly FileDifference[];
}

export interface FileDifference {
  readonly output: string;
  readonly name: string;
  /** null: there is no such file */
  readonly stored: Digest | null;
  readonly now: Digest | null;
}

export type RunEventListener = (event: RunEvent) => void;
