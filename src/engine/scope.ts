/**
 * What names mean in the expressions of one pipeline: its params, its allow-listed environment variables and, within a stage that has a matrix,
 * the coordinates of the instance. Params may use one another; they are put in order first, a cycle is an error. Resolving is done once per
 * value: what a reference brings in is plain data from then on.
 */
import { PipelineError } from '../core/errors.js';
import type { JsonObject, JsonValue } from '../core/json.js';
import type { SourceSpan } from '../core/source-span.js';
import type { Coordinates } from './coordinates.js';
import type { Diagnostics } from './diagnostics.js';
import { placeOf } from './diagnostics.js';
import type { Expression } from './expression.js';
import { pathsOf } from './expression-value.js';
import type { Override } from './overrides.js';
import type { PipelineFile } from './pipeline-file.js';
import { kindOf, shownValue } from './source-node.js';
import type { ScalarNode, SourceNode } from './source-node.js';
import { nearest, suggestion } from './suggest.js';
import { expand, parseTemplate } from './template.js';
import type { Template } from './template.js';
import { orderNodes } from './topology.js';

type PathExpression = Extract<Expression, { kind: 'path' }>;

/** Lists that hold themselves twice, forty times over, would fill the memory. */
const MAX_VALUES = 100_000;

/** The same names, seen from one instance of a stage. */
export interface StageScope {
  /** see Scope.resolve */
  resolve(node: SourceNode): JsonValue | undefined;
  /** true once a value was asked for that depends on coordinates: until then all instances get the same */
  readonly usesMatrix: boolean;
  /** see Scope.originOf */
  originOf(node: SourceNode): SourceSpan;
}

/** Where an expression stands. */
interface Within {
  readonly stage: string;
  readonly coordinates: Coordinates;
  readonly diagnostics: Diagnostics;
  usesMatrix: boolean;
}

export class Scope {
  readonly #values = new Map<string, JsonValue>();
  #overrides: ReadonlyMap<string, Override> = new Map();
  readonly #environmentRead = new Map<string, string | null>();
  readonly #templates = new Map<ScalarNode, Template | undefined>();
  readonly #sizes = new WeakMap<object, number>();

  constructor(readonly file: PipelineFile, readonly environment: NodeJS.ProcessEnv, readonly diagnostics: Diagnostics) {}

  /** Resolves all params of the pipeline; those that cannot be are reported and stay unknown. */
  resolveParams(overrides: ReadonlyMap<string, Override>): void {
    const { params } = this.file;
    this.#overrides = overrides;
    const uses = (name: string): string[] => {
      const nodes = [params.get(name)?.value, overrides.get(name)?.node].filter((node) => node !== undefined);
      return nodes.flatMap((node) => this.#paths(node)).filter((path) => path.root === 'params' && params.has(path.names[0] as string)).map((path) => path.names[0] as string);
    };
    const { order, cycles } = orderNodes([...params.keys()], uses);
    for (const cycle of cycles) {
      const spans = cycle.slice(0, -1).map((name) => [name, params.get(name)?.keySpan as SourceSpan] as const);
      this.diagnostics.error('E_CYCLE', `params depend on one another: ${cycle.join(' -> ')}`, {
        facts: Object.fromEntries(spans.map(([name, span]) => [name, placeOf(span, spans[0]?.[1])])),
        hint: 'give one of them a value of its own',
        span: (spans[0] as (typeof spans)[0])[1],
      });
    }
    for (const name of order) {
      const fallback = this.resolve((params.get(name) as { value: SourceNode }).value);
      const override = overrides.get(name);
      const value = override === undefined ? fallback : this.#overridden(name, override, fallback);
      if (value !== undefined) this.#values.set(name, value);
    }
  }

  /** A param keeps the type of its default; null as a default takes anything. */
  #overridden(name: string, override: Override, fallback: JsonValue | undefined): JsonValue | undefined {
    const value = this.resolve(override.node);
    if (value === undefined || fallback === undefined || fallback === null || kindOf(fallback) === kindOf(value)) return value;
    if (override.text !== undefined && typeof fallback === 'string' && override.node.kind === 'scalar' && typeof override.node.value !== 'string') return override.text;
    this.diagnostics.error('E_WRONG_TYPE', `param "${name}" has the wrong type`, {
      facts: { expected: `${kindOf(fallback)}, as its default ${shownValue(fallback)}`, found: `${kindOf(value)} ${shownValue(value)}` },
      hint: `give a value of that type`,
      span: override.node.span,
    });
    return undefined;
  }

  /** Where a text was written: of one that is nothing but a reference to a param, where that param got its value. */
  originOf(node: SourceNode): SourceSpan {
    let at = node;
    for (let step = 0; step <= this.file.params.size; step += 1) {
      const parts = at.kind === 'scalar' ? this.#template(at)?.parts : undefined;
      const [only] = parts ?? [];
      if (parts?.length !== 1 || typeof only === 'string' || only?.kind !== 'path' || only.root !== 'params') break;
      const [name, ...rest] = only.names as [string, ...string[]];
      let next = this.#overrides.get(name)?.node ?? this.file.params.get(name)?.value;
      for (const part of rest) next = next?.kind === 'map' ? next.entries.get(part)?.value : next;
      if (next === undefined) break;
      at = next;
    }
    return at.span;
  }

  get params(): JsonObject {
    return Object.fromEntries([...this.file.params.keys()].filter((name) => this.#values.has(name)).map((name) => [name, this.#values.get(name) as JsonValue]));
  }

  /** Environment variables that were read, by name; null = unset. */
  get environmentRead(): Readonly<Record<string, string | null>> {
    return Object.fromEntries([...this.#environmentRead].sort(([a], [b]) => (a < b ? -1 : 1)));
  }

  /** For the values of an instance; what is wrong with them goes to `diagnostics`. */
  at(stage: string, coordinates: Coordinates, diagnostics: Diagnostics): StageScope {
    const within: Within = { stage, coordinates, diagnostics, usesMatrix: false };
    return {
      resolve: (node) => this.resolve(node, within),
      originOf: (node) => this.originOf(node),
      get usesMatrix() {
        return within.usesMatrix;
      },
    };
  }

  /** The value of a located value. undefined: it could not be resolved, and that is reported, here or where its cause was. */
  resolve(node: SourceNode, within?: Within): JsonValue | undefined {
    const diagnostics = within?.diagnostics ?? this.diagnostics;
    if (node.kind === 'scalar') {
      const template = this.#template(node);
      if (template === undefined) return typeof node.value === 'string' && node.value.includes('${') ? undefined : node.value;
      const paths = template.parts.flatMap((part) => (typeof part === 'string' ? [] : pathsOf(part)));
      const usable = paths.map((path) => this.#isKnown(path, diagnostics, within)).every(Boolean);
      return usable ? diagnostics.attempt(node.span, () => expand(template, (path) => this.#lookup(path, within))) : undefined;
    }
    let size = 1;
    let complete = true;
    const add = (child: SourceNode): JsonValue | undefined => {
      const value = this.resolve(child, within);
      if (value === undefined) complete = false;
      else size += typeof value === 'object' && value !== null ? this.#sizeOf(value) : 1;
      return value;
    };
    const value = node.kind === 'list'
      ? node.items.map((item) => add(item) as JsonValue)
      : Object.fromEntries([...node.entries.values()].map((entry) => [entry.key, add(entry.value) as JsonValue]));
    if (!complete) return undefined;
    this.#sizes.set(value, size);
    if (size <= MAX_VALUES) return value;
    diagnostics.error('E_OUT_OF_RANGE', 'the value is too large after its references are filled in', { facts: { expected: `at most ${MAX_VALUES} values`, found: size }, hint: 'keep large tables in files', span: node.span });
    return undefined;
  }

  #sizeOf(value: object): number {
    let size = this.#sizes.get(value);
    if (size === undefined) {
      size = 1 + Object.values(value).reduce<number>((sum, child: JsonValue) => sum + (typeof child === 'object' && child !== null ? this.#sizeOf(child) : 1), 0);
      this.#sizes.set(value, size);
    }
    return size;
  }

  /** Parses the text of a scalar once; an error in it is reported once. */
  #template(node: ScalarNode): Template | undefined {
    if (!this.#templates.has(node)) this.#templates.set(node, this.diagnostics.attempt(node.span, () => parseTemplate(node)));
    return this.#templates.get(node);
  }

  #paths(node: SourceNode): PathExpression[] {
    const found: PathExpression[] = [];
    const open: SourceNode[] = [node];
    for (let next = open.pop(); next !== undefined; next = open.pop()) {
      if (next.kind === 'list') {
        for (const item of next.items) open.push(item);
      } else if (next.kind === 'map') {
        for (const entry of next.entries.values()) open.push(entry.value);
      } else {
        for (const part of this.#template(next)?.parts ?? []) if (typeof part !== 'string') pathsOf(part, found);
      }
    }
    return found;
  }

  /** Reports a name that nothing has; false also, silently, for a param that could not be resolved: its own error is enough. */
  #isKnown({ root, names, span }: PathExpression, diagnostics: Diagnostics, within: Within | undefined): boolean {
    const [name] = names as [string];
    if (root === 'matrix') {
      if (within !== undefined) within.usesMatrix = true;
      if (within !== undefined && Object.hasOwn(within.coordinates, name)) return true;
      const axes = Object.keys(within?.coordinates ?? {});
      diagnostics.error('E_UNKNOWN_REFERENCE', within === undefined ? `"matrix.${name}" is not known here` : `stage "${within.stage}" has no axis "${name}"`, {
        ...(within === undefined ? { facts: { expected: 'a value of a stage that has this axis, outside of its matrix:' } } : {}),
        hint: within === undefined ? 'use a param' : suggestion(name, axes, `add matrix: { ${name}: [ … ] } to the stage`),
        span,
      });
      return false;
    }
    if (root === 'params') {
      if (this.file.params.has(name)) return this.#values.has(name);
      const guess = nearest(name, this.file.params.keys());
      const hint = guess === undefined ? `add ${name} under params:` : `did you mean "params.${guess}"?`;
      diagnostics.error('E_UNKNOWN_REFERENCE', `"params.${name}" is not among the params of the pipeline`, { hint, span });
      return false;
    }
    if (this.file.env.includes(name)) return true;
    const guess = nearest(name, this.file.env);
    diagnostics.error('E_UNKNOWN_REFERENCE', `environment variable "${name}" is not listed under env:`, {
      hint: guess === undefined ? `add ${name} to env: [${this.file.env.join(', ')}]` : `did you mean "${guess}"?`,
      span,
    });
    return false;
  }

  #lookup({ root, names, span }: PathExpression, within: Within | undefined): JsonValue {
    const [name, ...rest] = names as [string, ...string[]];
    if (root === 'matrix') return within?.coordinates[name] as JsonValue;
    if (root === 'env') {
      const value = Object.hasOwn(this.environment, name) ? (this.environment[name] ?? null) : null;
      this.#environmentRead.set(name, value);
      return value;
    }
    let value = this.#values.get(name) as JsonValue;
    let walked = `params.${name}`;
    for (const part of rest) {
      const isMap = typeof value === 'object' && value !== null && !Array.isArray(value);
      if (!isMap || !Object.hasOwn(value as JsonObject, part)) {
        throw new PipelineError('E_UNKNOWN_REFERENCE', `"${walked}" has no part "${part}"`, {
          facts: { found: isMap ? `a map with ${Object.keys(value as JsonObject).join(', ')}` : `${kindOf(value)} ${shownValue(value)}` },
          hint: isMap ? suggestion(part, Object.keys(value as JsonObject), 'check the name') : `use ${walked} itself`,
          span,
        });
      }
      value = (value as JsonObject)[part] as JsonValue;
      walked += `.${part}`;
    }
    return value;
  }
}
