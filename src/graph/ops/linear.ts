/** Matrix products. MatMul follows NumPy: leading axes broadcast, a rank-1 operand is a row or a column that leaves no axis behind. */
import type { Value } from '../ir.js';
import { matMul, mul, reshape, transpose } from '../layers.js';
import type { Emitter } from '../emitter.js';
import { float, int } from './attributes.js';
import { broadcastShapes, sumTo } from './broadcast.js';
import { describe, operator } from './operator.js';
import type { Operator } from './operator.js';

/** Swaps the last two axes. */
function swapped(b: Emitter, x: Value): Value {
  const axes = x.shape.map((_, axis) => axis);
  const rank = axes.length;
  return transpose(b, x, [...axes.slice(0, rank - 2), rank - 1, rank - 2]);
}

/** Contracts one axis of x [.., L, ..] with a matrix [L, L']. */
export function applyToAxis(b: Emitter, x: Value, axis: number, matrix: Value): Value {
  const last = x.shape.length - 1;
  if (axis === last) return matMul(b, x, matrix);
  const order = x.shape.map((_, at) => (at === axis ? last : at === last ? axis : at));
  return transpose(b, matMul(b, transpose(b, x, order), matrix), order);
}

export const linearOperators = {
  MatMul: operator({
    inputs: 2,
    shape: (c) => {
      const [x, y] = [c.input(0), c.input(1)];
      if (x.dtype !== y.dtype) c.fail('the two matrices differ in dtype', x.dtype, y.dtype);
      if (x.shape.length === 0 || y.shape.length === 0) c.fail('a scalar is not a matrix', 'at least one axis', `${describe(x.shape)} and ${describe(y.shape)}`);
      const left = x.shape.length === 1 ? [1, ...x.shape] : x.shape;
      const right = y.shape.length === 1 ? [...y.shape, 1] : y.shape;
      const batch = broadcastShapes(left.slice(0, -2), right.slice(0, -2));
      if (left.at(-1) !== right.at(-2)) c.fail('the inner extents differ', `${left.at(-1)} rows in the second matrix`, String(right.at(-2)));
      if (batch === undefined) return c.fail('the leading axes do not broadcast', describe(left.slice(0, -2)), describe(right.slice(0, -2)));
      const rows = x.shape.length === 1 ? [] : [left.at(-2) as number];
      const columns = y.shape.length === 1 ? [] : [right.at(-1) as number];
      return [{ dtype: x.dtype, shape: [...batch, ...rows, ...columns] }];
    },
    gradient: (c) => {
      const [x, y] = [c.input(0), c.input(1)];
      const b = c.emit;
      const left = x.shape.length === 1 ? reshape(b, x, [1, ...x.shape]) : x;
      const right = y.shape.length === 1 ? reshape(b, y, [...y.shape, 1]) : y;
      const batch = broadcastShapes(left.shape.slice(0, -2), right.shape.slice(0, -2)) ?? [];
      const dy = reshape(b, c.dy, [...batch, left.shape.at(-2) as number, right.shape.at(-1) as number]);
      return c.each(
        () => reshape(b, sumTo(b, matMul(b, dy, swapped(b, right)), left.shape), x.shape),
        () => {
          // one big product instead of a batch of small ones that are then summed
          if (right.shape.length === 2 && left.shape.length > 2) {
            const rows = left.shape.slice(0, -1).reduce((product, extent) => product * extent, 1);
            const flatX = reshape(b, left, [rows, left.shape.at(-1) as number]);
            const flatDy = reshape(b, dy, [rows, dy.shape.at(-1) as number]);
            return reshape(b, matMul(b, transpose(b, flatX, [1, 0]), flatDy), y.shape);
          }
          return reshape(b, sumTo(b, matMul(b, swapped(b, left), dy), right.shape), y.shape);
        },
      );
    },
  }),

  /** alpha · A' B' + beta · C, A' = A or Aᵀ. */
  Gemm: operator({
    attributes: { alpha: float(1), beta: float(1), transA: int(0), transB: int(0) },
    inputs: [2, 3],
    shape: (c) => {
      const [a, b] = [c.rank(0, 2), c.rank(1, 2)] as [readonly [number, number], readonly [number, number]];
      if (c.input(0).dtype !== c.input(1).dtype) c.fail('the two matrices differ in dtype', c.input(0).dtype, c.input(1).dtype);
      const [rows, inner] = c.attributes.transA ? [a[1], a[0]] : a;
      const [innerB, columns] = c.attributes.transB ? [b[1], b[0]] : b;
      if (inner !== innerB) c.fail('the inner extents differ', `${inner} in the second matrix`, String(innerB));
      const shape = [rows, columns];
      if (c.has(2)) {
        const fit = broadcastShapes(c.input(2).shape, shape);
        if (fit === undefined || describe(fit) !== describe(shape)) c.fail('the added matrix does not broadcast to the product', describe(shape), describe(c.input(2).shape));
      }
      return [{ dtype: c.input(0).dtype, shape }];
    },
    gradient: (c) => {
      const { alpha, beta, transA, transB } = c.attributes;
      const [a, b] = [c.input(0), c.input(1)];
      const product = (x: Value, transX: number, y: Value, transY: number): Value => c.emit.op('Gemm', [x, y], { alpha, transA: transX, transB: transY });
      return c.each(
        () => (transA ? product(b, transB, c.dy, 1) : product(c.dy, 0, b, transB ? 0 : 1)),
        () => (transB ? product(c.dy, 1, a, transA) : product(a, transA ? 0 : 1, c.dy, 0)),
        () => {
          const summed = sumTo(c.emit, c.dy, c.input(2).shape);
          return beta === 1 ? summed : mul(c.emit, summed, beta);
        },
      );
    },
  }),
} satisfies Record<string, Operator>;
