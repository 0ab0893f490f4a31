/** Gradient ascent on an image's Fourier coefficients: the inner loop of a dream, without files and without a stage. */
import type { Random } from '../../core/random.js';
import { tensor, type Tensor } from '../../core/tensor.js';
import type { TensorProgram } from '../../core/tensor-service.js';
import type { AffineRange } from './affine.js';
import { startFourier, stepFourier, type FourierOptions } from './fourier-model.js';
import { imageShape, uphill } from './uphill.js';
import { Views } from './views.js';

export interface AscentOptions extends Omit<FourierOptions, 'height' | 'width'> {
  readonly size: number;
  readonly steps: number;
  readonly learningRate: number;
  readonly view: AffineRange;
  /** standard deviation of Gaussian pixel noise added to every view */
  readonly noise: number;
}

/** The two models of a step; both take the same number of images. */
export interface AscentPrograms {
  /** from `responseModel` */
  readonly response: TensorProgram;
  /** from `fourierModel` with the size, decay and contrast of the options */
  readonly fourier: TensorProgram;
  /** takes the place of `response` in the first steps: the same response with another gradient */
  readonly early?: { readonly response: TensorProgram; readonly steps: number };
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
 * @param templates inputs `template:<layer>`, one template an image
 * @param streams one an image, at most the batch of the programs; the rest of the batch stays grey and is not read
 * @param onStep is told the mean response over the images
 * Errors: E_NOT_CONVERGED when a response or its gradient stops being finite, naming the step.
 */
export async function ascend(
  programs: AscentPrograms,
  templates: Readonly<Record<string, Tensor>>,
  streams: readonly Random[],
  options: AscentOptions,
  onStep: (step: number, response: number) => void,
  signal: AbortSignal,
): Promise<Ascent> {
  const { size } = options;
  const shape = imageShape(programs.response);
  const batch = shape[0] as number;
  const run = (feeds: Readonly<Record<string, Tensor>>): Promise<Record<string, Tensor>> => programs.fourier.run(feeds);
  let state = await startFourier(run, streams.map((stream) => stream.fork('start')), batch, { ...options, height: size, width: size });
  const views = new Views(streams, batch, size, options.view, options.noise);
  const curves = streams.map((): number[] => []);
  for (let step = 1; step <= options.steps; step += 1) {
    signal.throwIfAborted();
    const program = step <= (programs.early?.steps ?? 0) ? (programs.early as { response: TensorProgram }).response : programs.response;
    const { responses, gradient } = await uphill(program, templates, views.draw(state.image.data as Float32Array), streams.length, step);
    responses.forEach((response, b) => curves[b]?.push(response));
    state = await stepFourier(run, state, tensor('float32', shape, views.pullBack(gradient)), options.learningRate, step);
    onStep(step, responses.reduce((sum, x) => sum + x, 0) / streams.length);
  }
  return { images: (state.image.data as Float32Array).slice(0, streams.length * 3 * size * size), curves };
}
