import fc from 'fast-check';
import { expect, test } from 'vitest';
import { csvTable, markdownTable } from '../../../src/cli/render/table-formats.js';

/** RFC 4180, as a spreadsheet reads it. */
function parseCsv(text: string): string[][] {
  const rows: string[][] = [[]];
  for (const [, quoted, plain, end] of text.matchAll(/(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r?\n|$)/g)) {
    rows.at(-1)?.push(quoted?.replaceAll('""', '"') ?? plain ?? '');
    if (end === '') break;
    if (end !== ',') rows.push([]);
  }
  return rows;
}

test('what a spreadsheet reads back is what was written', () => {
  const cell = fc.string().map((text) => text.replace(/^[=+\-@\t\r]+/, ''));
  fc.assert(fc.property(fc.array(fc.tuple(cell, cell, cell), { minLength: 1 }), (rows) => void expect(parseCsv(csvTable(['a', 'b', 'c'], rows)).slice(1)).toEqual(rows)), { seed: 3, numRuns: 300 });
});

test('text that a spreadsheet would evaluate is disarmed, numbers are not', () => {
  expect(csvTable(['x', 'y'], [['=1+1', -1], ['@cmd', 1e-7], ['-x', null], ['a,"b"\nc', [1, 2]]])).toBe('x,y\n\'=1+1,-1\n\'@cmd,1e-7\n\'-x,\n"a,""b""\nc","[1,2]"');
});

test('Markdown cells hold neither columns, lines nor markup; columns of numbers are aligned', () => {
  expect(markdownTable(['name', 'r'], [['a|b\n`c` <i>_d_', 0.5], ['x', undefined]])).toBe('| name | r |\n| --- | ---: |\n| a\\|b \\`c\\` \\<i\\>\\_d\\_ | 0.5 |\n| x |  |');
});
