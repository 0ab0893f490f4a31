/**
 * Training batches: drawn in a seeded order, mirrored, changed in contrast and brightness, and made noisy. Strong pixel noise is what makes the
 * network's gradients mean something, and with them the dreams (reference recipe, section 6).
 */
import type { Random } from '../../core/random.js';
import { CELL_CLASSES, CELL_GRID } from '../artifacts/labelled-images.js';
import { IMAGE_CLASSES } from './network.js';

export interface LabelledPixels {
  /** uint8 [image, size, size, 3] */
  readonly images: Uint8Array;
  /** 0 … 5 per image: face, body, place, word, object, clutter */
  readonly labels: Uint8Array;
  /** cell class per image: uint8 [image, 8, 8] */
  readonly cells: Uint8Array;
  readonly size: number;
}

export interface AugmentOptions {
  readonly mirror: number;
  /** contrast factor about ½ is uniform in 1 ± this */
  readonly contrast: number;
  /** offset is uniform in ± this */
  readonly brightness: number;
  /** per image, the noise has standard deviation noise·U(0, 1), not clipped */
  readonly noise: number;
}

export interface Batch {
  /** float32 [batch, 3, size, size] */
  readonly images: Float32Array;
  /** one-hot float32 [batch, 6] */
  readonly imageTargets: Float32Array;
  /** one-hot float32 [batch, 7, 8, 8] */
  readonly cellTargets: Float32Array;
}

/** label 3 is a word: a mirrored word is another word */
const WORD = 3;
const WHITE = 255;
/** Drawing 1.6 billion normal numbers would take longer than the training: each row of an image takes a run from this many at a random place. */
const NOISE_TABLE = 1 << 20;

export class Augmenter {
  readonly #data: LabelledPixels;
  readonly #options: AugmentOptions;
  readonly #random: Random;
  readonly #noise: Float32Array;
  /** side of the pictures, pixels */
  readonly size: number;

  constructor(data: LabelledPixels, options: AugmentOptions, random: Random) {
    this.#data = data;
    this.size = data.size;
    this.#options = options;
    this.#random = random;
    const stream = random.fork('noise');
    this.#noise = Float32Array.from({ length: options.noise > 0 ? NOISE_TABLE : 0 }, () => stream.normal());
  }

  /**
   * x ← ((x − ½)·k + ½ + o) + s·n with k, o, s drawn per image; the cell labels are mirrored with the picture.
   * @param step names the random stream, so that a resumed training sees the same batches
   */
  batch(indices: ArrayLike<number>, step: number): Batch {
    const { size, images, labels, cells } = this.#data;
    const { mirror, contrast, brightness, noise } = this.#options;
    const random = this.#random.fork(step);
    const count = indices.length;
    const plane = size * size;
    const out = new Float32Array(count * 3 * plane);
    const imageTargets = new Float32Array(count * IMAGE_CLASSES.length);
    const cellTargets = new Float32Array(count * CELL_CLASSES.length * CELL_GRID * CELL_GRID);
    for (let b = 0; b < count; b += 1) {
      const index = indices[b] as number;
      const label = labels[index] as number;
      const flip = random.uniform() < mirror && label !== WORD;
      const gain = (1 + random.uniform(-contrast, contrast)) / WHITE;
      const shift = 0.5 + random.uniform(-brightness, brightness) - 0.5 * gain * WHITE;
      const sd = noise * random.uniform();
      const source = index * plane * 3;
      for (let y = 0; y < size; y += 1) {
        for (let c = 0; c < 3; c += 1) {
          const to = (b * 3 + c) * plane + y * size;
          const run = noise > 0 ? random.integer(0, NOISE_TABLE - size) : 0;
          const from = source + y * size * 3 + c;
          for (let x = 0; x < size; x += 1) {
            const value = (images[from + (flip ? size - 1 - x : x) * 3] as number) * gain + shift;
            out[to + x] = noise > 0 ? value + sd * (this.#noise[run + x] as number) : value;
          }
        }
      }
      imageTargets[b * IMAGE_CLASSES.length + label] = 1;
      for (let i = 0; i < CELL_GRID; i += 1) {
        for (let j = 0; j < CELL_GRID; j += 1) {
          const kind = cells[(index * CELL_GRID + i) * CELL_GRID + (flip ? CELL_GRID - 1 - j : j)] as number;
          cellTargets[((b * CELL_CLASSES.length + kind) * CELL_GRID + i) * CELL_GRID + j] = 1;
        }
      }
    }
    return { images: out, imageTargets, cellTargets };
  }

  /** The pictures as they are, for testing. @shape float32 [count, 3, size, size] in [0, 1] */
  plain(indices: ArrayLike<number>): Float32Array {
    const { size, images } = this.#data;
    const plane = size * size;
    const out = new Float32Array(indices.length * 3 * plane);
    for (let b = 0; b < indices.length; b += 1) {
      const source = (indices[b] as number) * plane * 3;
      for (let p = 0; p < plane; p += 1) for (let c = 0; c < 3; c += 1) out[(b * 3 + c) * plane + p] = (images[source + p * 3 + c] as number) / WHITE;
    }
    return out;
  }
}
