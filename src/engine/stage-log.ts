/** The log of one stage of a run: what it logged and printed, and, if it failed, the stack of its error at the end. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { logOf } from './run-folder.js';
import { isMissing } from './store/fs-port.js';

export interface StageLog {
  readonly path: string;
  readonly text: string;
}

/** undefined: it wrote none in this run. */
export function readStageLog(runFolder: string, stage: string): StageLog | undefined {
  const path = join(runFolder, logOf(stage));
  try {
    return { path, text: readFileSync(path, 'utf8') };
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

/** The last lines of what the stage itself wrote; `stack` is what the engine wrote behind them. */
export function lastWords({ text }: StageLog, stack: string | undefined, most: number): { readonly lines: readonly string[]; readonly left: number } {
  const trimmed = text.trimEnd();
  const own = stack !== undefined && trimmed.endsWith(stack.trimEnd()) ? trimmed.slice(0, -stack.trimEnd().length).trimEnd() : trimmed;
  const lines = own === '' ? [] : own.split('\n');
  return { lines: lines.slice(-most), left: Math.max(0, lines.length - most) };
}
