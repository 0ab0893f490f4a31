/**
 * The value of an expression. Strict: no operator converts a type (text joins text, numbers compare with numbers), `??` looks only at null,
 * nothing is infinite. Names are looked up among own properties by the `lookup` that the caller gives; a value that is found is never
 * expanded again, so no text from the environment or from `--set` can become an expression.
 */
import { PipelineError } from '../core/errors.js';
import type { JsonValue } from '../core/json.js';
import type { SourceSpan } from '../core/source-span.js';
import { unreachable } from '../core/unreachable.js';
import type { BinaryOperator, Expression } from './expression.js';
import { kindOf, shownValue } from './source-node.js';

type PathExpression = Extract<Expression, { kind: 'path' }>;
export type Lookup = (path: PathExpression) => JsonValue;

/** Texts double when joined with themselves; forty such params would fill the memory. */
export const MAX_TEXT = 65_536;

/** Errors: E_EXPRESSION with the place of the operator or operand. */
export function valueOf(expression: Expression, lookup: Lookup): JsonValue {
  switch (expression.kind) {
    case 'literal':
      return expression.value;
    case 'path':
      return lookup(expression);
    case 'unary': {
      const operand = valueOf(expression.operand, lookup);
      if (expression.operator === '!') return !asBoolean(operand, '"!"', expression.operand.span);
      return finite(-asNumber(operand, '"-"', expression.operand.span), expression.span);
    }
    case 'choice': {
      const chosen = asBoolean(valueOf(expression.condition, lookup), 'the condition before "?"', expression.condition.span);
      return valueOf(chosen ? expression.yes : expression.no, lookup);
    }
    case 'call': {
      const numbers = expression.operands.map((operand) => asNumber(valueOf(operand, lookup), `"${expression.name}"`, operand.span));
      return finite(Math[expression.name](...(numbers as [number])), expression.span);
    }
    case 'binary':
      return binary(expression.operator, expression.left, expression.right, lookup, expression.span);
    default:
      return unreachable(expression);
  }
}

/** Every path that a tree can reach, evaluated or not: so that a wrong name in the branch not taken is found too. */
export function pathsOf(expression: Expression, into: PathExpression[] = []): PathExpression[] {
  switch (expression.kind) {
    case 'literal':
      break;
    case 'path':
      into.push(expression);
      break;
    case 'unary':
      pathsOf(expression.operand, into);
      break;
    case 'binary':
      pathsOf(expression.left, into);
      pathsOf(expression.right, into);
      break;
    case 'choice':
      pathsOf(expression.condition, into);
      pathsOf(expression.yes, into);
      pathsOf(expression.no, into);
      break;
    case 'call':
      for (const operand of expression.operands) pathsOf(operand, into);
      break;
    default:
      unreachable(expression);
  }
  return into;
}

function binary(operator: BinaryOperator, leftTree: Expression, rightTree: Expression, lookup: Lookup, span: SourceSpan): JsonValue {
  const left = valueOf(leftTree, lookup);
  const name = `"${operator}"`;
  switch (operator) {
    case '??':
      return left === null ? valueOf(rightTree, lookup) : left;
    case '||':
      return asBoolean(left, name, leftTree.span) || asBoolean(valueOf(rightTree, lookup), name, rightTree.span);
    case '&&':
      return asBoolean(left, name, leftTree.span) && asBoolean(valueOf(rightTree, lookup), name, rightTree.span);
    case '==':
      return same(left, valueOf(rightTree, lookup), name, leftTree.span, rightTree.span);
    case '!=':
      return !same(left, valueOf(rightTree, lookup), name, leftTree.span, rightTree.span);
    case '<':
    case '<=':
    case '>':
    case '>=':
      return compare(operator, left, valueOf(rightTree, lookup), span);
    case '+': {
      const right = valueOf(rightTree, lookup);
      if (typeof left === 'string' && typeof right === 'string') return bounded(left + right, span);
      return finite(asNumber(left, name, leftTree.span) + asNumber(right, name, rightTree.span), span);
    }
    case '-':
    case '*':
    case '/':
    case '%':
      return finite(arithmetic(operator, asNumber(left, name, leftTree.span), asNumber(valueOf(rightTree, lookup), name, rightTree.span)), span);
    default:
      return unreachable(operator);
  }
}

function arithmetic(operator: '-' | '*' | '/' | '%', left: number, right: number): number {
  if (operator === '-') return left - right;
  if (operator === '*') return left * right;
  return operator === '/' ? left / right : left % right;
}

function compare(operator: '<' | '<=' | '>' | '>=', left: JsonValue, right: JsonValue, span: SourceSpan): boolean {
  const comparable = (typeof left === 'number' && typeof right === 'number') || (typeof left === 'string' && typeof right === 'string');
  if (!comparable) throw wrongType(`"${operator}"`, 'two numbers or two texts', `${kindOf(left)} and ${kindOf(right)}`, span);
  const [a, b] = [left as number, right as number];
  if (operator === '<') return a < b;
  if (operator === '<=') return a <= b;
  return operator === '>' ? a > b : a >= b;
}

function same(left: JsonValue, right: JsonValue, name: string, leftSpan: SourceSpan, rightSpan: SourceSpan): boolean {
  for (const [value, span] of [[left, leftSpan], [right, rightSpan]] as const) {
    if (value !== null && typeof value === 'object') throw wrongType(name, 'text, numbers, true, false or null', kindOf(value), span);
  }
  return left === right;
}

function asBoolean(value: JsonValue, user: string, span: SourceSpan): boolean {
  if (typeof value === 'boolean') return value;
  throw wrongType(user, 'true or false', `${kindOf(value)} ${shownValue(value)}`, span);
}

function asNumber(value: JsonValue, user: string, span: SourceSpan): number {
  if (typeof value === 'number') return value;
  throw wrongType(user, 'a number', `${kindOf(value)} ${shownValue(value)}`, span);
}

function wrongType(user: string, expected: string, found: string, span: SourceSpan): PipelineError {
  return new PipelineError('E_EXPRESSION', `${user} cannot take this value`, { facts: { expected, found }, hint: 'compare or convert it first: nothing is converted on its own', span });
}

function finite(value: number, span: SourceSpan): number {
  if (!Number.isFinite(value) || (Number.isInteger(value) && !Number.isSafeInteger(value))) {
    throw new PipelineError('E_EXPRESSION', 'the result is not a number that can be held exactly', { facts: { expected: 'a finite number, integers within ±(2^53 - 1)', found: String(value) }, hint: 'check for a division by zero or a huge product', span });
  }
  return value === 0 ? 0 : value;
}

export function bounded(text: string, span: SourceSpan): string {
  if (text.length <= MAX_TEXT) return text;
  throw new PipelineError('E_EXPRESSION', 'the text that this gives is too long', { facts: { expected: `at most ${MAX_TEXT} characters`, found: text.length }, hint: 'keep long texts in files', span });
}
