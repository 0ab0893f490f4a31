/** Gradient clipping, as torch.nn.utils does it: over all weights of a step together, whichever group they are in. */
import type { Emitter } from '../emitter.js';
import type { Value } from '../ir.js';
import { add, div, minimum, mul, sqrt, sumOfSquares } from '../layers.js';

export interface Clipping {
  /** largest euclidean norm of all gradients together */
  readonly norm?: number;
  /** largest absolute value of an element; applied before the norm */
  readonly value?: number;
}

/** added to the norm before it is divided by. @source torch.nn.utils.clip_grad_norm_ */
const NORM_EPSILON = 1e-6;

/**
 * g ← min(max(g, −c), c);  g ← g·min(1, norm/(‖g‖₂ + 10⁻⁶)) with ‖·‖ over all of them.
 * @shape each float32 [any]
 * @source torch.nn.utils.clip_grad_value_, clip_grad_norm_
 */
export function clipGradients(b: Emitter, gradients: readonly Value[], { norm, value }: Clipping): readonly Value[] {
  const bounded = value === undefined ? gradients : gradients.map((g) => b.op('Clip', [g, b.scalar(-value), b.scalar(value)]));
  if (norm === undefined) return bounded;
  const squares = bounded.map((g) => sumOfSquares(b, g)).reduce((sum, part) => add(b, sum, part));
  const factor = minimum(b, div(b, norm, add(b, sqrt(b, squares), NORM_EPSILON)), 1);
  return bounded.map((g) => mul(b, g, factor));
}
