/** The two activations of transformers, in the forms that runtimes recognise and fuse. */
import type { GraphBuilder } from '../../graph/builder.js';
import type { Value } from '../../graph/ir.js';
import { add, div, mul, sigmoid } from '../../graph/layers.js';

/** slope of the sigmoid in x·σ(1.702 x). @source Hendrycks and Gimpel, arXiv 1606.08415; OpenAI's CLIP was trained with it */
const QUICK_SLOPE = 1.702;

export type Activation = (b: GraphBuilder, x: Value, name: string) => Value;

/** x Φ(x), Φ by the error function. */
export const gelu: Activation = (b, x, name) => {
  const twice = mul(b, x, add(b, b.op('Erf', [div(b, x, Math.SQRT2)]), 1));
  return mul(b, twice, 0.5, name);
};

/** x σ(1.702 x) */
export const quickGelu: Activation = (b, x, name) => mul(b, x, sigmoid(b, mul(b, x, QUICK_SLOPE)), name);
