/**
 * What is kept of a run: one JSON file that says everything a report needs, and nothing that results depend on. Written when a run starts
 * (so that an interrupted one is known too) and again when it ends; each time whole or not at all.
 */
import type { Digest } from '../core/digest.js';
import type { SerializedError } from '../core/errors.js';
import type { JsonObject } from '../core/json.js';
import type { Coordinates } from './coordinates.js';
import type { Difference, StageWord } from './events.js';
import type { GitState } from './git-state.js';
import type { Hardware } from './machine.js';
import type { StageReason } from './reasons.js';
import type { StageKey } from './record.js';
import type { RunRequest } from './run-request.js';
import type { SourceFile } from './source-files.js';
import type { RunCommand } from './run-command.js';
import type { Owner } from './store/owner.js';
import type { Store } from './store/store.js';
import type { Unsaved } from './unsaved.js';

export type RunOutcome = 'running' | 'interrupted' | 'succeeded' | 'failed' | 'cancelled';

export interface OutputSummary {
  readonly type: string;
  readonly digest: Digest;
  readonly files: number;
  readonly bytes: number;
  readonly restricted: boolean;
}

export interface StageOutcome {
  readonly name: string;
  /** of an instance of a matrix */
  readonly coordinates?: Coordinates;
  readonly type: string;
  readonly version: number;
  readonly params: JsonObject;
  /** port → `stage.output` */
  readonly inputs: Readonly<Record<string, readonly string[]>>;
  /** how often it was tried, where that was more than once */
  readonly attempts?: number;
  /** absent while the run goes on */
  readonly word?: StageWord;
  /** where its result came from, if it was restored and not from the local store */
  readonly from?: 'remote';
  /** why it ran, was skipped, or what blocked it */
  readonly reason?: string;
  /** of a stage that was started: the same with codes and exact places */
  readonly reasons?: readonly StageReason[];
  /** of a type that draws random numbers: the pipeline's or the stage's own */
  readonly seed?: number;
  readonly key?: StageKey;
  readonly durationMs?: number;
  readonly metrics: Readonly<Record<string, number>>;
  readonly outputs: Readonly<Record<string, OutputSummary>>;
  readonly error?: SerializedError;
  /** the same key gave other bytes in this run */
  readonly differs?: Difference;
}

export interface RunRecord {
  readonly format: 1;
  readonly id: string;
  readonly pipeline: string;
  readonly description?: string;
  /** absolute path of the pipeline file */
  readonly file: string;
  /** digest of its text; the text is in the run's folder: see run-sources.ts */
  readonly source: Digest;
  /** every text that the plan was made from; absent in records of versions that knew one file only */
  readonly sources?: readonly SourceFile[];
  /** what the command line asked for beyond the file */
  readonly request?: RunRequest;
  readonly params: JsonObject;
  readonly env: Readonly<Record<string, string | null>>;
  readonly cacheMode: Store['mode'];
  /** how it was called */
  readonly command?: RunCommand;
  readonly outcome: RunOutcome;
  readonly startedAt: string;
  readonly durationMs: number;
  /** some output of this run holds or shows data that may not be redistributed */
  readonly restricted: boolean;
  readonly stages: readonly StageOutcome[];
  readonly software: Readonly<Record<string, string>>;
  readonly hardware: Hardware;
  /** of the folder that the pipeline file lies in; absent if nothing ran, null if it is in no work tree */
  readonly git?: GitState | null;
  /** what the store did not take, if anything */
  readonly unsaved?: Unsaved;
  /** `reduced`: the file system of the store cannot make bytes durable (fsync is not supported) */
  readonly durability?: 'reduced';
  /** who runs it, while it runs */
  readonly owner?: Owner;
}
