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
  | { readonly kind: 'stage.restored'; readonly stage: string; readonly key: StageKey; readonly durationMs: number }
  | { readonly kind: 'stage.skipped'; readonly stage: string; readonly reason: string }
  | { readonly kind: 'stage.retrying'; readonly stage: string; readonly attempt: number; readonly of: number; readonly delayMs: number; readonly error: SerializedError }
  | { readonly kind: 'stage.failed'; readonly stage: string; readonly durationMs: number; readonly error: SerializedError }
  | { readonly kind: 'stage.blocked'; readonly stage: string; readonly by: string; readonly reason?: string }
  | { readonly kind: 'store.damaged'; readonly what: 'object' | 'record'; readonly id: Digest | StageKey; readonly path: string; readonly action: string }
  | { readonly kind: 'run.finished'; readonly run: string; readonly durationMs: number; readonly counts: Readonly<Record<StageWord, number>>; readonly outcome: 'succeeded' | 'failed' | 'cancelled' };

export type RunEventListener = (event: RunEvent) => void;
