/**
 * Resize of the last two axes of an image. Its gradient is the transposed linear map: for an integer nearest-neighbour enlargement a sum over
 * blocks, otherwise two matrix products with the resampling matrices.
 */
import { averagePool2d, mul, separable } from '../layers.js';
import { float, int, oneOf, onlyInt } from './attributes.js';
import { describe, operator } from './operator.js';
import type { Operator, ShapeContext } from './operator.js';
import { resizeMatrix, scaledExtent } from './resize-matrix.js';
import type { ResizeRule } from './resize-matrix.js';

const resizeAttributes = {
  mode: oneOf('nearest', 'linear', 'cubic'),
  coordinate_transformation_mode: oneOf('half_pixel', 'align_corners', 'asymmetric', 'pytorch_half_pixel'),
  nearest_mode: oneOf('round_prefer_floor', 'round_prefer_ceil', 'floor', 'ceil'),
  cubic_coeff_a: float(-0.75),
  exclude_outside: int(0),
  // ONNX Runtime's antialiased weights differ from the specification's for three and more samples to one
  antialias: onlyInt(0),
  extrapolation_value: float(0),
} as const;

type ResizeAttributes = Omit<ResizeRule, 'scale'>;

/** Extent and scale of every output axis. */
function targets(c: ShapeContext<ResizeAttributes>): { extent: number; scale: number }[] {
  const { shape } = c.input(0);
  if (c.has(3)) {
    const sizes = c.integers(3);
    if (sizes.length !== shape.length || sizes.some((size) => size < 1)) c.fail('sizes do not fit the input', `${shape.length} positive extents`, describe(sizes));
    return sizes.map((extent, axis) => ({ extent, scale: extent / (shape[axis] as number) }));
  }
  const constant = c.has(2) ? c.call.constantOf(c.input(2)) : undefined;
  if (constant === undefined || constant.data.length !== shape.length) return c.fail('neither constant sizes nor constant scales', `${shape.length} numbers`, 'something else');
  return Array.from(constant.data as Float32Array, (scale, axis) => ({ extent: scaledExtent(shape[axis] as number, scale), scale }));
}

export const resizeOperators = {
  Resize: operator({
    attributes: resizeAttributes,
    inputs: [1, 4],
    shape: (c) => {
      const { dtype, shape } = c.input(0);
      return [{ dtype, shape: targets(c).map(({ extent }, axis) => (extent < 1 ? c.fail(`axis ${axis} would vanish`, 'at least one element', `${extent} of ${shape[axis]}`) : extent)) }];
    },
    gradient: (c) => {
      const { shape, dtype } = c.input(0);
      const goals = targets(c);
      const [rows, columns] = goals.slice(-2) as [(typeof goals)[number], (typeof goals)[number]];
      if (shape.length !== 4 || goals.slice(0, 2).some(({ extent }, axis) => extent !== shape[axis])) return c.refuse('only the last two axes of an image can be resized');
      const factors: [number, number] = [rows.scale, columns.scale];
      const { mode, coordinate_transformation_mode: coordinates, nearest_mode: nearest } = c.attributes;
      if (dtype === 'float32' && mode === 'nearest' && coordinates === 'asymmetric' && nearest === 'floor' && factors.every(Number.isInteger)) {
        return [mul(c.emit, averagePool2d(c.emit, c.dy, { kernel: factors }), factors[0] * factors[1])];
      }
      const [height, width] = shape.slice(2) as [number, number];
      const down = resizeMatrix(height, rows.extent, { ...c.attributes, scale: rows.scale });
      const across = resizeMatrix(width, columns.extent, { ...c.attributes, scale: columns.scale });
      const left = new Float64Array(down.length).map((_, i) => down[(i % rows.extent) * height + Math.floor(i / rows.extent)] as number);
      const typed = (extents: number[], data: Float64Array): ReturnType<typeof c.emit.floats> =>
        dtype === 'float32' ? c.emit.floats(extents, data) : c.emit.constant({ dtype: 'float64', shape: extents, data });
      return [separable(c.emit, c.dy, typed([height, rows.extent], left), typed([columns.extent, width], across))];
    },
  }),
} satisfies Record<string, Operator>;
