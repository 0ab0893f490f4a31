/** The command that continues a run: the same file and options, ready to be pasted into a shell. How output looks is not repeated. */
import type { StageOutcome } from '../engine/run-record.js';
import type { Invocation } from './invocation.js';
import { shellQuote } from './shell-quote.js';

/** `--force` for every stage */
export const ALL_STAGES = '*';

/** @param stages what became of them: a stage that ran, and was stored, is not forced again */
export function resumeCommand({ args, options }: Invocation, stages: readonly StageOutcome[]): string {
  const { set, jobs, keepGoing, force, cacheMode, results, cacheDir } = options;
  const isOpen = ({ word }: StageOutcome): boolean => word !== 'skipped' && (word !== 'ran' || cacheMode !== 'read-write');
  const left = stages.filter((stage) => isOpen(stage) && (force.includes(ALL_STAGES) || force.includes(stage.name))).map(({ name }) => name);
  const words = ['pipeline', 'run', ...args, ...set.flatMap((text) => ['--set', text])];
  if (jobs !== undefined) words.push('--jobs', String(jobs));
  if (keepGoing) words.push('--keep-going');
  if (left.length > 0) words.push(`--force=${left.join(',')}`);
  if (cacheMode !== 'read-write') words.push('--cache-mode', cacheMode);
  if (results !== undefined) words.push('--results', results);
  if (cacheDir !== undefined) words.push('--cache-dir', cacheDir);
  return words.map(shellQuote).join(' ');
}
