import fc from 'fast-check';
import { expect, test } from 'vitest';
import { couldBeNamed, nameAmong, runName, runNames } from '../../src/engine/run-name.js';
import { ADJECTIVES, ANIMALS } from '../../src/engine/run-words.js';
import { resolveRun, type KnownRuns } from '../../src/engine/run-reference.js';

const A = '20261123-134501-0c3f';
const B = '20261124-134501-0c3f';
const C = '20261125-134501-0c3f';

/** Ids that share words and two digits: found by looking, the same on every machine. */
function twins(): [string, string] {
  const seen = new Map<string, string>();
  for (let i = 0; ; i += 1) {
    const id = `20260101-000000-${i.toString(16).padStart(6, '0')}`;
    const other = seen.get(runName(id));
    if (other !== undefined) return [other, id];
    seen.set(runName(id), id);
  }
}

test('there are 128 words of each kind, none twice, all plain', () => {
  for (const words of [ADJECTIVES, ANIMALS]) {
    expect(words).toHaveLength(128);
    expect(new Set(words).size).toBe(128);
    expect(words.every((word) => /^[a-z]{2,9}$/.test(word))).toBe(true);
  }
});

test('the name of a run is derived from its id alone', () => {
  expect([A, B, C].map((id) => runName(id))).toEqual([runName(A), runName(B), runName(C)]);
  expect(runName(A)).toMatch(/^[a-z]+-[a-z]+-[0-9a-f]{2}$/);
  expect(runName(A, 6).startsWith(runName(A))).toBe(true);
});

test('names are unique among runs, and a new run renames no older one', () => {
  const [older, newer] = twins();
  expect(runName(newer)).toBe(runName(older));
  expect(nameAmong(older, [newer, older])).toBe(runName(older));
  expect(nameAmong(newer, [newer, older])).toBe(runName(newer, 3));
  fc.assert(
    fc.property(fc.uniqueArray(fc.integer({ min: 0, max: 0xffffff }), { minLength: 1, maxLength: 200 }), (numbers) => {
      const ids = numbers.map((number) => `20260101-000000-${number.toString(16).padStart(6, '0')}`);
      const names = runNames(ids);
      expect(new Set(names.values()).size).toBe(ids.length);
      for (const id of ids) {
        expect(nameAmong(id, ids)).toBe(names.get(id));
        expect(couldBeNamed(id, names.get(id) as string)).toBe(true);
      }
    }),
    { seed: 4, numRuns: 30 },
  );
});

test('among 1,000 runs few names collide', () => {
  const ids = Array.from({ length: 1000 }, (_, i) => `20260101-${String(i).padStart(6, '0')}-0000`);
  expect(1000 - new Set(ids.map((id) => runName(id))).size).toBeLessThan(5);
});

const runs = (ids: readonly string[], tags: Readonly<Record<string, readonly string[]>> = {}, torn: readonly string[] = []): KnownRuns => ({ ids, tagsOf: (id) => tags[id] ?? [], isReadable: (id) => !torn.includes(id) });

test('a run is meant by its id, its name, a beginning of either, a tag, latest, and latest~1', () => {
  const known = runs([C, B, A], { [A]: ['paper'] });
  for (const reference of [A, runName(A), runName(A, 9), runName(A).slice(0, -1), '20261123', 'paper', 'latest~2']) expect(resolveRun(reference, known), reference).toBe(A);
  expect(resolveRun('latest', known)).toBe(C);
  expect(resolveRun('latest~1', known)).toBe(B);
  expect(resolveRun('latest', runs([C, B, A], {}, [C]))).toBe(B);
});

test('what means several lists them, and is never guessed', () => {
  const known = runs([C, B, A], { [A]: ['paper'], [B]: ['paper'] });
  const refused = (reference: string) => {
    try {
      return resolveRun(reference, known);
    } catch (error) {
      return error as { message: string; facts: Record<string, string>; hint: string };
    }
  };
  expect(refused('202611')).toMatchObject({ code: 'E_UNKNOWN_RUN', message: '"202611" means 3 runs', facts: { found: `${runName(C)} (${C}), ${runName(B)} (${B}), ${runName(A)} (${A})` } });
  expect(refused('paper')).toMatchObject({ message: '"paper" means 2 runs', facts: { expected: 'a tag of one run' } });
  expect(refused('latest~3')).toMatchObject({ message: '"latest~3" means no run', facts: { expected: 'at least 4 runs', found: '3' } });
  expect(refused(`${A.slice(0, -1)}0`)).toMatchObject({ hint: `Did you mean "${A}"?` });
  expect(refused('papre')).toMatchObject({ hint: 'Did you mean "paper"?' });
  expect(() => resolveRun('latest', runs([]))).toThrow('"latest" means no run');
});

test('a name is exact before it is a beginning', () => {
  const [older, newer] = twins();
  const known = runs([newer, older]);
  expect(resolveRun(runName(older), known)).toBe(older);
  expect(resolveRun(runName(newer, 3), known)).toBe(newer);
});
