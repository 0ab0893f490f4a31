/** Training batches of a denoiser: pictures, the same with noise of a random strength, and how much each picture counts. */
import type { Random } from '../../core/random.js';
import { tensor, type Tensor } from '../../core/tensor.js';
import { PRIOR } from '../artifacts/prior.js';
import type { Pictures } from './pictures.js';

/** names of the training graph's inputs beside the denoiser's own */
export const TARGETS = { picture: 'picture', weight: 'weight' } as const;

const WHITE = 255;
const MIRRORED = 0.5;
/** spread of pictures about mid-grey, as the denoiser scales them */
const UNIT = 0.25;
/** Weak noise would otherwise count without bound. */
const LARGEST_WEIGHT = 10;
/** Each row takes a run from this many normal numbers at a random place: drawing them all would take longer than the training. */
const NOISE_TABLE = 1 << 20;

export class NoisyBatches {
  readonly #pictures: Pictures;
  readonly #range: { readonly lowest: number; readonly highest: number };
  readonly #random: Random;
  readonly #noise: Float32Array;

  constructor(pictures: Pictures, range: { readonly lowest: number; readonly highest: number }, random: Random) {
    this.#pictures = pictures;
    this.#range = range;
    this.#random = random;
    const stream = random.fork('noise');
    this.#noise = Float32Array.from({ length: NOISE_TABLE }, () => stream.normal());
  }

  /**
   * y = x + σ·n, ln σ uniform between the logarithms of the range; weight √w, w = min(10, 1 + (¼/σ)²): an error counts as a share of what noise
   * of that strength leaves unknown.
   * @param step names the random stream, so that a resumed training sees the same batches
   */
  feeds(indices: Int32Array, step: number): Record<string, Tensor> {
    const { pixels, size, mirrors } = this.#pictures;
    const random = this.#random.fork(step);
    const plane = size * size;
    const shape = [indices.length, 3, size, size] as const;
    const clean = new Float32Array(indices.length * 3 * plane);
    const noisy = new Float32Array(clean.length);
    const sigmas = new Float32Array(indices.length);
    const weights = new Float32Array(indices.length);
    const [low, high] = [Math.log(this.#range.lowest), Math.log(this.#range.highest)];
    indices.forEach((index, b) => {
      const flip = random.uniform() < MIRRORED && mirrors(index);
      const sigma = Math.exp(random.uniform(low, high));
      sigmas[b] = sigma;
      weights[b] = Math.sqrt(Math.min(LARGEST_WEIGHT, 1 + (UNIT / sigma) ** 2));
      for (let y = 0; y < size; y += 1) {
        for (let c = 0; c < 3; c += 1) {
          const to = (b * 3 + c) * plane + y * size;
          const from = (index * plane + y * size) * 3 + c;
          const run = random.integer(0, NOISE_TABLE - size);
          for (let x = 0; x < size; x += 1) {
            const value = (pixels[from + (flip ? size - 1 - x : x) * 3] as number) / WHITE;
            clean[to + x] = value;
            noisy[to + x] = value + sigma * (this.#noise[run + x] as number);
          }
        }
      }
    });
    return {
      [PRIOR.noisy]: tensor('float32', shape, noisy),
      [PRIOR.sigma]: tensor('float32', [indices.length, 1, 1, 1], sigmas),
      [TARGETS.picture]: tensor('float32', shape, clean),
      [TARGETS.weight]: tensor('float32', [indices.length, 1, 1, 1], weights),
    };
  }
}
