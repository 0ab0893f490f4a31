import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { PipelineError } from '../../src/core/errors.js';
import type { JsonValue } from '../../src/core/json.js';
import { canonicalDigest, canonicalEncode, compareUtf8, sortedJson } from '../../src/engine/canonical.js';
import { stageKey } from '../../src/engine/key.js';
import type { KeyMaterial } from '../../src/engine/record.js';

const text = (value: JsonValue): string => Buffer.from(canonicalEncode('t', value)).toString('utf8');

/** JSON values that can be encoded: no -0, no integer beyond 2^53, well-formed text. */
const encodable = fc.letrec<{ value: JsonValue }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    fc.constant(null),
    fc.boolean(),
    fc.string({ unit: 'binary' }),
    fc.maxSafeInteger(),
    fc.double({ noNaN: true, noDefaultInfinity: true, noInteger: true }),
    fc.array(tie('value'), { maxLength: 4 }),
    fc.dictionary(fc.string({ unit: 'binary', maxLength: 4 }), tie('value'), { maxKeys: 4 }),
  ),
})).value;

function refused(value: unknown): PipelineError {
  try {
    canonicalEncode('t', value as JsonValue);
  } catch (error) {
    if (error instanceof PipelineError) return error;
  }
  return expect.fail(`${String(value)} was encoded`) as never;
}

describe('canonical encoding', () => {
  test('every kind of value has a type and a length', () => {
    expect(text(null)).toBe('s1:tn');
    expect(text([true, false])).toBe('s1:ta2:tf');
    expect(text(-7)).toBe('s1:ti-7;');
    expect(text(0.1)).toBe('s1:td0.1;');
    expect(text('Zürich')).toBe('s1:ts7:Zürich');
    expect(text({ b: [], a: {} })).toBe('s1:to2:s1:ao0:s1:ba0:');
  });

  test('golden digests do not change: a change here throws every cache away', () => {
    expect(canonicalDigest('golden/1', null)).toMatchInlineSnapshot(`"ac1101c8e7ba4ceefad254de21b0c17cbaff364dcd98fd73e661973d3de73b65"`);
    expect(canonicalDigest('golden/1', { steps: 64, rate: 0.05, roi: ['FFA-1', 'FFA-2'], note: 'é💡', on: true, off: null })).toMatchInlineSnapshot(`"3ad2874d5847601460f1714f79d49e00965a480f06ede5befd3e5c92eafde6e9"`);
    expect(canonicalDigest('golden/2', null)).not.toBe(canonicalDigest('golden/1', null));
  });

  test('keys are sorted by UTF-8 bytes, not by UTF-16 units', () => {
    expect(text({ '\u{1F4A1}': 1, '\uFFFD': 2 })).toBe('s1:to2:s3:\uFFFDi2;s4:\u{1F4A1}i1;');
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' }), (a, b) => {
        expect(Math.sign(compareUtf8(a, b))).toBe(Math.sign(Buffer.compare(Buffer.from(a), Buffer.from(b))));
      }),
      { numRuns: 1000, seed: 1 },
    );
  });

  test('distinct values have distinct encodings and equal values equal ones', () => {
    fc.assert(
      fc.property(encodable, encodable, (a, b) => {
        expect(text(a) === text(b)).toBe(sortedJson(a) === sortedJson(b));
      }),
      { numRuns: 2000, seed: 2 },
    );
  });

  test('no encoding is a prefix of another, so sequences cannot run together', () => {
    fc.assert(
      fc.property(encodable, encodable, (a, b) => {
        if (text(a) !== text(b)) expect(text(a).startsWith(text(b))).toBe(false);
      }),
      { numRuns: 1000, seed: 3 },
    );
  });

  test('the order in which keys were written does not matter', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), encodable, { maxKeys: 6 }), fc.integer(), (map, shift) => {
        const entries = Object.entries(map);
        const turned = entries.map((_, i) => entries[(((i + shift) % entries.length) + entries.length) % entries.length] as [string, JsonValue]);
        expect(text(Object.fromEntries(turned))).toBe(text(map));
      }),
      { numRuns: 500, seed: 4 },
    );
  });

  test.each([
    ['1 and 1.5', 1, 1.5],
    ['1 and "1"', 1, '1'],
    ['null and absent', { a: null }, {}],
    ['[[1],2] and [1,[2]]', [[1], 2], [1, [2]]],
    ['{a:{b:1}} and {a:1,b:…}', { a: { b: 1 } }, { a: 1, b: 1 }],
    ['[] and {}', [], {}],
    ['"" and null', '', null],
    ['true and "t"', true, 't'],
    ['composed and decomposed é', '\u00e9', 'e\u0301'],
    ['["ab","c"] and ["a","bc"]', ['ab', 'c'], ['a', 'bc']],
  ])('%s differ', (_, a, b) => {
    expect(text(a)).not.toBe(text(b));
  });

  test.each([
    ['NaN', { a: [0, NaN] }, '/a/1', 'NaN'],
    ['Infinity', { a: Infinity }, '/a', 'Infinity'],
    ['-Infinity', -Infinity, '/', '-Infinity'],
    ['-0', { 'x/y': { '~': -0 } }, '/x~1y/~0', '-0'],
    ['undefined', { a: undefined }, '/a', 'undefined'],
    ['a hole in a list', [1, , 3], '/1', 'undefined'],
    ['2^53', { n: 2 ** 53 }, '/n', '9007199254740992'],
    ['1e300', 1e300, '/', '1e+300'],
    ['a function', { f: () => 1 }, '/f', 'function'],
    ['a bigint', 1n, '/', 'bigint'],
    ['a symbol', Symbol('s'), '/', 'symbol'],
    ['a Date', { d: new Date(0) }, '/d', 'an instance of Date'],
    ['a Map', new Map(), '/', 'an instance of Map'],
    ['a typed array', { t: new Float32Array(1) }, '/t', 'an instance of Float32Array'],
    ['a symbol as key', { [Symbol('s')]: 1 }, '/', 'a symbol'],
    ['a lone surrogate', { s: 'a\ud800' }, '/s', 'a lone surrogate'],
    ['a lone surrogate in a key', { a: { '\udc00': 1 } }, '/a', 'a lone surrogate'],
  ])('%s is refused with its place', (_, value, place, found) => {
    const error = refused(value);
    expect(error.code).toBe('E_DATA');
    expect(error.facts).toMatchObject({ place, found });
  });

  test('a cycle is refused and does not overflow the stack', () => {
    const loop: Record<string, unknown> = {};
    loop['again'] = loop;
    expect(refused(loop).facts['found']).toBe('more');
  });

  test('keys named like parts of objects are data', () => {
    const value = JSON.parse('{"__proto__":1,"constructor":2}') as JsonValue;
    expect(text(value)).toBe('s1:to2:s9:__proto__i1;s11:constructori2;');
    expect(sortedJson(value)).toBe('{"__proto__":1,"constructor":2}');
  });
});

describe('agreement with an independent implementation (tools/oracles/canonical_keys.py)', () => {
  interface Oracle {
    readonly cases: readonly { readonly domain: string; readonly value: JsonValue; readonly encoding: string; readonly digest: string }[];
    readonly stageKey: { readonly material: KeyMaterial; readonly key: string };
    readonly gatherKey: { readonly material: KeyMaterial; readonly key: string };
  }
  const oracle = JSON.parse(readFileSync(new URL('../fixtures/keys/canonical.json', import.meta.url), 'utf8')) as Oracle;

  test(`${oracle.cases.length} values have the same encodings and digests`, () => {
    for (const { domain, value, encoding, digest } of oracle.cases) {
      expect(Buffer.from(canonicalEncode(domain, value)).toString('utf8')).toBe(encoding);
      expect(canonicalDigest(domain, value)).toBe(digest);
    }
  });

  test('a stage key is the same', () => {
    expect(stageKey(oracle.stageKey.material)).toBe(oracle.stageKey.key);
    expect(stageKey(oracle.gatherKey.material)).toBe(oracle.gatherKey.key);
  });
});

describe('sorted JSON', () => {
  test('gives the same bytes for any order of keys and reads back as the same data', () => {
    fc.assert(
      fc.property(encodable, (value) => {
        expect(JSON.parse(sortedJson(value))).toEqual(JSON.parse(JSON.stringify(value)));
      }),
      { numRuns: 500, seed: 5 },
    );
    expect(sortedJson({ b: 1, a: { d: 1, c: 2 } })).toBe('{"a":{"c":2,"d":1},"b":1}');
  });

  test('leaves out undefined and refuses NaN', () => {
    expect(sortedJson({ a: undefined, b: 1 })).toBe('{"b":1}');
    expect(() => sortedJson({ r: [NaN] })).toThrow(PipelineError);
  });
});
