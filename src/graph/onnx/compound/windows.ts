/** Settings of convolutions and pools that are brought to explicit pads, or to a sum over windows by a depthwise convolution. */
import type { Value } from '../../ir.js';
import { mul } from '../../layers.js';
import { without } from './call.js';
import type { CompoundCall, CompoundRule } from './call.js';

interface Windows {
  readonly kernel: readonly number[];
  readonly strides: readonly number[];
  readonly dilations: readonly number[];
  readonly begins: readonly number[];
  readonly ends: readonly number[];
  readonly extents: readonly number[];
}

/** Geometry of a pool with its padding and output extents resolved. */
function windowsOf(c: CompoundCall, spatial: readonly number[], ceil = c.number('ceil_mode', 0) === 1): Windows {
  const rank = spatial.length;
  const all = (value: number): number[] => new Array<number>(rank).fill(value);
  const kernel = c.list('kernel_shape') ?? c.refuse('kernel_shape is missing', 'one integer per spatial axis', 'nothing');
  const strides = c.list('strides') ?? all(1);
  const dilations = c.list('dilations') ?? all(1);
  const reach = kernel.map((k, i) => (dilations[i] as number) * (k - 1) + 1);
  const auto = c.text('auto_pad', 'NOTSET');
  const pads = c.list('pads') ?? [...all(0), ...all(0)];
  const totals = spatial.map((extent, i) => Math.max(0, (Math.ceil(extent / (strides[i] as number)) - 1) * (strides[i] as number) + (reach[i] as number) - extent));
  const same = (upper: boolean): number[] => totals.map((total) => (upper ? Math.floor(total / 2) : Math.ceil(total / 2)));
  const begins = auto === 'NOTSET' ? pads.slice(0, rank) : auto === 'VALID' ? all(0) : same(auto === 'SAME_UPPER');
  const ends = auto === 'NOTSET' ? pads.slice(rank) : auto === 'VALID' ? all(0) : totals.map((total, i) => total - (begins[i] as number));
  const extents = spatial.map((extent, i) => {
    const [stride, begin, end] = [strides[i], begins[i], ends[i]] as [number, number, number];
    const steps = (extent + begin + end - (reach[i] as number)) / stride;
    const last = ceil ? Math.ceil(steps) : Math.floor(steps);
    // a partial window counts only if it starts inside the input or the padding before it
    return last * stride < extent + begin ? last + 1 : last;
  });
  return { kernel, strides, dilations, begins, ends, extents };
}

/** ceil_mode where it changes no extent: runtimes disagree about windows that would start in the padding after the input. */
function needlessCeil(c: CompoundCall): string[] {
  const spatial = c.input(0).shape.slice(2);
  return windowsOf(c, spatial, true).extents.join() === windowsOf(c, spatial, false).extents.join() ? ['ceil_mode'] : [];
}

/** Sums of x [N, C, …] over windows by a depthwise convolution with ones; partial windows of ceil_mode are filled with zeros. */
export function windowSums(c: CompoundCall, x: Value): { sums: Value; windows: Windows } {
  const channels = x.shape[1] as number;
  const spatial = x.shape.slice(2);
  const w = windowsOf(c, spatial);
  const ends = spatial.map((extent, i) => {
    const reach = (w.dilations[i] as number) * ((w.kernel[i] as number) - 1) + 1;
    return Math.max(w.ends[i] as number, ((w.extents[i] as number) - 1) * (w.strides[i] as number) + reach - extent - (w.begins[i] as number));
  });
  const area = w.kernel.reduce((product, k) => product * k, 1);
  const ones = c.b.floats([channels, 1, ...w.kernel], new Float32Array(channels * area).fill(1));
  const sums = c.b.op('Conv', [x, ones], { kernel_shape: w.kernel, strides: w.strides, dilations: w.dilations, pads: [...w.begins, ...ends], group: channels });
  return { sums, windows: w };
}

/** 1 / number of counted elements, along one spatial axis; counts multiply over the axes. */
function shares(w: Windows, axis: number, extent: number, countPadding: boolean): number[] {
  const [begin, end, stride, dilation] = [w.begins[axis], w.ends[axis], w.strides[axis], w.dilations[axis]] as [number, number, number, number];
  return Array.from({ length: w.extents[axis] as number }, (_, i) => {
    const positions = Array.from({ length: w.kernel[axis] as number }, (_unused, t) => i * stride - begin + t * dilation);
    return 1 / positions.filter((p) => (countPadding ? p < extent + end : p >= 0 && p < extent)).length;
  });
}

export const windowCompounds: Readonly<Record<string, CompoundRule>> = {
  /** With dilations, which the operator of our opset has not: sums over windows divided by counts. */
  AveragePool: (c) => {
    const { attributes } = c.node;
    if (c.list('dilations')?.every((d) => d === 1) !== false) return c.again(without(attributes, 'dilations', ...needlessCeil(c)));
    const x = c.input(0);
    const { sums, windows } = windowSums(c, x);
    let factor: Value | undefined;
    x.shape.slice(2).forEach((extent, axis) => {
      const own = shares(windows, axis, extent, c.number('count_include_pad', 0) === 1);
      const line = c.b.floats([1, 1, ...x.shape.slice(2).map((_, at) => (at === axis ? own.length : 1))], own);
      factor = factor === undefined ? line : mul(c.b, factor, line);
    });
    return c.end('Mul', [sums, factor]);
  },

  /** storage_order decides the meaning of Indices only. */
  MaxPool: (c) => c.again(without(c.node.attributes, ...(c.outputs.length === 1 ? ['storage_order'] : []), ...needlessCeil(c))),

  /** Indices count in an output as large as the windows reach; a larger one that is asked for is padded at its ends. */
  MaxUnpool: (c) => {
    const x = c.input(0);
    const kernel = c.list('kernel_shape') ?? c.refuse('kernel_shape is missing', 'one integer per spatial axis', 'nothing');
    const spatial = x.shape.slice(2).map((extent, i) => {
      const pads = c.list('pads');
      return (extent - 1) * (c.list('strides')?.[i] ?? 1) + (kernel[i] as number) - (pads?.[i] ?? 0) - (pads?.[i + kernel.length] ?? 0);
    });
    const shape = [...x.shape.slice(0, 2), ...spatial];
    const wanted = c.has(2) ? c.numbers(2) : shape;
    if (wanted.join() === shape.join()) return c.again(c.node.attributes, [x, c.input(1), c.b.ints(shape)]);
    const unpooled = c.b.op('MaxUnpool', [x, c.input(1), c.b.ints(shape)], c.node.attributes);
    return c.end('Pad', [unpooled, c.b.ints([...shape.map(() => 0), ...shape.map((extent, axis) => (wanted[axis] as number) - extent)])]);
  },

  /** output_shape and auto_pad become pads: the total padding is what the wanted extent leaves over. */
  ConvTranspose: (c) => {
    const auto = c.text('auto_pad', 'NOTSET');
    const wanted = c.list('output_shape');
    const attributes = without(c.node.attributes, 'auto_pad', 'output_shape');
    if (auto === 'NOTSET' && wanted === undefined) return c.again(attributes);
    if (auto === 'VALID' && wanted === undefined) return c.again(without(attributes, 'pads'));
    const spatial = c.input(0).shape.slice(2);
    const kernel = c.input(1).shape.slice(2);
    const extra = spatial.map((_, i) => c.list('output_padding')?.[i] ?? 0);
    const begins: number[] = [];
    const ends: number[] = [];
    spatial.forEach((extent, i) => {
      const stride = c.list('strides')?.[i] ?? 1;
      const target = wanted?.slice(-spatial.length)[i] ?? extent * stride;
      const total = (extent - 1) * stride + (extra[i] as number) + (c.list('dilations')?.[i] ?? 1) * ((kernel[i] as number) - 1) + 1 - target;
      if (total < 0) extra[i] = (extra[i] as number) - total;
      const half = Math.floor(Math.max(total, 0) / 2);
      const rest = Math.max(total, 0) - half;
      begins.push(auto === 'SAME_UPPER' ? half : rest);
      ends.push(auto === 'SAME_UPPER' ? rest : half);
    });
    return c.again({ ...attributes, pads: [...begins, ...ends], output_padding: extra });
  },
};
