/** Operators of two inputs (Where: three) that act on each element, with broadcasting. Where two inputs tie, Max and Min give each half the gradient, as PyTorch does. */
import type { Value } from '../ir.js';
import { add, cast, div, log, mul, neg, pow, sub } from '../layers.js';
import { broadcastShapes, sumTo } from './broadcast.js';
import { describe, operator } from './operator.js';
import type { GradientContext, Operator, ShapeContext, ValueType } from './operator.js';

export function broadcast(c: ShapeContext<unknown>): readonly ValueType[] {
  const [x, y] = [c.input(0), c.input(1)];
  if (x.dtype !== y.dtype) c.fail('the two inputs differ in dtype', x.dtype, y.dtype);
  const shape = broadcastShapes(x.shape, y.shape);
  if (shape === undefined) return c.fail('the two inputs do not broadcast', `a shape that fits ${describe(x.shape)}`, describe(y.shape));
  return [{ dtype: x.dtype, shape }];
}

type Rule = (c: GradientContext<unknown>, x: Value, y: Value) => Value;

/** Gradients by both inputs at the broadcast shape; the sum back to each input's own shape is added here. */
export function binary(byLeft: Rule, byRight: Rule): Operator {
  return operator({
    inputs: 2,
    shape: broadcast,
    gradient: (c) => {
      const [x, y] = [c.input(0), c.input(1)];
      return c.each(
        () => sumTo(c.emit, byLeft(c, x, y), x.shape),
        () => sumTo(c.emit, byRight(c, x, y), y.shape),
      );
    },
  });
}

/** 1 where the comparison wins, 1/2 at ties, else 0. */
function share(c: GradientContext<unknown>, comparison: 'Greater' | 'Less', a: Value, b: Value): Value {
  const wins = cast(c.emit, c.emit.op(comparison, [a, b]), a.dtype);
  const ties = cast(c.emit, c.emit.op('Equal', [a, b]), a.dtype);
  return mul(c.emit, c.dy, add(c.emit, wins, mul(c.emit, ties, 0.5)));
}

function comparison(): Operator {
  return operator({ inputs: 2, shape: (c) => broadcast(c).map(({ shape }) => ({ dtype: 'bool' as const, shape })), gradient: 'non-differentiable' });
}

function boolean(inputs: number): Operator {
  return operator({
    inputs,
    shape: (c) => {
      for (let i = 0; i < inputs; i += 1) if (c.input(i).dtype !== 'bool') c.fail('the operator takes truth values', 'bool', c.input(i).dtype);
      return inputs === 1 ? [{ dtype: 'bool', shape: c.input(0).shape }] : broadcast(c);
    },
    gradient: 'non-differentiable',
  });
}

export const arithmeticOperators = {
  Add: binary((c) => c.dy, (c) => c.dy),
  Sub: binary((c) => c.dy, (c) => neg(c.emit, c.dy)),
  Mul: binary((c, _x, y) => mul(c.emit, c.dy, y), (c, x) => mul(c.emit, c.dy, x)),
  Div: binary((c, _x, y) => div(c.emit, c.dy, y), (c, _x, y) => neg(c.emit, mul(c.emit, c.dy, div(c.emit, c.y, y)))),

  Pow: binary(
    (c, x, y) => {
      const exponent = c.emit.constantOf(y);
      // x^2 is common and ONNX Runtime's Pow is slow
      if (exponent !== undefined && y.shape.length === 0 && Number(exponent.data[0]) === 2) return mul(c.emit, c.dy, mul(c.emit, x, 2));
      return mul(c.emit, c.dy, mul(c.emit, y, pow(c.emit, x, sub(c.emit, y, 1))));
    },
    (c, x) => mul(c.emit, c.dy, mul(c.emit, c.y, log(c.emit, x))),
  ),

  Max: binary((c, x, y) => share(c, 'Greater', x, y), (c, x, y) => share(c, 'Greater', y, x)),
  Min: binary((c, x, y) => share(c, 'Less', x, y), (c, x, y) => share(c, 'Less', y, x)),

  Where: operator({
    inputs: 3,
    shape: (c) => {
      const [condition, x, y] = [c.input(0), c.input(1), c.input(2)];
      if (condition.dtype !== 'bool') c.fail('the condition is not a truth value', 'bool', condition.dtype);
      if (x.dtype !== y.dtype) c.fail('the two branches differ in dtype', x.dtype, y.dtype);
      const branches = broadcastShapes(x.shape, y.shape);
      const shape = branches && broadcastShapes(condition.shape, branches);
      if (shape === undefined) return c.fail('the inputs do not broadcast', `shapes that fit ${describe(condition.shape)}`, `${describe(x.shape)} and ${describe(y.shape)}`);
      return [{ dtype: x.dtype, shape }];
    },
    gradient: (c) => {
      const zero = c.emit.scalar(0, c.dy.dtype);
      const x = c.wants(1) ? sumTo(c.emit, c.emit.op('Where', [c.input(0), c.dy, zero]), c.input(1).shape) : undefined;
      const y = c.wants(2) ? sumTo(c.emit, c.emit.op('Where', [c.input(0), zero, c.dy]), c.input(2).shape) : undefined;
      return [undefined, x, y];
    },
  }),

  Greater: comparison(),
  GreaterOrEqual: comparison(),
  Less: comparison(),
  LessOrEqual: comparison(),
  Equal: comparison(),
  And: boolean(2),
  Or: boolean(2),
  Xor: boolean(2),
  Not: boolean(1),
} satisfies Record<string, Operator>;
