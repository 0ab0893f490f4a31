/** The end of a failed stage's log, for the place where the failure is told: the path to all of it stands beside. */
import type { RunSummary } from '../engine/run-journal.js';
import { lastWords, readStageLog } from '../engine/stage-log.js';
import { printable } from './terminal.js';

const MOST_LINES = 10;

/** Indented; empty if the stage wrote nothing. */
export function failedLogLines({ folder }: RunSummary, stage: string, stack: string | undefined): string[] {
  const log = folder === undefined ? undefined : readStageLog(folder, stage);
  if (log === undefined) return [];
  const { lines, left } = lastWords(log, stack, MOST_LINES);
  return [...(left > 0 ? [`  … ${left} ${left === 1 ? 'line' : 'lines'} before`] : []), ...lines.map((line) => `  | ${printable(line)}`)];
}
