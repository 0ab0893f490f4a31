/**
 * Attribute declarations of operators: each attribute has a kind (which also decides how it is written in ONNX) and perhaps a default.
 * Parsing refuses unknown names and wrong kinds, so a rule never meets an attribute that it would silently ignore.
 */
import { PipelineError } from '../../core/errors.js';
import type { Tensor } from '../../core/tensor.js';
import type { AttributeValue } from '../ir.js';

export interface AttributeKinds {
  int: number;
  float: number;
  string: string;
  ints: readonly number[];
  floats: readonly number[];
  tensor: Tensor;
}
export type AttributeKind = keyof AttributeKinds;

export interface AttributeSpec<T = unknown> {
  readonly kind: AttributeKind;
  readonly fallback: T;
  readonly oneOf?: readonly (string | number)[];
}
export type AttributeSpecs = Readonly<Record<string, AttributeSpec>>;
export type AttributesOf<S extends AttributeSpecs> = { readonly [N in keyof S]: S[N] extends AttributeSpec<infer T> ? T : never };

export function int(): AttributeSpec<number | undefined>;
export function int(fallback: number): AttributeSpec<number>;
export function int(fallback?: number): AttributeSpec<number | undefined> {
  return { kind: 'int', fallback };
}
/** An integer that our semantics fix: any other value is refused. */
export function onlyInt(value: number): AttributeSpec<number> {
  return { kind: 'int', fallback: value, oneOf: [value] };
}
export function float(fallback: number): AttributeSpec<number> {
  return { kind: 'float', fallback };
}
export function ints(): AttributeSpec<readonly number[] | undefined> {
  return { kind: 'ints', fallback: undefined };
}
/** A text out of a closed list; the first is the default. */
export function oneOf<const T extends readonly [string, ...string[]]>(...values: T): AttributeSpec<T[number]> {
  return { kind: 'string', fallback: values[0], oneOf: values };
}

export function parseAttributes<S extends AttributeSpecs>(op: string, specs: S, given: Readonly<Record<string, AttributeValue>>): AttributesOf<S> {
  for (const name of Object.keys(given)) {
    if (!Object.hasOwn(specs, name)) {
      const known = Object.keys(specs).sort().join(', ') || 'none';
      throw new PipelineError('E_GRAPH', `'${op}' has no attribute '${name}'`, { facts: { expected: known, found: name }, hint: 'Remove the attribute or use an operator that has it.' });
    }
  }
  const parsed: Record<string, unknown> = {};
  for (const [name, spec] of Object.entries(specs)) {
    const value = given[name];
    if (value !== undefined && !fits(spec, value)) {
      const expected = spec.oneOf === undefined ? spec.kind : spec.oneOf.join(' or ');
      throw new PipelineError('E_GRAPH', `attribute '${name}' of '${op}' is not one that we can honour`, { facts: { expected, found: String(JSON.stringify(value)) }, hint: 'Export the model with another setting of this attribute.' });
    }
    parsed[name] = value ?? spec.fallback;
  }
  return parsed as AttributesOf<S>;
}

function fits(spec: AttributeSpec, value: AttributeValue): boolean {
  if (spec.oneOf !== undefined) return spec.oneOf.includes(value as string | number);
  switch (spec.kind) {
    case 'int':
      return Number.isInteger(value);
    case 'float':
      return typeof value === 'number';
    case 'string':
      return typeof value === 'string';
    case 'ints':
      return Array.isArray(value) && value.every((item) => Number.isInteger(item));
    case 'floats':
      return Array.isArray(value) && value.every((item) => typeof item === 'number');
    case 'tensor':
      return typeof value === 'object' && 'dtype' in value;
  }
}
