/**
 * The brain's early stage as a piece of graph: an image becomes 15 maps at a quarter of its resolution (12 divisively normalised Gabor
 * amplitudes, 3 normalised opponent colours). Shared by every level of the pyramid and by the exemplars. Shares no code or weight with any
 * backbone.
 */
import { add, averagePool2d, concat, conv2d, div, mul, pad, separable, slice, sqrt, sub } from '../../../graph/layers.js';
import { ORIENTATIONS, WAVELENGTHS, blurMatrix, gaborBank, poolMatrix, transposed } from './filters.js';
import type { Emitter } from '../../../graph/emitter.js';
import type { Value } from '../../../graph/ir.js';

export const CHANNELS = WAVELENGTHS.length * ORIENTATIONS + 3;
/** maps are at 1/4 of the resolution */
export const POOL = 4;
const AMPLITUDE_FLOOR = 1e-6;
const NORMALISATION_OFFSET = 0.15;
const NORMALISATION_SIGMA = 2;
const COLOUR_SIGMA = 4;
const COLOUR_FLOOR = 0.05;
const COLOUR_GAIN = 0.75;

export interface ChannelMaps {
  /** [batch, 15, size/4, size/4] */
  readonly maps: Value;
  /** [batch, 12, size/4, size/4]: Gabor amplitudes before normalisation */
  readonly amplitudes: Value;
}

/**
 * amplitude e = √(even² + odd² + 1e-6) of the luminance (mean of RGB), averaged over 4 × 4; normalised e/(0.15 + blur₂(mean over orientations)).
 * Colour O = (L, R−G, B−(R+G)/2) averaged over 4 × 4; d = O − blur₄(O); channel 0.75·d/√(blur₄(mean d²) + 0.05²).
 * @shape image float32 [batch, 3, size, size] in [0, 1]
 */
export function channelMaps(b: Emitter, image: Value, size: number): ChannelMaps {
  const opponents = conv2d(b, image, b.floats([3, 3, 1, 1], [1 / 3, 1 / 3, 1 / 3, 1, -1, 0, -0.5, -0.5, 1]));
  const luminance = slice(b, opponents, [0], [1], [1]);
  const small = Math.ceil(size / POOL);

  const amplitudes = poolMaps(b, gaborAmplitudes(b, luminance), size);
  const gabors = WAVELENGTHS.length * ORIENTATIONS;
  const mean = new Float32Array(WAVELENGTHS.length * gabors);
  const spread = new Float32Array(gabors * WAVELENGTHS.length);
  for (let c = 0; c < gabors; c += 1) {
    const w = Math.floor(c / ORIENTATIONS);
    mean[w * gabors + c] = 1 / ORIENTATIONS;
    spread[c * WAVELENGTHS.length + w] = 1;
  }
  const local = blur(b, conv2d(b, amplitudes, b.floats([WAVELENGTHS.length, gabors, 1, 1], mean)), small, NORMALISATION_SIGMA);
  const pool = conv2d(b, local, b.floats([gabors, WAVELENGTHS.length, 1, 1], spread), b.floats([gabors], new Float32Array(gabors).fill(NORMALISATION_OFFSET)));
  const normalised = div(b, amplitudes, pool);

  const colours = poolMaps(b, opponents, size);
  const d = sub(b, colours, blur(b, colours, small, COLOUR_SIGMA));
  const variance = blur(b, conv2d(b, mul(b, d, d), b.floats([1, 3, 1, 1], [1 / 3, 1 / 3, 1 / 3])), small, COLOUR_SIGMA);
  const contrast = mul(b, div(b, d, sqrt(b, add(b, variance, COLOUR_FLOOR * COLOUR_FLOOR))), COLOUR_GAIN);
  return { maps: concat(b, [normalised, contrast], 1), amplitudes };
}

/** Convolutions with one-dimensional filters, across then down, then one mixture: 5 times fewer products than the two-dimensional kernels. */
function gaborAmplitudes(b: Emitter, luminance: Value): Value {
  const bank = gaborBank();
  const taps = 2 * bank.radius + 1;
  const count = bank.products.length;
  const across = new Float32Array(count * taps);
  const down = new Float32Array(count * taps);
  bank.products.forEach((product, i) => {
    across.set(product.across, i * taps);
    down.set(product.down, i * taps);
  });
  const padded = pad(b, luminance, [0, 0, bank.radius, bank.radius, 0, 0, bank.radius, bank.radius], 'edge');
  const rows = conv2d(b, padded, b.floats([count, 1, 1, taps], across));
  const products = conv2d(b, rows, b.floats([count, 1, taps, 1], down), undefined, { group: count });
  const half = bank.channels * count;
  const even = conv2d(b, products, b.floats([bank.channels, count, 1, 1], Float32Array.from(bank.mix.subarray(0, half))));
  const odd = conv2d(b, products, b.floats([bank.channels, count, 1, 1], Float32Array.from(bank.mix.subarray(half))));
  return sqrt(b, add(b, add(b, mul(b, even, even), mul(b, odd, odd)), AMPLITUDE_FLOOR));
}

/** Means over 4 × 4 pixels; where 4 does not divide the size, by matrices, so that the last window counts existing pixels only. */
function poolMaps(b: Emitter, x: Value, size: number): Value {
  if (size % POOL === 0) return averagePool2d(b, x, { kernel: POOL });
  const rows = Math.ceil(size / POOL);
  const matrix = poolMatrix(size, POOL);
  return separable(b, x, b.floats([rows, size], matrix), b.floats([size, rows], transposed(matrix, rows, size)));
}

export function blur(b: Emitter, x: Value, size: number, sigma: number): Value {
  const matrix = blurMatrix(size, sigma);
  return separable(b, x, b.floats([size, size], matrix), b.floats([size, size], transposed(matrix, size, size)));
}
