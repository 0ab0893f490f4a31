/** The response to images and its gradient by them, checked: the one call of the backbone in every step of a dream. */
import { PipelineError } from '../../core/errors.js';
import { tensor, type Tensor } from '../../core/tensor.js';
import type { TensorProgram } from '../../core/tensor-service.js';
import { IMAGE } from '../artifacts/backbone.js';
import { IMAGE_GRADIENT, RESPONSE } from '../response/response-graph.js';

/**
 * images in one run of the program. Fixed, so that a dream has the same bits however many others are asked for.
 */
export const BATCH = 4;

export interface Uphill {
  /** float32 [image]: response without the intercept */
  readonly responses: Float32Array;
  /** float32 [image, 3, size, size]: ∂response/∂image */
  readonly gradient: Float32Array;
}

/**
 * @param images float32 [BATCH, 3, size, size]
 * @param count how many of the batch are dreams
 * Errors: E_NOT_CONVERGED when a response or its gradient is not finite, naming the step.
 */
export async function uphill(program: TensorProgram, templates: Readonly<Record<string, Tensor>>, images: Float32Array, size: number, count: number, step: number): Promise<Uphill> {
  const result = await program.run({ [IMAGE]: tensor('float32', [BATCH, 3, size, size], images), ...templates }, [RESPONSE, IMAGE_GRADIENT]);
  const gradient = (result[IMAGE_GRADIENT]?.data as Float32Array).subarray(0, count * 3 * size * size);
  const responses = (result[RESPONSE]?.data as Float32Array).subarray(0, count);
  if (!responses.every(Number.isFinite) || !gradient.every(Number.isFinite)) {
    throw new PipelineError('E_NOT_CONVERGED', `the dream stopped being finite at step ${step}`, {
      facts: { expected: 'finite response and gradient', found: `responses ${responses.join(', ')}` },
      hint: 'Lower learning_rate or guidance, or look for NaN in the readout with pipeline show.',
    });
  }
  return { responses, gradient };
}
