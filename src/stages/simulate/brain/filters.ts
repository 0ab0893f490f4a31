/**
 * Fixed linear filters of the true brain: Gabors as sums of separable products, Gaussian blurs and poolings as matrices. Everything is linear
 * algebra on small arrays; no graph, no image.
 */
import { resizeMatrix } from '../../../math/resample.js';

export const ORIENTATIONS = 6;
export const WAVELENGTHS = [4, 8] as const;
/** envelope: sigma in wavelengths, and the radius at which every filter is cut, in sigmas */
const SIGMA_PER_WAVELENGTH = 0.5;
const RADIUS_IN_SIGMAS = 2.5;

/** One separable filter: columns · rows, both of length 2·radius + 1. */
export interface SeparableFilter {
  readonly across: Float64Array;
  readonly down: Float64Array;
}

export interface GaborBank {
  readonly radius: number;
  readonly products: readonly SeparableFilter[];
  /** float64 [2·channels, product]: the even phases of all wavelengths and orientations, then the odd ones */
  readonly mix: Float64Array;
  /** wavelengths × orientations */
  readonly channels: number;
}

/**
 * Gabors g(x, y)·cos(2π(x cosθ + y sinθ)/λ + φ), θ = πi/6, φ = 0 and π/2, g Gaussian with σ = λ/2, cut at ⌈2.5 σ⌉, without DC (g times its
 * share is subtracted) and with unit L2 norm. Each is a sum of two products of one-dimensional filters, plus the envelope for the even phase:
 * cos(a + b) = cos a cos b − sin a sin b. Products are shared between mirrored orientations, which leaves 13 a wavelength.
 */
export function gaborBank(): GaborBank {
  const radius = Math.max(...WAVELENGTHS.map((lambda) => Math.ceil(RADIUS_IN_SIGMAS * SIGMA_PER_WAVELENGTH * lambda)));
  const products: SeparableFilter[] = [];
  const entries: { row: number; product: number; weight: number }[] = [];
  const channels = WAVELENGTHS.length * ORIENTATIONS;
  WAVELENGTHS.forEach((lambda, w) => {
    const index = new Map<string, number>();
    const product = (fx: 'cos' | 'sin', kx: number, fy: 'cos' | 'sin', ky: number): number => {
      const key = `${fx} ${kx.toFixed(6)} ${fy} ${ky.toFixed(6)}`;
      let at = index.get(key);
      if (at === undefined) {
        at = products.length;
        products.push({ across: wave(lambda, radius, fx, kx), down: wave(lambda, radius, fy, ky) });
        index.set(key, at);
      }
      return at;
    };
    const envelope = product('cos', 0, 'cos', 0);
    for (let i = 0; i < ORIENTATIONS; i += 1) {
      const theta = (Math.PI * i) / ORIENTATIONS;
      const kx = Math.abs(Math.cos(theta));
      const ky = Math.abs(Math.sin(theta));
      const sign = Math.cos(theta) < 0 ? -1 : 1;
      const flat = (k: number): boolean => k < 1e-9;
      const even: [number, number][] = [[product('cos', kx, 'cos', ky), 1]];
      if (!flat(kx) && !flat(ky)) even.push([product('sin', kx, 'sin', ky), -sign]);
      const odd: [number, number][] = [];
      if (!flat(kx)) odd.push([product('sin', kx, 'cos', ky), -sign]);
      if (!flat(ky)) odd.push([product('cos', kx, 'sin', ky), -1]);
      const share = total(products, even) / total(products, [[envelope, 1]]);
      even.push([envelope, -share]);
      const channel = w * ORIENTATIONS + i;
      for (const [row, parts] of [[channel, even], [channels + channel, odd]] as const) {
        const norm = norm2(products, parts);
        for (const [at, weight] of parts) entries.push({ row, product: at, weight: weight / norm });
      }
    }
  });
  const mix = new Float64Array(2 * channels * products.length);
  for (const { row, product, weight } of entries) mix[row * products.length + product] = (mix[row * products.length + product] as number) + weight;
  return { radius, products, mix, channels };
}

function wave(lambda: number, length: number, f: 'cos' | 'sin', k: number): Float64Array {
  const sigma = SIGMA_PER_WAVELENGTH * lambda;
  const radius = Math.ceil(RADIUS_IN_SIGMAS * sigma);
  return Float64Array.from({ length: 2 * length + 1 }, (_, i) => {
    const x = i - length;
    if (Math.abs(x) > radius) return 0;
    return Math.exp((-x * x) / (2 * sigma * sigma)) * Math[f]((2 * Math.PI * x * k) / lambda);
  });
}

function total(products: readonly SeparableFilter[], parts: readonly (readonly [number, number])[]): number {
  const sum = (list: Float64Array): number => list.reduce((a, b) => a + b, 0);
  return parts.reduce((all, [at, weight]) => all + weight * sum((products[at] as SeparableFilter).across) * sum((products[at] as SeparableFilter).down), 0);
}

function norm2(products: readonly SeparableFilter[], parts: readonly (readonly [number, number])[]): number {
  const side = (products[0] as SeparableFilter).across.length;
  let squares = 0;
  for (let y = 0; y < side; y += 1) {
    for (let x = 0; x < side; x += 1) {
      const value = parts.reduce((sum, [at, weight]) => sum + weight * ((products[at] as SeparableFilter).across[x] as number) * ((products[at] as SeparableFilter).down[y] as number), 0);
      squares += value * value;
    }
  }
  return Math.sqrt(squares);
}

/**
 * Gaussian blur along one axis with replicated borders, radius ⌈2.5 σ⌉.
 * @shape float32 [size, size], rows sum to 1
 */
export function blurMatrix(size: number, sigma: number): Float32Array {
  const radius = Math.ceil(RADIUS_IN_SIGMAS * sigma);
  const weights = Float64Array.from({ length: 2 * radius + 1 }, (_, i) => Math.exp(-((i - radius) ** 2) / (2 * sigma * sigma)));
  const sum = weights.reduce((a, b) => a + b, 0);
  const matrix = new Float64Array(size * size);
  for (let i = 0; i < size; i += 1) {
    for (let k = -radius; k <= radius; k += 1) {
      const j = Math.min(size - 1, Math.max(0, i + k));
      matrix[i * size + j] = (matrix[i * size + j] as number) + (weights[k + radius] as number) / sum;
    }
  }
  return Float32Array.from(matrix);
}

/**
 * Mean over windows of `by`; a last window that is only partly inside takes the mean of what exists.
 * @shape float32 [⌈size/by⌉, size], rows sum to 1
 */
export function poolMatrix(size: number, by: number): Float32Array {
  const rows = Math.ceil(size / by);
  const matrix = new Float32Array(rows * size);
  for (let i = 0; i < rows; i += 1) {
    const end = Math.min(size, (i + 1) * by);
    for (let j = i * by; j < end; j += 1) matrix[i * size + j] = 1 / (end - i * by);
  }
  return matrix;
}

/**
 * A map of any size resized to `middle` cells and averaged to `to` cells a side, in one matrix.
 * @shape float32 [to, from], rows sum to 1
 */
export function resizeAndPoolMatrix(from: number, middle: number, to: number): Float32Array {
  const resized = resizeMatrix(from, middle);
  const pooled = poolMatrix(middle, middle / to);
  const matrix = new Float64Array(to * from);
  for (let i = 0; i < to; i += 1) {
    for (let k = 0; k < middle; k += 1) {
      const weight = pooled[i * middle + k] as number;
      if (weight === 0) continue;
      for (let j = 0; j < from; j += 1) matrix[i * from + j] = (matrix[i * from + j] as number) + weight * (resized[k * from + j] as number);
    }
  }
  return Float32Array.from(matrix);
}

/** @shape float32 [columns, rows] */
export function transposed(matrix: Float32Array, rows: number, columns: number): Float32Array {
  const out = new Float32Array(matrix.length);
  for (let i = 0; i < rows; i += 1) for (let j = 0; j < columns; j += 1) out[j * rows + i] = matrix[i * columns + j] as number;
  return out;
}
