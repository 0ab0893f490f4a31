/**
 * What a report shows, as plain data. Whoever renders a report builds this model (from a run record and the store); the report itself reads
 * nothing. All texts are data: none of them is trusted.
 */
import type { JsonObject } from '../core/json.js';
import type { ReportBlock } from '../core/report-block.js';

export type ReportWord = 'ran' | 'restored' | 'skipped' | 'failed' | 'blocked';

export interface ReportModel {
  readonly pipeline: string;
  readonly description?: string;
  readonly run: string;
  /** path of the pipeline file, as the user knows it */
  readonly file: string;
  /** ISO 8601 */
  readonly startedAt: string;
  readonly durationMs: number;
  readonly outcome: 'succeeded' | 'failed' | 'cancelled' | 'running';
  readonly params: JsonObject;
  /** e.g. CPU, cores, memory, operating system */
  readonly machine: Readonly<Record<string, string>>;
  /** name → version */
  readonly software: Readonly<Record<string, string>>;
  readonly stages: readonly ReportStage[];
}

export interface ReportStage {
  readonly name: string;
  /** of an instance of a matrix: the stage of the file */
  readonly instanceOf?: string;
  readonly type: string;
  readonly word: ReportWord;
  readonly key?: string;
  readonly durationMs?: number;
  /** why it was skipped, by what it was blocked */
  readonly note?: string;
  readonly params: JsonObject;
  readonly metrics: Readonly<Record<string, number>>;
  /** names of the stages that its inputs come from */
  readonly after: readonly string[];
  readonly error?: { readonly code: string; readonly message: string; readonly facts: Readonly<Record<string, string | number | boolean>>; readonly hint?: string };
  readonly outputs: readonly ReportOutput[];
}

export interface ReportOutput {
  readonly name: string;
  readonly type: string;
  readonly restricted: boolean;
  readonly blocks: readonly ReportBlock[];
  /** the files that blocks name */
  readonly files: ReadonlyMap<string, EmbeddedFile>;
  /** what could not be shown, in words */
  readonly problems: readonly string[];
}

export interface EmbeddedFile {
  readonly mime: ImageMime;
  readonly base64: string;
}

export const IMAGE_MIMES = ['image/png', 'image/jpeg', 'image/webp', 'image/svg+xml'] as const;
export type ImageMime = (typeof IMAGE_MIMES)[number];
