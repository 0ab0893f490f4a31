/** Checkpoints of other libraries whose parameters are the same under other names. Dialects that split or join tensors write their own `translate`. */
import { tensor } from '../core/tensor.js';
import type { Dialect, Weights } from './architecture.js';

/** Counters that batch normalisation keeps while it trains; nothing is computed from them. */
export const isCounter = (name: string): boolean => name.endsWith('.num_batches_tracked');

/** First match wins; a name that no rule matches stays as it is. */
type Rules = readonly (readonly [pattern: RegExp, replacement: string])[];

/** @param key a name that only checkpoints of this dialect hold */
export function renaming(name: string, key: string, rules: Rules): Dialect {
  const stored = (original: string): string => {
    const rule = rules.find(([pattern]) => pattern.test(original));
    return rule === undefined ? original : original.replace(rule[0], rule[1]);
  };
  return {
    name,
    matches: (names) => names.has(key),
    translate: (weights: Weights): Weights => ({
      take: (original, shape) => {
        // some store a gain per channel as a vector, others with the axes that it is broadcast over
        const vector = shape.length > 1 && weights.shapeOf?.(stored(original))?.join() === String(shape[0]) ? shape.slice(0, 1) : shape;
        return tensor('float32', shape, weights.take(stored(original), vector).data);
      },
      ...(weights.shapeOf === undefined ? {} : { shapeOf: (original: string) => weights.shapeOf?.(stored(original)) }),
    }),
  };
}
