import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { addTags, isPinned, readMarks, removeTags, setPinned } from '../../src/engine/run-marks.js';

const RUN = '20261123-134501-0c3f';
let store: string;

beforeEach(() => {
  store = mkdtempSync(join(tmpdir(), 'pipeline-marks-'));
  mkdirSync(join(store, 'runs', RUN), { recursive: true });
});
afterEach(() => rmSync(store, { recursive: true, force: true }));

test('tags are kept sorted and each once; removing says what was there', async () => {
  expect(readMarks(store, RUN)).toEqual({ tags: [], pinned: false });
  expect(await addTags(store, RUN, ['paper', 'best', 'best'])).toEqual(['paper', 'best']);
  expect(await addTags(store, RUN, ['best'])).toEqual([]);
  expect(readMarks(store, RUN)).toEqual({ tags: ['best', 'paper'], pinned: false });
  expect(await removeTags(store, RUN, ['best', 'never', '../../x'])).toEqual(['best']);
  expect(readMarks(store, RUN)?.tags).toEqual(['paper']);
});

test('a pin is set and taken away, and changes no tag', async () => {
  await addTags(store, RUN, ['a']);
  expect(isPinned(store, RUN)).toBe(false);
  expect(await setPinned(store, RUN, true)).toBe(true);
  expect(await setPinned(store, RUN, true)).toBe(false);
  expect(isPinned(store, RUN)).toBe(true);
  expect(readMarks(store, RUN)).toEqual({ tags: ['a'], pinned: true });
  expect(await setPinned(store, RUN, false)).toBe(true);
  expect(isPinned(store, RUN)).toBe(false);
});

test.each(['latest', 'latest~1', '', '1abc', 'a/b', '../x', 'a b', 'x'.repeat(65)])('%j cannot be a tag, and nothing is written', async (tag) => {
  await expect(addTags(store, RUN, ['fine', tag])).rejects.toMatchObject({ code: 'E_USAGE' });
  expect(readMarks(store, RUN)?.tags).toEqual([]);
});

test('a hundred changes at once lose none', async () => {
  const tags = Array.from({ length: 50 }, (_, i) => `tag${i}`);
  await addTags(store, RUN, tags.slice(0, 25));
  await Promise.all([...tags.slice(25).map((tag) => addTags(store, RUN, [tag])), ...tags.slice(0, 25).map((tag) => removeTags(store, RUN, [tag])), setPinned(store, RUN, true), ...tags.slice(25).map((tag) => addTags(store, RUN, [tag]))]);
  expect(readMarks(store, RUN)).toEqual({ tags: tags.slice(25).sort(), pinned: true });
});

test('marks that cannot be read never lose a pin, and files of others are no tags', async () => {
  await setPinned(store, RUN, true);
  const marks = join(store, 'runs', RUN, 'marks');
  writeFileSync(join(marks, 'tag-'), '');
  writeFileSync(join(marks, '.DS_Store'), '');
  expect(readMarks(store, RUN)).toEqual({ tags: [], pinned: true });
  expect(readdirSync(marks)).toHaveLength(3);
  rmSync(marks, { recursive: true });
  writeFileSync(marks, 'a file in the way');
  expect(readMarks(store, RUN)).toBeUndefined();
  expect(isPinned(store, RUN)).toBe(true);
  await expect(addTags(store, RUN, ['a'])).rejects.toMatchObject({ code: 'E_STORE_IO' });
});
