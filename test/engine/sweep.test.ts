import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { PipelineError } from '../../src/core/errors.js';
import { isSweep, sweepPoints } from '../../src/engine/sweep.js';

const sets = (...args: string[]) => sweepPoints(args).map(({ set }) => set);

describe('values of a sweep', () => {
  test.each([
    ['params.a=1,5,25', ['params.a=1', 'params.a=5', 'params.a=25']],
    ['params.a= 1 , 5 ', ['params.a=1', 'params.a=5']],
    ['params.a=[1, 2],[3]', ['params.a=[1, 2]', 'params.a=[3]']],
    ['params.a={x: 1, y: "}"},{x: 2}', ['params.a={x: 1, y: "}"}', 'params.a={x: 2}']],
    ['params.a="a, b",c', ['params.a="a, b"', 'params.a=c']],
    ["params.a='it''s, so',b", ["params.a='it''s, so'", 'params.a=b']],
    ['params.a="a\\", b",c', ['params.a="a\\", b"', 'params.a=c']],
    ["params.a=it's,b", ["params.a=it's", 'params.a=b']],
    ['params.a=${max(1, 2) + params.b},3', ['params.a=${max(1, 2) + params.b}', 'params.a=3']],
    ['params.a=a=b,c=d', ['params.a=a=b', 'params.a=c=d']],
  ])('%s', (argument, expected) => {
    expect(sets(argument)).toEqual(expected.map((one) => [one]));
    expect(isSweep([argument])).toBe(true);
  });

  test.each(['params.a=1', 'params.a=', 'params.a', 'params.a=[1, 2]', 'params.a="a, b"', 'params.a=[1, 2', 'params.a="a, b', 'params.a={a: [1, 2], b: {c: 1, d: 2}}', ''])('%s is one value, as it stands', (argument) => {
    expect(sweepPoints([argument])).toEqual([{ set: [argument], own: [] }]);
    expect(isSweep([argument])).toBe(false);
  });

  test.each([['params.a=1,,2', 12], ['params.a=1,', 11], ['params.a=,', 10], ['params.a=1, ,2', 12]])('%s has an empty value, which is an error at its place', (argument, column) => {
    let found: unknown;
    try {
      sweepPoints([argument]);
    } catch (error) {
      found = error;
    }
    expect(found).toBeInstanceOf(PipelineError);
    expect((found as PipelineError).code).toBe('E_USAGE');
    expect((found as PipelineError).span).toMatchObject({ file: `--set ${argument}`, line: 1, column });
  });

  test('whatever a text holds, in quotes it is one value', () => {
    fc.assert(fc.property(fc.string(), (text) => {
      expect(sweepPoints([`params.a=${JSON.stringify(text)}`]).length).toBe(1);
      expect(sweepPoints([`params.a='${text.replaceAll("'", "''")}'`]).length).toBe(1);
    }), { seed: 5, numRuns: 500 });
  });

  test('any values that are lists are split where they were joined', () => {
    fc.assert(fc.property(fc.array(fc.json(), { minLength: 2, maxLength: 5 }), (values) => {
      expect(sweepPoints([`params.a=${values.join(',')}`]).map(({ own }) => own[0])).toEqual(values.map((value) => `params.a=${value.trim()}`));
    }), { seed: 6, numRuns: 300 });
  });
});

describe('points of a sweep', () => {
  test('are the product, the last path fastest; what has one value is in all of them', () => {
    expect(sweepPoints(['params.a=1,2', 'seed=7', 'params.b=x,y'])).toEqual([
      { set: ['params.a=1', 'seed=7', 'params.b=x'], own: ['params.a=1', 'params.b=x'] },
      { set: ['params.a=1', 'seed=7', 'params.b=y'], own: ['params.a=1', 'params.b=y'] },
      { set: ['params.a=2', 'seed=7', 'params.b=x'], own: ['params.a=2', 'params.b=x'] },
      { set: ['params.a=2', 'seed=7', 'params.b=y'], own: ['params.a=2', 'params.b=y'] },
    ]);
  });

  test('of two for one path the later wins', () => {
    expect(sets('params.a=1,2,3', 'params.a=4,5')).toEqual([['params.a=4'], ['params.a=5']]);
    expect(sets('params.a=1,2,3', 'params.a=4')).toEqual([['params.a=4']]);
  });

  test('more than the cap are an error that says how many, and by what', () => {
    const many = Array.from({ length: 11 }, (_, i) => i).join(',');
    expect(() => sweepPoints([`params.a=${many}`, 'params.b=1,2,3'])).toThrowError(expect.objectContaining({ code: 'E_USAGE', message: 'the sweep has 33 points', facts: { expected: 'at most 32', found: 'params.a 11 × params.b 3' } }));
    expect(sweepPoints([`params.a=${many}`, 'params.b=1,2,3'], 33)).toHaveLength(33);
  });

  test('a product of thousands is refused before it is built', () => {
    const many = Array.from({ length: 1000 }, (_, i) => i).join(',');
    expect(() => sweepPoints(Array.from({ length: 6 }, (_, i) => `params.p${i}=${many}`))).toThrowError(/the sweep has 1000000000000000000 points/);
  });
});
