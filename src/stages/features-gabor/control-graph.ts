/**
 * Control features as a tensor graph: amplitudes of a Gabor pyramid and low-resolution pixels, both averaged over the cells of a grid. What a
 * backbone predicts beyond these is not luminance, colour or contour energy.
 */
import { GraphBuilder } from '../../graph/builder.js';
import { add, averagePool2d, conv2d, matMul, mul, pad, reduceSum, reshape, slice, sqrt } from '../../graph/layers.js';
import type { Graph, Value } from '../../graph/ir.js';
import { poolingMatrix } from '../response/pooling.js';
import { filterBank, levelOf } from './gabor-filters.js';

export interface ControlOptions {
  /** images in a run */
  readonly batch: number;
  /** side of the square input, pixels */
  readonly size: number;
  /** pixels of the input */
  readonly wavelengths: readonly number[];
  readonly orientations: number;
  /** rows and columns over which amplitudes are averaged */
  readonly grid: readonly [number, number];
  /** side of the grid over which colours are averaged; 0: no pixels */
  readonly pixels: number;
}

export interface ControlLayer {
  /** also the name of its output in the graph */
  readonly name: string;
  /** channels, height, width before pooling */
  readonly map: readonly [number, number, number];
  readonly grid: readonly [number, number];
}

export const IMAGE = 'image';
const COLOURS = 3;
/** luma of Rec. 601 */
const LUMA = [0.299, 0.587, 0.114] as const;

/** What the graph puts out, in order. A map smaller than the grid keeps its own size. */
export function controlLayers({ size, wavelengths, orientations, grid, pixels }: ControlOptions): readonly ControlLayer[] {
  const gabors = wavelengths.map((wavelength): ControlLayer => {
    const side = size >> levelOf(wavelength).level;
    return { name: `gabor ${wavelength} px`, map: [orientations, side, side], grid: [Math.min(grid[0], side), Math.min(grid[1], side)] };
  });
  return pixels === 0 ? gabors : [...gabors, { name: 'pixels', map: [COLOURS, size, size], grid: [Math.min(pixels, size), Math.min(pixels, size)] }];
}

/**
 * Amplitude √((I∗even)² + (I∗odd)²) per wavelength and orientation, I the luma halved (2 × 2 means) until the wavelength is 4 … 8 pixels, border
 * replicated; then the mean over each cell. Pixels: the mean colour of each cell.
 * @shape input `image`: float32 [batch, 3, size, size] in [0, 1]; outputs by layer name: float32 [batch, channel, rows × columns]
 */
export function controlGraph(options: ControlOptions): Graph {
  const { batch, size, orientations } = options;
  const b = new GraphBuilder();
  const image = b.input(IMAGE, 'float32', [batch, COLOURS, size, size]);
  const levels = [reduceSum(b, mul(b, image, b.floats([1, COLOURS, 1, 1], [...LUMA])), [1], true)];
  const layers = controlLayers(options);
  options.wavelengths.forEach((wavelength, w) => {
    const { level, pixels } = levelOf(wavelength);
    while (levels.length <= level) levels.push(averagePool2d(b, levels.at(-1) as Value, { kernel: 2 }));
    const { radius, weights } = filterBank(pixels, orientations);
    const side = 2 * radius + 1;
    const framed = pad(b, levels[level] as Value, [0, 0, radius, radius, 0, 0, radius, radius], 'edge');
    const both = conv2d(b, framed, b.floats([2 * orientations, 1, side, side], weights));
    const squares = mul(b, both, both);
    const amplitude = sqrt(b, add(b, slice(b, squares, [0], [orientations], [1]), slice(b, squares, [orientations], [2 * orientations], [1])));
    pooled(b, amplitude, layers[w] as ControlLayer, batch);
  });
  if (options.pixels > 0) pooled(b, image, layers.at(-1) as ControlLayer, batch);
  return b.build();
}

function pooled(b: GraphBuilder, maps: Value, { name, map: [channels, height, width], grid: [rows, columns] }: ControlLayer, batch: number): void {
  const flat = reshape(b, maps, [batch, channels, height * width]);
  b.output(name, matMul(b, flat, b.floats([height * width, rows * columns], poolingMatrix(height, width, rows, columns))));
}
