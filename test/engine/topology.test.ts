import fc from 'fast-check';
import { expect, test } from 'vitest';
import { orderNodes } from '../../src/engine/topology.js';

const from = (uses: Record<string, string[]>) => orderNodes(Object.keys(uses), (name) => uses[name] as string[]);

test('what is used comes first and ties keep the given order', () => {
  expect(from({ d: ['b'], c: [], b: ['a'], a: [] })).toEqual({ order: ['c', 'a', 'b', 'd'], cycles: [] });
});

test('a cycle is named once, from its first member, in the direction of the data', () => {
  expect(from({ x: [], a: ['c', 'x'], b: ['a'], c: ['b'], behind: ['c'] })).toEqual({ order: ['x'], cycles: [['a', 'b', 'c', 'a']] });
});

test('separate cycles are all found, self-use among them', () => {
  expect(from({ a: ['b'], b: ['a'], c: ['c'], d: ['c'] }).cycles).toEqual([['a', 'b', 'a'], ['c', 'c']]);
});

test('chains of 20,000 are ordered and cycles of 20,000 are found without recursion', () => {
  const names = Array.from({ length: 20_000 }, (_, i) => `n${i}`);
  const chain = orderNodes([...names].reverse(), (name) => (name === 'n0' ? [] : [`n${Number(name.slice(1)) - 1}`]));
  expect(chain.order).toEqual(names);
  const ring = orderNodes(names, (name) => [`n${(Number(name.slice(1)) + 19_999) % 20_000}`]);
  expect(ring.order).toEqual([]);
  expect(ring.cycles.map((cycle) => cycle.length)).toEqual([20_001]);
});

test('for any acyclic use the order holds every name once, users after used, and is the least such order', () => {
  fc.assert(fc.property(fc.integer({ min: 1, max: 8 }), fc.array(fc.tuple(fc.nat(), fc.nat()), { maxLength: 14 }), fc.nat(), (n, pairs, turn) => {
    // acyclic by construction: along a hidden numbering, edges go upward only
    const hidden = Array.from({ length: n }, (_, i) => (i * 5 + turn) % n).filter((value, i, all) => all.indexOf(value) === i);
    const names = hidden.map((value) => `s${value}`);
    const uses = new Map(names.map((name) => [name, [] as string[]]));
    for (const [a, b] of pairs) {
      const [low, high] = [Math.min(a % names.length, b % names.length), Math.max(a % names.length, b % names.length)];
      if (low !== high) uses.get(`s${high}`)?.push(...(uses.has(`s${low}`) ? [`s${low}`] : []));
    }
    const { order, cycles } = orderNodes(names, (name) => uses.get(name) as string[]);
    expect(cycles).toEqual([]);
    // oracle: repeatedly take the first name of the file whose uses are all taken
    const expected: string[] = [];
    while (expected.length < names.length) expected.push(names.find((name) => !expected.includes(name) && (uses.get(name) as string[]).every((used) => expected.includes(used))) as string);
    expect(order).toEqual(expected);
  }), { seed: 3 });
});
