/**
 * Bilinear and bicubic resampling with antialiasing: the filter is a triangle (or a cubic) as wide as the larger of one source pixel and one target pixel, so that
 * shrinking averages instead of skipping. Pixel centres stand at (i + 0.5) / size; weights at the border are renormalised, nothing is padded.
 * Same numbers as torch.nn.functional.interpolate(mode='bilinear' or 'bicubic', antialias=True, align_corners=False) and, before its rounding to uint8,
 * PIL's Image.resize(BILINEAR or BICUBIC). Pure functions on typed arrays; no file format and no graph is known here.
 */
import { PipelineError } from '../core/errors.js';

/** Non-zero weights of one axis: target i = Σ_k weights[i·width + k] · source[start[i] + k], k < count[i]. */
interface AxisFilter {
  readonly width: number;
  readonly start: Int32Array;
  readonly count: Int32Array;
  readonly weights: Float32Array;
}

export type ResampleSource =
  /** values in any unit, [channel, row, column] */
  | { readonly layout: 'planar'; readonly data: Float32Array; readonly channels: number; readonly height: number; readonly width: number }
  /** 8-bit pixels, [row, column, channel] */
  | { readonly layout: 'pixels'; readonly data: Uint8Array; readonly channels: number; readonly height: number; readonly width: number };

export type Interpolation = 'bilinear' | 'bicubic';

/** Filters at unit scale: where they end, and their height at distance x ≥ 0. */
const KERNELS: Readonly<Record<Interpolation, { readonly support: number; height(x: number): number }>> = {
  bilinear: { support: 1, height: (x) => Math.max(0, 1 - x) },
  // Keys 1981 with a = −1/2, as Pillow has it (PyTorch without antialiasing has −3/4)
  bicubic: { support: 2, height: (x) => (x < 1 ? (1.5 * x - 2.5) * x * x + 1 : x < 2 ? ((-0.5 * x + 2.5) * x - 4) * x + 2 : 0) },
};

const WHITE = 255;
const filters = new Map<string, AxisFilter>();

/**
 * w[i, j] ∝ max(0, 1 − |j + 0.5 − (i + 0.5)·from/to| / max(1, from/to)), each row scaled to sum 1.
 * @shape float32 [to, from], rows sum to 1
 * Errors: E_DATA for sizes below 1. Source: PyTorch 1.13 `_upsample_bilinear2d_aa`, Pillow `Resample.c`.
 */
export function resizeMatrix(from: number, to: number): Float32Array {
  const filter = axisFilter(from, to, 'bilinear');
  const matrix = new Float32Array(to * from);
  for (let i = 0; i < to; i += 1) {
    const start = filter.start[i] as number;
    const count = filter.count[i] as number;
    matrix.set(filter.weights.subarray(i * filter.width, i * filter.width + count), i * from + start);
  }
  return matrix;
}

/**
 * out[c, y, x] = Σ_j Σ_k wy[y, j] · wx[x, k] · in[c, j, k], the matrices being those of `resizeMatrix` (bilinear) or of the cubic.
 * Pixels are divided by 255, so that the result lies in [0, 1]: what the cubic throws beyond, beside edges, is cut off. Planar values keep their unit.
 * @shape float32 [channel, outHeight, outWidth]; `out` may be given to avoid an allocation
 * Edge behaviour: equal sizes copy; NaN spreads to the target pixels whose filter covers it. Errors: E_DATA when the data do not fill the shape.
 */
export function resizeAntialiased(source: ResampleSource, outHeight: number, outWidth: number, out?: Float32Array, interpolation: Interpolation = 'bilinear'): Float32Array {
  const { channels, height, width } = source;
  const result = out ?? new Float32Array(channels * outHeight * outWidth);
  if (source.data.length !== channels * height * width || result.length !== channels * outHeight * outWidth) {
    throw new PipelineError('E_DATA', 'the image to be resized does not fill its shape', {
      facts: { expected: `${channels} × ${height} × ${width} values`, found: source.data.length },
    });
  }
  const rows = axisFilter(height, outHeight, interpolation);
  const columns = axisFilter(width, outWidth, interpolation);
  if (source.layout === 'pixels') {
    resizePixels(source.data, channels, width, rows, columns, result, outHeight, outWidth);
    if (interpolation === 'bicubic') for (let i = 0; i < result.length; i += 1) result[i] = Math.min(1, Math.max(0, result[i] as number));
  }
  else resizePlanes(source.data, channels, height, width, rows, columns, result, outHeight, outWidth);
  return result;
}

function axisFilter(from: number, to: number, interpolation: Interpolation): AxisFilter {
  const key = `${from}/${to} ${interpolation}`;
  const known = filters.get(key);
  if (known !== undefined) return known;
  if (!Number.isInteger(from) || !Number.isInteger(to) || from < 1 || to < 1) {
    throw new PipelineError('E_DATA', `cannot resize ${from} to ${to} pixels`, { facts: { expected: 'positive integers', found: `${from}/${to}` } });
  }
  const scale = from / to;
  const { support: reach, height } = KERNELS[interpolation];
  const unit = Math.max(1, scale);
  const support = reach * unit;
  const width = Math.min(from, Math.ceil(support) * 2 + 1);
  const start = new Int32Array(to);
  const count = new Int32Array(to);
  const weights = new Float32Array(to * width);
  for (let i = 0; i < to; i += 1) {
    const centre = (i + 0.5) * scale;
    const first = Math.max(0, Math.floor(centre - support + 0.5));
    const end = Math.min(from, Math.floor(centre + support + 0.5));
    let total = 0;
    for (let j = first; j < end; j += 1) total += height(Math.abs(j + 0.5 - centre) / unit);
    for (let j = first; j < end; j += 1) weights[i * width + j - first] = height(Math.abs(j + 0.5 - centre) / unit) / total;
    start[i] = first;
    count[i] = end - first;
  }
  const filter = { width, start, count, weights };
  filters.set(key, filter);
  return filter;
}

/** Rows first: one pass over the bytes, then the few rows that are left are narrowed. */
function resizePixels(
  data: Uint8Array, channels: number, width: number, rows: AxisFilter, columns: AxisFilter, out: Float32Array, outHeight: number, outWidth: number,
): void {
  const stride = width * channels;
  const line = new Float64Array(stride);
  const plane = outHeight * outWidth;
  for (let y = 0; y < outHeight; y += 1) {
    line.fill(0);
    const first = rows.start[y] as number;
    const taps = rows.count[y] as number;
    let k = 0;
    // Four source rows a pass: the running sum is loaded and stored a quarter as often.
    for (; k + 4 <= taps; k += 4) {
      const at = y * rows.width + k;
      const w0 = (rows.weights[at] as number) / WHITE;
      const w1 = (rows.weights[at + 1] as number) / WHITE;
      const w2 = (rows.weights[at + 2] as number) / WHITE;
      const w3 = (rows.weights[at + 3] as number) / WHITE;
      let p = (first + k) * stride;
      for (let x = 0; x < stride; x += 1, p += 1) {
        line[x] = (line[x] as number) + w0 * (data[p] as number) + w1 * (data[p + stride] as number)
          + w2 * (data[p + 2 * stride] as number) + w3 * (data[p + 3 * stride] as number);
      }
    }
    for (; k < taps; k += 1) {
      const w = (rows.weights[y * rows.width + k] as number) / WHITE;
      let p = (first + k) * stride;
      for (let x = 0; x < stride; x += 1, p += 1) line[x] = (line[x] as number) + w * (data[p] as number);
    }
    if (channels === 3) narrowColours(line, columns, out, y * outWidth, plane, outWidth);
    else for (let c = 0; c < channels; c += 1) narrow(line, c, channels, columns, out, c * plane + y * outWidth, outWidth);
  }
}

/** `narrow` for the three colours of a line of pixels at once: the same sums, with each weight read once. */
function narrowColours(line: Float64Array, columns: AxisFilter, out: Float32Array, at: number, plane: number, outWidth: number): void {
  for (let x = 0; x < outWidth; x += 1) {
    const w = x * columns.width;
    const end = w + (columns.count[x] as number);
    let red = 0;
    let green = 0;
    let blue = 0;
    for (let k = w, p = (columns.start[x] as number) * 3; k < end; k += 1, p += 3) {
      const weight = columns.weights[k] as number;
      red += weight * (line[p] as number);
      green += weight * (line[p + 1] as number);
      blue += weight * (line[p + 2] as number);
    }
    out[at + x] = red;
    out[at + plane + x] = green;
    out[at + 2 * plane + x] = blue;
  }
}

function resizePlanes(
  data: Float32Array, channels: number, height: number, width: number, rows: AxisFilter, columns: AxisFilter, out: Float32Array, outHeight: number, outWidth: number,
): void {
  const line = new Float64Array(width);
  for (let c = 0; c < channels; c += 1) {
    for (let y = 0; y < outHeight; y += 1) {
      line.fill(0);
      const first = rows.start[y] as number;
      const taps = rows.count[y] as number;
      for (let k = 0; k < taps; k += 1) {
        const w = rows.weights[y * rows.width + k] as number;
        let p = (c * height + first + k) * width;
        for (let x = 0; x < width; x += 1, p += 1) line[x] = (line[x] as number) + w * (data[p] as number);
      }
      narrow(line, 0, 1, columns, out, (c * outHeight + y) * outWidth, outWidth);
    }
  }
}

function narrow(line: Float64Array, offset: number, step: number, columns: AxisFilter, out: Float32Array, at: number, outWidth: number): void {
  for (let x = 0; x < outWidth; x += 1) {
    const taps = columns.count[x] as number;
    const w = x * columns.width;
    let p = (columns.start[x] as number) * step + offset;
    let sum = 0;
    for (let k = 0; k < taps; k += 1, p += step) sum += (columns.weights[w + k] as number) * (line[p] as number);
    out[at + x] = sum;
  }
}
