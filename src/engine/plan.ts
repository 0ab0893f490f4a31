/** The validated DAG. Made by `loadPlan` (pipeline file → plan); executed, explained and shown by others. */
import type { JsonObject } from '../core/json.js';
import type { SourceSpan } from '../core/source-span.js';
import type { Digest } from '../core/digest.js';
import type { Coordinates } from './coordinates.js';
import type { SourceFile } from './source-files.js';
import type { StageManifest, StageResources } from './stage.js';

/** One typed edge. */
export interface InputBinding {
  /** name of the producing stage */
  readonly stage: string;
  readonly output: string;
  readonly span: SourceSpan;
  /** at a port that takes many: what tells this artifact from the others there */
  readonly labels?: Coordinates;
}

/** `crash`: the process died; `timeout`: it took too long; `error`: it ended with an error; `data`: with one that says that its data are bad, which the same data will say again. */
export type RetryKind = 'crash' | 'timeout' | 'error' | 'data';

export interface RetryPolicy {
  /** attempts after the first */
  readonly times: number;
  /** before the second attempt; doubled before each further one */
  readonly delayMs: number;
  readonly on: readonly RetryKind[];
}

/** A stage of the file that has no matrix, or one instance of one that has. */
export interface PlannedStage {
  /** as in the file; of an instance `voxels[seed=101,sessions=4]` */
  readonly name: string;
  /** of an instance: where it stands in the matrix; empty otherwise */
  readonly coordinates: Coordinates;
  readonly manifest: StageManifest;
  /** resolved and validated, defaults filled; x-external parameters hold absolute paths */
  readonly params: JsonObject;
  /** port → edges: one, or at a port that takes many those to what was not skipped, in the canonical order of their labels; an unconnected optional port is absent */
  readonly inputs: Readonly<Record<string, readonly InputBinding[]>>;
  /** set when `when:` is false, or when a required input comes from a skipped stage */
  readonly skipped?: string;
  readonly resources: StageResources & { readonly timeoutMs?: number; readonly gpu?: number };
  /** absent: a failure is a failure */
  readonly retries?: RetryPolicy;
  /** the pipeline's (or the stage's own) seed if the type draws random numbers, else null */
  readonly seed: number | null;
  /** where its name stands in the file */
  readonly span: SourceSpan;
  /** JSON pointer below `params` (e.g. `/steps`) → place in the file, for messages about values */
  readonly paramSpans: ReadonlyMap<string, SourceSpan>;
}

export interface Plan {
  /** absolute path of the file */
  readonly file: string;
  /** digest of its text (and of the texts of what it extends), for the run record */
  readonly source: Digest;
  /** every text that the plan was made from, the pipeline file first: when one of them changes, so may the plan */
  readonly sources: readonly SourceFile[];
  readonly name: string;
  readonly description?: string;
  /** pipeline parameters after `--set` */
  readonly params: JsonObject;
  /** allow-listed environment variables that were read; null = unset */
  readonly env: Readonly<Record<string, string | null>>;
  /** topological order: producers first; ties in the order of the file */
  readonly stages: readonly PlannedStage[];
}
