/**
 * The two gradients of a convolution y = conv(x, w) as graphs.
 *
 * By x: with stride 1 a convolution of dy with the kernels rotated by 180 degrees and in/out channels swapped (the fast form on ONNX Runtime);
 * otherwise ConvTranspose with the same weights, which is also faster into the few channels of an image; patches (kernel = stride) are one product whose rows
 * are laid out as pixels.
 * By w: dw[o, c, t] = sum over n, l of dy[n, o, l] x[n, c, l·stride + t·dilation - pad]: for each kernel offset t one slice of the padded,
 * channels-last x and one matrix product; with groups or few channels one convolution whose batch axis is the channel axis.
 */
import type { Shape, Tensor } from '../../core/tensor.js';
import { allocate, sizeOf } from '../../core/tensor.js';
import type { Emitter } from '../emitter.js';
import type { Value } from '../ir.js';
import { concat, matMul, pad, reduceSum, reshape, slice, transpose } from '../layers.js';
import { perChannel } from './channelwise.js';
import type { Windows } from './windows.js';
import { padsOf } from './windows.js';

export interface ConvolutionGeometry extends Windows {
  readonly group: number;
}

/** With so few input channels ConvTranspose is faster than the flipped convolution, and one convolution faster than a product per offset (measured: an RGB image). */
const FEW_CHANNELS = 4;

/** dx [N, C, …] from dy [N, O, …] and w [O, C/group, …]. */
export function convolutionInputGradient(b: Emitter, dy: Value, w: Value, xShape: Shape, g: ConvolutionGeometry): Value {
  const spatial = xShape.slice(2);
  const reach = g.kernel.map((k, i) => (g.dilations[i] as number) * (k - 1));
  const begins = reach.map((r, i) => r - (g.begins[i] as number));
  const ends = reach.map((r, i) => r - (g.ends[i] as number));
  const flips = g.strides.every((stride) => stride === 1) && [...begins, ...ends].every((p) => p >= 0);
  if (flips && (xShape[1] as number) > FEW_CHANNELS) {
    const constant = b.constantOf(w);
    const flipped = constant === undefined ? rotatedInGraph(b, w, g.group) : b.constant(rotateKernels(constant, g.group));
    return b.op('Conv', [dy, flipped], { kernel_shape: g.kernel, pads: [...begins, ...ends], dilations: g.dilations, group: g.group, strides: g.strides });
  }
  if (isPatches(g, spatial)) return patchGradient(b, dy, w, g);
  // rows and columns that no window reached, because the stride did not divide the padded extent, come back as output padding
  const leftOver = spatial.map((extent, i) => (extent + (g.begins[i] as number) + (g.ends[i] as number) - (reach[i] as number) - 1) % (g.strides[i] as number));
  const attributes = { kernel_shape: g.kernel, strides: g.strides, pads: padsOf(g), dilations: g.dilations, group: g.group };
  const spread = b.op('ConvTranspose', [dy, w], leftOver.some((extent) => extent > 0) ? { ...attributes, output_padding: leftOver } : attributes);
  // A transposed convolution is outside ONNX Runtime's blocked layout. Times one, per channel, is the way back in: without it the sums and masks of the whole
  // residual chain before it would follow outside.
  return (xShape[1] as number) > FEW_CHANNELS && spatial.length === 2 && dy.dtype === 'float32' ? perChannel(b, spread, 1) : spread;
}

/** Square windows side by side that cover the image: the patches of a vision transformer, the first layer and the reductions of ConvNeXt. */
function isPatches(g: ConvolutionGeometry, spatial: Shape): boolean {
  const [k] = g.kernel as [number];
  const square = g.kernel.length === 2 && [...g.kernel, ...g.strides].every((extent) => extent === k);
  return square && k > 1 && g.group === 1 && padsOf(g).every((p) => p === 0) && g.dilations.every((d) => d === 1) && spatial.every((extent) => extent % k === 0);
}

/** dx of patches: one product with wᵀ [C·k·k, O], whose rows are then laid out as pixels. */
function patchGradient(b: Emitter, dy: Value, w: Value, g: ConvolutionGeometry): Value {
  const [outputs, channels] = w.shape as [number, number];
  const rows = channels * sizeOf(g.kernel);
  const constant = b.constantOf(w);
  const turned = constant === undefined ? transpose(b, reshape(b, w, [outputs, rows]), [1, 0]) : b.constant(transposedMatrix(constant, outputs, rows));
  const pixels = b.op('Conv', [dy, reshape(b, turned, [rows, outputs, 1, 1])], { kernel_shape: [1, 1] });
  return b.op('DepthToSpace', [pixels], { blocksize: g.kernel[0] as number, mode: 'CRD' });
}

function transposedMatrix(w: Tensor, rows: number, columns: number): Tensor {
  const data = allocate(w.dtype, w.data.length) as Float32Array;
  const from = w.data as Float32Array;
  for (let r = 0; r < rows; r += 1) for (let c = 0; c < columns; c += 1) data[c * rows + r] = from[r * columns + c] as number;
  return { dtype: w.dtype, shape: [columns, rows], data };
}

/** dw of the shape of w [O, C/group, …] from x [N, C, …] and dy [N, O, …]. */
export function convolutionWeightGradient(b: Emitter, x: Value, dy: Value, wShape: Shape, g: ConvolutionGeometry): Value {
  const fewChannels = (wShape[1] as number) <= FEW_CHANNELS && g.kernel.some((k) => k > 1);
  if (g.group > 1 || fewChannels) return weightGradientByConvolution(b, x, dy, wShape, g);
  const pointwise = g.kernel.every((k) => k === 1) && g.strides.every((s) => s === 1) && padsOf(g).every((p) => p === 0);
  if (pointwise) return pointwiseWeightGradient(b, x, dy, wShape);
  return weightGradientByOffsets(b, x, dy, wShape, g);
}

/** dw = sum over n of dy[n] x[n]ᵀ, with [O, L] by [L, C]. */
function pointwiseWeightGradient(b: Emitter, x: Value, dy: Value, wShape: Shape): Value {
  const [n, channels] = x.shape as [number, number];
  const outputs = dy.shape[1] as number;
  const length = sizeOf(dy.shape.slice(2));
  const left = reshape(b, dy, [n, outputs, length]);
  const right = transpose(b, reshape(b, x, [n, channels, length]), [0, 2, 1]);
  return reshape(b, reduceSum(b, matMul(b, left, right), [0]), wShape);
}

function weightGradientByOffsets(b: Emitter, x: Value, dy: Value, wShape: Shape, g: ConvolutionGeometry): Value {
  const rank = g.kernel.length;
  const axes = g.kernel.map((_, i) => i + 1);
  const [n, channels] = x.shape as [number, number];
  const outputs = dy.shape[1] as number;
  const extents = dy.shape.slice(2);
  const rows = n * sizeOf(extents);
  // dyT [O, N·L]
  const dyT = reshape(b, transpose(b, dy, [1, 0, ...axes.map((a) => a + 1)]), [outputs, rows]);
  // x with channels last, padded as the convolution saw it
  const last = transpose(b, x, [0, ...axes.map((a) => a + 1), 1]);
  const padded = padsOf(g).every((p) => p === 0) ? last : pad(b, last, [0, ...g.begins, 0, 0, ...g.ends, 0]);
  const parts = offsets(g.kernel).map((t) => {
    const starts = t.map((position, i) => position * (g.dilations[i] as number));
    const ends = starts.map((start, i) => start + ((extents[i] as number) - 1) * (g.strides[i] as number) + 1);
    const window = slice(b, padded, starts, ends, axes, g.strides); // [N, …L, C]
    return reshape(b, matMul(b, dyT, reshape(b, window, [rows, channels])), [outputs, channels, 1]);
  });
  const gathered = parts.length === 1 ? (parts[0] as Value) : concat(b, parts, 2); // [O, C, kernel]
  return rank === 0 ? gathered : reshape(b, gathered, wShape);
}

/**
 * x as [C/group, group·N, …] convolved with dy as [O, N, …] in `group` groups: the batch axis is summed over, the stride becomes the
 * dilation and the reverse. The result [C/group, O, kernel + rest] is cut to the kernel and transposed.
 */
function weightGradientByConvolution(b: Emitter, x: Value, dy: Value, wShape: Shape, g: ConvolutionGeometry): Value {
  const [n, channels] = x.shape as [number, number];
  const spatial = x.shape.slice(2);
  const rest = spatial.map((_, i) => i);
  const perGroup = channels / g.group;
  const split = reshape(b, x, [n, g.group, perGroup, ...spatial]);
  const image = reshape(b, transpose(b, split, [2, 1, 0, ...rest.map((i) => i + 3)]), [perGroup, g.group * n, ...spatial]);
  const kernels = transpose(b, dy, [1, 0, ...rest.map((i) => i + 2)]);
  const product = b.op('Conv', [image, kernels], { kernel_shape: dy.shape.slice(2), strides: g.dilations, dilations: g.strides, pads: padsOf(g), group: g.group });
  const cut = slice(b, product, rest.map(() => 0), g.kernel, rest.map((i) => i + 2));
  return reshape(b, transpose(b, cut, [1, 0, ...rest.map((i) => i + 2)]), wShape);
}

function offsets(kernel: readonly number[]): number[][] {
  return kernel.reduce<number[][]>((lists, extent) => lists.flatMap((list) => Array.from({ length: extent }, (_, position) => [...list, position])), [[]]);
}

/** The same for weights that are computed: reshapes, one transposition and one reversed slice of a small tensor. */
function rotatedInGraph(b: Emitter, w: Value, group: number): Value {
  const [outputs, perGroup] = w.shape as [number, number];
  const area = sizeOf(w.shape.slice(2));
  const parts = reshape(b, w, [group, outputs / group, perGroup, area]);
  const swapped = transpose(b, parts, [0, 2, 1, 3]);
  const turned = slice(b, swapped, [-1], [Number.MIN_SAFE_INTEGER], [3], [-1]);
  return reshape(b, turned, [perGroup * group, outputs / group, ...w.shape.slice(2)]);
}

/** [O, C/g, …] -> [C, O/g, …] with every kernel rotated by 180 degrees. */
export function rotateKernels(w: Tensor, group: number): Tensor {
  const [outputs, perGroup] = w.shape as [number, number];
  const area = sizeOf(w.shape.slice(2));
  const outputsPerGroup = outputs / group;
  const data = allocate(w.dtype, w.data.length) as Float32Array;
  const from = w.data as Float32Array;
  for (let o = 0; o < outputs; o += 1) {
    const part = Math.floor(o / outputsPerGroup);
    for (let c = 0; c < perGroup; c += 1) {
      const source = (o * perGroup + c) * area;
      const target = ((part * perGroup + c) * outputsPerGroup + (o % outputsPerGroup)) * area;
      for (let t = 0; t < area; t += 1) data[target + area - 1 - t] = from[source + t] as number;
    }
  }
  return { dtype: w.dtype, shape: [perGroup * group, outputsPerGroup, ...w.shape.slice(2)], data };
}
