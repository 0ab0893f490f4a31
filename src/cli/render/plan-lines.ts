/**
 * The lines of `pipeline plan`: one a stage; of a stage with a matrix one for each answer, with the number of its instances, so that a sweep
 * of hundreds stays readable.
 */
import { baseName, namesInShort } from '../../engine/coordinates.js';
import type { PlanAnswer, StageStatus } from '../../engine/status.js';
import { printable, type Style } from '../terminal.js';
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
}

/** `all`: every instance on a line of its own. */
export function planLines(statuses: readonly StageStatus[], all: boolean, style: Style): string[] {
  const lines = all ? statuses.map(lineOf) : grouped(statuses);
  const width = longest(lines.map(({ name }) => name));
  return lines.map(({ name, answer, key, why }) => {
    const prefix = key === undefined ? NO_KEY : style.dim(shortKey(key));
    return `${name.padEnd(width)}  ${style[PAINT[answer]](answer.padEnd(LONGEST_ANSWER))}  ${prefix}  ${printable(why)}`.trimEnd();
  });
}

function lineOf({ stage: name, answer, key, why }: StageStatus): Line {
  return { name, answer, ...(key === undefined ? {} : { key }), why };
}

function grouped(statuses: readonly StageStatus[]): Line[] {
  const groups = new Map<string, StageStatus[]>();
  for (const status of statuses) {
    const base = baseName(status.stage);
    const group = groups.get(base);
    if (group === undefined) groups.set(base, [status]);
    else group.push(status);
  }
  return [...groups].flatMap(([base, group]) => {
    const [first] = group as [StageStatus];
    if (first.stage === base) return [lineOf(first)];
    return ANSWERS.flatMap((answer) => {
      const members = group.filter((status) => status.answer === answer);
      return members.length === 0 ? [] : [{ name: base, answer, why: `${members.length} of ${group.length}${reasonOf(members)}` }];
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
