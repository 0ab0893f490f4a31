/**
 * Collects what is wrong with a pipeline file: analysis goes on after an error, so that all of them are reported in one go. A diagnostic is a
 * PipelineError that was not thrown. Order of the list: file by file, position in the file, then `--set` arguments, then things without a place.
 */
import { dirname, relative } from 'node:path';
import { PipelineError } from '../core/errors.js';
import type { ErrorCode, ErrorDetails } from '../core/errors.js';
import type { SourceSpan } from '../core/source-span.js';

export interface Diagnostic {
  readonly severity: 'error' | 'warning';
  readonly error: PipelineError;
}

/** A flood helps nobody: the thousandth error of a generated file follows from the first ones. */
const MOST_DIAGNOSTICS = 200;

export class Diagnostics {
  readonly #list: Diagnostic[] = [];
  #failed = false;

  /** True as soon as one error (not: warning) was added. */
  get failed(): boolean {
    return this.#failed;
  }

  error(code: ErrorCode, message: string, details: ErrorDetails): void {
    this.add('error', new PipelineError(code, message, details));
  }

  warning(code: ErrorCode, message: string, details: ErrorDetails): void {
    this.add('warning', new PipelineError(code, message, details));
  }

  add(severity: Diagnostic['severity'], error: PipelineError): void {
    if (severity === 'error') this.#failed = true;
    if (this.#list.length < MOST_DIAGNOSTICS) this.#list.push({ severity, error });
  }

  /** Runs `work`; a PipelineError that it throws is added (with `span` if it has none) and undefined returned. Anything else is a bug and passes. */
  attempt<T>(span: SourceSpan | undefined, work: () => T): T | undefined {
    try {
      return work();
    } catch (error) {
      if (!(error instanceof PipelineError)) throw error;
      this.add('error', error.span === undefined && span !== undefined ? withSpan(error, span) : error);
      return undefined;
    }
  }

  sorted(): readonly Diagnostic[] {
    const files = new Map<string | undefined, number>();
    for (const { error } of this.#list) if (!files.has(error.span?.file)) files.set(error.span?.file, files.size);
    const file = (span: SourceSpan | undefined): number => (rank(span) === 0 ? (files.get(span?.file) as number) : 0);
    return [...this.#list].sort((a, b) => rank(a.error.span) - rank(b.error.span) || file(a.error.span) - file(b.error.span) || comparePlaces(a.error.span, b.error.span));
  }
}

export function withSpan(error: PipelineError, span: SourceSpan): PipelineError {
  return new PipelineError(error.code, error.message, {
    facts: error.facts,
    span,
    ...(error.hint === undefined ? {} : { hint: error.hint }),
    ...(error.cause === undefined ? {} : { cause: error.cause }),
  });
}

/** `--set params.steps=64` is its own little source: spans in it carry the whole argument as their file. So do other options. */
const OPTION_PREFIX = /^--[a-z-]+ /;

export function overrideSpan(argument: string, column = 1): SourceSpan {
  return optionSpan('--set', argument, column);
}

export function optionSpan(option: string, argument: string, column = 1): SourceSpan {
  return { file: `${option} ${argument}`, line: 1, column, length: Math.max(1, argument.length - column + 1) };
}

export function isOverrideSpan(span: SourceSpan): boolean {
  return OPTION_PREFIX.test(span.file);
}

/** `line 3, column 5`, or the argument itself: for facts that name a second place. Seen from a place in another file, it is named too. */
export function placeOf(span: SourceSpan, from: SourceSpan = span): string {
  if (isOverrideSpan(span)) return span.file;
  return `${span.file === from.file ? '' : `${relative(dirname(from.file), span.file)}, `}line ${span.line}, column ${span.column}`;
}

function comparePlaces(a: SourceSpan | undefined, b: SourceSpan | undefined): number {
  return (a?.line ?? 0) - (b?.line ?? 0) || (a?.column ?? 0) - (b?.column ?? 0);
}

function rank(span: SourceSpan | undefined): number {
  if (span === undefined) return 2;
  return isOverrideSpan(span) ? 1 : 0;
}
