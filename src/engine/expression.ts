/**
 * The grammar of `${…}`: text → tree. Literals, paths (`params.a.b`, `env.X`, `matrix.axis`), + - * / %, comparisons, && || !, ??, ?:, parentheses and the
 * functions min, max, round. Deliberately no more: no assignment, no indexing by computed names, no methods, nothing of JavaScript's
 * semantics. Length and depth are capped, so a hostile file costs no more than a friendly one. Where a tree came from is told by
 * `place(offset, length)`; this file knows no YAML and no pipeline.
 *
 *   choice   := coalesce ('?' choice ':' choice)?
 *   binary operators, loosest first:  ??  ||  &&  == !=  < <= > >=  + -  * / %      (all left to right)
 *   unary    := ('!' | '-') unary | primary
 *   primary  := number | 'text' | "text" | true | false | null | path | function '(' choice, … ')' | '(' choice ')'
 */
import { PipelineError } from '../core/errors.js';
import type { SourceSpan } from '../core/source-span.js';
import { FORBIDDEN_NAMES } from './source-node.js';
import { suggestion } from './suggest.js';

export type Expression =
  | { readonly kind: 'literal'; readonly value: null | boolean | number | string; readonly span: SourceSpan }
  | { readonly kind: 'path'; readonly root: PathRoot; readonly names: readonly string[]; readonly span: SourceSpan }
  | { readonly kind: 'unary'; readonly operator: '!' | '-'; readonly operand: Expression; readonly span: SourceSpan }
  | { readonly kind: 'binary'; readonly operator: BinaryOperator; readonly left: Expression; readonly right: Expression; readonly span: SourceSpan }
  | { readonly kind: 'choice'; readonly condition: Expression; readonly yes: Expression; readonly no: Expression; readonly span: SourceSpan }
  | { readonly kind: 'call'; readonly name: FunctionName; readonly operands: readonly Expression[]; readonly span: SourceSpan };

/** The last three are known to conditions on runs only: see run-fields.ts. */
export type PathRoot = 'params' | 'env' | 'matrix' | 'metrics' | 'stages' | 'run';
export type BinaryOperator = keyof typeof BINDING;
export type FunctionName = (typeof FUNCTION_NAMES)[number];
export type PlaceOf = (offset: number, length: number) => SourceSpan;
/** A path of another form that begins at a place of the text, and the offset behind it. */
export type ReadPath = (text: string, at: number) => { readonly root: PathRoot; readonly names: readonly string[]; readonly end: number } | undefined;

export const FUNCTION_NAMES = ['min', 'max', 'round'] as const;
const BINDING = { '??': 1, '||': 2, '&&': 3, '==': 4, '!=': 4, '<': 5, '<=': 5, '>': 5, '>=': 5, '+': 6, '-': 6, '*': 7, '/': 7, '%': 7 } as const;
const ROOTS: readonly string[] = ['params', 'env', 'matrix'];

export const MAX_EXPRESSION_LENGTH = 2000;
const MAX_EXPRESSION_DEPTH = 64;

interface Token {
  readonly kind: 'number' | 'text' | 'name' | 'symbol' | 'end';
  readonly text: string;
  readonly at: number;
}

const NUMBER = /(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y;
const NAME = /[A-Za-z_][A-Za-z0-9_]*/y;
const SYMBOL = /\?\?|\|\||&&|==|!=|<=|>=|[-+*/%<>!?:(),.]/y;
const SPACE = /[ \t\r\n]*/y;

/**
 * Parses the expression that starts at `start` in `text` and ends before a closing `}`.
 *
 * @returns the tree and the offset just behind the `}`
 * Errors: E_EXPRESSION with the place inside the expression.
 */
export function parseExpression(text: string, start: number, place: PlaceOf, readPath?: ReadPath): { readonly expression: Expression; readonly end: number } {
  const parser = new Parser(text, start, place, readPath);
  const expression = parser.choice(0);
  return { expression, end: parser.close() };
}

class Parser {
  #token: Token;
  #next: number;

  constructor(readonly text: string, readonly start: number, readonly place: PlaceOf, readonly readPath?: ReadPath) {
    this.#next = start;
    this.#token = this.#read();
  }

  /** Checks that the expression ends here with `}`. */
  close(): number {
    if (this.#token.kind !== 'end') throw this.#unexpected('an operator or "}"');
    return this.#token.at + 1;
  }

  choice(depth: number): Expression {
    const condition = this.#binary(1, depth + 1);
    if (!this.#take('?')) return condition;
    const yes = this.choice(depth + 1);
    if (!this.#take(':')) throw this.#unexpected('":"');
    const no = this.choice(depth + 1);
    return { kind: 'choice', condition, yes, no, span: condition.span };
  }

  #binary(lowest: number, depth: number): Expression {
    let left = this.#unary(depth);
    for (;;) {
      const token = this.#token;
      const binding = token.kind === 'symbol' && Object.hasOwn(BINDING, token.text) ? BINDING[token.text as BinaryOperator] : 0;
      if (binding < lowest) return left;
      this.#advance();
      const right = this.#binary(binding + 1, depth + 1);
      left = { kind: 'binary', operator: token.text as BinaryOperator, left, right, span: this.place(token.at, token.text.length) };
    }
  }

  #unary(depth: number): Expression {
    const token = this.#token;
    if (depth > MAX_EXPRESSION_DEPTH) throw this.#error('the expression is nested too deeply', token.at, 1, 'split it over several params', { expected: `at most ${MAX_EXPRESSION_DEPTH} levels` });
    if (token.kind === 'symbol' && (token.text === '!' || token.text === '-')) {
      this.#advance();
      return { kind: 'unary', operator: token.text, operand: this.#unary(depth + 1), span: this.place(token.at, 1) };
    }
    return this.#primary(depth);
  }

  #primary(depth: number): Expression {
    const token = this.#token;
    const span = this.place(token.at, token.text.length);
    if (token.kind === 'number') {
      this.#advance();
      const value = Number(token.text);
      if (!Number.isFinite(value) || (Number.isInteger(value) && !Number.isSafeInteger(value))) throw this.#error(`number ${token.text} cannot be held exactly`, token.at, token.text.length, 'use a smaller number', {});
      return { kind: 'literal', value, span };
    }
    if (token.kind === 'text') {
      this.#advance();
      return { kind: 'literal', value: unquote(token.text), span };
    }
    const path = token.kind === 'name' ? this.readPath?.(this.text, token.at) : undefined;
    if (path !== undefined) {
      this.#next = path.end;
      this.#advance();
      return { kind: 'path', root: path.root, names: path.names, span: this.place(token.at, path.end - token.at) };
    }
    if (token.kind === 'name') return this.#named(token, span, depth);
    if (this.#take('(')) {
      const inner = this.choice(depth + 1);
      if (!this.#take(')')) throw this.#unexpected('")"');
      return inner;
    }
    throw this.#unexpected('a value');
  }

  #named(token: Token, span: SourceSpan, depth: number): Expression {
    this.#advance();
    const literal = new Map<string, null | boolean>([['true', true], ['false', false], ['null', null]]);
    if (literal.has(token.text)) return { kind: 'literal', value: literal.get(token.text) as null | boolean, span };
    if (this.#token.kind === 'symbol' && this.#token.text === '(') return this.#call(token, span, depth);
    if (!ROOTS.includes(token.text)) {
      const stages = token.text === 'stages';
      throw new PipelineError(stages ? 'E_EXPRESSION' : 'E_UNKNOWN_REFERENCE', stages ? 'outputs of stages cannot be used inside a value' : `"${token.text}" is not known in an expression`, {
        facts: { expected: 'params.NAME, env.NAME or matrix.AXIS', found: token.text },
        hint: stages ? 'connect the stage under inputs:, as port: ${stages.NAME}' : suggestion(token.text, [...ROOTS, ...FUNCTION_NAMES], ''),
        span,
      });
    }
    const names: string[] = [];
    let end = token.at + token.text.length;
    while (this.#take('.')) {
      const name = this.#token;
      if (name.kind !== 'name') throw this.#unexpected('a name after "."');
      if (FORBIDDEN_NAMES.has(name.text)) throw this.#error(`"${name.text}" cannot be a name`, name.at, name.text.length, 'choose another name', {});
      names.push(name.text);
      end = name.at + name.text.length;
      this.#advance();
    }
    if (names.length === 0) throw this.#error(`"${token.text}" alone is not a value`, token.at, token.text.length, `write ${token.text}.NAME`, {});
    if (token.text === 'env' && names.length > 1) throw this.#error(`environment variables have no parts`, token.at, end - token.at, 'write env.NAME', {});
    if (token.text === 'matrix' && names.length > 1) throw this.#error('coordinates have no parts', token.at, end - token.at, 'write matrix.AXIS', {});
    return { kind: 'path', root: token.text as PathRoot, names, span: this.place(token.at, end - token.at) };
  }

  #call(token: Token, span: SourceSpan, depth: number): Expression {
    const name = FUNCTION_NAMES.find((known) => known === token.text);
    if (name === undefined) throw this.#error(`function "${token.text}" is not known`, token.at, token.text.length, suggestion(token.text, FUNCTION_NAMES, ''), {});
    this.#advance();
    const operands = [this.choice(depth + 1)];
    while (this.#take(',')) operands.push(this.choice(depth + 1));
    if (!this.#take(')')) throw this.#unexpected('"," or ")"');
    if (name === 'round' && operands.length !== 1) throw this.#error('"round" takes one number', token.at, token.text.length, 'write round(x)', { expected: 1, found: operands.length });
    return { kind: 'call', name, operands, span };
  }

  #take(symbol: string): boolean {
    if (this.#token.kind !== 'symbol' || this.#token.text !== symbol) return false;
    this.#advance();
    return true;
  }

  #advance(): void {
    this.#token = this.#read();
  }

  #read(): Token {
    SPACE.lastIndex = this.#next;
    const at = this.#next + (SPACE.exec(this.text)?.[0].length ?? 0);
    if (at - this.start > MAX_EXPRESSION_LENGTH) throw this.#error('the expression is too long', this.start, 2, 'split it over several params', { expected: `at most ${MAX_EXPRESSION_LENGTH} characters` });
    if (at >= this.text.length) throw this.#error('"${" is not closed', this.start - 2, 2, 'add "}", or write "$${" for a plain "${"', {});
    const character = this.text[at] as string;
    if (character === '}') return { kind: 'end', text: '}', at };
    const token = this.#match(NUMBER, 'number', at) ?? this.#match(NAME, 'name', at) ?? this.#match(SYMBOL, 'symbol', at) ?? this.#readText(character, at);
    this.#next = at + token.text.length;
    return token;
  }

  #match(pattern: RegExp, kind: Token['kind'], at: number): Token | undefined {
    pattern.lastIndex = at;
    const found = pattern.exec(this.text);
    return found === null ? undefined : { kind, text: found[0], at };
  }

  #readText(quote: string, at: number): Token {
    if (quote !== "'" && quote !== '"') throw this.#error(`"${quote}" cannot stand in an expression`, at, 1, 'use params.NAME, env.NAME, numbers, \'text\', operators and parentheses', {});
    const limit = Math.min(this.text.length, at + MAX_EXPRESSION_LENGTH);
    for (let i = at + 1; i < limit; i += 1) {
      if (this.text[i] === '\\') i += 1;
      else if (this.text[i] === quote) return { kind: 'text', text: this.text.slice(at, i + 1), at };
    }
    throw this.#error('text in an expression is not closed', at, 1, `add ${quote} at its end`, {});
  }

  #unexpected(expected: string): PipelineError {
    const { text, at } = this.#token;
    return this.#error(`"${text}" is not expected here`, at, text.length, 'check the expression', { expected, found: text });
  }

  #error(message: string, at: number, length: number, hint: string, facts: Readonly<Record<string, string | number>>): PipelineError {
    return new PipelineError('E_EXPRESSION', message, { facts, hint, span: this.place(at, length) });
  }
}

/** A backslash takes the next character as it is. */
function unquote(source: string): string {
  return source.slice(1, -1).replace(/\\(.)/gs, '$1');
}
