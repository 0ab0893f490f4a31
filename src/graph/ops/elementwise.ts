/** Operators of one input that act on each element. Kinks: the gradient at x = 0 of Relu and Abs is 0, as in PyTorch. */
import type { Value } from '../ir.js';
import { cast, div, exp, mul, neg, sub } from '../layers.js';
import { float } from './attributes.js';
import { stepMask } from './masks.js';
import { operator } from './operator.js';
import type { GradientContext, Operator, ShapeContext, ValueType } from './operator.js';

export const sameAsInput = (c: ShapeContext<unknown>): readonly ValueType[] => [{ dtype: c.input(0).dtype, shape: c.input(0).shape }];

export function floating(c: ShapeContext<unknown>): readonly ValueType[] {
  const { dtype } = c.input(0);
  if (dtype !== 'float32' && dtype !== 'float64') c.fail('the operator takes real numbers', 'float32 or float64', dtype);
  return sameAsInput(c);
}

/** A smooth function: `derivative(c, x, y)` is dy/dx. */
export function smooth(derivative: (c: GradientContext<unknown>, x: Value, y: Value) => Value): Operator {
  return operator({ inputs: 1, shape: floating, gradient: (c) => [mul(c.emit, c.dy, derivative(c, c.input(0), c.y))] });
}

const TWO_OVER_SQRT_PI = 2 / Math.sqrt(Math.PI);

export const elementwiseOperators = {
  Relu: operator({
    inputs: 1,
    shape: floating,
    gradient: (c) => [mul(c.emit, c.dy, stepMask(c.emit, c.y))],
  }),

  LeakyRelu: operator({
    attributes: { alpha: float(0.01) },
    inputs: 1,
    shape: floating,
    gradient: (c) => {
      const step = stepMask(c.emit, c.input(0));
      // slope is alpha where the step is 0 and 1 where it is 1
      const slope = c.emit.op('Add', [mul(c.emit, step, 1 - c.attributes.alpha), c.emit.scalar(c.attributes.alpha, c.y.dtype)]);
      return [mul(c.emit, c.dy, slope)];
    },
  }),

  Sigmoid: smooth((c, _x, y) => mul(c.emit, y, sub(c.emit, 1, y))),

  HardSigmoid: operator({
    attributes: { alpha: float(0.2), beta: float(0.5) },
    inputs: 1,
    shape: floating,
    gradient: (c) => {
      // inside the ramp 0 < y < 1, where y (1 - y) > 0
      const inside = stepMask(c.emit, mul(c.emit, c.y, sub(c.emit, 1, c.y)));
      return [mul(c.emit, mul(c.emit, c.dy, inside), c.attributes.alpha)];
    },
  }),

  Tanh: smooth((c, _x, y) => sub(c.emit, 1, mul(c.emit, y, y))),
  Softplus: smooth((c, x) => c.emit.op('Sigmoid', [x])),
  Exp: smooth((_c, _x, y) => y),
  Log: smooth((c, x) => c.emit.op('Reciprocal', [x])),
  Sqrt: smooth((c, _x, y) => div(c.emit, 0.5, y)),
  Erf: smooth((c, x) => mul(c.emit, exp(c.emit, neg(c.emit, mul(c.emit, x, x))), TWO_OVER_SQRT_PI)),
  Reciprocal: smooth((c, _x, y) => neg(c.emit, mul(c.emit, y, y))),
  Sin: smooth((c, x) => c.emit.op('Cos', [x])),
  Cos: smooth((c, x) => neg(c.emit, c.emit.op('Sin', [x]))),

  Abs: operator({ inputs: 1, shape: sameAsInput, gradient: (c) => [mul(c.emit, c.dy, c.emit.op('Sign', [c.input(0)]))] }),
  Neg: operator({ inputs: 1, shape: sameAsInput, gradient: (c) => [neg(c.emit, c.dy)] }),
  // piecewise constant: no gradient flows
  Sign: operator({ inputs: 1, shape: sameAsInput, gradient: () => [undefined] }),

  Clip: operator({
    inputs: [1, 3],
    shape: (c) => {
      for (const bound of [1, 2]) if (c.has(bound)) c.rank(bound, 0);
      return sameAsInput(c);
    },
    // passes at the bounds themselves, as torch.clamp does
    gradient: (c) => {
      let gradient = c.dy;
      const x = c.input(0);
      const bounds = [[1, 'GreaterOrEqual'], [2, 'LessOrEqual']] as const;
      for (const [bound, comparison] of bounds) {
        if (c.has(bound)) gradient = mul(c.emit, gradient, cast(c.emit, c.emit.op(comparison, [x, c.input(bound)]), x.dtype));
      }
      return [c.wants(0) ? gradient : undefined];
    },
  }),
} satisfies Record<string, Operator>;
