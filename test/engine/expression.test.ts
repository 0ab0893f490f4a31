import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { PipelineError } from '../../src/core/errors.js';
import type { JsonValue } from '../../src/core/json.js';
import { expand, parseTemplate } from '../../src/engine/template.js';
import type { ScalarNode } from '../../src/engine/source-node.js';

const VALUES: Record<string, JsonValue> = { n: 5, text: 'ab', yes: true, no: false, nothing: null, list: [1, 2], map: { inner: { deep: 3 } } };

function node(text: string): ScalarNode {
  return { kind: 'scalar', value: text, span: { file: 'f', line: 1, column: 1, length: text.length }, textColumn: 1 };
}

/** The value of a text whose params are VALUES. */
function value(text: string): JsonValue {
  const scalar = node(text);
  const template = parseTemplate(scalar);
  if (template === undefined) return scalar.value;
  return expand(template, ({ root, names }) => (root === 'params' ? names.reduce<JsonValue>((at, name) => (at as Record<string, JsonValue>)[name] as JsonValue, VALUES) : null));
}

function failure(text: string): PipelineError {
  try {
    value(text);
  } catch (error) {
    if (error instanceof PipelineError) return error;
    throw error;
  }
  throw new Error(`"${text}" was accepted`);
}

test.each<[string, JsonValue]>([
  ['plain', 'plain'],
  ['$5 and {x}', '$5 and {x}'],
  ['${params.n}', 5],
  [' ${params.n}', ' 5'],
  ['${ params.n }', 5],
  ['${params.list}', [1, 2]],
  ['${params.map.inner.deep}', 3],
  ['a${params.n}b${params.text}', 'a5bab'],
  ['${params.yes}${params.no}', 'truefalse'],
  ['$${params.n}', '${params.n}'],
  ['$$${params.n}', '$${params.n}'],
  ['x$${y} ${params.n}', 'x${y} 5'],
  ['${1 + 2 * 3}', 7],
  ['${(1 + 2) * 3}', 9],
  ['${7 % 4 - 1.5e0}', 1.5],
  ['${10 - 3 - 2}', 5],
  ['${--5}', 5],
  ['${-params.n + 0}', -5],
  ["${'a' + \"b\"}", 'ab'],
  ["${'it\\'s }'}", "it's }"],
  ['${1 < 2 && 2 <= 2 && 3 > 2 && 3 >= 3}', true],
  ["${'a' < 'b'}", true],
  ['${params.n == 5 && params.text != \'x\'}', true],
  ['${params.n == \'5\'}', false],
  ['${params.nothing == null}', true],
  ['${!params.yes || params.yes}', true],
  ['${params.nothing ?? 4}', 4],
  ["${'' ?? 4}", ''],
  ['${params.nothing ?? params.nothing ?? 1}', 1],
  ['${params.yes ? 1 : params.no ? 2 : 3}', 1],
  ['${params.no ? 1 : params.no ? 2 : 3}', 3],
  ['${min(3, 1, 2) + max(3, 1) + round(2.4)}', 6],
  ['${env.ANY ?? \'unset\'}', 'unset'],
  ['${0 * -1}', 0],
])('%s is %j', (text, expected) => {
  const found = value(text);
  expect(found).toEqual(expected);
  expect(Object.is(found, -0)).toBe(false);
});

test.each<[string, number, string]>([
  ['${params.n +}', 13, '"}" is not expected here'],
  ['${}', 3, '"}" is not expected here'],
  ['${1 2}', 5, '"2" is not expected here'],
  ['${1 ? 2 : 3}', 3, 'the condition before "?" cannot take this value'],
  ['${params.n && true}', 3, '"&&" cannot take this value'],
  ['${1 + \'a\'}', 7, '"+" cannot take this value'],
  ['${params.list == 1}', 3, '"==" cannot take this value'],
  ['${1 < \'a\'}', 5, '"<" cannot take this value'],
  ['${1 / 0}', 5, 'the result is not a number that can be held exactly'],
  ['${9007199254740991 + 1}', 20, 'the result is not a number that can be held exactly'],
  ['${9007199254740993}', 3, 'number 9007199254740993 cannot be held exactly'],
  ['${012}', 4, '"12" is not expected here'],
  ['x ${params.list}', 5, 'a list cannot be put into a text'],
  ['x ${params.nothing}', 5, 'null cannot be put into a text'],
  ['${params}', 3, '"params" alone is not a value'],
  ['${params.}', 10, '"}" is not expected here'],
  ['${params.prototype}', 10, '"prototype" cannot be a name'],
  ['${env.A.B}', 3, 'environment variables have no parts'],
  ['${stages.a}', 3, 'outputs of stages cannot be used inside a value'],
  ['${eval(1)}', 3, 'function "eval" is not known'],
  ['${round(1, 2)}', 3, '"round" takes one number'],
  ["${'a}", 3, 'text in an expression is not closed'],
  ['${params.n', 1, '"${" is not closed'],
])('%s is refused at column %i', (text, column, message) => {
  const error = failure(text);
  expect(error.message).toBe(message);
  expect(error.span?.column).toBe(column);
  expect(error.hint).toBeTruthy();
});

describe('arithmetic', () => {
  type Tree = number | [string, Tree, Tree];
  const tree = fc.letrec<{ tree: Tree }>((tie) => ({
    tree: fc.oneof({ maxDepth: 5, withCrossShrink: true }, fc.integer({ min: 0, max: 99 }), fc.tuple(fc.constantFrom('+', '-', '*', '/', '%', '<', '=='), tie('tree'), tie('tree'))),
  })).tree;
  const printed = (t: Tree): string => (typeof t === 'number' ? String(t) : `(${printed(t[1])} ${t[0]} ${printed(t[2])})`);
  const oracle = (t: Tree): number | boolean | undefined => {
    if (typeof t === 'number') return t;
    const [a, b] = [oracle(t[1]), oracle(t[2])];
    if (t[0] === '==') return a === undefined || b === undefined ? undefined : a === b;
    if (typeof a !== 'number' || typeof b !== 'number') return undefined;
    const result = { '+': a + b, '-': a - b, '*': a * b, '/': a / b, '%': a % b, '<': a < b }[t[0]] as number | boolean;
    if (typeof result === 'number' && (!Number.isFinite(result) || (Number.isInteger(result) && !Number.isSafeInteger(result)))) return undefined;
    return result === 0 ? 0 : result;
  };

  test('agrees with JavaScript wherever types agree and the result is finite, and is refused elsewhere', () => {
    fc.assert(fc.property(tree, (t) => {
      const expected = oracle(t);
      if (expected === undefined) failure(`\${${printed(t)}}`);
      else expect(value(`\${${printed(t)}}`)).toBe(expected);
    }), { seed: 4, numRuns: 500 });
  });

  test('operators without parentheses bind as in JavaScript', () => {
    const operators = fc.array(fc.tuple(fc.constantFrom('+', '-', '*'), fc.integer({ min: 0, max: 9 })), { minLength: 1, maxLength: 8 });
    fc.assert(fc.property(fc.integer({ min: 0, max: 9 }), operators, (first, rest) => {
      const text = [first, ...rest.flat()].join(' ');
      // oracle: the same text as JavaScript
      expect(value(`\${${text}}`)).toBe((new Function(`return (${text}) + 0`) as () => number)());
    }), { seed: 5 });
  });
});

test('any text at all either has a value or is refused with a typed error', () => {
  const pieces = fc.array(fc.oneof(fc.constantFrom('${', '}', '$', 'params', '.', 'n', '(', ')', '?', ':', '??', '||', '!', '-', "'", '"', '\\', '1', ' ', '\n', 'env', '=='), fc.string({ unit: 'binary', maxLength: 3 })), { maxLength: 20 });
  fc.assert(fc.property(pieces, (parts) => {
    try {
      value(parts.join(''));
    } catch (error) {
      expect(error).toBeInstanceOf(PipelineError);
    }
  }), { seed: 6, numRuns: 3000 });
});

test('values are never expanded again', () => {
  const template = parseTemplate(node('${params.n}'));
  expect(template && expand(template, () => '${params.secret}')).toBe('${params.secret}');
});
