/**
 * Random affine views of an image with their adjoint: a dream must please the model under small rotations, zooms and shifts, or it degenerates
 * into high-frequency patterns. Sampling follows torch.nn.functional.grid_sample (bilinear, reflection padding, align_corners=false).
 */
import type { Random } from '../../core/random.js';

export interface AffineRange {
  /** largest rotation to either side, degrees */
  readonly rotation: number;
  /** zoom factor is uniform in [1 − zoom, 1 + zoom] */
  readonly zoom: number;
  /** largest shift to either side, pixels */
  readonly shift: number;
}

/** Row-major 2×3 matrix from output to input coordinates in [−1, 1]. */
export type Affine = readonly [number, number, number, number, number, number];

export function randomAffine(random: Random, range: AffineRange, size: number): Affine {
  const angle = (random.uniform(-1, 1) * range.rotation * Math.PI) / 180;
  const scale = 1 / (1 + random.uniform(-1, 1) * range.zoom);
  const tx = (random.uniform(-1, 1) * 2 * range.shift) / size;
  const ty = (random.uniform(-1, 1) * 2 * range.shift) / size;
  const c = scale * Math.cos(angle);
  const s = scale * Math.sin(angle);
  return [c, -s, tx, s, c, ty];
}

/** One view of images of one size: where each output pixel is sampled, kept so that the adjoint uses the very same weights. */
export class AffineSampler {
  readonly #height: number;
  readonly #width: number;
  /** positions of the four neighbours and their weights, per output pixel */
  readonly #index: Int32Array;
  readonly #weight: Float32Array;

  constructor(matrix: Affine, height: number, width: number) {
    this.#height = height;
    this.#width = width;
    this.#index = new Int32Array(4 * height * width);
    this.#weight = new Float32Array(4 * height * width);
    const [a, b, tx, c, d, ty] = matrix;
    for (let i = 0, k = 0; i < height; i += 1) {
      const y = (2 * i + 1) / height - 1;
      for (let j = 0; j < width; j += 1, k += 4) {
        const x = (2 * j + 1) / width - 1;
        const px = reflect(((a * x + b * y + tx + 1) * width - 1) / 2, width);
        const py = reflect(((c * x + d * y + ty + 1) * height - 1) / 2, height);
        const x0 = Math.floor(px);
        const y0 = Math.floor(py);
        const fx = px - x0;
        const fy = py - y0;
        // The last column and row have no neighbour beyond them; their weight is 0 there.
        const x1 = Math.min(x0 + 1, width - 1);
        const y1 = Math.min(y0 + 1, height - 1);
        this.#index[k] = y0 * width + x0;
        this.#index[k + 1] = y0 * width + x1;
        this.#index[k + 2] = y1 * width + x0;
        this.#index[k + 3] = y1 * width + x1;
        this.#weight[k] = (1 - fx) * (1 - fy);
        this.#weight[k + 1] = fx * (1 - fy);
        this.#weight[k + 2] = (1 - fx) * fy;
        this.#weight[k + 3] = fx * fy;
      }
    }
  }

  /** @shape one plane [height, width] at `from` of source to `to` of target */
  sample(source: Float32Array, from: number, target: Float32Array, to: number): void {
    const pixels = this.#height * this.#width;
    for (let p = 0, k = 0; p < pixels; p += 1, k += 4) {
      target[to + p] =
        (source[from + (this.#index[k] as number)] as number) * (this.#weight[k] as number) +
        (source[from + (this.#index[k + 1] as number)] as number) * (this.#weight[k + 1] as number) +
        (source[from + (this.#index[k + 2] as number)] as number) * (this.#weight[k + 2] as number) +
        (source[from + (this.#index[k + 3] as number)] as number) * (this.#weight[k + 3] as number);
    }
  }

  /** Adds the adjoint of `sample`. */
  scatter(gradient: Float32Array, from: number, target: Float32Array, to: number): void {
    const pixels = this.#height * this.#width;
    for (let p = 0, k = 0; p < pixels; p += 1, k += 4) {
      const g = gradient[from + p] as number;
      for (let corner = 0; corner < 4; corner += 1) {
        const at = to + (this.#index[k + corner] as number);
        target[at] = (target[at] as number) + g * (this.#weight[k + corner] as number);
      }
    }
  }
}

/** Reflects a coordinate about −½ and size−½ until it is inside, then clips to the pixel centres (grid_sample's reflection padding). */
function reflect(coordinate: number, size: number): number {
  const distance = Math.abs(coordinate + 0.5);
  const flips = Math.floor(distance / size);
  const extra = distance - flips * size;
  const inside = flips % 2 === 0 ? extra - 0.5 : size - extra - 0.5;
  return Math.min(Math.max(inside, 0), size - 1);
}
