/** Gradient ascent on an image's Fourier coefficients: the inner loop of a dream, without files and without a stage. */
import type { Random } from '../../core/random.js';
import { tensor, type Tensor } from '../../core/tensor.js';
import type { TensorProgram } from '../../core/tensor-service.js';
import { PipelineError } from '../../core/errors.js';
import { IMAGE } from '../artifacts/backbone.js';
import { IMAGE_GRADIENT, RESPONSE } from '../response/response-graph.js';
import { AffineSampler, randomAffine, type AffineRange } from './affine.js';
import { startFourier, stepFourier, type FourierOptions } from './fourier-model.js';

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
}

export interface Ascent {
  /** float32 [image, 3, size, size] in (0, 1) */
  readonly images: Float32Array;
  /** [image][step]: response of the image's view, without the intercept */
  readonly curves: readonly (readonly number[])[];
}

/** images in one run of the program. Fixed, so that a dream has the same bits however many others are asked for. */
export const BATCH = 4;
const COLOURS = 3;

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
  const shape = programs.response.inputs.find((port) => port.name === IMAGE)?.shape ?? [];
  const perImage = COLOURS * size * size;
  const count = streams.length;
  const run = (feeds: Readonly<Record<string, Tensor>>): Promise<Record<string, Tensor>> => programs.fourier.run(feeds);
  let state = await startFourier(run, streams.map((stream) => stream.fork('start')), shape[0] as number, { ...options, height: size, width: size });
  const samplers = streams.map(() => new AffineSampler(size, size));
  const views = tensor('float32', shape);
  const back = tensor('float32', shape);
  const curves = streams.map((): number[] => []);
  for (let step = 1; step <= options.steps; step += 1) {
    signal.throwIfAborted();
    const now = state.image.data as Float32Array;
    samplers.forEach((sampler, b) => {
      const stream = streams[b] as Random;
      sampler.set(randomAffine(stream, options.view, size)).sample(now, b * perImage, views.data, b * perImage, COLOURS);
      if (options.noise > 0) stream.addNormals(views.data, b * perImage, (b + 1) * perImage, options.noise);
    });
    const result = await programs.response.run({ [IMAGE]: views, ...templates }, [RESPONSE, IMAGE_GRADIENT]);
    const gradient = (result[IMAGE_GRADIENT]?.data as Float32Array).subarray(0, count * perImage);
    const responses = (result[RESPONSE]?.data as Float32Array).subarray(0, count);
    if (!allFinite(responses) || !allFinite(gradient)) {
      throw new PipelineError('E_NOT_CONVERGED', `the dream stopped being finite at step ${step}`, {
        facts: { expected: 'finite response and gradient', found: `responses ${responses.join(', ')}` },
        hint: 'Lower learning_rate, or look for NaN in the readout with pipeline show.',
      });
    }
    responses.forEach((response, b) => curves[b]?.push(response));
    back.data.fill(0);
    samplers.forEach((sampler, b) => sampler.scatter(gradient, b * perImage, back.data, b * perImage, COLOURS));
    state = await stepFourier(run, state, back, options.learningRate, step);
    onStep(step, responses.reduce((sum, x) => sum + x, 0) / count);
  }
  return { images: (state.image.data as Float32Array).slice(0, count * perImage), curves };
}

/** A loop, because `every` with a callback takes as long as drawing the noise. */
function allFinite(values: Float32Array): boolean {
  for (let i = 0; i < values.length; i += 1) if (!Number.isFinite(values[i])) return false;
  return true;
}
