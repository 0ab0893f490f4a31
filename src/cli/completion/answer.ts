/**
 * The hidden command `pipeline __complete WORDS…`, which the scripts of the shells ask: one candidate a line, `value<TAB>description`, and a
 * value behind which more is expected ends with `<TAB>` and a second `<TAB>`. It never fails and never writes to stderr, which would end up in
 * the line that somebody is typing.
 */
import type { CliIo } from '../io.js';
import { printable } from '../terminal.js';
import { candidates } from './candidates.js';

export function answer(words: readonly string[], io: CliIo): number {
  const lines = candidates({ words: words.length === 0 ? [''] : words, cwd: io.cwd, env: io.env })
    // a name with a line break cannot be told to a shell in one line
    .filter(({ value }) => printable(value) === value && !/[\t\n]/.test(value))
    .map(({ value, description = '', open }) => `${value}\t${printable(description).replaceAll(/\s+/g, ' ')}${open === true ? '\t+' : ''}`);
  io.stdout.write(lines.map((line) => `${line}\n`).join(''));
  return 0;
}
