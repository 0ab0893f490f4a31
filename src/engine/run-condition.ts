/**
 * Conditions on runs, in the grammar of `${…}`: `params.percent >= 5 && metrics.evaluate.median_r > 0.3`. Nothing is evaluated but that grammar.
 * A run that lacks a value which the condition has to compare does not match; `??` gives a missing value another one.
 */
import { PipelineError } from '../core/errors.js';
import type { SourceSpan } from '../core/source-span.js';
import { parseExpression, type Expression } from './expression.js';
import { pathsOf, valueOf } from './expression-value.js';
import { fieldText, readField, valueOfField, type Field, type ListedRun } from './run-fields.js';

type AnyField = Pick<Field, 'root'> & { readonly names: readonly string[] };

export class RunCondition {
  readonly text: string;
  readonly #expression: Expression;
  readonly #fields: readonly AnyField[];
  /** fields that some run had */
  readonly #known = new Set<string>();
  #evaluated = 0;
  #refused: PipelineError | undefined;

  /** E_USAGE with the place in the text if it is no condition. */
  constructor(text: string) {
    this.text = text;
    const place = (offset: number, length: number): SourceSpan => ({ file: '--where', line: 1, column: offset + 1, length });
    this.#expression = this.#explained(() => {
      const { expression, end } = parseExpression(`${text}}`, 0, place, (whole, at) => {
        const read = readField(whole, at, (message, where, length, hint) => new PipelineError('E_EXPRESSION', message, { hint, span: place(where, length) }));
        return read === undefined ? undefined : { root: read.field.root, names: read.field.names, end: read.end };
      });
      if (end <= text.length) throw new PipelineError('E_EXPRESSION', '"}" is not expected here', { hint: 'write the condition without ${ }', span: place(end - 1, 1) });
      return expression;
    });
    const paths = pathsOf(this.#expression);
    const foreign = paths.find(({ root }) => root === 'env' || root === 'matrix');
    if (foreign !== undefined) throw this.#usage(new PipelineError('E_EXPRESSION', `"${foreign.root}.${foreign.names.join('.')}" is not a value of a run`, { hint: 'use params.NAME, metrics.STAGE.NAME, stages.STAGE.params.NAME or run.NAME', span: foreign.span }));
    this.#fields = paths as unknown as readonly AnyField[];
  }

  holds(run: ListedRun): boolean {
    this.#evaluated += 1;
    let missing = false;
    try {
      const value = valueOf(this.#expression, (path) => {
        const found = valueOfField(run, path as unknown as AnyField);
        if (found === undefined) missing = true;
        else this.#known.add(fieldText(path as unknown as AnyField));
        return found ?? null;
      });
      if (typeof value === 'boolean') return value;
      throw new PipelineError('E_EXPRESSION', 'it gives a value instead of true or false', { facts: { found: JSON.stringify(value) }, hint: 'compare it with something, e.g. params.percent >= 5' });
    } catch (error) {
      if (!(error instanceof PipelineError)) throw error;
      if (!missing) this.#refused ??= error;
      return false;
    }
  }

  /** After all runs were looked at: what is wrong with the condition if none matched. Fields that no run has, as they are written. */
  unknownFields(): string[] {
    if (this.#evaluated === 0) return [];
    return [...new Set(this.#fields.map(fieldText))].filter((field) => !this.#known.has(field));
  }

  /** E_USAGE if it could not be evaluated for the types of the values. */
  throwRefused(): void {
    if (this.#refused !== undefined) throw this.#usage(this.#refused);
  }

  #explained<T>(work: () => T): T {
    try {
      return work();
    } catch (error) {
      throw error instanceof PipelineError ? this.#usage(error) : error;
    }
  }

  /** The brace that ends an expression was put behind the text here: nobody has written it. */
  #withoutEnd(error: PipelineError): PipelineError {
    if (error.facts['found'] !== '}' || error.span?.column !== this.text.length + 1) return error;
    const expected = String(error.facts['expected']).replace(' or "}"', '');
    return new PipelineError(error.code, 'something is missing at its end', { facts: { expected, found: 'the end of the condition' }, hint: 'write e.g. params.percent >= 5', span: error.span });
  }

  #usage(error: PipelineError): PipelineError {
    const { message, facts, hint, span } = this.#withoutEnd(error);
    const at = span === undefined || this.text.length === 0 ? {} : { place: `character ${span.column} of ${this.text}` };
    return new PipelineError('E_USAGE', `"--where ${this.text}" cannot be used: ${message}`, { facts: { ...facts, ...at }, ...(hint === undefined ? {} : { hint }) });
  }
}
