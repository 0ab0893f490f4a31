/** Gradient ascent on an image's Fourier coefficients: the inner loop of a dream, without files and without a stage. */
import type { Random } from '../../core/random.js';
import type { Tensor } from '../../core/tensor.js';
import type { TensorProgram } from '../../core/tensor-service.js';
import { Adam } from '../../math/adam.js';
import type { AffineRange } from './affine.js';
import { FourierImage } from './fourier-image.js';
import { BATCH, uphill } from './uphill.js';
import { randomViews } from './views.js';

export interface AscentOptions {
  readonly size: number;
  readonly steps: number;
  readonly learningRate: number;
  /** exponent of the 1/f scale: larger is smoother */
  readonly decay: number;
  /** bound on the standard deviation of the image before colour and sigmoid; 0 = none */
  readonly contrast: number;
  readonly view: AffineRange;
  /** standard deviation of Gaussian pixel noise added to every view */
  readonly noise: number;
}

export interface Ascent {
  /** float32 [image, 3, size, size] in [0, 1] */
  readonly images: Float32Array;
  /** [image][step]: response of the image's view, without the intercept */
  readonly curves: readonly (readonly number[])[];
}

/**
 * Maximises Σ_b response(view_b(x_b)) by Adam; every image has its own stream of random numbers, so that it does not depend on its neighbours in
 * the batch: view = affine(x) + noise, drawn anew at every step.
 * @param program from `responseModel` with batch size `BATCH`
 * @param templates inputs `template:<layer>`, one template an image
 * @param streams one an image, at most `BATCH`; the rest of the batch stays black and is not read
 * @param onStep is told the mean response over the images
 * Errors: E_NOT_CONVERGED when a response or its gradient stops being finite, naming the step.
 */
export async function ascend(
  program: TensorProgram,
  templates: Readonly<Record<string, Tensor>>,
  streams: readonly Random[],
  options: AscentOptions,
  onStep: (step: number, response: number) => void,
  signal: AbortSignal,
): Promise<Ascent> {
  const { size } = options;
  const image = new FourierImage(streams.map((stream) => stream.fork('start')), size, size, options.decay);
  const adam = new Adam(image.parameters.length, { learningRate: options.learningRate });
  const curves = streams.map((): number[] => []);
  for (let step = 1; step <= options.steps; step += 1) {
    signal.throwIfAborted();
    const views = randomViews(image.decode(), streams, BATCH, size, options.view, options.noise);
    const { responses, gradient } = await uphill(program, templates, views.images, size, streams.length, step);
    responses.forEach((response, b) => curves[b]?.push(response));
    // Adam minimises: the sign turns ascent into descent.
    for (let i = 0; i < gradient.length; i += 1) gradient[i] = -(gradient[i] as number);
    adam.update(image.parameters, image.backward(views.pullBack(gradient)));
    if (options.contrast > 0) image.boundContrast(options.contrast);
    onStep(step, responses.reduce((sum, x) => sum + x, 0) / streams.length);
  }
  return { images: image.decode().slice(), curves };
}
