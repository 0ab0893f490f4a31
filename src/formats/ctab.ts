/**
 * Colour tables of label volumes: label → name. Two layouts exist: NSD's own (`<int> <name>` a line) and FreeSurfer's
 * (`<int> <name> <r> <g> <b> <a>`). Blank lines and `#` comments are skipped; everything else must be an entry.
 */
import { readFileSync } from 'node:fs';
import { formatError, withFile } from './bytes.js';

const LARGEST_TABLE = 1 << 20;

/** @returns names by label, in the order of the file. Errors: E_FORMAT naming the line. */
export function readColourTable(path: string): Map<number, string> {
  const text = withFile(path, ({ fd, size }) => {
    if (size > LARGEST_TABLE) throw formatError(path, 'is too large for a colour table', { expected: `at most ${LARGEST_TABLE} bytes`, found: size });
    return readFileSync(fd, 'utf8');
  });
  const names = new Map<number, string>();
  text.split(/\r?\n/).forEach((raw, i) => {
    const line = raw.trim();
    if (line === '' || line.startsWith('#')) return;
    const match = /^(-?\d{1,9})\s+(\S+)(?:\s+\d{1,3}){0,4}$/.exec(line);
    const fields = line.split(/\s+/).length;
    const label = Number(match?.[1]);
    const name = match?.[2];
    if (name === undefined || (fields !== 2 && fields !== 6)) {
      throw formatError(path, `has a malformed line ${i + 1}`, { expected: '<label> <name>, or <label> <name> <r> <g> <b> <a>', found: line.slice(0, 80) });
    }
    if (names.has(label)) throw formatError(path, `names label ${label} twice`, { expected: 'one name a label', found: `line ${i + 1}: ${line.slice(0, 80)}` });
    names.set(label, name);
  });
  return names;
}
