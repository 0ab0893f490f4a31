/**
 * A name for a run that people can say and remember: `quiet-otter-3f`. It is derived from the id alone, so it is stored nowhere and the same
 * everywhere; what tells two runs of one store apart if words and digits agree is more digits, which the younger run gets.
 */
import { digestOf } from '../core/digest.js';
import { ADJECTIVES, ANIMALS } from './run-words.js';

const BITS_PER_WORD = 7;
const WORD_DIGITS = 4;
const FEWEST_DIGITS = 2;
const MOST_DIGITS = 16;
/** What a name, or the beginning of one, looks like: ids begin with a digit, so neither is ever taken for the other. */
const NAME = /^[a-z]+(?:-[a-z]*(?:-[0-9a-f]*)?)?$/;

/** With so many digits behind the words; the longest name tells any two runs apart. */
export function runName(id: string, digits = FEWEST_DIGITS): string {
  const digest = digestOf(`run-name/1 ${id}`);
  const bits = Number.parseInt(digest.slice(0, WORD_DIGITS), 16);
  const words = 1 << BITS_PER_WORD;
  return `${ADJECTIVES[bits % words] as string}-${ANIMALS[(bits >> BITS_PER_WORD) % words] as string}-${digest.slice(WORD_DIGITS, WORD_DIGITS + digits)}`;
}

/** Id → name, unique among these ids. An id's name depends on it and on older ids only, so a new run renames no other. */
export function runNames(ids: Iterable<string>): Map<string, string> {
  const names = new Map<string, string>();
  const taken = new Set<string>();
  for (const id of [...ids].sort()) {
    let digits = FEWEST_DIGITS;
    while (taken.has(runName(id, digits)) && digits < MOST_DIGITS) digits += 1;
    const name = runName(id, digits);
    names.set(id, name);
    taken.add(name);
  }
  return names;
}

/** The name of one of many runs; `ids` are all of the store. */
export function nameAmong(id: string, ids: readonly string[]): string {
  const short = runName(id);
  const older = ids.filter((other) => other < id && runName(other) === short);
  return older.length === 0 ? short : (runNames([...older, id]).get(id) as string);
}

/** True of the name of the run with any number of digits, and of what such a name begins with. */
export function couldBeNamed(id: string, beginning: string): boolean {
  return runName(id, MOST_DIGITS).startsWith(beginning);
}

export function looksLikeName(text: string): boolean {
  return NAME.test(text);
}
