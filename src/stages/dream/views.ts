/** Random views of a batch of images, with noise, and the way back of a gradient: what a dream must please is not one frame but all that are near it. */
import type { Random } from '../../core/random.js';
import { AffineSampler, randomAffine, type AffineRange } from './affine.js';

const COLOURS = 3;

/**
 * view_b = affine_b(x_b) + noise_b·N(0, 1), both drawn from the image's own stream. One object serves all steps of a dream: its buffers are written
 * anew by every call.
 */
export class Views {
  readonly #streams: readonly Random[];
  readonly #samplers: readonly AffineSampler[];
  readonly #range: AffineRange;
  readonly #noise: number;
  readonly #size: number;
  readonly #images: Float32Array<ArrayBuffer>;
  readonly #back: Float32Array<ArrayBuffer>;

  /**
   * @param batch images of the buffers; what is beyond the streams is black, and its gradient 0
   * @param noise standard deviation, pixels in [0, 1]
   */
  constructor(streams: readonly Random[], batch: number, size: number, range: AffineRange, noise: number) {
    this.#streams = streams;
    this.#samplers = streams.map(() => new AffineSampler(size, size));
    this.#range = range;
    this.#noise = noise;
    this.#size = size;
    this.#images = new Float32Array(batch * COLOURS * size * size);
    this.#back = new Float32Array(batch * COLOURS * size * size);
  }

  /**
   * @param noise largest noise of this draw; the smaller of both counts
   * @shape images: float32 [stream or more, 3, size, size]; result: float32 [batch, 3, size, size]
   */
  draw(images: Float32Array, noise = Infinity): Float32Array<ArrayBuffer> {
    const perImage = COLOURS * this.#size * this.#size;
    const sd = Math.min(this.#noise, noise);
    this.#samplers.forEach((sampler, b) => {
      const stream = this.#streams[b] as Random;
      sampler.set(randomAffine(stream, this.#range, this.#size)).sample(images, b * perImage, this.#images, b * perImage);
      if (sd > 0) stream.addNormals(this.#images, b * perImage, (b + 1) * perImage, sd);
    });
    return this.#images;
  }

  /** Vector-Jacobian product of the last draw: a gradient by the views to one by the images. @shape gradient: float32 [stream, 3, size, size]; result: float32 [batch, 3, size, size] */
  pullBack(gradient: Float32Array): Float32Array<ArrayBuffer> {
    const perImage = COLOURS * this.#size * this.#size;
    this.#back.fill(0);
    this.#samplers.forEach((sampler, b) => sampler.scatter(gradient, b * perImage, this.#back, b * perImage));
    return this.#back;
  }
}
