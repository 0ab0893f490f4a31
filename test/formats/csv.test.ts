import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { readCsv, readCsvColumns, writeCsv } from '../../src/formats/csv.js';
import { expectFailure, fixture, survivesDamage, temporary } from './support.js';

async function rowsOf(path: string): Promise<{ header: readonly string[]; rows: string[][] }> {
  const rows: string[][] = [];
  let header: readonly string[] = [];
  await readCsv(
    path,
    (fields, row) => {
      expect(row).toBe(rows.length);
      rows.push(fields);
    },
    (names) => (header = names),
  );
  return { header, rows };
}

describe('a table that pandas wrote', () => {
  test.each(['stim_info.csv', 'stim_info.crlf.csv'])('%s: quoted tuples, True and False, quotes and line breaks', async (name) => {
    const { header, rows } = await rowsOf(fixture(`csv/${name}`));
    expect(header).toEqual(['', 'cocoId', 'cocoSplit', 'cropBox', 'loss', 'nsdId', 'flagged', 'note']);
    expect(rows).toHaveLength(12);
    expect(rows[1]).toEqual(['1', String(7919 % 2003), 'val2017', '(0.0, 0.01, 0.1, 0.25)', '0.3333333333333333', '1', 'False', 'with "quotes"']);
    expect(rows[3]?.[6]).toBe('True');
    expect(rows.slice(0, 6).map((row) => row[7])).toEqual(['plain', 'with "quotes"', 'two\nlines', '', 'comma, here', 'ünïcode']);
  });

  test('chosen columns come in the order asked for', async () => {
    const out: string[][] = [];
    await readCsvColumns(fixture('csv/stim_info.csv'), ['nsdId', 'cocoId'], (fields) => out.push(fields));
    expect(out).toEqual(Array.from({ length: 12 }, (_, i) => [String(i), String((i * 7919) % 2003)]));
  });
});

describe('tables that we write', () => {
  test('are read back, whatever the text', async () => {
    const cell = fc.stringMatching(/^[a",\n\r é0-9]*$/);
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 4 }).chain((width) => fc.array(fc.array(cell, { minLength: width, maxLength: width }), { minLength: 1, maxLength: 6 })), async (table) => {
        const path = temporary('a.csv');
        writeCsv(path, table[0] as string[], table.slice(1));
        const { header, rows } = await rowsOf(path);
        expect([header, ...rows]).toEqual(table);
      }),
      { seed: 3, numRuns: 200 },
    );
  });

  test('numbers are written so that they read back the same, nothing is written for null', () => {
    const path = temporary('a.csv');
    writeCsv(path, ['x', 'y', 'z'], [[0.1 + 0.2, null, true], [1e-300, -0, 'a,b']]);
    expect(readFileSync(path, 'utf8')).toBe('x,y,z\n0.30000000000000004,,true\n1e-300,0,"a,b"\n');
  });

  test('a row of another width is refused', () => expectFailure(() => writeCsv(temporary('a.csv'), ['x'], [[1, 2]]), /1 values/, 'E_DATA'));
});

describe('texts at the edge', () => {
  test('fields that cross the blocks in which the file is read', async () => {
    const long = `"${'x,'.repeat(400_000)}"`;
    const text = `a,b\n${long},1\n${long},2\n`;
    const { rows } = await rowsOf(temporary('a.csv', text));
    expect(rows.map((row) => [row[0]?.length, row[1]])).toEqual([[800_000, '1'], [800_000, '2']]);
  });

  test.each([
    ['no last line break', 'a,b\n1,2', [['1', '2']]],
    ['empty last field', 'a,b\n1,', [['1', '']]],
    ['empty quoted field', 'a,b\n"",""\n', [['', '']]],
    ['blank lines', 'a,b\n\n1,2\n\r\n', [['1', '2']]],
    ['a byte order mark', '\ufeffa,b\n1,2\n', [['1', '2']]],
  ])('%s', async (_, text, expected) => {
    const { header, rows } = await rowsOf(temporary('a.csv', text));
    expect(header).toEqual(['a', 'b']);
    expect(rows).toEqual(expected);
  });

  test.each([
    ['an open quote', 'a,b\n"1,2\n', /closing quote/],
    ['a quote inside a field', 'a,b\n1"2,3\n', /quote/],
    ['text after a closing quote', 'a,b\n"1"2,3\n', /closing quote/],
    ['a row too short', 'a,b\n1\n', /2 as the header/],
    ['a row too long', 'a,b\n1,2,3\n', /2 as the header/],
    ['a lone carriage return', 'a,b\r1,2\n', /line feed/],
    ['nothing', '', /no header/],
    ['other bytes', Buffer.from([97, 10, 0xff, 0xfe, 10]), /UTF-8/],
    ['an endless field', `a\n"${'x'.repeat(3 << 20)}`, /quote/],
  ])('%s is refused', async (_, text, words) => expectFailure(() => rowsOf(temporary('a.csv', text)), words));

  test('a missing column and a repeated one are named', async () => {
    const path = temporary('a.csv', 'a,a,b\n1,2,3\n');
    await expectFailure(() => readCsvColumns(path, ['c'], () => undefined), /no column "c"/);
    await expectFailure(() => readCsvColumns(path, ['a'], () => undefined), /two columns "a"/);
  });

  test('damage ends in a result or E_FORMAT', () => survivesDamage(fixture('csv/stim_info.csv'), 300, rowsOf));
});
