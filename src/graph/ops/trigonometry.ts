/** Circular and hyperbolic functions and their inverses, of angles in radians. Outside its domain a function and its gradient are NaN. */
import { add, div, mul, neg, sqrt, sub } from '../layers.js';
import { smooth } from './elementwise.js';
import type { Operator } from './operator.js';

export const trigonometricOperators = {
  Tan: smooth((c, _x, y) => add(c.emit, mul(c.emit, y, y), 1)),
  Asin: smooth((c, x) => div(c.emit, 1, sqrt(c.emit, sub(c.emit, 1, mul(c.emit, x, x))))),
  Acos: smooth((c, x) => neg(c.emit, div(c.emit, 1, sqrt(c.emit, sub(c.emit, 1, mul(c.emit, x, x)))))),
  Atan: smooth((c, x) => div(c.emit, 1, add(c.emit, mul(c.emit, x, x), 1))),
  Sinh: smooth((c, x) => c.emit.op('Cosh', [x])),
  Cosh: smooth((c, x) => c.emit.op('Sinh', [x])),
  Asinh: smooth((c, x) => div(c.emit, 1, sqrt(c.emit, add(c.emit, mul(c.emit, x, x), 1)))),
  Acosh: smooth((c, x) => div(c.emit, 1, sqrt(c.emit, sub(c.emit, mul(c.emit, x, x), 1)))),
  Atanh: smooth((c, x) => div(c.emit, 1, sub(c.emit, 1, mul(c.emit, x, x)))),
} satisfies Record<string, Operator>;
