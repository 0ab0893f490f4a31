import fc from 'fast-check';
import { expect, test } from 'vitest';
import { unifiedDiff } from '../../src/engine/text-diff.js';

/** What `patch` does. */
function applied(before: string, diff: readonly string[]): string {
  const lines = before === '' ? [] : before.replace(/\n$/, '').split('\n');
  const out: string[] = [];
  let at = 0;
  for (const line of diff) {
    const start = /^@@ -(\d+),\d+ /.exec(line)?.[1];
    if (start !== undefined) {
      while (at < Number(start) - 1) out.push(lines[at++] as string);
      continue;
    }
    if (line[0] !== '+') expect(lines[at++]).toBe(line.slice(1));
    if (line[0] !== '-') out.push(line.slice(1));
  }
  return [...out, ...lines.slice(at), ''].join('\n');
}

test('equal texts have no difference', () => {
  expect(unifiedDiff('a\nb\n', 'a\nb\n')).toEqual([]);
});

test('changes are shown with three lines around them, far ones apart', () => {
  const lines = Array.from({ length: 20 }, (_, i) => `line ${i + 1}`);
  const changed = lines.map((line, i) => (i === 1 ? 'changed' : line)).filter((_, i) => i !== 17);
  expect(unifiedDiff(`${lines.join('\n')}\n`, `${changed.join('\n')}\n`)).toEqual([
    '@@ -1,5 +1,5 @@', ' line 1', '-line 2', '+changed', ' line 3', ' line 4', ' line 5',
    '@@ -15,6 +15,5 @@', ' line 15', ' line 16', ' line 17', '-line 18', ' line 19', ' line 20',
  ]);
});

test('a missing line break at the end is a difference', () => {
  expect(unifiedDiff('a\n', 'a')).toEqual(['@@ -1,1 +1,1 @@', '-a', '+a (no line break at the end)']);
});

test('applied to the first text it gives the second, whatever they are', () => {
  const text = fc.array(fc.constantFrom('a', 'b', 'c', 'd'), { maxLength: 40 }).map((lines) => lines.map((line) => `${line}\n`).join(''));
  fc.assert(fc.property(text, text, (before, after) => void expect(applied(before, unifiedDiff(before, after))).toBe(after)), { seed: 7, numRuns: 500 });
});

test('two long texts with nothing in common count as replaced', () => {
  const text = (word: string): string => Array.from({ length: 3000 }, (_, i) => `${word} ${i}\n`).join('');
  expect(unifiedDiff(text('a'), text('b'))).toHaveLength(6001);
});
