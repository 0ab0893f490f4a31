/**
 * Resize brought to the form that the runtimes share: sizes or scales for every axis of [N, C, H, W], of which the last two change. What they
 * lack or do differently (antialiasing, other ranks and axes, tf_crop_and_resize, half_pixel_symmetric) becomes one product with a resampling matrix per axis.
 */
import type { Value } from '../../ir.js';
import { matMul } from '../../layers.js';
import { applyToAxis } from '../../ops/linear.js';
import { resizeMatrix, scaledExtent } from '../../ops/resize-matrix.js';
import type { ResizeRule } from '../../ops/resize-matrix.js';
import { without } from './call.js';
import type { CompoundCall } from './call.js';

interface Target {
  readonly extent: number;
  readonly scale: number;
}

export function resizeCompound(c: CompoundCall): Value[] {
  const x = c.input(0);
  const rank = x.shape.length;
  const axes = (c.list('axes') ?? x.shape.map((_, axis) => axis)).map((axis) => c.axis(axis, rank));
  const targets = targetsOf(c, x, axes);
  const attributes = without(c.node.attributes, 'axes', 'keep_aspect_ratio_policy', 'antialias');
  const coordinates = c.text('coordinate_transformation_mode', 'half_pixel');
  const antialias = c.number('antialias', 0) === 1 && targets.some(({ scale }) => scale < 1);
  const image = rank === 4 && targets.slice(0, 2).every(({ extent }, axis) => extent === x.shape[axis]);
  const scaled = c.has(2) && c.constant(2).data.length > 0;
  const roundedUp = scaled && isRoundedUp(x, targets);
  if (image && !antialias && (!roundedUp || followsFromExtents(x, targets)) && ['half_pixel', 'align_corners', 'asymmetric', 'pytorch_half_pixel'].includes(coordinates)) {
    const given = scaled && !roundedUp ? [c.b.floats([rank], targets.map(({ scale }) => scale))] : [undefined, c.b.ints(targets.map(({ extent }) => extent))];
    return c.again(attributes, [x, undefined, ...given]);
  }
  const roi = coordinates === 'tf_crop_and_resize' ? c.numbers(1) : [];
  let value = x;
  let inside: Value | undefined;
  axes.forEach((axis, i) => {
    const { extent, scale } = targets[axis] as Target;
    const from = x.shape[axis] as number;
    const region = coordinates === 'tf_crop_and_resize' ? { start: roi[i] ?? 0, end: roi[i + axes.length] ?? 1 } : undefined;
    if (extent === from && scale === 1 && region === undefined) return;
    const rule = { ...ruleOf(c), coordinate_transformation_mode: coordinates, antialias: Number(antialias), scale, ...(region === undefined ? {} : { region }) } as ResizeRule;
    const matrix = resizeMatrix(from, extent, rule);
    value = contract(c, value, axis, extent, matrix);
    if (region === undefined) return;
    const covered = Uint8Array.from({ length: extent }, (_, row) => Number(matrix.subarray(row * from, (row + 1) * from).some((weight) => weight !== 0)));
    const line = c.b.constant({ dtype: 'bool', shape: x.shape.map((_, at) => (at === axis ? extent : 1)), data: covered });
    inside = inside === undefined ? line : c.b.op('And', [inside, line]);
  });
  if (inside === undefined) return c.end('Identity', [value]);
  return c.end('Where', [inside, value, c.b.scalar(c.number('extrapolation_value', 0), x.dtype)]);
}

/** 10 · 0.7: runtimes compute 7, as we do, and infer 6 before. */
function isRoundedUp(x: Value, targets: readonly Target[]): boolean {
  return targets.some(({ extent, scale }, axis) => extent !== Math.floor((x.shape[axis] as number) * scale));
}

/** Sizes say the same as scales, but for the rounding of float32. */
function followsFromExtents(x: Value, targets: readonly Target[]): boolean {
  return targets.every(({ extent, scale }, axis) => Math.abs(extent - (x.shape[axis] as number) * scale) <= FLOAT32_ROUNDING * extent);
}
const FLOAT32_ROUNDING = 2 ** -23;

function ruleOf(c: CompoundCall): Omit<ResizeRule, 'scale' | 'coordinate_transformation_mode'> {
  return {
    mode: c.text('mode', 'nearest') as ResizeRule['mode'],
    nearest_mode: c.text('nearest_mode', 'round_prefer_floor') as ResizeRule['nearest_mode'],
    cubic_coeff_a: c.number('cubic_coeff_a', -0.75),
    exclude_outside: c.number('exclude_outside', 0),
  };
}

/** Extent and scale of every axis; those that are not named stay. */
function targetsOf(c: CompoundCall, x: Value, axes: readonly number[]): Target[] {
  const targets: Target[] = x.shape.map((extent) => ({ extent, scale: 1 }));
  const scales = c.has(2) ? c.numbers(2) : [];
  const sizes = c.has(3) ? c.numbers(3) : [];
  const given = scales.length > 0 ? scales : sizes;
  if (given.length !== axes.length) c.refuse('scales or sizes do not fit the axes', `${axes.length} numbers`, String(given.length));
  const extentOf = (i: number): number => x.shape[axes[i] as number] as number;
  const policy = c.text('keep_aspect_ratio_policy', 'stretch');
  const ratios = sizes.map((size, i) => size / extentOf(i));
  const common = policy === 'stretch' || scales.length > 0 ? undefined : policy === 'not_larger' ? Math.min(...ratios) : Math.max(...ratios);
  axes.forEach((axis, i) => {
    const from = extentOf(i);
    if (scales.length > 0) targets[axis] = { scale: scales[i] as number, extent: scaledExtent(from, scales[i] as number) };
    else if (common === undefined) targets[axis] = { scale: ratios[i] as number, extent: sizes[i] as number };
    else targets[axis] = { scale: common, extent: Math.floor(from * common + 0.5) };
  });
  return targets;
}

/** One axis of x [.., L, ..] by a matrix [extent, L]. */
function contract(c: CompoundCall, x: Value, axis: number, extent: number, matrix: Float64Array): Value {
  const from = x.shape[axis] as number;
  const last = x.shape.length - 1;
  if (axis === last - 1) return matMul(c.b, c.b.floats([extent, from], matrix), x);
  const across = c.b.floats([from, extent], Float32Array.from({ length: matrix.length }, (_, i) => matrix[(i % extent) * from + Math.floor(i / extent)] as number));
  return applyToAxis(c.b, x, axis, across);
}
