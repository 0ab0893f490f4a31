/**
 * The one kind of expected failure. A `PipelineError` has a code out of a closed table, says what happened with its subject first,
 * lists facts (expected, found, path, …) and ends with one thing to do. Anything else that is thrown is a bug and is reported as one.
 * Every code has a heading of its own in docs/errors.md (a test holds the two together); `pipeline help CODE` prints that page.
 */
import type { SourceSpan } from './source-span.js';

/** Code → exit code of the command that ends with it (DESIGN: 1 stage failed, 2 usage, 3 pipeline invalid, 4 cache damaged, 5 not deterministic, 6 environment, 70 bug). */
export const ERROR_CODES = {
  // usage
  E_USAGE: 2,
  E_UNKNOWN_STAGE_NAME: 2,
  E_UNKNOWN_RUN: 2,
  // the pipeline file
  E_FILE_NOT_FOUND: 3,
  E_YAML_SYNTAX: 3,
  E_YAML_TOO_LARGE: 3,
  E_YAML_TOO_DEEP: 3,
  E_YAML_FORBIDDEN: 3,
  E_EXTENDS: 3,
  E_DUPLICATE_KEY: 3,
  E_UNKNOWN_FIELD: 3,
  E_MISSING_FIELD: 3,
  E_WRONG_TYPE: 3,
  E_OUT_OF_RANGE: 3,
  E_BAD_NAME: 3,
  E_UNKNOWN_STAGE_TYPE: 3,
  E_UNKNOWN_PARAMETER: 3,
  E_UNKNOWN_INPUT: 3,
  E_UNKNOWN_REFERENCE: 3,
  E_MISSING_INPUT: 3,
  E_INPUT_TYPE: 3,
  E_CYCLE: 3,
  E_MATRIX: 3,
  E_EXPRESSION: 3,
  E_MODULE: 3,
  // outside files
  E_EXTERNAL_MISSING: 3,
  E_INPUT_CHANGED: 1,
  // data files that are not what they should be
  E_FORMAT: 1,
  E_DATA: 1,
  // weights of a model
  E_UNSAFE_PICKLE: 1,
  E_WEIGHTS: 1,
  // tensor graphs
  E_GRAPH: 1,
  E_NOT_DIFFERENTIABLE: 1,
  E_OPERATOR: 1,
  E_RUNTIME: 1,
  // running
  E_STAGE_CRASHED: 1,
  E_STAGE_THREW: 1,
  E_COMMAND_FAILED: 1,
  E_OUTPUT_MISSING: 1,
  E_TIMEOUT: 1,
  E_CANCELLED: 130,
  E_NOT_CONVERGED: 1,
  E_LEAK: 1,
  E_NOT_DETERMINISTIC: 5,
  // the store
  E_OBJECT_DAMAGED: 4,
  E_RECORD_DAMAGED: 4,
  E_CACHE_FORMAT: 6,
  E_CACHE_DAMAGED: 4,
  E_STORE_IO: 6,
  E_NO_SPACE: 6,
  E_SHARED_CACHE: 6,
  // the machine
  E_ENVIRONMENT: 6,
  E_SERVICE_MISSING: 6,
  E_DEVICE: 6,
  E_DOWNLOAD: 6,
  E_REMOTE: 6,
  // repeating a run
  E_NOT_REPEATABLE: 3,
} as const satisfies Record<string, number>;

export type ErrorCode = keyof typeof ERROR_CODES;

export interface ErrorDetails {
  /** One fact a line, printed as `name: value`; by convention `expected` and `found` come first. */
  readonly facts?: Readonly<Record<string, string | number | boolean>>;
  /** One imperative sentence: what to do next. */
  readonly hint?: string;
  readonly span?: SourceSpan;
  readonly cause?: unknown;
}

export class PipelineError extends Error {
  override readonly name = 'PipelineError';
  readonly code: ErrorCode;
  readonly facts: Readonly<Record<string, string | number | boolean>>;
  readonly hint: string | undefined;
  readonly span: SourceSpan | undefined;

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.code = code;
    this.facts = details.facts ?? {};
    this.hint = details.hint;
    this.span = details.span;
  }

  get exitCode(): number {
    return ERROR_CODES[this.code];
  }
}

/** What of an error crosses a process boundary or goes into a run record. */
export interface SerializedError {
  readonly code: ErrorCode | 'BUG';
  readonly message: string;
  readonly facts: Readonly<Record<string, string | number | boolean>>;
  readonly hint?: string;
  readonly span?: SourceSpan;
  readonly stack?: string;
}

export function serializeError(error: unknown): SerializedError {
  if (error instanceof PipelineError) {
    return {
      code: error.code,
      message: error.message,
      facts: error.facts,
      ...(error.hint === undefined ? {} : { hint: error.hint }),
      ...(error.span === undefined ? {} : { span: error.span }),
      ...(error.stack === undefined ? {} : { stack: error.stack }),
    };
  }
  const known = error instanceof Error ? error : new Error(String(error));
  return { code: 'BUG', message: known.message, facts: {}, ...(known.stack === undefined ? {} : { stack: known.stack }) };
}

export function deserializeError(data: SerializedError): Error {
  if (data.code === 'BUG') {
    const bug = new Error(data.message);
    if (data.stack !== undefined) bug.stack = data.stack;
    return bug;
  }
  const error = new PipelineError(data.code, data.message, {
    facts: data.facts,
    ...(data.hint === undefined ? {} : { hint: data.hint }),
    ...(data.span === undefined ? {} : { span: data.span }),
  });
  if (data.stack !== undefined) error.stack = data.stack;
  return error;
}
