/** Where the path of integrated gradients starts: an image without the content that is to be explained. */
import { PipelineError } from '../../core/errors.js';
import { gaussianBlur } from '../../math/blur.js';

export const BASELINES = ['blur', 'mean', 'grey', 'black'] as const;
export type Baseline = (typeof BASELINES)[number];

/**
 * `blur`: the image itself blurred; `mean`: the mean over the training images; `grey`: ½ everywhere; `black`: 0.
 * @shape image, trainingMean, result: float32 [3, size, size] in [0, 1]; blurSd in pixels
 * Errors: E_DATA for `mean` without a mean.
 */
export function baselineImage(kind: Baseline, image: Float32Array, size: number, blurSd: number, trainingMean: Float32Array | undefined): Float32Array {
  switch (kind) {
    case 'blur':
      return gaussianBlur(image, size, size, blurSd);
    case 'mean':
      if (trainingMean === undefined) {
        throw new PipelineError('E_DATA', 'the baseline "mean" has no training images to average', { facts: { expected: 'at least one', found: 0 }, hint: 'Choose another baseline, or stimuli with training images.' });
      }
      return trainingMean.slice();
    case 'grey':
      return new Float32Array(image.length).fill(0.5);
    case 'black':
      return new Float32Array(image.length);
  }
}
