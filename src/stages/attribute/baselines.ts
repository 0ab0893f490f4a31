/** Where the path of integrated gradients starts: an image without the content that is to be explained. */
import { PipelineError } from '../../core/errors.js';
import type { Random } from '../../core/random.js';
import { gaussianBlur } from '../../math/blur.js';
import type { ImageSource } from '../images/image-source.js';

export const BASELINES = ['blur', 'mean', 'training', 'grey', 'black'] as const;
export type Baseline = (typeof BASELINES)[number];

/** Baselines of one image, at least one. @shape image and each result: float32 [3, size, size] in [0, 1] */
export type BaselinesOf = (image: Float32Array) => readonly Float32Array[];

/**
 * `blur`: the image itself blurred; `mean`: the mean over the training images; `training`: as many of them as `references`, drawn at random (the same
 * ones for every image); `grey`: ½ everywhere; `black`: 0.
 * @param training nsdIds of the training images; held-out images are no baselines
 * @param blurSd in pixels
 * Errors: E_DATA for `mean` and `training` without training images.
 */
export function openBaselines(kind: Baseline, options: { readonly blurSd: number; readonly references: number }, images: ImageSource, training: Int32Array, random: Random, signal: AbortSignal): BaselinesOf {
  const { size } = images;
  if ((kind === 'mean' || kind === 'training') && training.length === 0) {
    throw new PipelineError('E_DATA', `the baseline "${kind}" has no training images to take`, { facts: { expected: 'at least one', found: 0 }, hint: 'Choose another baseline, or stimuli with training images.' });
  }
  switch (kind) {
    case 'blur':
      return (image) => [gaussianBlur(image, size, size, options.blurSd)];
    case 'mean': {
      const mean = meanImage(images, training, signal);
      return () => [mean];
    }
    case 'training': {
      const drawn = random.permutation(training.length).subarray(0, options.references);
      const references = Array.from(drawn, (i) => {
        const image = new Float32Array(3 * size * size);
        images.read(training[i] as number, image, 0);
        return image;
      });
      return () => references;
    }
    case 'grey':
      return (image) => [new Float32Array(image.length).fill(0.5)];
    case 'black':
      return (image) => [new Float32Array(image.length)];
  }
}

function meanImage(images: ImageSource, nsdIds: Int32Array, signal: AbortSignal): Float32Array {
  const pixels = 3 * images.size * images.size;
  const total = new Float64Array(pixels);
  const image = new Float32Array(pixels);
  for (const id of nsdIds) {
    signal.throwIfAborted();
    images.read(id, image, 0);
    for (let p = 0; p < pixels; p += 1) total[p] = (total[p] as number) + (image[p] as number);
  }
  return Float32Array.from(total, (sum) => sum / nsdIds.length);
}
