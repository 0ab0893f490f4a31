/**
 * `--set path=1,5,25`: several values for one path make a sweep, several such paths their product. Commas count at the top level only: not in
 * quotes that begin a value, not in [ ] and { }, not in ${…}. So a list stays one value, and a text keeps its commas in quotes.
 */
import { PipelineError } from '../core/errors.js';
import { overrideSpan } from './diagnostics.js';

export interface SweepPoint {
  /** every `--set`, one value each */
  readonly set: readonly string[];
  /** those of them that differ between points */
  readonly own: readonly string[];
}

export const MOST_POINTS = 32;

/** One point, with nothing of its own, where no argument has several values. The last path runs fastest. Errors: E_USAGE. */
export function sweepPoints(args: readonly string[], mostPoints = MOST_POINTS): readonly SweepPoint[] {
  if (!isSweep(args)) return [{ set: args, own: [] }];
  const axes = args.map((argument) => ({ path: pathOf(argument), values: valuesOf(argument) }));
  // of two for one path the later wins: the values of the earlier one would be run for nothing
  const last = new Map(axes.map(({ path }, i) => [path, i]));
  const kept = axes.filter(({ path }, i) => last.get(path) === i);
  const size = kept.reduce((product, { values }) => product * values.length, 1);
  if (size > mostPoints) {
    const swept = kept.filter(({ values }) => values.length > 1);
    throw new PipelineError('E_USAGE', `the sweep has ${size} points`, {
      facts: { expected: `at most ${mostPoints}`, found: swept.map(({ path, values }) => `${path} ${values.length}`).join(' × ') },
      hint: `use fewer values, or allow them with --max-points ${size}; a text keeps its commas in quotes: --set 'path="a, b"'`,
    });
  }
  let points: SweepPoint[] = [{ set: [], own: [] }];
  for (const { values } of kept) points = points.flatMap(({ set, own }) => values.map((value) => ({ set: [...set, value], own: values.length > 1 ? [...own, value] : own })));
  return points;
}

/** True if some argument has several values. */
export function isSweep(args: readonly string[]): boolean {
  return args.some((argument) => valuesOf(argument).length > 1);
}

function pathOf(argument: string): string {
  const equals = argument.indexOf('=');
  return equals < 0 ? argument : argument.slice(0, equals).trim();
}

/** `path=value` for each of the values. */
function valuesOf(argument: string): string[] {
  const equals = argument.indexOf('=');
  if (equals < 0) return [argument];
  const values = splitValues(argument.slice(equals + 1));
  if (values.length === 1) return [argument];
  const empty = values.findIndex((value) => value.trim() === '');
  if (empty >= 0) {
    const column = equals + 2 + values.slice(0, empty).reduce((sum, value) => sum + value.length + 1, 0);
    throw new PipelineError('E_USAGE', `value ${empty + 1} of ${values.length} is empty`, { facts: { expected: 'values with commas between them', found: `--set ${argument}` }, hint: `put a text with commas in quotes: --set 'path="a, b"'`, span: overrideSpan(argument, Math.min(column, argument.length)) });
  }
  return values.map((value) => `${argument.slice(0, equals)}=${value.trim()}`);
}

const OPEN = new Set(['[', '{']);
const CLOSE = new Set([']', '}']);

function splitValues(text: string): string[] {
  const values: string[] = [];
  let [start, depth, quote] = [0, 0, ''];
  for (let i = 0; i < text.length; i += 1) {
    const character = text[i] as string;
    if (quote !== '') {
      if (quote === '"' && character === '\\') i += 1;
      else if (quote === "'" && character === quote && text[i + 1] === quote) i += 1;
      else if (character === quote) quote = '';
    } else if ((character === '"' || character === "'") && (depth > 0 || text.slice(start, i).trim() === '')) quote = character;
    else if (OPEN.has(character)) depth += 1;
    else if (CLOSE.has(character)) depth = Math.max(0, depth - 1);
    else if (character === ',' && depth === 0) {
      values.push(text.slice(start, i));
      start = i + 1;
    }
  }
  // what is left open is one value, and YAML says what is wrong with it
  return depth > 0 || quote !== '' ? [text] : [...values, text.slice(start)];
}
