/** The command that continues a run: the same file and options, ready to be pasted into a shell. How output looks is not repeated. */
import { baseName } from '../engine/coordinates.js';
import type { StageOutcome } from '../engine/run-record.js';
import { selectStages } from '../engine/stage-selector.js';
import type { Invocation } from './invocation.js';
import { textOption, textsOption } from './option-values.js';
import { shellQuote } from './shell-quote.js';

const REPEATED = [['profile', '--profile'], ['paramsFile', '--params-file'], ['until', '--until'], ['from', '--from'], ['only', '--only'], ['omit', '--omit']] as const;
const COMPUTED_ON = [['device', '--device'], ['runtime', '--runtime']] as const;

/** `--force` for every stage */
export const ALL_STAGES = '*';

/** @param stages what became of them: a stage that ran, and was stored, is not forced again */
export function resumeCommand({ args, options }: Invocation, stages: readonly StageOutcome[]): string {
  const { set, jobs, keepGoing, force, cacheMode, results, cacheDir } = options;
  const isOpen = ({ word }: StageOutcome): boolean => word !== 'skipped' && (word !== 'ran' || cacheMode !== 'read-write');
  const isForced = forcedAmong(stages, force);
  const left = inShort(stages, stages.filter((stage) => isOpen(stage) && isForced(stage)));
  const words = ['pipeline', 'run', ...args, ...set.flatMap((text) => ['--set', text])];
  for (const [option, flag] of REPEATED) for (const text of textsOption(options, option)) words.push(flag, text);
  const mostPoints = textOption(options, 'maxPoints');
  if (mostPoints !== undefined) words.push('--max-points', mostPoints);
  if (jobs !== undefined) words.push('--jobs', String(jobs));
  if (keepGoing) words.push('--keep-going');
  if (left.length > 0) words.push(`--force=${left.join(',')}`);
  for (const [option, flag] of COMPUTED_ON) {
    const value = textOption(options, option);
    if (value !== undefined) words.push(flag, value);
  }
  if (cacheMode !== 'read-write') words.push('--cache-mode', cacheMode);
  if (results !== undefined) words.push('--results', results);
  if (cacheDir !== undefined) words.push('--cache-dir', cacheDir);
  return words.map(shellQuote).join(' ');
}

function forcedAmong(stages: readonly StageOutcome[], force: readonly string[]): (stage: StageOutcome) => boolean {
  const chosen = new Set(force.filter((name) => name !== ALL_STAGES).flatMap((name) => selectStages(stages, name, '')));
  return (stage) => force.includes(ALL_STAGES) || chosen.has(stage);
}

/** Their names; where all instances of a stage are left, the name of the stage. */
function inShort(stages: readonly StageOutcome[], left: readonly StageOutcome[]): string[] {
  const count = (some: readonly StageOutcome[]): Map<string, number> => {
    const counts = new Map<string, number>();
    for (const { name } of some) counts.set(baseName(name), (counts.get(baseName(name)) ?? 0) + 1);
    return counts;
  };
  const [all, open] = [count(stages), count(left)];
  return [...new Set(left.map(({ name }) => (all.get(baseName(name)) === open.get(baseName(name)) ? baseName(name) : name)))];
}
