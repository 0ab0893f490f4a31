import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { baseName, compareCoordinates, coordinatesText, instanceName, namesInShort, sortedCoordinates, stagePath, type Coordinates } from '../../src/engine/coordinates.js';
import { selectOne, selectStages, splitSelectors } from '../../src/engine/stage-selector.js';

const axis = fc.stringMatching(/^[A-Za-z_][A-Za-z0-9_]{0,5}$/).filter((name) => !['__proto__', 'constructor', 'prototype'].includes(name));
const text = fc.string({ unit: 'grapheme', maxLength: 12 }).filter((value) => !/[\p{Cc}\p{Surrogate}]/u.test(value));
const value = fc.oneof(text, fc.constantFrom('1', '1e3', 'true', 'null', 'a]b', 'a,b', '${x}', 'params.x', '-', '"', '\\'), fc.boolean(), fc.integer(), fc.double({ noNaN: true, noDefaultInfinity: true }).map((x) => (x === 0 ? 0 : x)));
const coordinates: fc.Arbitrary<Coordinates> = fc.dictionary(axis, value, { minKeys: 1, maxKeys: 3, noNullPrototype: true });

describe('names of instances', () => {
  test.each<[Coordinates, string]>([
    [{}, 'voxels'],
    [{ sessions: 4, seed: 101 }, 'voxels[seed=101,sessions=4]'],
    [{ a: true, b: 'true', c: '4', d: 'floc-faces', e: 1e-7 }, 'voxels[a=true,b="true",c="4",d=floc-faces,e=1e-7]'],
  ])('%j is %s', (at, name) => {
    expect(instanceName('voxels', at)).toBe(name);
    expect(baseName(name)).toBe('voxels');
  });

  test('are selectors of themselves, also within a list', () => {
    fc.assert(fc.property(coordinates, coordinates, (a, b) => {
      const stages = [{ name: instanceName('s', a), coordinates: a }, { name: 't' }];
      expect(selectOne(stages, instanceName('s', a), 'p')).toBe(stages[0]);
      const list = ['t', instanceName('s', a), instanceName('u', b)];
      expect(splitSelectors(list.join(','))).toEqual(list);
    }));
  });

  test('are told apart in a list by the commas outside of brackets and quotes', () => {
    expect(splitSelectors(`a, b[x='p,]q',y=1],c[x="r,'",y='"'] ,d[x='it\\'s, ok']`)).toEqual(['a', `b[x='p,]q',y=1]`, `c[x="r,'",y='"']`, `d[x='it\\'s, ok']`]);
  });

  test('and their paths are equal for equal coordinates only', () => {
    fc.assert(fc.property(coordinates, coordinates, (a, b) => {
      const same = coordinatesText(a) === coordinatesText(b);
      expect(compareCoordinates(a, b) === 0).toBe(same);
      expect(stagePath(instanceName('s', a)) === stagePath(instanceName('s', b))).toBe(same);
    }));
  });

  test('give paths of one safe segment below the stage, however long or strange the coordinates are', () => {
    fc.assert(fc.property(coordinates, (at) => {
      expect(stagePath(instanceName('s', at))).toMatch(/^s\/[A-Za-z0-9_][A-Za-z0-9_.=,+%~-]{0,199}$/);
    }));
    const long = (last: string): string => stagePath(instanceName('s', { a: 'ä'.repeat(128), b: last }));
    expect(long('x')).toHaveLength(202);
    expect(long('x')).not.toBe(long('y'));
  });
});

describe('the order of labels', () => {
  test('is one order: antisymmetric and transitive, and blind to the order of axes', () => {
    fc.assert(fc.property(fc.array(coordinates, { maxLength: 8 }), (list) => {
      const sorted = [...list].sort(compareCoordinates);
      for (const [i, a] of sorted.entries()) for (const b of sorted.slice(i + 1)) expect(compareCoordinates(a, b)).toBeLessThanOrEqual(0);
      const turned = list.map((at) => Object.fromEntries(Object.entries(at).reverse())).reverse().sort(compareCoordinates);
      expect(turned.map(coordinatesText)).toEqual(sorted.map(coordinatesText));
      for (const at of list) expect(Object.keys(sortedCoordinates(at))).toEqual(Object.keys(at).sort());
    }));
  });

  test('puts numbers by size, false before true, numbers before texts, and fewer axes first', () => {
    const list: Coordinates[] = [{ a: '10' }, { a: 10 }, { a: 9, b: 1 }, { a: 9 }, { a: true }, { a: false }, { a: -1.5 }, {}];
    expect(list.sort(compareCoordinates)).toEqual([{}, { a: false }, { a: true }, { a: -1.5 }, { a: 9 }, { a: 9, b: 1 }, { a: 10 }, { a: '10' }]);
  });
});

describe('selectors', () => {
  const stages = [{ name: 'v[a=1,b=x]', coordinates: { a: 1, b: 'x' } }, { name: 'v[a=1,b=y]', coordinates: { a: 1, b: 'y' } }, { name: 'v[a=2,b=x]', coordinates: { a: 2, b: 'x' } }, { name: 'w' }];
  test.each([
    ['v', [0, 1, 2]],
    ['v[a=1]', [0, 1]],
    ['v[b=x]', [0, 2]],
    ['v[b="y", a=1]', [1]],
    ['w', [3]],
  ])('%s', (selector, expected) => {
    expect(selectStages(stages, selector, 'p')).toEqual(expected.map((i) => stages[i]));
  });

  test.each([
    ['x', 'E_UNKNOWN_STAGE_NAME', '"x" is not a stage of "p"'],
    ['v[a="1"]', 'E_UNKNOWN_STAGE_NAME', '"v[a="1"]" is not an instance of "v"'],
    ['v[c=1]', 'E_UNKNOWN_STAGE_NAME', '"v[c=1]" is not an instance of "v"'],
    ['w[a=1]', 'E_UNKNOWN_STAGE_NAME', '"w[a=1]" is not an instance of "w"'],
    ['v[a=1', 'E_USAGE', '"v[a=1" cannot be read: "," or "]" is missing in "[a=1"'],
    ['v[a=1]b', 'E_USAGE', '"v[a=1]b" cannot be read: "b" stands behind the brackets'],
    ['v[a=params.x]', 'E_USAGE', '"v[a=params.x]" cannot be read: params.x is known in a pipeline file only'],
  ])('%s is refused with %s', (selector, code, message) => {
    expect(() => selectStages(stages, selector, 'p')).toThrow(expect.objectContaining({ code, message }) as Error);
  });
});

test('names are put together by stage for messages', () => {
  expect(namesInShort(['a[n=1]', 'b', 'a[n=2]', 'c[n=1]'])).toBe('"a" (2), "b", "c[n=1]"');
});
