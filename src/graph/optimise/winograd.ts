/**
 * Convolutions with 3×3 kernels by Winograd's minimal filtering F(4, 3), written in plain operators: 36 products for 16 results where the direct form takes
 * 144. Rounding grows about tenfold (1e-6 to 3e-6 of the result against 2e-7), so it is an option and never silent.
 *
 *   Y = Aᵀ [(G w Gᵀ) ⊙ (Bᵀ d B)] A for every tile d of 6 × 6 pixels at a distance of 4, summed over input channels
 *
 * As operators: Bᵀ d B is one convolution with 36 fixed kernels of every channel alone, the sum over channels one batched product with U = G w Gᵀ
 * (made here, in float64), Aᵀ · A one product with a 16 × 36 matrix, and the tiles are laid out by DepthToSpace.
 * Source: Lavin and Gray, Fast algorithms for convolutional neural networks, CVPR 2016; the interpolation points are 0, ±1, ±2.
 */
import type { Shape, Tensor } from '../../core/tensor.js';
import { tensor } from '../../core/tensor.js';
import type { Value } from '../ir.js';
import { add, matMul, reshape, slice, transpose } from '../layers.js';
import type { Site } from './rewriting.js';

const KERNEL = 3;
/** results of a tile along one axis */
const TILE = 4;
/** pixels of a tile along one axis */
const REACH = TILE + KERNEL - 1;

/** Bᵀ [6, 6], G [6, 3], Aᵀ [4, 6] */
const B = [[4, 0, -5, 0, 1, 0], [0, -4, -4, 1, 1, 0], [0, 4, -4, -1, 1, 0], [0, -2, -1, 2, 1, 0], [0, 2, -1, -2, 1, 0], [0, 4, 0, -5, 0, 1]] as const;
const G = [[1 / 4, 0, 0], [-1 / 6, -1 / 6, -1 / 6], [-1 / 6, 1 / 6, -1 / 6], [1 / 24, 1 / 12, 1 / 6], [1 / 24, -1 / 12, 1 / 6], [0, 0, 1]] as const;
const A = [[1, 1, 1, 1, 1, 0], [0, 1, -1, 2, -2, 0], [0, 1, 1, 4, 4, 0], [0, 1, -1, 8, -8, 1]] as const;

/**
 * What is saved grows with C·O a pixel, what the transforms cost with C + O, and tiles that hang over the border are lost: it pays where C·O/(C + O) times the
 * share of tiles inside is at least this, and not with so few tiles an image that the larger weights are all that is read (docs/decisions/0013).
 */
const LEAST_GAIN = 120;
const LEAST_SIDE = 12;

export function winograd(site: Site): Value | undefined {
  if (site.op !== 'Conv' || site.output.dtype !== 'float32') return undefined;
  const [x, w, bias] = site.inputs;
  const weights = site.constant(w);
  if (x === undefined || weights === undefined || !isSuited(site, x, weights)) return undefined;
  const { emit } = site;
  const [n, channels, height, width] = x.shape as [number, number, number, number];
  const [, outputs, rows, columns] = site.output.shape as [number, number, number, number];
  const [top = 0, left = 0] = (site.attributes['pads'] as readonly number[] | undefined) ?? [];
  const [down, across] = [Math.ceil(rows / TILE), Math.ceil(columns / TILE)];
  const tiles = down * across;
  const points = REACH * REACH;

  const planes = reshape(emit, x, [n * channels, 1, height, width]);
  const pads = [top, left, (down - 1) * TILE + REACH - height - top, (across - 1) * TILE + REACH - width - left];
  const seen = emit.op('Conv', [planes, emit.floats([points, 1, REACH, REACH], outer(B, B, REACH, REACH))], { kernel_shape: [REACH, REACH], strides: [TILE, TILE], pads });
  const apart = transpose(emit, reshape(emit, seen, [n, channels, points, tiles]), [2, 1, 0, 3]);
  const summed = matMul(emit, emit.constant(transformed(weights)), reshape(emit, apart, [points, channels, n * tiles]));
  const back = matMul(emit, emit.floats([TILE * TILE, points], outer(A, A, TILE, REACH)), reshape(emit, summed, [points, outputs * n * tiles]));
  const blocks = transpose(emit, reshape(emit, back, [TILE * TILE, outputs, n, tiles]), [2, 0, 1, 3]);
  const whole = emit.op('DepthToSpace', [reshape(emit, blocks, [n, TILE * TILE * outputs, down, across])], { blocksize: TILE, mode: 'DCR' }, undefined);
  const fits = down * TILE === rows && across * TILE === columns;
  const y = fits ? whole : slice(emit, whole, [0, 0], [rows, columns], [2, 3]);
  return bias === undefined ? y : add(emit, y, reshape(emit, bias, [1, outputs, 1, 1]), site.output.name);
}

function isSuited({ attributes, output }: Site, x: Value, weights: Tensor): boolean {
  const [outputs = 0, channels = 0, ...kernel] = weights.shape;
  const ones = (name: string): boolean => ((attributes[name] as readonly number[] | undefined) ?? []).every((value) => value === 1);
  return (
    x.shape.length === 4 && kernel.every((k) => k === KERNEL) && ones('strides') && ones('dilations') && (attributes['group'] ?? 1) === 1 && (attributes['auto_pad'] ?? 'NOTSET') === 'NOTSET' &&
    output.shape.slice(2).every((extent) => extent >= LEAST_SIDE) && ((outputs * channels) / (outputs + channels)) * inside(output.shape) >= LEAST_GAIN
  );
}

/** Share of the tiles that lies inside the map. */
function inside(shape: Shape): number {
  return shape.slice(2).reduce((share, extent) => (share * extent) / (Math.ceil(extent / TILE) * TILE), 1);
}

/** P ⊗ Q as rows [i, j] and columns [a, b]: P[i, a] Q[j, b]. */
function outer(p: readonly (readonly number[])[], q: readonly (readonly number[])[], rows: number, columns: number): Float32Array {
  return Float32Array.from({ length: (rows * columns) ** 2 }, (_, at) => {
    const [row, column] = [Math.floor(at / columns ** 2), at % columns ** 2];
    return (p[Math.floor(row / rows)]?.[Math.floor(column / columns)] as number) * (q[row % rows]?.[column % columns] as number);
  });
}

/** U [36, O, C] = G w Gᵀ of w [O, C, 3, 3] */
function transformed(w: Tensor): Tensor<'float32'> {
  const [outputs, channels] = w.shape as [number, number];
  const count = outputs * channels;
  const data = new Float32Array(REACH * REACH * count);
  const from = w.data as Float32Array;
  const half = new Float64Array(REACH * KERNEL);
  for (let i = 0; i < count; i += 1) {
    for (let a = 0; a < REACH; a += 1) {
      for (let c = 0; c < KERNEL; c += 1) {
        let sum = 0;
        for (let r = 0; r < KERNEL; r += 1) sum += (G[a]?.[r] as number) * (from[i * KERNEL * KERNEL + r * KERNEL + c] as number);
        half[a * KERNEL + c] = sum;
      }
    }
    for (let a = 0; a < REACH; a += 1) {
      for (let b = 0; b < REACH; b += 1) {
        let sum = 0;
        for (let c = 0; c < KERNEL; c += 1) sum += (half[a * KERNEL + c] as number) * (G[b]?.[c] as number);
        data[(a * REACH + b) * count + i] = sum;
      }
    }
  }
  return tensor('float32', [REACH * REACH, outputs, channels], data);
}
