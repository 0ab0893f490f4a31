/** The sliding-window operators of the reference evaluator: convolutions, pools and resampling as sums over explicit positions. */
import type { Attributes, Plain } from './reference-evaluator.js';

interface Geometry {
  readonly kernel: readonly number[];
  readonly strides: readonly number[];
  readonly begins: readonly number[];
  readonly ends: readonly number[];
  readonly dilations: readonly number[];
}

function geometry(spatial: readonly number[], kernel: readonly number[], attributes: Attributes): Geometry {
  const rank = spatial.length;
  const ones = new Array<number>(rank).fill(1);
  const strides = (attributes['strides'] as number[] | undefined) ?? ones;
  const dilations = (attributes['dilations'] as number[] | undefined) ?? ones;
  const pads = (attributes['pads'] as number[] | undefined) ?? new Array<number>(2 * rank).fill(0);
  const auto = (attributes['auto_pad'] as string | undefined) ?? 'NOTSET';
  if (!auto.startsWith('SAME')) return { kernel, strides, dilations, begins: pads.slice(0, rank), ends: pads.slice(rank) };
  const totals = spatial.map((n, i) => Math.max(0, (Math.ceil(n / (strides[i] as number)) - 1) * (strides[i] as number) + (dilations[i] as number) * ((kernel[i] as number) - 1) + 1 - n));
  const small = totals.map((t) => Math.floor(t / 2));
  const large = totals.map((t) => Math.ceil(t / 2));
  return auto === 'SAME_UPPER' ? { kernel, strides, dilations, begins: small, ends: large } : { kernel, strides, dilations, begins: large, ends: small };
}

function product(shape: readonly number[]): number {
  return shape.reduce((p, e) => p * e, 1);
}

function* grid(shape: readonly number[]): Generator<number[]> {
  const total = product(shape);
  for (let flat = 0; flat < total; flat += 1) {
    const index: number[] = [];
    let rest = flat;
    for (let axis = shape.length - 1; axis >= 0; axis -= 1) {
      index[axis] = rest % (shape[axis] as number);
      rest = Math.floor(rest / (shape[axis] as number));
    }
    yield index;
  }
}

function flatten(index: readonly number[], shape: readonly number[]): number {
  return index.reduce((flat, at, axis) => flat * (shape[axis] as number) + at, 0);
}

export function convolve(x: Plain, w: Plain, bias: Plain | undefined, attributes: Attributes): Plain {
  const spatial = x.shape.slice(2);
  const g = geometry(spatial, w.shape.slice(2), attributes);
  const group = (attributes['group'] as number | undefined) ?? 1;
  const [outputs, perGroup] = w.shape as [number, number];
  const extents = spatial.map((n, i) => Math.floor((n + (g.begins[i] as number) + (g.ends[i] as number) - (g.dilations[i] as number) * ((g.kernel[i] as number) - 1) - 1) / (g.strides[i] as number)) + 1);
  const shape = [x.shape[0] as number, outputs, ...extents];
  const data = new Float64Array(product(shape));
  for (const [n, o, ...place] of grid(shape) as Generator<[number, number, ...number[]]>) {
    let total = bias?.data[o] ?? 0;
    const first = Math.floor(o / (outputs / group)) * perGroup;
    for (let c = 0; c < perGroup; c += 1) {
      for (const tap of grid(g.kernel)) {
        const source = tap.map((t, i) => (place[i] as number) * (g.strides[i] as number) + t * (g.dilations[i] as number) - (g.begins[i] as number));
        if (source.some((s, i) => s < 0 || s >= (spatial[i] as number))) continue;
        total += (x.data[flatten([n, first + c, ...source], x.shape)] as number) * (w.data[flatten([o, c, ...tap], w.shape)] as number);
      }
    }
    data[flatten([n, o, ...place], shape)] = total;
  }
  return { shape, data };
}

/** Every input element throws its kernel onto the output. */
export function transposedConvolution(x: Plain, w: Plain, bias: Plain | undefined, attributes: Attributes): Plain {
  const spatial = x.shape.slice(2);
  const g = geometry(spatial, w.shape.slice(2), attributes);
  const group = (attributes['group'] as number | undefined) ?? 1;
  const extra = (attributes['output_padding'] as number[] | undefined) ?? spatial.map(() => 0);
  const [channels, perGroup] = w.shape as [number, number];
  const extents = spatial.map((n, i) => (n - 1) * (g.strides[i] as number) + (g.dilations[i] as number) * ((g.kernel[i] as number) - 1) + 1 + (extra[i] as number) - (g.begins[i] as number) - (g.ends[i] as number));
  const shape = [x.shape[0] as number, perGroup * group, ...extents];
  const data = new Float64Array(product(shape));
  if (bias !== undefined) for (const index of grid(shape)) data[flatten(index, shape)] = bias.data[index[1] as number] as number;
  for (const [n, c, ...place] of grid(x.shape) as Generator<[number, number, ...number[]]>) {
    const first = Math.floor(c / (channels / group)) * perGroup;
    for (let o = 0; o < perGroup; o += 1) {
      for (const tap of grid(g.kernel)) {
        const target = tap.map((t, i) => (place[i] as number) * (g.strides[i] as number) + t * (g.dilations[i] as number) - (g.begins[i] as number));
        if (target.some((s, i) => s < 0 || s >= (extents[i] as number))) continue;
        const flat = flatten([n, first + o, ...target], shape);
        data[flat] = (data[flat] as number) + (x.data[flatten([n, c, ...place], x.shape)] as number) * (w.data[flatten([c, o, ...tap], w.shape)] as number);
      }
    }
  }
  return { shape, data };
}

/** Values and, for the maximum, flat positions of the first winner. */
export function pool(x: Plain, attributes: Attributes, kind: 'max' | 'mean'): Plain[] {
  const spatial = x.shape.slice(2);
  const g = geometry(spatial, attributes['kernel_shape'] as number[], attributes);
  const ceil = attributes['ceil_mode'] === 1;
  const extents = spatial.map((n, i) => {
    const steps = (n + (g.begins[i] as number) + (g.ends[i] as number) - (g.dilations[i] as number) * ((g.kernel[i] as number) - 1) - 1) / (g.strides[i] as number);
    const last = ceil ? Math.ceil(steps) : Math.floor(steps);
    return last * (g.strides[i] as number) < n + (g.begins[i] as number) ? last + 1 : last;
  });
  const shape = [...x.shape.slice(0, 2), ...extents];
  const values = new Float64Array(product(shape));
  const winners = new Float64Array(values.length);
  for (const [n, c, ...place] of grid(shape) as Generator<[number, number, ...number[]]>) {
    let best = -Infinity;
    let winner = 0;
    let total = 0;
    let counted = 0;
    for (const tap of grid(g.kernel)) {
      const source = tap.map((t, i) => (place[i] as number) * (g.strides[i] as number) + t * (g.dilations[i] as number) - (g.begins[i] as number));
      const inside = source.every((s, i) => s >= 0 && s < (spatial[i] as number));
      const padded = source.every((s, i) => s < (spatial[i] as number) + (g.ends[i] as number));
      if (inside || (attributes['count_include_pad'] === 1 && padded)) counted += 1;
      if (!inside) continue;
      const flat = flatten([n, c, ...source], x.shape);
      total += x.data[flat] as number;
      if ((x.data[flat] as number) > best) [best, winner] = [x.data[flat] as number, flat];
    }
    const target = flatten([n, c, ...place], shape);
    values[target] = kind === 'max' ? best : total / counted;
    winners[target] = winner;
  }
  return [{ shape, data: values }, { shape, data: winners }];
}

/** Resamples one axis after the other by the definition of each output sample. */
export function resizeLastAxes(x: Plain, scales: Plain | undefined, sizes: Plain | undefined, attributes: Attributes): Plain {
  let result = x;
  x.shape.forEach((extent, axis) => {
    const size = sizes === undefined ? Math.floor(Math.fround(extent * Math.fround(scales?.data[axis] as number))) : (sizes.data[axis] as number);
    const scale = sizes === undefined ? (scales?.data[axis] as number) : size / extent;
    if (size !== extent || scale !== 1) result = resizeAxis(result, axis, size, scale, attributes);
  });
  return result;
}

function resizeAxis(x: Plain, axis: number, size: number, scale: number, attributes: Attributes): Plain {
  const extent = x.shape[axis] as number;
  const mode = attributes['mode'] ?? 'nearest';
  const transformation = attributes['coordinate_transformation_mode'] ?? 'half_pixel';
  const shape = x.shape.map((e, a) => (a === axis ? size : e));
  const data = new Float64Array(product(shape));
  const sample = (index: readonly number[], position: number): number => x.data[flatten(index.map((i, a) => (a === axis ? Math.min(Math.max(position, 0), extent - 1) : i)), x.shape)] as number;
  for (const index of grid(shape)) {
    const i = index[axis] as number;
    let u = (i + 0.5) / scale - 0.5;
    if (transformation === 'asymmetric') u = i / scale;
    if (transformation === 'align_corners') u = size === 1 ? 0 : (i * (extent - 1)) / (size - 1);
    if (transformation === 'pytorch_half_pixel' && size === 1) u = 0;
    let value: number;
    if (mode === 'nearest') {
      const rounding = { floor: Math.floor(u), ceil: Math.ceil(u), round_prefer_floor: Math.ceil(u - 0.5), round_prefer_ceil: Math.floor(u + 0.5) };
      value = sample(index, rounding[(attributes['nearest_mode'] ?? 'round_prefer_floor') as keyof typeof rounding]);
    } else {
      const radius = mode === 'linear' ? 1 : 2;
      const a = (attributes['cubic_coeff_a'] as number | undefined) ?? -0.75;
      const weight = (t: number): number => {
        const d = Math.abs(t);
        if (mode === 'linear') return Math.max(0, 1 - d);
        if (d <= 1) return (a + 2) * d ** 3 - (a + 3) * d ** 2 + 1;
        return d < 2 ? a * d ** 3 - 5 * a * d ** 2 + 8 * a * d - 4 * a : 0;
      };
      let total = 0;
      value = 0;
      for (let p = Math.floor(u - radius); p <= Math.ceil(u + radius); p += 1) {
        const outside = p < 0 || p >= extent;
        if (outside && (attributes['exclude_outside'] === 1)) continue;
        const w = weight(p - u);
        total += w;
        value += w * sample(index, p);
      }
      value /= total;
    }
    data[flatten(index, shape)] = value;
  }
  return { shape, data };
}
