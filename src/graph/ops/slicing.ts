/** The arithmetic of Slice: x[start:end:step] on some axes, with negative positions counted from the end and everything clamped, as ONNX says. */
import type { Shape } from '../../core/tensor.js';
import type { Value } from '../ir.js';
import { pad, reshape } from '../layers.js';
import { describe } from './operator.js';
import type { GradientContext, ShapeContext, ValueType } from './operator.js';

/** Positions start, start + step, … of one axis. */
export interface Cut {
  readonly start: number;
  readonly step: number;
  readonly length: number;
}

/** One entry per axis of the input. */
function cutsOf(c: ShapeContext<unknown>): Cut[] {
  const { shape } = c.input(0);
  const starts = c.integers(1);
  const ends = c.integers(2);
  const axes = c.has(3) ? c.integers(3).map((axis) => c.axis(axis, shape.length)) : starts.map((_, axis) => axis);
  const steps = c.has(4) ? c.integers(4) : starts.map(() => 1);
  if (starts.length !== ends.length || starts.length !== axes.length || starts.length !== steps.length || steps.includes(0) || axes.some((axis) => axis >= shape.length)) {
    c.fail('starts, ends, axes and steps do not fit together', 'lists of one length, no step 0', `${describe(starts)}, ${describe(ends)}, ${describe(axes)}, ${describe(steps)}`);
  }
  return resolveCuts(shape, starts, ends, axes, steps);
}

/** Axes are in 0 … rank-1; the axes that are not named stay whole. */
export function resolveCuts(shape: Shape, starts: readonly number[], ends: readonly number[], axes: readonly number[], steps: readonly number[]): Cut[] {
  const cuts: Cut[] = shape.map((extent) => ({ start: 0, step: 1, length: extent }));
  axes.forEach((axis, i) => {
    const extent = shape[axis] as number;
    const step = steps[i] as number;
    const clamp = (position: number, low: number, high: number): number => Math.min(Math.max(position < 0 ? position + extent : position, low), high);
    const start = step > 0 ? clamp(starts[i] as number, 0, extent) : clamp(starts[i] as number, 0, extent - 1);
    const end = step > 0 ? clamp(ends[i] as number, 0, extent) : clamp(ends[i] as number, -1, extent - 1);
    cuts[axis] = { start, step, length: Math.max(0, Math.ceil((end - start) / step)) };
  });
  return cuts;
}

export function sliceShape(c: ShapeContext<unknown>): readonly ValueType[] {
  return [{ dtype: c.input(0).dtype, shape: cutsOf(c).map((cut) => cut.length) }];
}

/** Steps of 1: zero padding. Other steps: the rows are spread out by zeros first; a negative step is turned around. */
export function sliceGradient(c: GradientContext<unknown>): Value {
  const b = c.emit;
  const { shape } = c.input(0);
  const rank = shape.length;
  let dy = c.dy;
  const starts: number[] = [];
  cutsOf(c).forEach((cut, axis) => {
    let { start } = cut;
    if (cut.step < 0) {
      dy = b.op('Slice', [dy, b.ints([-1]), b.ints([Number.MIN_SAFE_INTEGER]), b.ints([axis]), b.ints([-1])]);
      start += (cut.length - 1) * cut.step;
    }
    const stride = Math.abs(cut.step);
    if (stride > 1 && cut.length > 0) {
      // [.., L, ..] -> [.., L, 1, ..] -> [.., L, stride, ..] -> [.., L * stride, ..], then without the zeros after the last row
      const before = dy.shape.slice(0, axis);
      const after = dy.shape.slice(axis + 1);
      const split = reshape(b, dy, [...before, cut.length, 1, ...after]);
      const spread = pad(b, split, [...split.shape.map(() => 0), ...split.shape.map((_, at) => (at === axis + 1 ? stride - 1 : 0))]);
      const joined = reshape(b, spread, [...before, cut.length * stride, ...after]);
      dy = b.op('Slice', [joined, b.ints([0]), b.ints([(cut.length - 1) * stride + 1]), b.ints([axis])]);
    }
    starts.push(start);
  });
  const ends = shape.map((extent, axis) => extent - (starts[axis] as number) - (dy.shape[axis] as number));
  return starts.every((s) => s === 0) && ends.every((e) => e === 0) ? dy : pad(b, dy, [...starts.slice(0, rank), ...ends]);
}
