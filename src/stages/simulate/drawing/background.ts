/**
 * Backgrounds: three independent random fields with amplitude 1/f^p, mixed to luminance and two opponent colours. The spectrum is drawn once,
 * in cycles per image and cut below the Nyquist frequency of 128 pixels, so that the same seed gives the same texture at every size. The
 * fields are made on a grid of a power of two and, for other sizes, read from it by cubic interpolation.
 *
 * Not known here: objects, categories.
 */
import type { Random } from '../../../core/random.js';
import { Fft } from '../../../math/fft.js';
import { randomColour } from './colour.js';

/** Highest frequency, cycles per image: below the Nyquist frequency of a 128-pixel picture. */
const CUTOFF = 63;
const KX = CUTOFF + 1;
const KY = 2 * CUTOFF + 1;
const LARGEST_GRID = 256;
const SMALLEST_GRID = 16;

/** Complex normals by table: 12 bits choose a quantile of the Rayleigh radius, 12 bits the phase. */
const TABLE = 4096;
const RADIUS = Float64Array.from({ length: TABLE }, (_, i) => Math.sqrt(-2 * Math.log((i + 0.5) / TABLE)));
const COSINE = Float64Array.from({ length: TABLE }, (_, i) => Math.cos((2 * Math.PI * (i + 0.5)) / TABLE));
const SINE = Float64Array.from({ length: TABLE }, (_, i) => Math.sin((2 * Math.PI * (i + 0.5)) / TABLE));

/** Spectra of the three fields on the half plane, [field, ky + CUTOFF, kx]. */
const re = new Float64Array(3 * KY * KX);
const im = new Float64Array(3 * KY * KX);
const power = new Float64Array(CUTOFF * CUTOFF + 1);

interface Workspace {
  readonly fft: Fft;
  /** after the transform along y: [row, colour, kx] */
  readonly rowsRe: Float64Array;
  readonly rowsIm: Float64Array;
  readonly lineRe: Float64Array;
  readonly lineIm: Float64Array;
  /** [row, column, colour] */
  readonly grid: Float32Array;
  /** the grid widened to the picture's columns: [row, column, colour] */
  wide: Float32Array;
  readonly phaseRe: Float64Array;
  readonly phaseIm: Float64Array;
}
const workspaces = new Map<number, Workspace>();

/**
 * colour(x, y) = base + contrast·L·(1, 1, 1) + chroma·(a·(1, −1, 0) + b·(½, ½, −1)), clipped to [0, 1]; L, a and b have mean 0 and variance 1,
 * amplitude spectrum f^−p with one p ~ U(1, 1.4) for the three, complex normal coefficients, f in cycles per image.
 * @shape fills `out` float32 [size, size, 3]
 */
export function paintBackground(random: Random, size: number, out: Float32Array): void {
  const exponent = random.uniform(1, 1.4);
  drawSpectra(random, exponent);
  const contrast = random.uniform(0.05, 0.12);
  const chroma = random.uniform(0.01, 0.045);
  const base = randomColour(random, [0, 0.5], [0.3, 0.7]);
  mixColours(contrast, chroma);

  let n = SMALLEST_GRID;
  while (n < size && n < LARGEST_GRID) n *= 2;
  const work = workspaceOf(n);
  synthesize(work, n, Math.min(CUTOFF, Math.ceil(size / 2) - 1));
  if (n === size) addBase(work.grid, base, out);
  else interpolate(work, n, size, base, out);
}

function drawSpectra(random: Random, exponent: number): void {
  for (let q = 1; q < power.length; q += 1) power[q] = Math.pow(q, -exponent / 2);
  const plane = KY * KX;
  let v0 = 0;
  let v1 = 0;
  let v2 = 0;
  for (let ky = -CUTOFF; ky <= CUTOFF; ky += 1) {
    for (let kx = 0; kx <= CUTOFF; kx += 1) {
      const squared = kx * kx + ky * ky;
      // One half plane: the other is its mirror, because the fields are real.
      if (squared > CUTOFF * CUTOFF || (kx === 0 && ky <= 0)) continue;
      const at = (ky + CUTOFF) * KX + kx;
      const amplitude = power[squared] as number;
      for (let field = 0; field < 3; field += 1) {
        const bits = random.uint32();
        const radius = amplitude * (RADIUS[bits & (TABLE - 1)] as number);
        const phase = bits >>> 20;
        re[field * plane + at] = radius * (COSINE[phase] as number);
        im[field * plane + at] = radius * (SINE[phase] as number);
        // a wave 2·Re(z·e^{iφ}) has variance 2·|z|²
        const variance = 2 * radius * radius;
        if (field === 0) v0 += variance;
        else if (field === 1) v1 += variance;
        else v2 += variance;
      }
    }
  }
  variances[0] = v0;
  variances[1] = v1;
  variances[2] = v2;
}
const variances = new Float64Array(3);

/** Standardises the fields and replaces (L, a, b) by (R, G, B) in place: mixing waves is cheaper than mixing pixels. */
function mixColours(contrast: number, chroma: number): void {
  const plane = KY * KX;
  const l = contrast / Math.sqrt(variances[0] as number);
  const a = chroma / Math.sqrt(variances[1] as number);
  const b = chroma / Math.sqrt(variances[2] as number);
  for (const part of [re, im]) {
    for (let i = 0; i < plane; i += 1) {
      const light = l * (part[i] as number);
      const redGreen = a * (part[plane + i] as number);
      const blueYellow = b * (part[2 * plane + i] as number);
      part[i] = light + redGreen + 0.5 * blueYellow;
      part[plane + i] = light - redGreen + 0.5 * blueYellow;
      part[2 * plane + i] = light - blueYellow;
    }
  }
}

/** Inverse transform of the colours' spectra on an n × n grid whose samples stand at (i + 0.5)/n of the image. */
function synthesize(work: Workspace, n: number, limit: number): void {
  const { fft, rowsRe, rowsIm, lineRe, lineIm, grid, phaseRe, phaseIm } = work;
  const kx1 = Math.min(limit, n / 2 - 1);
  const plane = KY * KX;
  for (let colour = 0; colour < 3; colour += 1) {
    for (let kx = 0; kx <= kx1; kx += 1) {
      lineRe.fill(0);
      lineIm.fill(0);
      for (let ky = -kx1; ky <= kx1; ky += 1) {
        const at = colour * plane + (ky + CUTOFF) * KX + kx;
        // half a sample of shift: e^{iπ(kx + ky)/n}
        const pr = phaseRe[kx + ky + n] as number;
        const pi = phaseIm[kx + ky + n] as number;
        const r = re[at] as number;
        const m = im[at] as number;
        const to = ky < 0 ? ky + n : ky;
        lineRe[to] = r * pr - m * pi;
        lineIm[to] = r * pi + m * pr;
      }
      fft.inverse(lineRe, lineIm);
      for (let y = 0, to = colour * KX + kx; y < n; y += 1, to += 3 * KX) {
        rowsRe[to] = lineRe[y] as number;
        rowsIm[to] = lineIm[y] as number;
      }
    }
  }
  // Two real rows a transform: red with green, and the blue of two neighbouring rows.
  for (let y = 0; y < n; y += 1) {
    const from = y * 3 * KX;
    transformPair(work, n, kx1, from, from + KX);
    for (let x = 0, to = y * n * 3; x < n; x += 1, to += 3) {
      grid[to] = lineRe[x] as number;
      grid[to + 1] = lineIm[x] as number;
    }
  }
  for (let y = 0; y < n; y += 2) {
    const from = y * 3 * KX + 2 * KX;
    transformPair(work, n, kx1, from, from + 3 * KX);
    for (let x = 0, to = y * n * 3 + 2; x < n; x += 1, to += 3) {
      grid[to] = lineRe[x] as number;
      grid[to + n * 3] = lineIm[x] as number;
    }
  }
}

/** Leaves 2·Re of two half spectra, transformed along x, in the real and the imaginary part of the line. */
function transformPair(work: Workspace, n: number, kx1: number, first: number, second: number): void {
  const { fft, rowsRe, rowsIm, lineRe, lineIm } = work;
  lineRe[0] = 2 * (rowsRe[first] as number);
  lineIm[0] = 2 * (rowsRe[second] as number);
  for (let kx = 1; kx <= kx1; kx += 1) {
    const ar = rowsRe[first + kx] as number;
    const ai = rowsIm[first + kx] as number;
    const br = rowsRe[second + kx] as number;
    const bi = rowsIm[second + kx] as number;
    lineRe[kx] = ar - bi;
    lineIm[kx] = ai + br;
    lineRe[n - kx] = ar + bi;
    lineIm[n - kx] = br - ai;
  }
  for (let kx = kx1 + 1; kx < n - kx1; kx += 1) {
    lineRe[kx] = 0;
    lineIm[kx] = 0;
  }
  fft.inverse(lineRe, lineIm);
}

function workspaceOf(n: number): Workspace {
  let work = workspaces.get(n);
  if (work === undefined) {
    work = {
      fft: new Fft(n),
      rowsRe: new Float64Array(n * 3 * KX),
      rowsIm: new Float64Array(n * 3 * KX),
      lineRe: new Float64Array(n),
      lineIm: new Float64Array(n),
      grid: new Float32Array(n * n * 3),
      wide: new Float32Array(0),
      phaseRe: Float64Array.from({ length: 2 * n + 1 }, (_, i) => Math.cos((Math.PI * (i - n)) / n)),
      phaseIm: Float64Array.from({ length: 2 * n + 1 }, (_, i) => Math.sin((Math.PI * (i - n)) / n)),
    };
    workspaces.set(n, work);
  }
  return work;
}

function addBase(grid: Float32Array, base: readonly [number, number, number], out: Float32Array): void {
  const [r, g, b] = base;
  for (let i = 0; i < grid.length; i += 3) {
    out[i] = clip((grid[i] as number) + r);
    out[i + 1] = clip((grid[i + 1] as number) + g);
    out[i + 2] = clip((grid[i + 2] as number) + b);
  }
}

/** Cubic convolution (Keys 1981, a = −½) of a periodic grid: columns first, while there are few rows; then whole rows, which lie together. */
function interpolate(work: Workspace, n: number, size: number, base: readonly [number, number, number], out: Float32Array): void {
  const { index, weight } = cubicTaps(n, size);
  const grid = work.grid;
  const stride = size * 3;
  if (work.wide.length !== n * stride) work.wide = new Float32Array(n * stride);
  const wide = work.wide;
  for (let y = 0, to = 0; y < n; y += 1) {
    const row = grid.subarray(y * n * 3, (y + 1) * n * 3);
    for (let s = 0; s < size * 4; s += 4, to += 3) {
      const va = weight[s] as number;
      const vb = weight[s + 1] as number;
      const vc = weight[s + 2] as number;
      const vd = weight[s + 3] as number;
      const ia = (index[s] as number) * 3;
      const ib = (index[s + 1] as number) * 3;
      const ic = (index[s + 2] as number) * 3;
      const id = (index[s + 3] as number) * 3;
      wide[to] = va * (row[ia] as number) + vb * (row[ib] as number) + vc * (row[ic] as number) + vd * (row[id] as number);
      wide[to + 1] = va * (row[ia + 1] as number) + vb * (row[ib + 1] as number) + vc * (row[ic + 1] as number) + vd * (row[id + 1] as number);
      wide[to + 2] = va * (row[ia + 2] as number) + vb * (row[ib + 2] as number) + vc * (row[ic + 2] as number) + vd * (row[id + 2] as number);
    }
  }
  const [r, g, b] = base;
  for (let y = 0; y < size; y += 1) {
    const t = y * 4;
    const va = weight[t] as number;
    const vb = weight[t + 1] as number;
    const vc = weight[t + 2] as number;
    const vd = weight[t + 3] as number;
    let ia = (index[t] as number) * stride;
    let ib = (index[t + 1] as number) * stride;
    let ic = (index[t + 2] as number) * stride;
    let id = (index[t + 3] as number) * stride;
    for (let to = y * stride, end = to + stride; to < end; to += 3, ia += 3, ib += 3, ic += 3, id += 3) {
      out[to] = clip(r + va * (wide[ia] as number) + vb * (wide[ib] as number) + vc * (wide[ic] as number) + vd * (wide[id] as number));
      out[to + 1] = clip(g + va * (wide[ia + 1] as number) + vb * (wide[ib + 1] as number) + vc * (wide[ic + 1] as number) + vd * (wide[id + 1] as number));
      out[to + 2] = clip(b + va * (wide[ia + 2] as number) + vb * (wide[ib + 2] as number) + vc * (wide[ic + 2] as number) + vd * (wide[id + 2] as number));
    }
  }
}

interface Taps {
  readonly index: Int32Array;
  readonly weight: Float64Array;
}
const tapTables = new Map<string, Taps>();

function cubicTaps(n: number, size: number): Taps {
  const key = `${n}/${size}`;
  let taps = tapTables.get(key);
  if (taps === undefined) {
    taps = { index: new Int32Array(size * 4), weight: new Float64Array(size * 4) };
    for (let i = 0; i < size; i += 1) {
      const position = ((i + 0.5) * n) / size - 0.5;
      const floor = Math.floor(position);
      const f = position - floor;
      taps.weight.set([((2 - f) * f - 1) * f / 2, ((3 * f - 5) * f * f + 2) / 2, ((4 - 3 * f) * f + 1) * f / 2, (f - 1) * f * f / 2], i * 4);
      for (let k = 0; k < 4; k += 1) taps.index[i * 4 + k] = (floor - 1 + k + n) % n;
    }
    tapTables.set(key, taps);
  }
  return taps;
}

function clip(value: number): number {
  return value < 0 ? 0 : value > 1 ? 1 : value;
}
