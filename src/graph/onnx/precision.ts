/**
 * Whether a model computes in float64. Reading makes float32 of it, which is right for weights that were stored too wide, and wrong for a
 * graph that was written in float64 because it needs it: a runtime that goes by the decoded graph has to ask.
 */
import { readModel } from './read-model.js';
import { FLOAT64 } from './schema.js';

/** In inputs, constants or casts of the main graph. Errors: E_GRAPH for bytes that are no model. */
export function holdsFloat64(bytes: Uint8Array): boolean {
  const { inputs, initializers, nodes } = readModel(bytes);
  const stored = [...inputs, ...initializers.values()].some((value) => value.stored === 'float64');
  return stored || nodes.some(({ op, attributes }) => op === 'Cast' && attributes['to'] === FLOAT64);
}
