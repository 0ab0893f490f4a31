/** Gradient ascent on an image's Fourier coefficients: the inner loop of a dream, without files and without a stage. */
import type { Random } from '../../core/random.js';
import { tensor, type Shape, type Tensor } from '../../core/tensor.js';
import type { TensorProgram } from '../../core/tensor-service.js';
import { PipelineError } from '../../core/errors.js';
import { Adam } from '../../math/adam.js';
import { IMAGE } from '../artifacts/backbone.js';
import { IMAGE_GRADIENT, RESPONSE } from '../response/response-graph.js';
import { AffineSampler, randomAffine, type AffineRange } from './affine.js';
import { FourierImage } from './fourier-image.js';

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
  /** float32 [image, 3, size, size] in (0, 1) */
  readonly images: Float32Array;
  /** [image][step]: response of the image's view, without the intercept */
  readonly curves: readonly (readonly number[])[];
}

/** images in one run of the program. Fixed, so that a dream has the same bits however many others are asked for. */
export const BATCH = 4;

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
  const pixels = size * size;
  const shape: Shape = [BATCH, 3, size, size];
  const count = streams.length;
  const image = new FourierImage(streams.map((stream) => stream.fork('start')), size, size, options.decay);
  const adam = new Adam(image.parameters.length, { learningRate: options.learningRate });
  const curves = streams.map((): number[] => []);
  for (let step = 1; step <= options.steps; step += 1) {
    signal.throwIfAborted();
    const now = image.decode();
    const views = new Float32Array(BATCH * 3 * pixels);
    const samplers = streams.map((stream, b) => {
      const sampler = new AffineSampler(randomAffine(stream, options.view, size), size, size);
      for (let colour = 0; colour < 3; colour += 1) sampler.sample(now, (b * 3 + colour) * pixels, views, (b * 3 + colour) * pixels);
      if (options.noise > 0) for (let i = b * 3 * pixels; i < (b + 1) * 3 * pixels; i += 1) views[i] = (views[i] as number) + stream.normal(0, options.noise);
      return sampler;
    });
    const result = await program.run({ [IMAGE]: tensor('float32', shape, views), ...templates }, [RESPONSE, IMAGE_GRADIENT]);
    const gradient = (result[IMAGE_GRADIENT]?.data as Float32Array).subarray(0, now.length);
    const responses = (result[RESPONSE]?.data as Float32Array).subarray(0, count);
    if (!responses.every(Number.isFinite) || !gradient.every(Number.isFinite)) {
      throw new PipelineError('E_NOT_CONVERGED', `the dream stopped being finite at step ${step}`, {
        facts: { expected: 'finite response and gradient', found: `responses ${responses.join(', ')}` },
        hint: 'Lower learning_rate, or look for NaN in the readout with pipeline show.',
      });
    }
    responses.forEach((response, b) => curves[b]?.push(response));
    const back = new Float32Array(now.length);
    samplers.forEach((sampler, b) => {
      // Adam minimises: the sign turns ascent into descent.
      for (let i = b * 3 * pixels; i < (b + 1) * 3 * pixels; i += 1) gradient[i] = -(gradient[i] as number);
      for (let colour = 0; colour < 3; colour += 1) sampler.scatter(gradient, (b * 3 + colour) * pixels, back, (b * 3 + colour) * pixels);
    });
    adam.update(image.parameters, image.backward(back));
    if (options.contrast > 0) image.boundContrast(options.contrast);
    onStep(step, responses.reduce((sum, x) => sum + x, 0) / count);
  }
  return { images: image.decode().slice(), curves };
}
