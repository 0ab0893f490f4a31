/** The geometry that convolutions and pools share: kernel, strides, padding and dilations of the spatial axes, and the extent of their output. */
import type { Shape } from '../../core/tensor.js';
import { ints, oneOf } from './attributes.js';
import type { ShapeContext } from './operator.js';

export const windowAttributes = {
  kernel_shape: ints(),
  strides: ints(),
  pads: ints(),
  dilations: ints(),
  auto_pad: oneOf('NOTSET', 'VALID', 'SAME_UPPER', 'SAME_LOWER'),
} as const;

interface WindowSettings {
  readonly kernel_shape?: readonly number[] | undefined;
  readonly strides: readonly number[] | undefined;
  readonly pads: readonly number[] | undefined;
  readonly dilations?: readonly number[] | undefined;
  readonly auto_pad: 'NOTSET' | 'VALID' | 'SAME_UPPER' | 'SAME_LOWER';
}

/** One entry per spatial axis. */
export interface Windows {
  readonly kernel: readonly number[];
  readonly strides: readonly number[];
  readonly begins: readonly number[];
  readonly ends: readonly number[];
  readonly dilations: readonly number[];
}

/** Resolves defaults and auto_pad for an input with the given spatial extents. */
export function windowsOf(c: ShapeContext<WindowSettings>, spatial: Shape, kernel: readonly number[]): Windows {
  const rank = spatial.length;
  const list = (values: readonly number[] | undefined, length: number, fallback: number, least: number, what: string): readonly number[] => {
    if (values === undefined || values.length === 0) return new Array<number>(length).fill(fallback);
    if (values.length !== length || values.some((value) => value < least)) c.fail(`${what} do not fit the input`, `${length} integers of at least ${least}`, `[${values.join(', ')}]`);
    return values;
  };
  list(kernel, rank, 1, 1, 'kernel_shape');
  const given = c.attributes.kernel_shape;
  if (given !== undefined && given.some((extent, axis) => extent !== kernel[axis])) c.fail('kernel_shape differs from the weights', `[${kernel.join(', ')}]`, `[${given.join(', ')}]`);
  const strides = list(c.attributes.strides, rank, 1, 1, 'strides');
  const dilations = list(c.attributes.dilations, rank, 1, 1, 'dilations');
  const pads = list(c.attributes.pads, 2 * rank, 0, 0, 'pads');
  const { auto_pad: auto } = c.attributes;
  if (auto === 'NOTSET') return { kernel, strides, dilations, begins: pads.slice(0, rank), ends: pads.slice(rank) };
  const totals = spatial.map((extent, axis) => {
    const stride = strides[axis] as number;
    const reach = (dilations[axis] as number) * ((kernel[axis] as number) - 1) + 1;
    return auto === 'VALID' ? 0 : Math.max(0, (Math.ceil(extent / stride) - 1) * stride + reach - extent);
  });
  const smaller = totals.map((total) => Math.floor(total / 2));
  const larger = totals.map((total) => Math.ceil(total / 2));
  return { kernel, strides, dilations, begins: auto === 'SAME_LOWER' ? larger : smaller, ends: auto === 'SAME_LOWER' ? smaller : larger };
}

/** Extents of the output: floor((n + pads - reach) / stride) + 1; with `ceil` a last partial window counts if it starts inside the input or the padding before it. */
export function slidingExtents(c: ShapeContext<unknown>, spatial: Shape, w: Windows, ceil = false): number[] {
  return spatial.map((extent, axis) => {
    const [kernel, stride, begin, end, dilation] = [w.kernel, w.strides, w.begins, w.ends, w.dilations].map((list) => list[axis] as number) as [number, number, number, number, number];
    const room = extent + begin + end - (dilation * (kernel - 1) + 1);
    if (room < 0) c.fail('the window is larger than the padded input', `at most ${extent + begin + end}`, String(dilation * (kernel - 1) + 1));
    const steps = ceil ? Math.ceil(room / stride) : Math.floor(room / stride);
    const startsInside = steps * stride < extent + begin;
    return ceil && !startsInside ? steps : steps + 1;
  });
}

/** `pads` attribute: begins, then ends. */
export function padsOf(w: Windows): number[] {
  return [...w.begins, ...w.ends];
}
