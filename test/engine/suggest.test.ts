import fc from 'fast-check';
import { expect, test } from 'vitest';
import { editDistance, nearest, suggestion } from '../../src/engine/suggest.js';

test.each([
  ['kitten', 'sitting', 3],
  ['', 'abc', 3],
  ['voxels', 'voxels', 0],
  ['ab', 'ba', 1],
  ['Voxels', 'voxels', 0.5],
  ['flaw', 'lawn', 2],
])('the distance from "%s" to "%s" is %s', (a, b, distance) => {
  expect(editDistance(a, b)).toBe(distance);
});

test('the distance is symmetric, zero only for equal words, and at most the longer length', () => {
  fc.assert(fc.property(fc.string({ maxLength: 12 }), fc.string({ maxLength: 12 }), (a, b) => {
    const distance = editDistance(a, b);
    expect(editDistance(b, a)).toBe(distance);
    expect(distance === 0).toBe(a === b);
    expect(distance).toBeLessThanOrEqual(Math.max(a.length, b.length));
  }), { seed: 1 });
});

test('one edit changes the distance by at most one', () => {
  fc.assert(fc.property(fc.string({ minLength: 1, maxLength: 12 }), fc.string({ maxLength: 12 }), fc.nat(), (a, b, at) => {
    const shorter = a.slice(0, at % a.length) + a.slice((at % a.length) + 1);
    expect(Math.abs(editDistance(a, b) - editDistance(shorter, b))).toBeLessThanOrEqual(1);
  }), { seed: 2 });
});

test.each([
  ['readout.rigde', 'readout.ridge'],
  ['Voxels', 'voxels'],
  ['ridge', 'readout.ridge'],
  ['zzzzzz', undefined],
  ['a'.repeat(100_000), undefined],
])('the nearest name to %s is %s', (word, expected) => {
  expect(nearest(word, ['voxels', 'features.extract', 'readout.ridge', 'evaluate'])).toBe(expected);
});

test('where nothing is near, the valid names are listed', () => {
  expect(suggestion('zzz', ['b', 'a'], 'none')).toBe('use one of: b, a');
  expect(suggestion('zzz', [], 'none')).toBe('none');
  expect(suggestion('zzz', Array.from({ length: 15 }, (_, i) => `name${i}`), '')).toContain('and 3 more');
});
