/**
 * Pools over the spatial axes of x [N, C, …]. A maximum sends its gradient to the first largest element of the window (as PyTorch does);
 * an average shares it among the elements that were counted.
 */
import { sizeOf } from '../../core/tensor.js';
import type { Emitter } from '../emitter.js';
import type { Value } from '../ir.js';
import { add, maxPool2d, mul, reshape, separable, sub } from '../layers.js';
import { int, onlyInt } from './attributes.js';
import { perChannel, repeatPixels } from './channelwise.js';
import { applyToAxis } from './linear.js';
import { zeroMask } from './masks.js';
import { describe, operator } from './operator.js';
import type { Operator, PoolTies, ShapeContext } from './operator.js';
import { overlappingMaxGradient } from './overlapping-pool.js';
import { padsOf, slidingExtents, windowAttributes, windowsOf } from './windows.js';
import type { Windows } from './windows.js';

const maxAttributes = { ...windowAttributes, ceil_mode: int(0), storage_order: onlyInt(0) } as const;
const averageAttributes = { ...windowAttributes, ceil_mode: int(0), count_include_pad: int(0) } as const;

function spatialOf(c: ShapeContext<unknown>): number[] {
  const { shape } = c.input(0);
  if (shape.length < 3) c.fail('the input has no spatial axis', '[N, C, …] with at least 3 axes', describe(shape));
  return shape.slice(2);
}

function kernelOf(c: ShapeContext<{ readonly kernel_shape: readonly number[] | undefined }>): readonly number[] {
  return c.attributes.kernel_shape ?? c.fail('kernel_shape is missing', 'one integer per spatial axis', 'nothing');
}

/** Windows that tile the input exactly: each element lies in at most one. */
function disjoint(w: Windows): boolean {
  return w.kernel.every((k, i) => w.strides[i] === k) && padsOf(w).every((p) => p === 0) && w.dilations.every((d) => d === 1);
}

export const poolingOperators = {
  MaxPool: operator({
    attributes: maxAttributes,
    inputs: 1,
    outputs: [1, 2],
    shape: (c) => {
      const x = c.input(0);
      const spatial = spatialOf(c);
      const extents = slidingExtents(c, spatial, windowsOf(c, spatial, kernelOf(c)), c.attributes.ceil_mode === 1);
      const shape = [...x.shape.slice(0, 2), ...extents];
      return [{ dtype: x.dtype, shape }, { dtype: 'int64' as const, shape }].slice(0, c.outputCount);
    },
    gradient: (c) => {
      const x = c.input(0);
      const w = windowsOf(c, x.shape.slice(2), kernelOf(c));
      if (disjoint(w) && wholeWindows(x, w)) return [disjointMaxGradient(c.emit, x, c.y, c.dy, w.kernel, c.request.poolTies)];
      if (!c.request.poolIndices) {
        if (x.shape.length !== 4) return c.refuse('without positions of the maxima, pools over two spatial axes only');
        return [overlappingMaxGradient(c.emit, x, c.y, c.dy, w)];
      }
      // A second pool for the positions: the first stays without them and so inside the fast layout.
      const [, indices] = c.emit.ops('MaxPool', [x], c.call.attributes, 2) as [Value, Value];
      const zeros = c.emit.op('Expand', [c.emit.scalar(0, x.dtype), c.emit.ints([sizeOf(x.shape)])]);
      const flat = c.emit.op('ScatterElements', [zeros, reshape(c.emit, indices, [-1]), reshape(c.emit, c.dy, [-1])], { axis: 0, reduction: 'add' });
      return [reshape(c.emit, flat, x.shape)];
    },
  }),

  /** Puts each value back at the flat index it came from; the third input is the whole output shape. */
  MaxUnpool: operator({
    attributes: { kernel_shape: windowAttributes.kernel_shape, strides: windowAttributes.strides, pads: windowAttributes.pads },
    inputs: 3,
    shape: (c) => {
      const x = c.input(0);
      if (describe(c.input(1).shape) !== describe(x.shape)) c.fail('indices and values differ in shape', describe(x.shape), describe(c.input(1).shape));
      return [{ dtype: x.dtype, shape: c.integers(2) }];
    },
    gradient: (c) => {
      const flat = c.emit.op('Gather', [reshape(c.emit, c.dy, [-1]), c.input(1)], { axis: 0 });
      return [flat, undefined, undefined];
    },
  }),

  AveragePool: operator({
    attributes: averageAttributes,
    inputs: 1,
    shape: (c) => {
      const x = c.input(0);
      const spatial = spatialOf(c);
      const extents = slidingExtents(c, spatial, windowsOf(c, spatial, kernelOf(c)), c.attributes.ceil_mode === 1);
      return [{ dtype: x.dtype, shape: [...x.shape.slice(0, 2), ...extents] }];
    },
    gradient: (c) => {
      const x = c.input(0);
      const w = windowsOf(c, x.shape.slice(2), kernelOf(c));
      if (x.shape.length !== 4) {
        // one axis after the other; images take the faster forms below
        return [w.kernel.reduce((gradient, _, axis) => {
          const [extent, out] = [x.shape[axis + 2] as number, c.y.shape[axis + 2] as number];
          return applyToAxis(c.emit, gradient, axis + 2, typed(c.emit, x, [out, extent], averagingMatrix(extent, out, w, axis, c.attributes.count_include_pad === 1)));
        }, c.dy)];
      }
      if (disjoint(w) && wholeWindows(x, w)) {
        return [repeatPixels(c.emit, perChannel(c.emit, c.dy, 1 / sizeOf(w.kernel)), w.kernel)];
      }
      const [rows, columns] = [0, 1].map((axis) => averagingMatrix(x.shape[axis + 2] as number, c.y.shape[axis + 2] as number, w, axis, c.attributes.count_include_pad === 1));
      const [height, outHeight, width, outWidth] = [x.shape[2], c.y.shape[2], x.shape[3], c.y.shape[3]] as [number, number, number, number];
      const left = typed(c.emit, x, [height, outHeight], transposed(rows as Float64Array, outHeight, height));
      const right = typed(c.emit, x, [outWidth, width], columns as Float64Array);
      return [separable(c.emit, c.dy, left, right)];
    },
  }),

  GlobalAveragePool: operator({
    inputs: 1,
    shape: (c) => {
      const { dtype, shape } = c.input(0);
      return [{ dtype, shape: [...shape.slice(0, 2), ...spatialOf(c).map(() => 1)] }];
    },
    gradient: (c) => {
      const { shape, dtype } = c.input(0);
      const spatial = shape.slice(2);
      // the same values in the blocked layout: Expand would throw the chain behind it out
      if (shape.length === 4 && dtype === 'float32') return [repeatPixels(c.emit, perChannel(c.emit, c.dy, 1 / sizeOf(spatial)), spatial)];
      const scaled = c.emit.op('Mul', [c.dy, c.emit.scalar(1 / sizeOf(spatial), dtype)]);
      return [c.emit.op('Expand', [scaled, c.emit.ints(shape)])];
    },
  }),
} satisfies Record<string, Operator>;

/** float32 images that the windows tile without a rest. */
function wholeWindows(x: Value, w: Windows): boolean {
  return x.dtype === 'float32' && x.shape.length === 4 && w.kernel.every((k, i) => (x.shape[i + 2] as number) % k === 0);
}

/**
 * Windows that tile the image: an element gets the gradient if it equals its window's maximum and, where ties go to the first, no earlier one
 * does. The first is found by a second pool over ranks (k·k for the first position, 1 for the last), which are zero below the maximum: twice as
 * fast on ONNX Runtime as MaxPool's Indices, a scalar loop. For `every` no operator leaves the blocked layout of a convolution chain.
 */
function disjointMaxGradient(b: Emitter, x: Value, y: Value, dy: Value, kernel: readonly number[], ties: PoolTies): Value {
  const isMaximum = zeroMask(b, add(b, x, repeatPixels(b, perChannel(b, y, -1), kernel)));
  if (ties === 'every') return mul(b, isMaximum, repeatPixels(b, dy, kernel));
  const [rows, columns] = kernel as [number, number];
  const [height, width] = x.shape.slice(2) as [number, number];
  const ranks = Float32Array.from({ length: height * width }, (_, i) => rows * columns - ((Math.floor(i / width) % rows) * columns + (i % width % columns)));
  const rank = mul(b, isMaximum, b.floats([1, 1, height, width], ranks));
  const first = zeroMask(b, sub(b, rank, repeatPixels(b, maxPool2d(b, rank, { kernel: [rows, columns] }), kernel)));
  return mul(b, first, repeatPixels(b, dy, kernel));
}

/** Row i holds 1/count at the input positions of window i along one axis; counts multiply over the axes, so the pool is separable. */
function averagingMatrix(extent: number, outExtent: number, w: Windows, axis: number, countPadding: boolean): Float64Array {
  const [kernel, stride, begin, end, dilation] = [w.kernel, w.strides, w.begins, w.ends, w.dilations].map((list) => list[axis] as number) as [number, number, number, number, number];
  const matrix = new Float64Array(outExtent * extent);
  for (let i = 0; i < outExtent; i += 1) {
    const positions = Array.from({ length: kernel }, (_, t) => i * stride - begin + t * dilation);
    const inside = positions.filter((position) => position >= 0 && position < extent);
    // a window of a ceil-mode pool may hang over the padding; what lies beyond it is never counted
    const counted = countPadding ? positions.filter((position) => position < extent + end).length : inside.length;
    for (const position of inside) matrix[i * extent + position] = 1 / counted;
  }
  return matrix;
}

function transposed(matrix: Float64Array, rows: number, columns: number): Float64Array {
  return matrix.map((_, index) => matrix[(index % rows) * columns + Math.floor(index / rows)] as number);
}

function typed(b: Emitter, like: Value, shape: readonly number[], data: Float64Array): Value {
  return like.dtype === 'float32' ? b.floats(shape, data) : b.constant({ dtype: 'float64', shape, data });
}
