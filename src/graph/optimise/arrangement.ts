/** Chains of rearrangements: two transposes are one, and of several changes of shape only the last counts. */
import { reshape, transpose } from '../layers.js';
import type { Value } from '../ir.js';
import type { Made, Site } from './rewriting.js';

function orderOf({ inputs, attributes }: Made): readonly number[] {
  const rank = inputs[0]?.shape.length ?? 0;
  return (attributes['perm'] as readonly number[] | undefined) ?? Array.from({ length: rank }, (_, axis) => rank - 1 - axis);
}

/** transpose(transpose(x, p), q) = transpose(x, p∘q); in order it is x itself. */
export function mergeTransposes(site: Site): Value | undefined {
  const before = site.op === 'Transpose' ? site.producer(site.inputs[0]) : undefined;
  const x = before?.inputs[0];
  if (before?.op !== 'Transpose' || x === undefined) return undefined;
  const first = orderOf(before);
  const order = orderOf(site).map((axis) => first[axis] as number);
  return order.every((axis, i) => axis === i) ? x : transpose(site.emit, x, order, site.output.name);
}

const CHANGES_SHAPE: ReadonlySet<string> = new Set(['Reshape', 'Flatten', 'Squeeze', 'Unsqueeze']);

export function mergeArrangements(site: Site): Value | undefined {
  const before = CHANGES_SHAPE.has(site.op) ? site.producer(site.inputs[0]) : undefined;
  const x = before?.inputs[0];
  if (before === undefined || x === undefined || !CHANGES_SHAPE.has(before.op)) return undefined;
  return reshape(site.emit, x, site.output.shape, site.output.name);
}
