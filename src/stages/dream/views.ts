/** Random views of a batch of images, with noise, and the way back of a gradient: what a dream must please is not one frame but all that are near it. */
import type { Random } from '../../core/random.js';
import { AffineSampler, randomAffine, type AffineRange } from './affine.js';

export interface Views {
  /** float32 [batch, 3, size, size]; what is beyond the streams is black */
  readonly images: Float32Array;
  /** Vector-Jacobian product: a gradient by the views to one by the images. @shape float32 [stream, 3, size, size] */
  pullBack(gradient: Float32Array): Float32Array;
}

/**
 * view_b = affine_b(x_b) + noise_b·N(0, 1), both drawn from the image's own stream.
 * @param images float32 [stream, 3, size, size] or longer
 * @param noise standard deviation, pixels in [0, 1]
 */
export function randomViews(images: Float32Array, streams: readonly Random[], batch: number, size: number, range: AffineRange, noise: number): Views {
  const pixels = size * size;
  const views = new Float32Array(batch * 3 * pixels);
  const samplers = streams.map((stream, b) => {
    const sampler = new AffineSampler(randomAffine(stream, range, size), size, size);
    for (let colour = 0; colour < 3; colour += 1) sampler.sample(images, (b * 3 + colour) * pixels, views, (b * 3 + colour) * pixels);
    if (noise > 0) for (let i = b * 3 * pixels; i < (b + 1) * 3 * pixels; i += 1) views[i] = (views[i] as number) + stream.normal(0, noise);
    return sampler;
  });
  return {
    images: views,
    pullBack: (gradient) => {
      const back = new Float32Array(streams.length * 3 * pixels);
      samplers.forEach((sampler, b) => {
        for (let colour = 0; colour < 3; colour += 1) sampler.scatter(gradient, (b * 3 + colour) * pixels, back, (b * 3 + colour) * pixels);
      });
      return back;
    },
  };
}
