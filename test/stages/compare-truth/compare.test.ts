import { describe, expect, it } from 'vitest';
import { boundText, conditionsOf, holdBars, labelText, type Check } from '../../../src/stages/compare-truth/compare.js';

const check = (name: string, seed: number, figures: Check['figures']): Check => ({ labels: { name, seed }, figures });
const checks: readonly Check[] = [
  check('plain', 1, { targets_passed: 2, inside: 0.5 }), check('plain', 2, { targets_passed: 4, inside: null }), check('plain', 3, { targets_passed: 3, inside: 0.7 }),
  check('contrast', 1, { targets_passed: 4 }), check('contrast', 2, { targets_passed: 4 }),
];
const conditions = conditionsOf(checks, ['seed']);

describe('conditionsOf', () => {
  it('takes medians and ranges over replicates, and counts values that are not defined', () => {
    expect(conditions.map(({ labels, replicates }) => [labels, replicates])).toEqual([[{ name: 'plain' }, 3], [{ name: 'contrast' }, 2]]);
    expect(conditions[0]?.summaries).toEqual([
      { figure: 'inside', median: 0.6, low: 0.5, high: 0.7, defined: 2, undefined: 1 },
      { figure: 'targets_passed', median: 3, low: 2, high: 4, defined: 3, undefined: 0 },
    ]);
  });

  it('makes every label a condition when nothing numbers replicates', () => {
    expect(conditionsOf(checks, [])).toHaveLength(5);
    expect(conditionsOf([{ labels: {}, figures: { a: 1 } }], ['seed'])).toMatchObject([{ labels: {}, replicates: 1 }]);
  });

  it('counts a figure that some replicates do not have as not defined in them', () => {
    const [only] = conditionsOf([check('a', 1, { x: 1 }), check('a', 2, {})], ['seed']);
    expect(only?.summaries).toEqual([{ figure: 'x', median: 1, low: 1, high: 1, defined: 1, undefined: 1 }]);
  });

  it('refuses the same replicate twice', () => {
    expect(() => conditionsOf([...checks, check('plain', 2, {})], ['seed'])).toThrow(/two checks are both "name plain, seed 2"/);
  });
});

describe('bars', () => {
  it('hold medians of every condition that they are about', () => {
    expect(holdBars([{ figure: 'targets_passed', at_least: 3 }], conditions).map(({ median, met }) => [median, met])).toEqual([[3, true], [4, true]]);
    expect(holdBars([{ figure: 'targets_passed', where: { name: 'plain' }, at_least: 3.5 }], conditions)).toMatchObject([{ condition: { name: 'plain' }, median: 3, replicates: 3, met: false }]);
    expect(holdBars([{ figure: 'targets_passed', where: { name: 'contrast' }, at_least: 4, at_most: 4 }], conditions)).toMatchObject([{ met: true }]);
    expect(holdBars([{ figure: 'targets_passed', where: { name: 'contrast' }, at_most: 3 }], conditions)).toMatchObject([{ met: false }]);
  });

  it('are missed where a replicate has no value, whatever the others reach', () => {
    expect(holdBars([{ figure: 'inside', where: { name: 'plain' }, at_least: 0 }], conditions)).toMatchObject([{ median: 0.6, met: false }]);
  });

  it('are refused without a bound, about no condition, and on an unknown figure', () => {
    expect(() => holdBars([{ figure: 'inside' }], conditions)).toThrow(/has no bound/);
    expect(() => holdBars([{ figure: 'inside', where: { name: 'other' }, at_least: 0 }], conditions)).toThrow(/is about no condition/);
    expect(() => holdBars([{ figure: 'insde', where: { name: 'plain' }, at_least: 0 }], conditions)).toThrow(/have no figure "insde"/);
  });

  it('read as bounds', () => {
    expect([boundText({ figure: 'x', at_least: 3 }), boundText({ figure: 'x', at_most: 0.01 }), boundText({ figure: 'x', at_least: 3, at_most: 4 })]).toEqual(['≥ 3', '≤ 0.01', '3 … 4']);
    expect(labelText({ seed: 3, name: 'a' })).toBe('name a, seed 3');
    expect(labelText({})).toBe('all');
  });
});
