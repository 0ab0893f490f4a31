/**
 * The lines of `pipeline plan`: one a stage; of a stage with a matrix one for each answer, with the number of its instances, so that a sweep
 * of hundreds stays readable.
 */
import { baseName, namesInShort } from '../../engine/coordinates.js';
import type { PlanEstimate } from '../../engine/estimate.js';
import type { PlanAnswer, StageStatus } from '../../engine/status.js';
import { printable, type Style } from '../terminal.js';
import { formatDuration } from './duration.js';
import { shortKey } from './stage-line.js';
import { longest } from './text-table.js';

const PAINT: Readonly<Record<PlanAnswer, 'blue' | 'green' | 'yellow' | 'dim' | 'red'>> = { hit: 'blue', run: 'green', maybe: 'yellow', skipped: 'dim', blocked: 'red' };
export const ANSWERS: readonly PlanAnswer[] = ['hit', 'run', 'maybe', 'skipped', 'blocked'];
const LONGEST_ANSWER = 'skipped'.length;
const NO_KEY = ' '.repeat(8);

interface Line {
  readonly name: string;
  readonly answer: PlanAnswer;
  readonly key?: string;
  readonly why: string;
  /** of all that it stands for; absent where nothing is known */
  readonly ms?: number;
}

type Times = PlanEstimate['stages'];

/** `all`: every instance on a line of its own. */
export function planLines(statuses: readonly StageStatus[], all: boolean, style: Style, times: Times): string[] {
  const lines = all ? statuses.map((status) => lineOf(status, times)) : grouped(statuses, times);
  const width = longest(lines.map(({ name }) => name));
  return lines.map(({ name, answer, key, why, ms }) => {
    const prefix = key === undefined ? NO_KEY : style.dim(shortKey(key));
    const time = ms === undefined ? '' : style.dim(`  about ${formatDuration(ms)}`);
    return `${name.padEnd(width)}  ${style[PAINT[answer]](answer.padEnd(LONGEST_ANSWER))}  ${prefix}  ${printable(why)}${time}`.trimEnd();
  });
}

export function countAnswers(statuses: readonly StageStatus[]): Record<PlanAnswer, number> {
  return Object.fromEntries(ANSWERS.map((answer) => [answer, statuses.filter((status) => status.answer === answer).length])) as Record<PlanAnswer, number>;
}

/** `2 hit, 1 run, 3 maybe, 0 skipped`; blocked is there only where something is. */
export function countsText(statuses: readonly StageStatus[]): string {
  return Object.entries(countAnswers(statuses)).filter(([answer, count]) => answer !== 'blocked' || count > 0).map(([answer, count]) => `${count} ${answer}`).join(', ');
}

/** undefined where nothing will or may run. */
export function estimateText({ runMs, maybeMs, stages, unknown }: Omit<PlanEstimate, 'stages'> & { readonly stages: { readonly size: number } }): string | undefined {
  if (stages.size + unknown === 0) return undefined;
  const blind = unknown === 0 ? '' : `no times known of ${unknown} ${unknown === 1 ? 'stage' : 'stages'}`;
  if (stages.size === 0) return blind;
  const work = [...(runMs > 0 ? [`about ${formatDuration(runMs)} of work`] : []), ...(maybeMs > 0 ? [`${runMs > 0 ? 'and ' : ''}up to ${formatDuration(maybeMs)}${runMs > 0 ? '' : ' of work'} if every maybe runs`] : [])].join(', ');
  return [work === '' ? 'next to no work' : work, ...(blind === '' ? [] : [blind])].join('; ');
}

function lineOf({ stage: name, answer, key, why }: StageStatus, times: Times): Line {
  const ms = times.get(name)?.ms;
  return { name, answer, ...(key === undefined ? {} : { key }), why, ...(ms === undefined ? {} : { ms }) };
}

function totalOf(members: readonly StageStatus[], times: Times): { readonly ms?: number } {
  const known = members.flatMap(({ stage }) => times.get(stage)?.ms ?? []);
  return known.length === 0 ? {} : { ms: known.reduce((sum, ms) => sum + ms, 0) };
}

function grouped(statuses: readonly StageStatus[], times: Times): Line[] {
  const groups = new Map<string, StageStatus[]>();
  for (const status of statuses) {
    const base = baseName(status.stage);
    const group = groups.get(base);
    if (group === undefined) groups.set(base, [status]);
    else group.push(status);
  }
  return [...groups].flatMap(([base, group]) => {
    const [first] = group as [StageStatus];
    if (first.stage === base) return [lineOf(first, times)];
    return ANSWERS.flatMap((answer) => {
      const members = group.filter((status) => status.answer === answer);
      return members.length === 0 ? [] : [{ name: base, answer, why: `${members.length} of ${group.length}${reasonOf(members)}`, ...totalOf(members, times) }];
    });
  });
}

/** What they have in common, or an example. */
function reasonOf(members: readonly StageStatus[]): string {
  const waits = [...new Set(members.flatMap(({ after = [] }) => after))];
  if (waits.length > 0) return `  after ${namesInShort(waits)}`;
  const [first, ...others] = new Set(members.map(({ why }) => why));
  if (first === undefined || (first === '' && others.length === 0)) return '';
  return others.length === 0 ? `  ${first}` : `  ${first}, and ${others.length} other ${others.length === 1 ? 'reason' : 'reasons'}`;
}
