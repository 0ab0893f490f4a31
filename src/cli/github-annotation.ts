/** Errors of pipeline files as workflow commands of GitHub Actions, which show them at their lines in a pull request. */
import { relative } from 'node:path';
import type { PipelineError } from '../core/errors.js';

interface Place {
  readonly cwd: string;
  readonly env: NodeJS.ProcessEnv;
}

export function isGitHubActions(env: NodeJS.ProcessEnv): boolean {
  return env['GITHUB_ACTIONS'] === 'true';
}

export function annotation({ code, message, hint, span }: PipelineError, severity: 'error' | 'warning', { cwd, env }: Place): string {
  // GitHub wants paths relative to the checkout
  const at = span === undefined ? [] : [`file=${property(relative(env['GITHUB_WORKSPACE'] || cwd, span.file))}`, `line=${span.line}`, `col=${span.column}`];
  return `::${severity} ${[...at, `title=${property(code)}`].join(',')}::${data(hint === undefined ? message : `${message}\n${hint}`)}`;
}

function data(text: string): string {
  return text.replaceAll('%', '%25').replaceAll('\r', '%0D').replaceAll('\n', '%0A');
}

/** A colon or a comma would end the value. */
function property(text: string): string {
  return data(text).replaceAll(':', '%3A').replaceAll(',', '%2C');
}

/** GitHub takes every line that begins like a command for one, also in the middle of a message that quotes a file. */
export function withoutCommands(text: string): string {
  return text.replace(/^(\s*)(::|##\[)/gm, '$1\u00b7 $2');
}
