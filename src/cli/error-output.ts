/**
 * Prints an error the way it has to be: an expected one with place, caret, facts and hint; anything else as a bug, with what to do about it.
 * With `--json` it is one object a line on stderr.
 */
import { readFileSync } from 'node:fs';
import { isAbsolute, relative } from 'node:path';
import { PipelineError } from '../core/errors.js';
import { formatDiagnostic } from '../engine/format-diagnostic.js';
import { EXIT } from './exit-codes.js';

export interface ErrorStyle {
  readonly cwd: string;
  readonly color: boolean;
  readonly debug: boolean;
}

export const ERROR_SCHEMA = 'pipeline.error.v1';

export function exitCodeOf(error: unknown): number {
  return error instanceof PipelineError ? error.exitCode : EXIT.bug;
}

/** Text of an error, without a line break at the end. */
export function errorText(error: unknown, { cwd, color, debug }: ErrorStyle): string {
  if (!(error instanceof PipelineError)) return bugText(error);
  const source = error.span === undefined ? undefined : readSource(error.span.file);
  const text = formatDiagnostic(withShortPath(error, cwd), source, { color });
  if (!debug) return text;
  const causes = causesOf(error).map((cause) => `\ncaused by: ${stackOf(cause)}`);
  return `${text}\n${error.stack ?? ''}${causes.join('')}`;
}

/** The last line of a report on errors: where more can be read. */
export function moreHint(errors: readonly unknown[]): string | undefined {
  const codes = [...new Set(errors.filter((error) => error instanceof PipelineError).map((error) => error.code))];
  return codes.length === 0 ? undefined : `more: pipeline help ${codes[0] as string}`;
}

export function errorJson(error: unknown, cwd: string, severity: 'error' | 'warning' = 'error'): string {
  return JSON.stringify(errorObject(error, cwd, severity));
}

export function errorObject(error: unknown, cwd: string, severity: 'error' | 'warning' = 'error'): object {
  if (!(error instanceof PipelineError)) {
    return { schema: ERROR_SCHEMA, severity, code: 'BUG', message: error instanceof Error ? error.message : String(error), stack: stackOf(error), exitCode: EXIT.bug };
  }
  const { code, message, facts, hint, span, exitCode } = error;
  return {
    schema: ERROR_SCHEMA,
    severity,
    code,
    message,
    facts,
    ...(span === undefined ? {} : { file: shortPath(span.file, cwd), line: span.line, column: span.column }),
    ...(hint === undefined ? {} : { hint }),
    exitCode,
  };
}

function bugText(error: unknown): string {
  return [
    'This is a bug in pipeline, not in your pipeline file.',
    stackOf(error),
    'Please report it with the text above and the output of: pipeline doctor --json',
  ].join('\n');
}

function stackOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

function causesOf(error: Error): unknown[] {
  const causes: unknown[] = [];
  for (let cause = error.cause; cause !== undefined && causes.length < 10; cause = cause instanceof Error ? cause.cause : undefined) causes.push(cause);
  return causes;
}

/** The path as a person would type it: relative to where they are, if it lies below. */
export function shortPath(path: string, cwd: string): string {
  if (!isAbsolute(path)) return path;
  const below = relative(cwd, path);
  return below === '' || below.startsWith('..') ? path : below;
}

function withShortPath(error: PipelineError, cwd: string): PipelineError {
  if (error.span === undefined) return error;
  return new PipelineError(error.code, error.message, {
    facts: error.facts,
    span: { ...error.span, file: shortPath(error.span.file, cwd) },
    ...(error.hint === undefined ? {} : { hint: error.hint }),
  });
}

/** The source is shown if it can be read; an unreadable file has an error of its own. */
function readSource(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}
