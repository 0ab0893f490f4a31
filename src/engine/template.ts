/**
 * Text with `${…}` in it. A text that is exactly one `${…}` keeps the value's type; otherwise the values are put into the text. `$${` stands
 * for a plain `${`. Templates are parsed once, from the file; values that go into them are never looked at again.
 */
import type { JsonValue } from '../core/json.js';
import { PipelineError } from '../core/errors.js';
import { parseExpression } from './expression.js';
import type { Expression } from './expression.js';
import { bounded, valueOf } from './expression-value.js';
import type { Lookup } from './expression-value.js';
import { kindOf, spanWithin } from './source-node.js';
import type { ScalarNode } from './source-node.js';

export interface Template {
  readonly node: ScalarNode;
  readonly parts: readonly (string | Expression)[];
}

/** undefined for a scalar without `${`. Errors: E_EXPRESSION, E_UNKNOWN_REFERENCE with the place inside the text. */
export function parseTemplate(node: ScalarNode): Template | undefined {
  const text = node.value;
  if (typeof text !== 'string' || !text.includes('${')) return undefined;
  const parts: (string | Expression)[] = [];
  let plain = '';
  for (let at = 0; at < text.length; ) {
    const next = text.indexOf('${', at);
    if (next < 0) {
      plain += text.slice(at);
      break;
    }
    if (next > at && text[next - 1] === '$') {
      plain += `${text.slice(at, next - 1)}\${`;
      at = next + 2;
      continue;
    }
    plain += text.slice(at, next);
    if (plain !== '') parts.push(plain);
    plain = '';
    const { expression, end } = parseExpression(text, next + 2, (offset, length) => spanWithin(node, offset, length));
    parts.push(expression);
    at = end;
  }
  if (plain !== '') parts.push(plain);
  return { node, parts };
}

/** Errors: those of the expressions, and E_EXPRESSION for a list, map or null inside a longer text. */
export function expand(template: Template, lookup: Lookup): JsonValue {
  const [only] = template.parts;
  if (template.parts.length === 1 && only !== undefined) return typeof only === 'string' ? only : valueOf(only, lookup);
  let text = '';
  for (const part of template.parts) {
    if (typeof part === 'string') {
      text += part;
      continue;
    }
    const value = valueOf(part, lookup);
    if (value === null || typeof value === 'object') {
      throw new PipelineError('E_EXPRESSION', `${value === null ? 'null' : `a ${kindOf(value)}`} cannot be put into a text`, {
        facts: { expected: 'text, a number, true or false', found: kindOf(value) },
        hint: value === null ? 'give a default with ??, e.g. ${env.NAME ?? \'\'}' : 'use the reference alone as the whole value',
        span: part.span,
      });
    }
    text = bounded(text + String(value), part.span);
  }
  return bounded(text, template.node.span);
}
