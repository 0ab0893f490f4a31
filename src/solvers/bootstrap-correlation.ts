/**
 * Pearson's r of every voxel in every bootstrap replicate. A replicate is a weighting of the images, so all replicates together are five matrix
 * products. Columns are standardised first (in float64), which keeps the float32 sums free of cancellation and changes no correlation.
 */
import { tensor } from '../core/tensor.js';
import type { TensorService } from '../core/tensor-service.js';
import { GraphBuilder } from '../graph/builder.js';
import { encodeModel } from '../graph/encode.js';
import { matMul, mul, sub } from '../graph/layers.js';

const TILE = 2048;

/**
 * Columns have variance 1 over all images, and float32 sums of their squares are good to some 1e-7 of that times a few: a resample whose variance is below
 * this may hold nothing but rounding, and its r would be anything.
 */
const LEAST_VARIANCE = 1e-5;

/**
 * r[b, v] = (n·Σwxy − Σwx·Σwy)/√((n·Σwx² − (Σwx)²)(n·Σwy² − (Σwy)²)), w = counts[b, ·], n = Σw.
 * @shape predicted, measured: float32 [image, voxel]; counts: float32 [replicate, image], each row summing to the number of images; result: float32 [replicate, voxel] in [−1, 1]
 * NaN where a column has no variance, or its resample less than LEAST_VARIANCE of the column's own.
 */
export async function bootstrapCorrelations(service: TensorService, predicted: Float32Array, measured: Float32Array, images: number, voxels: number, counts: Float32Array, signal?: AbortSignal): Promise<Float32Array> {
  const replicates = counts.length / images;
  const out = new Float32Array(replicates * voxels);
  const width = Math.min(TILE, voxels);
  const program = await service.compile(momentsModel(images, replicates, width), { label: 'bootstrap of correlations' });
  try {
    for (let from = 0; from < voxels; from += width) {
      signal?.throwIfAborted();
      const to = Math.min(voxels, from + width);
      const feeds = {
        counts: tensor('float32', [replicates, images], counts),
        x: tensor('float32', [images, width], standardColumns(predicted, images, voxels, from, to, width)),
        y: tensor('float32', [images, width], standardColumns(measured, images, voxels, from, to, width)),
      };
      const moments = await program.run(feeds);
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

/** Variances xx and yy and covariance xy of every column in every replicate. @shape outputs: float32 [replicate, width] */
function momentsModel(images: number, replicates: number, width: number): Uint8Array {
  const g = new GraphBuilder();
  const counts = g.input('counts', 'float32', [replicates, images]);
  const x = g.input('x', 'float32', [images, width]);
  const y = g.input('y', 'float32', [images, width]);
  // means over the replicate rather than sums: all quantities stay of order 1
  const weights = mul(g, counts, 1 / images);
  const [mx, my] = [matMul(g, weights, x), matMul(g, weights, y)];
  const covariance = (a: typeof x, meanA: typeof x, b: typeof x, meanB: typeof x) => sub(g, matMul(g, weights, mul(g, a, b)), mul(g, meanA, meanB));
  g.output('xx', covariance(x, mx, x, mx));
  g.output('yy', covariance(y, my, y, my));
  g.output('xy', covariance(x, mx, y, my));
  return encodeModel(g.build());
}

/** Columns from … to−1 with mean 0 and variance 1, NaN where there is none; padded with NaN. @shape float32 [images, width] */
function standardColumns(values: Float32Array, images: number, voxels: number, from: number, to: number, width: number): Float32Array {
  const out = new Float32Array(images * width).fill(NaN);
  for (let v = from; v < to; v += 1) {
    let mean = 0;
    for (let i = 0; i < images; i += 1) mean += values[i * voxels + v] as number;
    mean /= images;
    let variance = 0;
    for (let i = 0; i < images; i += 1) variance += ((values[i * voxels + v] as number) - mean) ** 2;
    const first = values[v] as number;
    let varies = false;
    for (let i = 1; i < images && !varies; i += 1) varies = values[i * voxels + v] !== first;
    if (!varies) continue;
    const scale = 1 / Math.sqrt(variance / images);
    for (let i = 0; i < images; i += 1) out[i * width + (v - from)] = ((values[i * voxels + v] as number) - mean) * scale;
  }
  return out;
}
