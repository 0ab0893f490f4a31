/** Activations beside ReLU and the sigmoids. Kinks: at x = 0 the gradient is that of the negative side, as in PyTorch. */
import type { Value } from '../ir.js';
import { add, exp, mul, sub, tanh } from '../layers.js';
import { float, oneOf } from './attributes.js';
import { broadcastShapes, sameShape, sumTo } from './broadcast.js';
import { floating } from './elementwise.js';
import { describe, operator } from './operator.js';
import type { GradientContext, Operator } from './operator.js';

type GeluContext = GradientContext<{ readonly approximate: 'none' | 'tanh' }>;

/** Phi(x) + x phi(x), with the normal distribution and its density. */
function exactGeluSlope(c: GeluContext, x: Value): Value {
  const b = c.emit;
  const distribution = mul(b, add(b, b.op('Erf', [mul(b, x, Math.SQRT1_2)]), 1), 0.5);
  const density = mul(b, exp(b, mul(b, mul(b, x, x), -0.5)), 1 / Math.sqrt(2 * Math.PI));
  return add(b, distribution, mul(b, x, density));
}

/** y = x/2 (1 + t), t = tanh(u), u = k (x + 0.044715 x^3): slope (1 + t)/2 + x/2 (1 - t^2) u'. */
function tanhGeluSlope(c: GeluContext, x: Value): Value {
  const b = c.emit;
  const k = Math.sqrt(2 / Math.PI);
  const square = mul(b, x, x);
  const t = tanh(b, mul(b, mul(b, x, add(b, mul(b, square, 0.044715), 1)), k));
  const inner = mul(b, add(b, mul(b, square, 3 * 0.044715), 1), k);
  const outer = mul(b, mul(b, x, 0.5), sub(b, 1, mul(b, t, t)));
  return add(b, mul(b, add(b, t, 1), 0.5), mul(b, outer, inner));
}

export const activationOperators = {
  /** x where x > 0, else alpha (e^x - 1). */
  Elu: operator({
    attributes: { alpha: float(1) },
    inputs: 1,
    shape: floating,
    gradient: (c) => {
      const b = c.emit;
      const positive = b.op('Greater', [c.input(0), b.scalar(0, c.dy.dtype)]);
      return [b.op('Where', [positive, c.dy, mul(b, c.dy, add(b, c.y, c.attributes.alpha))])];
    },
  }),

  /** x Phi(x) (Hendrycks and Gimpel, arXiv 1606.08415), or its approximation by tanh. */
  Gelu: operator({
    attributes: { approximate: oneOf('none', 'tanh') },
    inputs: 1,
    shape: floating,
    gradient: (c) => [mul(c.emit, c.dy, c.attributes.approximate === 'none' ? exactGeluSlope(c, c.input(0)) : tanhGeluSlope(c, c.input(0)))],
  }),

  /** x where x > 0, else slope · x; the slope broadcasts to x. */
  PRelu: operator({
    inputs: 2,
    shape: (c) => {
      const [x, slope] = [c.input(0), c.input(1)];
      const fit = broadcastShapes(x.shape, slope.shape);
      if (fit === undefined || !sameShape(fit, x.shape)) c.fail('the slope does not broadcast to the input', describe(x.shape), describe(slope.shape));
      return floating(c);
    },
    gradient: (c) => {
      const b = c.emit;
      const [x, slope] = [c.input(0), c.input(1)];
      const positive = b.op('Greater', [x, b.scalar(0, x.dtype)]);
      return c.each(
        () => b.op('Where', [positive, c.dy, mul(b, c.dy, slope)]),
        () => sumTo(b, b.op('Where', [positive, b.scalar(0, x.dtype), mul(b, c.dy, x)]), slope.shape),
      );
    },
  }),
} satisfies Record<string, Operator>;
