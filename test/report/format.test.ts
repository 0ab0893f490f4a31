import { expect, test } from 'vitest';
import { formatNumber, formatSeconds, jsonLeaves } from '../../src/report/format.js';

test.each([
  [0, '0'], [-3, '−3'], [1234, '1234'], [73000, '73\u202f000'], [0.712345, '0.7123'], [-0.00012346, '−0.0001235'], [0.0000123, '1.230e−5'],
  [123456.789, '123\u202f500'], [1.5e9 + 0.5, '1.500e+9'], [NaN, 'NaN'], [-Infinity, '−∞'],
])('%d is written %s', (value, text) => {
  expect(formatNumber(value)).toBe(text);
});

test.each([[0, '0.0 s'], [59_949, '59.9 s'], [60_000, '1 min 00 s'], [212_345, '3 min 32 s']])('%d ms is written %s', (ms, text) => {
  expect(formatSeconds(ms)).toBe(text);
});

test('leaves of a value carry their path; plain lists stay together', () => {
  expect(jsonLeaves({ a: { b: 1, c: [] }, d: [1, 'x'], e: [{ f: null }], g: {} })).toEqual([['a.b', '1'], ['a.c', '[]'], ['d', '[1, "x"]'], ['e[0].f', 'null'], ['g', '{}']]);
});
