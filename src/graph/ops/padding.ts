/** Pad with a constant, the repeated border or the mirrored inside. Its gradient adds to every input row the rows that were copied from it. */
import type { Value } from '../ir.js';
import { cast, pad, slice } from '../layers.js';
import { applyToAxis } from './linear.js';
import { describe } from './operator.js';
import type { GradientContext, ShapeContext, ValueType } from './operator.js';

export type PadMode = 'constant' | 'reflect' | 'edge';
interface PadAttributes {
  readonly mode: PadMode;
}

/** begin and end of every axis; negative numbers cut. */
function padsOf(c: ShapeContext<PadAttributes>): [number, number][] {
  const { shape } = c.input(0);
  const given = c.integers(1);
  const axes = c.has(3) ? c.integers(3).map((axis) => c.axis(axis, shape.length)) : shape.map((_, axis) => axis);
  if (given.length !== 2 * axes.length) c.fail('pads do not fit the axes', `${2 * axes.length} integers`, describe(given));
  const pads = shape.map((): [number, number] => [0, 0]);
  axes.forEach((axis, i) => (pads[axis] = [given[i] as number, given[i + axes.length] as number]));
  return pads;
}

export function padShape(c: ShapeContext<PadAttributes>): readonly ValueType[] {
  const { dtype, shape } = c.input(0);
  const padded = padsOf(c).map(([begin, end], axis) => {
    const extent = shape[axis] as number;
    if (c.attributes.mode === 'reflect' && Math.max(begin, end) >= extent && extent > 0) c.fail(`axis ${axis} is too short to be mirrored`, `pads below ${extent}`, `${begin} and ${end}`);
    if (extent + begin + end < 0) c.fail(`axis ${axis} would vanish`, 'a non-negative extent', String(extent + begin + end));
    return extent + begin + end;
  });
  return [{ dtype, shape: padded }];
}

/** The row of the input that padded row `position` was copied from. */
function sourceRow(position: number, extent: number, mode: PadMode): number | undefined {
  if (position >= 0 && position < extent) return position;
  if (mode === 'constant') return undefined;
  if (mode === 'edge') return position < 0 ? 0 : extent - 1;
  return position < 0 ? -position : 2 * (extent - 1) - position;
}

export function padGradient(c: GradientContext<PadAttributes>): Value {
  const b = c.emit;
  const { shape } = c.input(0);
  const pads = padsOf(c);
  if (c.attributes.mode === 'constant') {
    // rows that were cut get no gradient, rows that were added are dropped
    const starts = pads.map(([begin]) => Math.max(begin, 0));
    const ends = pads.map(([begin], axis) => Math.min(begin + (shape[axis] as number), c.y.shape[axis] as number));
    const kept = slice(b, c.dy, starts, ends);
    const missing = [...pads.map(([begin]) => Math.max(-begin, 0)), ...pads.map(([, end]) => Math.max(-end, 0))];
    return missing.every((extent) => extent === 0) ? kept : pad(b, kept, missing);
  }
  let gradient = c.dy;
  pads.forEach(([begin, end], axis) => {
    if (begin === 0 && end === 0) return;
    const extent = shape[axis] as number;
    const length = extent + begin + end;
    const copies = new Float32Array(length * extent);
    for (let row = 0; row < length; row += 1) {
      const source = sourceRow(row - begin, extent, c.attributes.mode);
      if (source !== undefined) copies[row * extent + source] = 1;
    }
    const matrix = c.dy.dtype === 'float32' ? b.floats([length, extent], copies) : cast(b, b.floats([length, extent], copies), c.dy.dtype);
    gradient = applyToAxis(b, gradient, axis, matrix);
  });
  return gradient;
}
