/**
 * The true brain as a tensor graph: pixels → bank, the numbers that every voxel's signal is a linear mixture of. 11 template energies (face,
 * body, place, word) and 12 Gabor amplitudes, each on an 8 × 8 grid. Built from graph operators only, so that it can be run by the service and
 * differentiated by the image. It reads pixels, never labels. Batches have one fixed size.
 */
import { add, averagePool2d, concat, conv2d, div, mul, relu, reshape, separable, sqrt, sub } from '../../../graph/layers.js';
import { resizeMatrix } from '../../../math/resample.js';
import { CHANNELS, POOL, channelMaps } from './channel-maps.js';
import { resizeAndPoolMatrix, transposed } from './filters.js';
import { TEMPLATES, WINDOW } from './templates.js';
import type { Emitter } from '../../../graph/emitter.js';
import type { Value } from '../../../graph/ir.js';
import type { TemplateSet } from './templates.js';

export const BRAIN_SIZE = 128;
/** cells of the bank's grid a side */
export const GRID = 8;
export const GABOR_CHANNELS = 12;
export const BANK_SIZE = (TEMPLATES.length + GABOR_CHANNELS) * GRID * GRID;
const LEVELS = [128, 90, 64, 45] as const;
const COMMON_SIZE = 32;
/** zero padding of maps before the templates: 6 before, 5 after */
const PADS = [6, 6, 5, 5] as const;
const MATCH_FLOOR = 0.1;
const MATCH_EPSILON = 1e-3;
const COMPETITION = 0.6;
/** compressive summation: √(e + c) − √c */
const COMPRESSION = 0.02;

export interface Calibration {
  /** float32 [template]: matches below it do not count */
  readonly threshold: Float32Array;
  /** float32 [template] */
  readonly gain: Float32Array;
}

/** Cosine-like matches of all templates at every position of every level. @returns per level [batch, 11, size/4, size/4] */
export function matches(b: Emitter, image: Value, set: TemplateSet): { readonly levels: readonly Value[]; readonly amplitudes: Value } {
  const spread = b.floats([1, CHANNELS, 1, 1], set.sd.map((sd) => 1 / sd));
  const centre = b.floats([1, CHANNELS, 1, 1], set.mean);
  const templates = b.floats([TEMPLATES.length, CHANNELS, WINDOW, WINDOW], set.templates);
  const { kernel, expand, floor } = energyWindows(b);
  let amplitudes: Value | undefined;
  const levels = LEVELS.map((size) => {
    const scaled = size === BRAIN_SIZE ? image : separable(
      b, image, b.floats([size, BRAIN_SIZE], resizeMatrix(BRAIN_SIZE, size)),
      b.floats([BRAIN_SIZE, size], transposed(resizeMatrix(BRAIN_SIZE, size), size, BRAIN_SIZE)),
    );
    const early = channelMaps(b, scaled, size);
    if (size === BRAIN_SIZE) amplitudes = early.amplitudes;
    const maps = mul(b, sub(b, early.maps, centre), spread);
    const similarity = conv2d(b, maps, templates, undefined, { pads: PADS });
    const squares = conv2d(b, mul(b, maps, maps), b.floats([1, CHANNELS, 1, 1], new Float32Array(CHANNELS).fill(1)));
    const energy = conv2d(b, conv2d(b, squares, kernel, undefined, { pads: PADS }), expand, floor);
    return div(b, similarity, sqrt(b, energy));
  });
  return { levels, amplitudes: amplitudes as Value };
}

/** Sums over the rows that a template looks at: each distinct window once, then copied to its templates with the floor added. */
function energyWindows(b: Emitter): { kernel: Value; expand: Value; floor: Value } {
  const windows: (readonly [number, number])[] = [];
  const indexOf = (rows: readonly [number, number]): number => {
    const at = windows.findIndex((w) => w[0] === rows[0] && w[1] === rows[1]);
    return at >= 0 ? at : windows.push(rows) - 1;
  };
  const which = TEMPLATES.map((spec) => indexOf(spec.rows));
  const kernel = new Float32Array(windows.length * WINDOW * WINDOW);
  windows.forEach(([from, to], w) => kernel.fill(1, (w * WINDOW + from) * WINDOW, (w * WINDOW + to) * WINDOW));
  const expand = new Float32Array(TEMPLATES.length * windows.length);
  which.forEach((w, t) => { expand[t * windows.length + w] = 1; });
  const floor = TEMPLATES.map(({ rows }) => MATCH_EPSILON + MATCH_FLOOR * CHANNELS * (rows[1] - rows[0]) * WINDOW);
  return {
    kernel: b.floats([windows.length, 1, WINDOW, WINDOW], kernel),
    expand: b.floats([TEMPLATES.length, windows.length, 1, 1], expand),
    floor: b.floats([TEMPLATES.length], floor),
  };
}

/**
 * r = relu(m − θ); competition c_q = mean of r over the templates of area q; e = gain·relu(r − 0.6·Σ of c over the other areas)²; each level
 * resized to 32 × 32, averaged to 8 × 8, and summed.
 * @shape [batch, 11, 8, 8]
 */
export function energies(b: Emitter, levels: readonly Value[], calibration: Calibration): Value {
  const count = TEMPLATES.length;
  const threshold = b.floats([1, count, 1, 1], calibration.threshold);
  const gain = b.floats([1, count, 1, 1], calibration.gain);
  const compete = new Float32Array(count * count);
  TEMPLATES.forEach((to, i) => TEMPLATES.forEach((from, j) => {
    const members = TEMPLATES.filter((spec) => spec.area === from.area).length;
    compete[i * count + j] = (i === j ? 1 : 0) - (to.area === from.area ? 0 : COMPETITION / members);
  }));
  const mixture = b.floats([count, count, 1, 1], compete);
  let sum: Value | undefined;
  LEVELS.forEach((size, level) => {
    const side = Math.ceil(size / POOL);
    const winners = relu(b, conv2d(b, relu(b, sub(b, levels[level] as Value, threshold)), mixture));
    const energy = mul(b, mul(b, winners, winners), gain);
    const matrix = resizeAndPoolMatrix(side, COMMON_SIZE, GRID);
    const pooled = separable(b, energy, b.floats([GRID, side], matrix), b.floats([side, GRID], transposed(matrix, GRID, side)));
    sum = sum === undefined ? pooled : add(b, sum, pooled);
  });
  return sum as Value;
}

/**
 * bank = (√(e + .02) − √.02 of the 11 energies, mean Gabor amplitudes of the finest level), each [channel, row, column] on 8 × 8.
 * @shape image float32 [batch, 3, 128, 128] in [0, 1] → [batch, 1472]
 */
export function bank(b: Emitter, image: Value, set: TemplateSet, calibration: Calibration): Value {
  const { levels, amplitudes } = matches(b, image, set);
  const compressed = sub(b, sqrt(b, add(b, energies(b, levels, calibration), COMPRESSION)), Math.sqrt(COMPRESSION));
  const gabors = averagePool2d(b, amplitudes, { kernel: BRAIN_SIZE / POOL / GRID });
  return reshape(b, concat(b, [compressed, gabors], 1), [image.shape[0] as number, BANK_SIZE]);
}
