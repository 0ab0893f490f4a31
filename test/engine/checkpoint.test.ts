import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Checkpoint } from '../../src/engine/checkpoint.js';
import { currentOwner } from '../../src/engine/store/owner.js';

let root: string;
let base: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'checkpoint-'));
  base = join(root, 'checkpoints', 'ab', 'cdef');
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

test('two runs of one key never share a folder', () => {
  const a = Checkpoint.claim(base);
  const b = Checkpoint.claim(base);
  expect(a.folder).not.toBe(b.folder);
  writeFileSync(join(a.state, 'x'), 'a');
  expect(existsSync(join(b.state, 'x'))).toBe(false);
});

test('what a failed run released is taken over whole, once', () => {
  const a = Checkpoint.claim(base);
  writeFileSync(join(a.state, 'x'), 'a');
  a.release();
  const b = Checkpoint.claim(base);
  expect(readFileSync(join(b.state, 'x'), 'utf8')).toBe('a');
  expect(existsSync(a.folder)).toBe(false);
  expect(readdirSync(Checkpoint.claim(base).state)).toEqual([]);
});

test('what a killed process left is taken over; what another machine holds is not', () => {
  const a = Checkpoint.claim(base);
  const b = Checkpoint.claim(base);
  writeFileSync(join(a.state, 'x'), 'dead');
  writeFileSync(join(b.state, 'x'), 'elsewhere');
  const owner = currentOwner();
  writeFileSync(join(a.folder, 'owner.json'), JSON.stringify({ ...owner, boot: 'an earlier boot' }));
  writeFileSync(join(b.folder, 'owner.json'), JSON.stringify({ ...owner, host: 'another' }));
  expect(readFileSync(join(Checkpoint.claim(base).state, 'x'), 'utf8')).toBe('dead');
  expect(readdirSync(Checkpoint.claim(base).state)).toEqual([]);
});

test('discarding removes what runs that are over left, of this key alone', () => {
  Checkpoint.discard(base); // nothing was ever kept
  const [working, over, other] = [Checkpoint.claim(base), Checkpoint.claim(base), Checkpoint.claim(`${base}0`)];
  over.release();
  other.release();
  Checkpoint.discard(base);
  expect([working, over, other].map(({ folder }) => existsSync(folder))).toEqual([true, false, true]);
});

test('a folder that somebody is just taking is left alone, and another key is not touched', () => {
  const a = Checkpoint.claim(base);
  a.release();
  writeFileSync(join(a.folder, 'taken'), '');
  const other = Checkpoint.claim(`${base}0`);
  other.release();
  expect(readdirSync(Checkpoint.claim(base).state)).toEqual([]);
  expect(existsSync(a.folder)).toBe(true);
  expect(existsSync(other.folder)).toBe(true);
  expect(readdirSync(dirname(base)).filter((name) => name.startsWith('.new-'))).toEqual([]);
});
