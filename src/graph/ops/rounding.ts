/** Rounding, remainders and tests for special numbers. What is piecewise constant passes no gradient (see overrides.ts for straight-through rules). */
import { div, mul, sub } from '../layers.js';
import { int } from './attributes.js';
import { broadcast } from './arithmetic.js';
import { sumTo } from './broadcast.js';
import { floating } from './elementwise.js';
import { operator } from './operator.js';
import type { Operator, ShapeContext, ValueType } from './operator.js';

const piecewiseConstant = (): Operator => operator({ inputs: 1, shape: floating, gradient: () => [undefined] });
const truth = (c: ShapeContext<unknown>): readonly ValueType[] => floating(c).map(({ shape }) => ({ dtype: 'bool' as const, shape }));

export const roundingOperators = {
  Floor: piecewiseConstant(),
  Ceil: piecewiseConstant(),
  /** to the nearest integer, halves to the even one */
  Round: piecewiseConstant(),
  IsNaN: operator({ inputs: 1, shape: truth, gradient: 'non-differentiable' }),
  IsInf: operator({ attributes: { detect_negative: int(1), detect_positive: int(1) }, inputs: 1, shape: truth, gradient: 'non-differentiable' }),

  /** x - y · floor(x / y), with the sign of y; with fmod the sign of x, which is the only form for real numbers. */
  Mod: operator({
    attributes: { fmod: int(0) },
    inputs: 2,
    shape: (c) => {
      const { dtype } = c.input(0);
      if (dtype.startsWith('float') && c.attributes.fmod !== 1) c.fail('real numbers have no integer remainder', 'fmod = 1', `fmod = ${c.attributes.fmod} of ${dtype}`);
      return broadcast(c);
    },
    // x - y · trunc(x / y) with a constant quotient between its jumps
    gradient: (c) => {
      const [x, y] = [c.input(0), c.input(1)];
      return c.each(
        () => sumTo(c.emit, c.dy, x.shape),
        () => sumTo(c.emit, mul(c.emit, c.dy, div(c.emit, sub(c.emit, c.y, x), y)), y.shape),
      );
    },
  }),
} satisfies Record<string, Operator>;
