/** Positions of the largest and smallest elements, the k largest ones, and indicator vectors. Positions are int64 and have no gradient. */
import { int } from './attributes.js';
import { zerosOf } from './indexing.js';
import { describe, operator } from './operator.js';
import type { Operator } from './operator.js';

/** The first of equal elements, or the last with select_last_index. */
const positionOf = (): Operator =>
  operator({
    attributes: { axis: int(0), keepdims: int(1), select_last_index: int(0) },
    inputs: 1,
    shape: (c) => {
      const { shape } = c.input(0);
      const reduced = c.axis(c.attributes.axis, shape.length);
      const kept = shape.map((extent, axis) => (axis === reduced ? 1 : extent));
      return [{ dtype: 'int64' as const, shape: c.attributes.keepdims ? kept : kept.filter((_, axis) => axis !== reduced) }];
    },
    gradient: 'non-differentiable',
  });

export const selectionOperators = {
  ArgMax: positionOf(),
  ArgMin: positionOf(),

  /** Values and positions of the k largest (or smallest) elements of an axis; of equal ones the first come first. */
  TopK: operator({
    attributes: { axis: int(-1), largest: int(1), sorted: int(1) },
    inputs: 2,
    outputs: [2, 2],
    shape: (c) => {
      const { dtype, shape } = c.input(0);
      const axis = c.axis(c.attributes.axis, shape.length);
      const [k = -1] = c.integers(1);
      if (k < 0 || k > (shape[axis] as number)) c.fail('k does not fit the axis', `0 … ${shape[axis]}`, String(k));
      const picked = shape.map((extent, at) => (at === axis ? k : extent));
      return [{ dtype, shape: picked }, { dtype: 'int64', shape: picked }];
    },
    gradient: (c) => {
      const x = c.input(0);
      const [, positions] = c.outputs;
      return [c.emit.op('ScatterElements', [zerosOf(c.emit, x), positions, c.dy], { axis: c.attributes.axis, reduction: 'add' })];
    },
  }),

  /** values [off, on]; a new axis of the given depth holds `on` where its position is the index (negative from the end), else `off`. */
  OneHot: operator({
    attributes: { axis: int(-1) },
    inputs: 3,
    shape: (c) => {
      const [depth = 0] = c.integers(1);
      if (depth < 1) c.fail('the depth is not positive', 'at least 1', String(depth));
      if (c.rank(2, 1)[0] !== 2) c.fail('values are not a pair', '[off, on]', describe(c.input(2).shape));
      const { shape } = c.input(0);
      if (shape.length === 0) c.fail('a single index has no axis', 'indices of at least one axis', '[]');
      const axis = c.axis(c.attributes.axis, shape.length + 1);
      return [{ dtype: c.input(2).dtype, shape: [...shape.slice(0, axis), depth, ...shape.slice(axis)] }];
    },
    gradient: 'non-differentiable',
  }),
} satisfies Record<string, Operator>;
