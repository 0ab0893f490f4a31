import { expect, test } from 'vitest';
import { PipelineError } from '../../src/core/errors.js';
import { formatDiagnostic } from '../../src/engine/format-diagnostic.js';

function at(line: number, column: number, length: number): PipelineError {
  return new PipelineError('E_WRONG_TYPE', '"x" is wrong', { facts: { expected: 'a', found: 'b' }, hint: 'did you mean "y"?', span: { file: 'p.yaml', line, column, length } });
}

test('an error is its place, code and message, two lines of source with a caret, facts and the hint', () => {
  expect(formatDiagnostic(at(2, 6, 3), 'one:\n  a: xyz\nthree: 3\n')).toMatchInlineSnapshot(`
    "p.yaml:2:6  E_WRONG_TYPE  "x" is wrong
      1 | one:
      2 |   a: xyz
        |      ^^^
      expected: a
      found: b
      did you mean "y"?"
  `);
});

test('without a place there is neither a position nor source', () => {
  expect(formatDiagnostic(new PipelineError('E_USAGE', 'no file given', { hint: 'give one' }), 'x')).toBe('E_USAGE  no file given\n  give one');
});

test('without the source, or beyond its end, the lines are left out', () => {
  expect(formatDiagnostic(at(2, 1, 1)).split('\n')[1]).toBe('  expected: a');
  expect(formatDiagnostic(at(9, 1, 1), 'one line').split('\n')[1]).toBe('  expected: a');
});

test.each([
  ['tabs', '\tab: xyz', 6, '    ab: xyz', '        ^^^'],
  ['wide characters', '脳の: xyz', 5, '脳の: xyz', '      ^^^'],
  ['emoji', '"🧠": xyz', 7, '"🧠": xyz', '      ^^^'],
  ['combining marks', 'e\u0301: xyz', 5, 'e\u0301: xyz', '   ^^^'],
  ['control characters', 'a\u001b: xyz', 5, 'a␛: xyz', '    ^^^'],
  ['a carriage return', 'ab: xyz\r\n', 5, 'ab: xyz', '    ^^^'],
])('the caret stands below the place behind %s', (_, line, column, shown, caret) => {
  const printed = formatDiagnostic(at(1, column, 3), line).split('\n');
  expect(printed[1]).toBe(`  1 | ${shown}`);
  expect(printed[2]).toBe(`    | ${caret}`);
});

test('a byte order mark takes no column', () => {
  expect(formatDiagnostic(at(1, 1, 4), '\uFEFFname: x').split('\n').slice(1, 3)).toEqual(['  1 | name: x', '    | ^^^^']);
});

test('a long line is cut around the place', () => {
  const line = `${'a'.repeat(300)}HERE${'b'.repeat(300)}`;
  const [, source, caret] = formatDiagnostic(at(1, 301, 4), line).split('\n') as [string, string, string];
  expect(source.length).toBeLessThan(125);
  expect(source.indexOf('HERE')).toBe(caret.indexOf('^^^^'));
});

test('line numbers of different width keep the bar in place', () => {
  const printed = formatDiagnostic(at(10, 1, 1), `${'x\n'.repeat(9)}y`).split('\n');
  expect(printed.slice(1, 4)).toEqual(['   9 | x', '  10 | y', '     | ^']);
});

test('colours add codes and change no character', () => {
  const colored = formatDiagnostic(at(2, 6, 3), 'one:\n  a: xyz\n', { color: true });
  expect(colored).toContain('\u001b[31mE_WRONG_TYPE');
   
  expect(colored.replace(/\u001b\[\d+m/g, '')).toBe(formatDiagnostic(at(2, 6, 3), 'one:\n  a: xyz\n'));
});

test('what a terminal would obey is made visible in names, facts and hints', () => {
  const error = new PipelineError('E_BAD_NAME', '"\u001b[2Jx\u202E" is no name', { facts: { 'fo\u0007und': '\u009b1m' }, hint: 'a\rb' });
  expect(formatDiagnostic(error)).toBe('E_BAD_NAME  "␛[2Jx�" is no name\n  fo␇und: �1m\n  a␍b');
});

test('a tab in a name that a message quotes is shown, not sent to the terminal', () => {
  expect(formatDiagnostic(new PipelineError('E_UNKNOWN_FIELD', '"n\ttype" is not a field', { facts: { found: 'a\tb' } }))).toBe('E_UNKNOWN_FIELD  "n␉type" is not a field\n  found: a    b');
});
