/**
 * Pearson's r of every voxel when images are shuffled, many shuffles at a time. One shuffle is a random order of the predicted rows against a random order
 * of the measured rows; n shuffles are that pair of orders and all its rotations. Rotating is a circular correlation, so n shuffles of all voxels are three
 * matrix products with the real Fourier basis, where n shuffles one by one would read both matrices n times.
 */
import type { Random } from '../core/random.js';
import { tensor } from '../core/tensor.js';
import type { TensorProgram, TensorService } from '../core/tensor-service.js';
import { GraphBuilder } from '../graph/builder.js';
import { encodeModel } from '../graph/encode.js';
import { add, gather, matMul, mul, sub } from '../graph/layers.js';

const TILE = 2048;

export interface Shuffles {
  /** how many */
  readonly count: number;
  readonly random: Random;
  /** r of every voxel under one shuffle: float64 [voxel], NaN for a voxel without variance; the array is reused for the next */
  readonly visit: (r: Float64Array, shuffle: number) => void;
}

/**
 * r[s, v] = Σ_i x[σ(i), v]·y[τ((i + s) mod n), v] for columns x and y of mean 0 and norm 1, s = 0 … n − 1, with a fresh pair of random orders σ and τ for every n
 * shuffles. Every single shuffle is uniform over all orders; rotations of one pair are distinct and pairwise all but independent
 * (docs/decisions/0007). In float32: r is good to about 1e-6.
 * @shape predicted, measured: float32 [image, voxel]
 * Memory: images × voxels × 12 bytes beside the arguments, whatever the number of shuffles.
 */
export async function permutedCorrelations(service: TensorService, predicted: Float32Array, measured: Float32Array, images: number, voxels: number, { count, random, visit }: Shuffles, signal?: AbortSignal): Promise<void> {
  if (count === 0) return;
  const width = Math.min(TILE, voxels);
  const tiles = Array.from({ length: Math.ceil(voxels / width) }, (_, t) => {
    const part = (values: Float32Array) => tensor('float32', [images, width], unitColumns(values, images, voxels, t * width, width));
    return { x: part(predicted), y: part(measured) };
  });
  const program = await service.compile(rotationsModel(images, width), { label: 'correlations of shuffled images' });
  try {
    const basis = fourierBasis(images);
    const rotations: Float32Array[] = [];
    const row = new Float64Array(voxels);
    for (let done = 0; done < count; done += images) {
      const orders = { xOrder: randomOrder(random, images), yOrder: randomOrder(random, images) };
      for (const [t, tile] of tiles.entries()) {
        signal?.throwIfAborted();
        rotations[t] = await correlate(program, { ...tile, ...orders, ...basis });
      }
      for (let s = 0; s < Math.min(images, count - done); s += 1) {
        rotations.forEach((part, t) => {
          for (let v = t * width, at = s * width; v < Math.min(voxels, (t + 1) * width); v += 1, at += 1) row[v] = part[at] as number;
        });
        visit(row, done + s);
      }
    }
  } finally {
    await program.dispose();
  }
}

async function correlate(program: TensorProgram, feeds: Parameters<TensorProgram['run']>[0]): Promise<Float32Array> {
  return (await program.run(feeds))['r']?.data as Float32Array;
}

const randomOrder = (random: Random, images: number) => tensor('int64', [images], BigInt64Array.from(random.permutation(images), BigInt));

/**
 * cos and sin of 2πfi/n for f = 0 … ⌊n/2⌋, and their transposes weighted to invert them.
 * @shape cos, sin: float32 [frequency, image]; cosBack, sinBack: float32 [image, frequency]
 */
function fourierBasis(n: number) {
  const half = Math.floor(n / 2) + 1;
  const [cos, sin, cosBack, sinBack] = [new Float32Array(half * n), new Float32Array(half * n), new Float32Array(n * half), new Float32Array(n * half)];
  for (let f = 0; f < half; f += 1) {
    // every frequency but 0 and n/2 stands for itself and its mirror image
    const weight = (f === 0 || 2 * f === n ? 1 : 2) / n;
    for (let i = 0; i < n; i += 1) {
      const angle = (2 * Math.PI * ((f * i) % n)) / n;
      cos[f * n + i] = Math.cos(angle);
      sin[f * n + i] = Math.sin(angle);
      cosBack[i * half + f] = weight * Math.cos(angle);
      sinBack[i * half + f] = weight * Math.sin(angle);
    }
  }
  return { cos: tensor('float32', [half, n], cos), sin: tensor('float32', [half, n], sin), cosBack: tensor('float32', [n, half], cosBack), sinBack: tensor('float32', [n, half], sinBack) };
}

/** x̂ = p − iq, ŷ = u − iw: r = inverse transform of conj(x̂)·ŷ = (pu + qw) + i(qu − pw). @shape r: float32 [rotation, width] */
function rotationsModel(images: number, width: number): Uint8Array {
  const half = Math.floor(images / 2) + 1;
  const g = new GraphBuilder();
  const ordered = (name: 'x' | 'y') => gather(g, g.input(name, 'float32', [images, width]), g.input(`${name}Order`, 'int64', [images]), 0);
  const [x, y] = [ordered('x'), ordered('y')];
  const [cos, sin] = [g.input('cos', 'float32', [half, images]), g.input('sin', 'float32', [half, images])];
  const [p, q, u, w] = [matMul(g, cos, x), matMul(g, sin, x), matMul(g, cos, y), matMul(g, sin, y)];
  const real = add(g, mul(g, p, u), mul(g, q, w));
  const imaginary = sub(g, mul(g, q, u), mul(g, p, w));
  g.output('r', sub(g, matMul(g, g.input('cosBack', 'float32', [images, half]), real), matMul(g, g.input('sinBack', 'float32', [images, half]), imaginary)));
  return encodeModel(g.build());
}

/** (z − mean)/‖z − mean‖ per column, so that a correlation is a plain product; NaN for a column without variance and for padding. @shape float32 [image, width] */
function unitColumns(values: Float32Array, images: number, voxels: number, from: number, width: number): Float32Array {
  const out = new Float32Array(images * width).fill(NaN);
  const columns = Math.min(voxels, from + width) - from;
  const [mean, squares, varies] = [new Float64Array(columns), new Float64Array(columns), new Uint8Array(columns)];
  // Row by row, as the matrix lies in memory.
  for (let i = 0, at = from; i < images; i += 1, at += voxels) {
    for (let v = 0; v < columns; v += 1) {
      mean[v] = (mean[v] as number) + (values[at + v] as number) / images;
      if (values[at + v] !== values[from + v]) varies[v] = 1;
    }
  }
  for (let i = 0, at = from; i < images; i += 1, at += voxels) for (let v = 0; v < columns; v += 1) squares[v] = (squares[v] as number) + ((values[at + v] as number) - (mean[v] as number)) ** 2;
  for (let i = 0, at = from; i < images; i += 1, at += voxels) {
    for (let v = 0; v < columns; v += 1) if (varies[v] === 1) out[i * width + v] = ((values[at + v] as number) - (mean[v] as number)) / Math.sqrt(squares[v] as number);
  }
  return out;
}
