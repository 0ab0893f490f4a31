/** Broadcasting as NumPy and ONNX define it, and its adjoint: summing a gradient back to the shape that was broadcast. */
import type { Shape } from '../../core/tensor.js';
import type { Emitter } from '../emitter.js';
import type { Value } from '../ir.js';

/** The common shape, or undefined if the two do not broadcast. */
export function broadcastShapes(a: Shape, b: Shape): number[] | undefined {
  const rank = Math.max(a.length, b.length);
  const result: number[] = [];
  for (let axis = 0; axis < rank; axis += 1) {
    const left = a[axis - rank + a.length] ?? 1;
    const right = b[axis - rank + b.length] ?? 1;
    if (left !== right && left !== 1 && right !== 1) return undefined;
    result.push(left === 1 ? right : left);
  }
  return result;
}

export function sameShape(a: Shape, b: Shape): boolean {
  return a.length === b.length && a.every((extent, axis) => extent === b[axis]);
}

/** Sums `gradient` over the axes along which `shape` was broadcast, so that the result has `shape`. */
export function sumTo(emit: Emitter, gradient: Value, shape: Shape): Value {
  if (sameShape(gradient.shape, shape)) return gradient;
  const extra = gradient.shape.length - shape.length;
  const axes: number[] = [];
  gradient.shape.forEach((extent, axis) => {
    if (axis < extra || (shape[axis - extra] === 1 && extent !== 1)) axes.push(axis);
  });
  const summed = axes.length === 0 ? gradient : emit.op('ReduceSum', [gradient, emit.ints(axes)], { keepdims: 1 });
  return extra === 0 ? summed : emit.op('Reshape', [summed, emit.ints(shape)], { allowzero: shape.includes(0) ? 1 : 0 });
}
