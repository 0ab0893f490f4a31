/**
 * Position embeddings for another grid of patches than that of the checkpoint. Libraries differ in where the samples sit and in the kernel, and
 * the choice changes every value that follows, so each family says which of them it takes.
 */
import type { Tensor } from '../../core/tensor.js';
import { tensor } from '../../core/tensor.js';
import { resizeMatrix } from '../../graph/ops/resize-matrix.js';

export interface GridResampling {
  /**
   * where output samples sit on the old grid: centres of equal cells, the corners on each other, or `offset`: centres of cells whose size is
   * old/(new + offset) instead of old/new
   */
  readonly samples: 'centres' | 'corners' | { readonly offset: number };
  /** widens the kernel where the new grid is coarser, as torch's `antialias=True`, whose kernel is another one too */
  readonly antialias: boolean;
}

/** Keys' kernel as torch.nn.functional.interpolate has it: without and with antialiasing. @source PyTorch, UpSample.h and UpSampleKernel.cpp */
const KEYS = -0.75;
const KEYS_ANTIALIASED = -0.5;
const RADIUS = 2;

/**
 * Bicubic. The embeddings before the grid (class token) stay as they are.
 * @shape embedding float32 [extra + from², channel] → [extra + to², channel], sums in float64
 */
export function resampleGrid(embedding: Tensor<'float32'>, extra: number, from: number, to: number, rule: GridResampling): Tensor<'float32'> {
  if (from === to) return embedding;
  const channels = embedding.shape.at(-1) as number;
  const matrix = rule.antialias ? antialiased(from, to) : plain(from, to, rule.samples);
  const rows = mixRows(embedding.data.subarray(extra * channels), matrix, from, to, from * channels); // [to, from, channel]
  const out = new Float32Array((extra + to * to) * channels);
  out.set(embedding.data.subarray(0, extra * channels));
  for (let i = 0; i < to; i += 1) {
    out.set(mixRows(rows.subarray(i * from * channels, (i + 1) * from * channels), matrix, from, to, channels), (extra + i * to) * channels);
  }
  return tensor('float32', [extra + to * to, channels], out);
}

/** matrix · x. @shape matrix [to, from], x [from, width] → float64 [to, width] */
function mixRows(x: Float32Array | Float64Array, matrix: Float64Array, from: number, to: number, width: number): Float64Array {
  const out = new Float64Array(to * width);
  for (let i = 0; i < to; i += 1) {
    for (let p = 0; p < from; p += 1) {
      const weight = matrix[i * from + p] as number;
      if (weight === 0) continue;
      for (let c = 0; c < width; c += 1) out[i * width + c] = (out[i * width + c] as number) + weight * (x[p * width + c] as number);
    }
  }
  return out;
}

function plain(from: number, to: number, samples: GridResampling['samples']): Float64Array {
  const offset = typeof samples === 'object' ? samples.offset : 0;
  return resizeMatrix(from, to, {
    mode: 'cubic', coordinate_transformation_mode: samples === 'corners' ? 'align_corners' : 'half_pixel', nearest_mode: 'floor', cubic_coeff_a: KEYS, exclude_outside: 0, scale: (to + offset) / from,
  });
}

/** Kernel stretched to the coarser of the two grids, samples outside dropped, rows summing to 1. */
function antialiased(from: number, to: number): Float64Array {
  const step = from / to;
  const stretch = Math.max(step, 1);
  const matrix = new Float64Array(to * from);
  for (let i = 0; i < to; i += 1) {
    const centre = step * (i + 0.5);
    const first = Math.max(Math.trunc(centre - RADIUS * stretch + 0.5), 0);
    const end = Math.min(Math.trunc(centre + RADIUS * stretch + 0.5), from);
    let sum = 0;
    for (let p = first; p < end; p += 1) sum += matrix[i * from + p] = keys((p + 0.5 - centre) / stretch);
    for (let p = first; p < end; p += 1) matrix[i * from + p] = (matrix[i * from + p] as number) / sum;
  }
  return matrix;
}

/** Keys' cubic, a = −1/2. @source Keys, IEEE ASSP 29, 1981 */
function keys(t: number): number {
  const a = KEYS_ANTIALIASED;
  const distance = Math.abs(t);
  if (distance < 1) return ((a + 2) * distance - (a + 3)) * distance * distance + 1;
  if (distance < 2) return (((distance - 5) * distance + 8) * distance - 4) * a;
  return 0;
}
