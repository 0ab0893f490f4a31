/** Reductions over a list of axes (the second input; absent means all axes) and the softmax family. */
import type { Value } from '../ir.js';
import { cast, div, exp, mul, reduceSum, reshape, sub } from '../layers.js';
import { int } from './attributes.js';
import { operator } from './operator.js';
import type { GradientContext, Operator, ShapeContext, ValueType } from './operator.js';

const reduceAttributes = { keepdims: int(1), noop_with_empty_axes: int(0) } as const;
type ReduceAttributes = { readonly keepdims: number; readonly noop_with_empty_axes: number };

function axesOf(c: ShapeContext<ReduceAttributes>): number[] {
  const rank = c.input(0).shape.length;
  const given = c.has(1) ? c.integers(1) : [];
  if (given.length > 0) return given.map((axis) => c.axis(axis, rank));
  return c.attributes.noop_with_empty_axes === 1 ? [] : c.input(0).shape.map((_, axis) => axis);
}

function reducedShape(c: ShapeContext<ReduceAttributes>): readonly ValueType[] {
  const { dtype, shape } = c.input(0);
  const axes = new Set(axesOf(c));
  const kept = shape.map((extent, axis) => (axes.has(axis) ? 1 : extent));
  return [{ dtype, shape: c.attributes.keepdims ? kept : kept.filter((_, axis) => !axes.has(axis)) }];
}

/** `rule` gets dy and y with the reduced axes kept as extent 1 and returns a gradient that broadcasts to x. */
function reduction(rule: (c: GradientContext<ReduceAttributes>, x: Value, y: Value, dy: Value, count: number, axes: readonly number[]) => Value): Operator {
  return operator({
    attributes: reduceAttributes,
    inputs: [1, 2],
    shape: reducedShape,
    gradient: (c) => {
      const x = c.input(0);
      const axes = axesOf(c);
      const reduced = new Set(axes);
      const kept = x.shape.map((extent, axis) => (reduced.has(axis) ? 1 : extent));
      const keep = (value: Value): Value => (c.attributes.keepdims ? value : reshape(c.emit, value, kept));
      const count = axes.reduce((product, axis) => product * (x.shape[axis] as number), 1);
      const gradient = rule(c, x, keep(c.y), keep(c.dy), count, axes);
      return [gradient.shape.join() === x.shape.join() ? gradient : c.emit.op('Expand', [gradient, c.emit.ints(x.shape)])];
    },
  });
}

/** Ties share the gradient evenly, as torch.amax does. */
const extreme = (): Operator =>
  reduction((c, x, y, dy, _count, axes) => {
    const hits = cast(c.emit, c.emit.op('Equal', [x, y]), x.dtype);
    return mul(c.emit, hits, div(c.emit, dy, reduceSum(c.emit, hits, axes, true)));
  });

/**
 * The product of the others, also where elements are zero: with one zero in a line only that element has a gradient, with two none.
 * p is the product of the elements that are not zero.
 */
const product = (): Operator =>
  reduction((c, x, _y, dy, _count, axes) => {
    const b = c.emit;
    const zero = b.scalar(0, x.dtype);
    const isZero = b.op('Equal', [x, zero]);
    const nonZero = b.op('Where', [isZero, b.scalar(1, x.dtype), x]);
    const p = b.op('ReduceProd', [nonZero, b.ints(axes)], { keepdims: 1 });
    const zeros = reduceSum(b, cast(b, isZero, x.dtype), axes, true);
    const scaled = mul(b, dy, p);
    const none = b.op('Where', [b.op('Equal', [zeros, zero]), scaled, zero]);
    const one = b.op('Where', [b.op('Equal', [zeros, b.scalar(1, x.dtype)]), scaled, zero]);
    return b.op('Where', [isZero, one, div(b, none, nonZero)]);
  });

const softmaxAttributes = { axis: int(-1) } as const;

function sameShapeAsInput(c: ShapeContext<{ readonly axis: number }>): readonly ValueType[] {
  const { dtype, shape } = c.input(0);
  c.axis(c.attributes.axis, shape.length);
  return [{ dtype, shape }];
}

export const reductionOperators = {
  ReduceSum: reduction((_c, _x, _y, dy) => dy),
  ReduceMean: reduction((c, _x, _y, dy, count) => mul(c.emit, dy, 1 / count)),
  ReduceMax: extreme(),
  ReduceMin: extreme(),
  // undefined at x = 0, where it gives NaN: the norm has a kink there
  ReduceL2: reduction((c, x, y, dy) => mul(c.emit, x, div(c.emit, dy, y))),
  ReduceSumSquare: reduction((c, x, _y, dy) => mul(c.emit, x, mul(c.emit, dy, 2))),
  ReduceLogSumExp: reduction((c, x, y, dy) => mul(c.emit, exp(c.emit, sub(c.emit, x, y)), dy)),
  ReduceProd: product(),

  /** y[i] = x[0] + … + x[i] along an axis; `exclusive` leaves x[i] out, `reverse` sums from the end. */
  CumSum: operator({
    attributes: { exclusive: int(0), reverse: int(0) },
    inputs: 2,
    shape: (c) => {
      const { dtype, shape } = c.input(0);
      const [axis, ...more] = c.integers(1);
      if (axis === undefined || more.length > 0) return c.fail('the axis is not one number', 'one integer', `${more.length + 1} of them`);
      c.axis(axis, shape.length);
      return [{ dtype, shape }];
    },
    gradient: (c) => [c.wants(0) ? c.emit.op('CumSum', [c.dy, c.input(1)], { exclusive: c.attributes.exclusive, reverse: c.attributes.reverse ? 0 : 1 }) : undefined],
  }),

  Softmax: operator({
    attributes: softmaxAttributes,
    inputs: 1,
    shape: sameShapeAsInput,
    gradient: (c) => {
      const inner = reduceSum(c.emit, mul(c.emit, c.dy, c.y), [c.attributes.axis], true);
      return [mul(c.emit, c.y, sub(c.emit, c.dy, inner))];
    },
  }),

  LogSoftmax: operator({
    attributes: softmaxAttributes,
    inputs: 1,
    shape: sameShapeAsInput,
    gradient: (c) => {
      const total = reduceSum(c.emit, c.dy, [c.attributes.axis], true);
      return [sub(c.emit, c.dy, mul(c.emit, exp(c.emit, c.y), total))];
    },
  }),
} satisfies Record<string, Operator>;
