/** Reading and writing by index. Negative indices count from the end. Indices have no gradient. */
import { sizeOf } from '../../core/tensor.js';
import type { Emitter } from '../emitter.js';
import type { Value } from '../ir.js';
import { concat, reshape, transpose } from '../layers.js';
import { int, oneOf } from './attributes.js';
import { describe, operator } from './operator.js';
import type { Operator, ShapeContext } from './operator.js';

function requireIntegers(c: ShapeContext<unknown>, index: number): void {
  const { dtype } = c.input(index);
  if (dtype !== 'int64' && dtype !== 'int32') c.fail('the indices are not integers', 'int64 or int32', dtype);
}

function zeros(b: Emitter, shape: readonly number[], like: Value): Value {
  return b.op('Expand', [b.scalar(0, like.dtype), b.ints(shape)]);
}

/** Zeros of the shape and dtype of a value. */
export function zerosOf(b: Emitter, like: Value): Value {
  return zeros(b, like.shape, like);
}

/**
 * Indices of GatherND with the positions of their leading `batch` axes written before them, so that they count from the first axis:
 * [B…, …, k] -> [B…, …, batch + k].
 */
function fullIndices(b: Emitter, indices: Value, batch: number): Value {
  if (batch === 0) return indices;
  const lead = indices.shape.slice(0, -1);
  const data = new BigInt64Array(sizeOf(lead) * batch);
  for (let place = 0; place < sizeOf(lead); place += 1) {
    let rest = place;
    for (let axis = lead.length - 1; axis >= 0; axis -= 1) {
      if (axis < batch) data[place * batch + axis] = BigInt(rest % (lead[axis] as number));
      rest = Math.floor(rest / (lead[axis] as number));
    }
  }
  return concat(b, [b.constant({ dtype: 'int64', shape: [...lead, batch], data }), indices], -1);
}

export const indexingOperators = {
  /** y = x with the axis replaced by the shape of the indices. */
  Gather: operator({
    attributes: { axis: int(0) },
    inputs: 2,
    shape: (c) => {
      requireIntegers(c, 1);
      const { dtype, shape } = c.input(0);
      const axis = c.axis(c.attributes.axis, shape.length);
      return [{ dtype, shape: [...shape.slice(0, axis), ...c.input(1).shape, ...shape.slice(axis + 1)] }];
    },
    gradient: (c) => {
      if (!c.wants(0)) return [undefined];
      const b = c.emit;
      const [x, indices] = [c.input(0), c.input(1)];
      const axis = c.axis(c.attributes.axis, x.shape.length);
      const count = sizeOf(indices.shape);
      const [before, after] = [x.shape.slice(0, axis), x.shape.slice(axis + 1)];
      // bring the gathered axis to the front: rows [count, rest] are added into [extent, rest]
      const dy = reshape(b, c.dy, [...before, count, ...after]);
      const rank = x.shape.length;
      const toFront = [axis, ...before.map((_, at) => at), ...after.map((_, at) => axis + 1 + at)];
      const back = Array.from({ length: rank }, (_, at) => toFront.indexOf(at));
      const rows = axis === 0 ? dy : transpose(b, dy, toFront);
      const target = [x.shape[axis] as number, ...before, ...after];
      const summed = b.op('ScatterND', [zeros(b, target, x), reshape(b, indices, [count, 1]), rows], { reduction: 'add' });
      return [axis === 0 ? summed : transpose(b, summed, back)];
    },
  }),

  /** y[i, j] = x[indices[i, j], j] for axis 0, and so on. */
  GatherElements: operator({
    attributes: { axis: int(0) },
    inputs: 2,
    shape: (c) => {
      requireIntegers(c, 1);
      const { dtype, shape } = c.input(0);
      const axis = c.axis(c.attributes.axis, shape.length);
      const { shape: picked } = c.input(1);
      if (picked.length !== shape.length || picked.some((extent, at) => at !== axis && extent > (shape[at] as number))) c.fail('the indices do not fit the input', describe(shape), describe(picked));
      return [{ dtype, shape: picked }];
    },
    gradient: (c) => {
      if (!c.wants(0)) return [undefined];
      const x = c.input(0);
      return [c.emit.op('ScatterElements', [zeros(c.emit, x.shape, x), c.input(1), c.dy], { axis: c.attributes.axis, reduction: 'add' })];
    },
  }),

  ScatterElements: operator({
    attributes: { axis: int(0), reduction: oneOf('none', 'add', 'mul', 'max', 'min') },
    inputs: 3,
    shape: (c) => {
      requireIntegers(c, 1);
      const { dtype, shape } = c.input(0);
      c.axis(c.attributes.axis, shape.length);
      if (c.input(1).shape.length !== shape.length) c.fail('the indices have another rank than the data', `${shape.length} axes`, describe(c.input(1).shape));
      if (describe(c.input(1).shape) !== describe(c.input(2).shape)) c.fail('indices and updates differ in shape', describe(c.input(1).shape), describe(c.input(2).shape));
      return [{ dtype, shape }];
    },
    gradient: (c) => {
      const b = c.emit;
      const { axis, reduction } = c.attributes;
      if (reduction !== 'none' && reduction !== 'add') return c.refuse(`the reduction '${reduction}' has no gradient rule`);
      const [indices, updates] = [c.input(1), c.input(2)];
      const overwritten = (): Value => b.op('ScatterElements', [c.dy, indices, zeros(b, updates.shape, updates)], { axis });
      return [
        c.wants(0) ? (reduction === 'add' ? c.dy : overwritten()) : undefined,
        undefined,
        c.wants(2) ? b.op('GatherElements', [c.dy, indices], { axis }) : undefined,
      ];
    },
  }),

  /** Adds or writes slices of `updates` at the positions that the last axis of `indices` names. */
  ScatterND: operator({
    attributes: { reduction: oneOf('none', 'add', 'mul', 'max', 'min') },
    inputs: 3,
    shape: (c) => {
      requireIntegers(c, 1);
      const { dtype, shape } = c.input(0);
      const { shape: indices } = c.input(1);
      const depth = indices.at(-1) ?? c.fail('the indices are a scalar', 'at least one axis', '[]');
      if (depth > shape.length) c.fail('the indices are deeper than the data', `at most ${shape.length}`, String(depth));
      const expected = [...indices.slice(0, -1), ...shape.slice(depth)];
      if (describe(expected) !== describe(c.input(2).shape)) c.fail('the updates do not fit', describe(expected), describe(c.input(2).shape));
      return [{ dtype, shape }];
    },
    gradient: (c) => {
      const b = c.emit;
      const { reduction } = c.attributes;
      if (reduction !== 'none' && reduction !== 'add') return c.refuse(`the reduction '${reduction}' has no gradient rule`);
      const [indices, updates] = [c.input(1), c.input(2)];
      return [
        c.wants(0) ? (reduction === 'add' ? c.dy : b.op('ScatterND', [c.dy, indices, zeros(b, updates.shape, updates)])) : undefined,
        undefined,
        c.wants(2) ? b.op('GatherND', [c.dy, indices]) : undefined,
      ];
    },
  }),

  /** y[b…, i…] = x[b…, indices[b…, i…, :]]: the last axis of the indices names a slice of x, apart for each place of the leading batch axes. */
  GatherND: operator({
    attributes: { batch_dims: int(0) },
    inputs: 2,
    shape: (c) => {
      requireIntegers(c, 1);
      const { dtype, shape } = c.input(0);
      const { shape: indices } = c.input(1);
      const batch = c.attributes.batch_dims;
      const depth = indices.at(-1) ?? c.fail('the indices are a scalar', 'at least one axis', '[]');
      if (batch < 0 || batch >= indices.length || batch + depth > shape.length || describe(shape.slice(0, batch)) !== describe(indices.slice(0, batch))) {
        c.fail('the indices do not fit the data', `${batch} leading axes ${describe(shape.slice(0, batch))} and at most ${shape.length - batch} positions`, describe(indices));
      }
      return [{ dtype, shape: [...indices.slice(0, -1), ...shape.slice(batch + depth)] }];
    },
    gradient: (c) => (c.wants(0) ? [c.emit.op('ScatterND', [zerosOf(c.emit, c.input(0)), fullIndices(c.emit, c.input(1), c.attributes.batch_dims), c.dy], { reduction: 'add' })] : [undefined]),
  }),
} satisfies Record<string, Operator>;
