/**
 * Pearson's r of every voxel in every bootstrap replicate. A replicate is a weighting of the images, so all replicates together are five matrix
 * products. Columns are standardised first (in float64), which keeps the float32 sums free of cancellation and changes no correlation. An image may stand
 * for several trials: they are drawn together, because trials of one image are not independent.
 */
import { tensor } from '../core/tensor.js';
import type { TensorService } from '../core/tensor-service.js';
import { GraphBuilder } from '../graph/builder.js';
import { encodeModel } from '../graph/encode.js';
import { matMul, mul, sub } from '../graph/layers.js';

const TILE = 2048;

/**
 * Columns have variance 1 over all rows, and float32 sums of their squares are good to some 1e-7 of that times a few: a resample whose variance is below
 * this may hold nothing but rounding, and its r would be anything.
 */
const LEAST_VARIANCE = 1e-5;

/** The single trials behind the means of images. */
export interface TrialsOfImages {
  /** int32 [image] ≥ 1 */
  readonly repeats: Int32Array;
  /** float32 [image, voxel]: mean over the trials of an image of y² */
  readonly squares: Float32Array;
}

/**
 * With w = counts[b, ·]/Σ: r[b, v] = (Σwxy − Σwx·Σwy)/√((Σwx² − (Σwx)²)(Σwy² − (Σwy)²)) over images; with `trials`, over all single trials:
 * w = counts[b, ·]·repeats/Σ, and y² is the mean square of the image's trials.
 * @shape predicted, measured: float32 [image, voxel], `measured` the mean over an image's trials; counts: float32 [replicate, image], how often each image was drawn;
 * result: float32 [replicate, voxel] in [−1, 1]
 * NaN where a column has no variance, or its resample less than LEAST_VARIANCE of the column's own.
 * @source Davison & Hinkley 1997, section 3.8 (resampling clusters)
 */
export async function bootstrapCorrelations(service: TensorService, predicted: Float32Array, measured: Float32Array, images: number, voxels: number, counts: Float32Array, trials?: TrialsOfImages, signal?: AbortSignal): Promise<Float32Array> {
  const replicates = counts.length / images;
  const out = new Float32Array(replicates * voxels);
  const width = Math.min(TILE, voxels);
  const rows = trials?.repeats ?? new Int32Array(images).fill(1);
  const weights = tensor('float32', [replicates, images], normalisedWeights(counts, rows));
  const program = await service.compile(momentsModel(images, replicates, width), { label: 'bootstrap of correlations' });
  try {
    for (let from = 0; from < voxels; from += width) {
      signal?.throwIfAborted();
      const to = Math.min(voxels, from + width);
      const x = standardColumns(predicted, undefined, rows, voxels, from, to, width);
      const y = standardColumns(measured, trials?.squares, rows, voxels, from, to, width);
      const columns = (data: Float32Array) => tensor('float32', [images, width], data);
      const moments = await program.run({ weights, x: columns(x.means), y: columns(y.means), y2: columns(y.squares) });
      const [xx, yy, xy] = ['xx', 'yy', 'xy'].map((name) => moments[name]?.data as Float32Array) as [Float32Array, Float32Array, Float32Array];
      for (let b = 0; b < replicates; b += 1) {
        for (let v = from, at = b * width; v < to; v += 1, at += 1) out[b * voxels + v] = correlation(xx[at] as number, yy[at] as number, xy[at] as number);
      }
    }
  } finally {
    await program.dispose();
  }
  return out;
}

function correlation(xx: number, yy: number, xy: number): number {
  if (!(xx >= LEAST_VARIANCE && yy >= LEAST_VARIANCE)) return NaN;
  return Math.max(-1, Math.min(1, xy / Math.sqrt(xx * yy)));
}

/** counts·rows over their sum: all quantities stay of order 1. @shape float32 [replicate, image], each row summing to 1 */
function normalisedWeights(counts: Float32Array, rows: Int32Array): Float32Array {
  const images = rows.length;
  const out = new Float32Array(counts.length);
  for (let from = 0; from < counts.length; from += images) {
    let total = 0;
    for (let i = 0; i < images; i += 1) total += (counts[from + i] as number) * (rows[i] as number);
    for (let i = 0; i < images; i += 1) out[from + i] = ((counts[from + i] as number) * (rows[i] as number)) / total;
  }
  return out;
}

/** Variances xx and yy and covariance xy of every column in every replicate. @shape outputs: float32 [replicate, width] */
function momentsModel(images: number, replicates: number, width: number): Uint8Array {
  const g = new GraphBuilder();
  const weights = g.input('weights', 'float32', [replicates, images]);
  const [x, y, y2] = [g.input('x', 'float32', [images, width]), g.input('y', 'float32', [images, width]), g.input('y2', 'float32', [images, width])];
  const [mx, my] = [matMul(g, weights, x), matMul(g, weights, y)];
  g.output('xx', sub(g, matMul(g, weights, mul(g, x, x)), mul(g, mx, mx)));
  g.output('yy', sub(g, matMul(g, weights, y2), mul(g, my, my)));
  g.output('xy', sub(g, matMul(g, weights, mul(g, x, y)), mul(g, mx, my)));
  return encodeModel(g.build());
}

/**
 * Columns from … to−1, an image counting as often as it has rows, with mean 0 and variance 1 over those rows; NaN where there is none; padded with NaN.
 * @shape values: float32 [image, voxel], means over an image's rows; squares: likewise of the squared rows, by default values²; results: float32 [image, width]
 */
function standardColumns(values: Float32Array, squares: Float32Array | undefined, rows: Int32Array, voxels: number, from: number, to: number, width: number): { readonly means: Float32Array; readonly squares: Float32Array } {
  const images = rows.length;
  const total = rows.reduce((sum, n) => sum + n, 0);
  const out = { means: new Float32Array(images * width).fill(NaN), squares: new Float32Array(images * width).fill(NaN) };
  const within = (at: number): number => (squares === undefined ? 0 : Math.max(0, (squares[at] as number) - (values[at] as number) ** 2));
  for (let v = from; v < to; v += 1) {
    let mean = 0;
    for (let i = 0; i < images; i += 1) mean += ((rows[i] as number) / total) * (values[i * voxels + v] as number);
    let variance = 0;
    for (let i = 0; i < images; i += 1) variance += ((rows[i] as number) / total) * (((values[i * voxels + v] as number) - mean) ** 2 + within(i * voxels + v));
    const first = values[v] as number;
    let varies = false;
    for (let i = 1; i < images && !varies; i += 1) varies = values[i * voxels + v] !== first;
    if (!varies) continue;
    for (let i = 0, at = v - from; i < images; i += 1, at += width) {
      const deviation = (values[i * voxels + v] as number) - mean;
      out.means[at] = deviation / Math.sqrt(variance);
      out.squares[at] = (deviation * deviation + within(i * voxels + v)) / variance;
    }
  }
  return out;
}
