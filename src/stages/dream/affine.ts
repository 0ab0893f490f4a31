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

/**
 * Where each pixel of a view is sampled, kept so that the adjoint uses the very same weights. The tables are made once for a size and set anew for
 * every view: a step of a dream sets one for each image.
 */
export class AffineSampler {
  readonly #height: number;
  readonly #width: number;
  /** position of the upper left of the four neighbours, and how far to the right and below it the sample lies */
  readonly #index: Int32Array;
  readonly #right: Float32Array;
  readonly #below: Float32Array;

  /** @param height, width at least 2 */
  constructor(height: number, width: number) {
    this.#height = height;
    this.#width = width;
    this.#index = new Int32Array(height * width);
    this.#right = new Float32Array(height * width);
    this.#below = new Float32Array(height * width);
  }

  set(matrix: Affine): this {
    const width = this.#width;
    const height = this.#height;
    const [a, b, tx, c, d, ty] = matrix;
    for (let i = 0, p = 0; i < height; i += 1) {
      const y = (2 * i + 1) / height - 1;
      const by = b * y;
      const dy = d * y;
      for (let j = 0; j < width; j += 1, p += 1) {
        const x = (2 * j + 1) / width - 1;
        const px = reflect(((a * x + by + tx + 1) * width - 1) / 2, width);
        const py = reflect(((c * x + dy + ty + 1) * height - 1) / 2, height);
        // Not negative, so that cutting off rounds down. In the last column and row the neighbour beyond does not exist: the sample lies at the far end
        // of the cell before.
        const x0 = Math.min(px | 0, width - 2);
        const y0 = Math.min(py | 0, height - 2);
        this.#index[p] = y0 * width + x0;
        this.#right[p] = px - x0;
        this.#below[p] = py - y0;
      }
    }
    return this;
  }

  /** @shape [3, height, width], at `from` of source and at `to` of target. All colours in one pass, so that places and weights are read once. */
  sample(source: Float32Array, from: number, target: Float32Array, to: number): void {
    const width = this.#width;
    const pixels = this.#index.length;
    const [index, right, below] = [this.#index, this.#right, this.#below];
    for (let p = 0; p < pixels; p += 1) {
      const fx = right[p] as number;
      const fy = below[p] as number;
      const at = from + (index[p] as number);
      target[to + p] = between(source, at, width, fx, fy);
      target[to + pixels + p] = between(source, at + pixels, width, fx, fy);
      target[to + 2 * pixels + p] = between(source, at + 2 * pixels, width, fx, fy);
    }
  }

  /** Adds the adjoint of `sample`. */
  scatter(gradient: Float32Array, from: number, target: Float32Array, to: number): void {
    const width = this.#width;
    const pixels = this.#index.length;
    const [index, right, below] = [this.#index, this.#right, this.#below];
    for (let p = 0; p < pixels; p += 1) {
      const fx = right[p] as number;
      const fy = below[p] as number;
      const at = to + (index[p] as number);
      spread(gradient[from + p] as number, target, at, width, fx, fy);
      spread(gradient[from + pixels + p] as number, target, at + pixels, width, fx, fy);
      spread(gradient[from + 2 * pixels + p] as number, target, at + 2 * pixels, width, fx, fy);
    }
  }
}

function between(source: Float32Array, at: number, width: number, fx: number, fy: number): number {
  const upper = (source[at] as number) * (1 - fx) + (source[at + 1] as number) * fx;
  const lower = (source[at + width] as number) * (1 - fx) + (source[at + width + 1] as number) * fx;
  return upper * (1 - fy) + lower * fy;
}

function spread(value: number, target: Float32Array, at: number, width: number, fx: number, fy: number): void {
  const lower = value * fy;
  const upper = value - lower;
  target[at] = (target[at] as number) + upper * (1 - fx);
  target[at + 1] = (target[at + 1] as number) + upper * fx;
  target[at + width] = (target[at + width] as number) + lower * (1 - fx);
  target[at + width + 1] = (target[at + width + 1] as number) + lower * fx;
}

/** Reflects a coordinate about −½ and size−½ until it is inside, then clips to the pixel centres (grid_sample's reflection padding). */
function reflect(coordinate: number, size: number): number {
  if (coordinate >= 0 && coordinate <= size - 1) return coordinate;
  const distance = Math.abs(coordinate + 0.5);
  const flips = Math.floor(distance / size);
  const extra = distance - flips * size;
  const inside = flips % 2 === 0 ? extra - 0.5 : size - extra - 0.5;
  return Math.min(Math.max(inside, 0), size - 1);
}
