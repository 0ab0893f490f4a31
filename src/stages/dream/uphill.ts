/** The response to images and its gradient by them, checked: the one call of the backbone in every step of a dream. */
import { PipelineError } from '../../core/errors.js';
import { tensor, type Shape, type Tensor } from '../../core/tensor.js';
import type { TensorProgram } from '../../core/tensor-service.js';
import { IMAGE } from '../artifacts/backbone.js';
import { IMAGE_GRADIENT, RESPONSE } from '../response/response-graph.js';

/** images in one run of the program. Fixed, so that a dream has the same bits however many others are asked for. */
export const BATCH = 4;

export interface Uphill {
  /** float32 [image]: response without the intercept */
  readonly responses: Float32Array;
  /** float32 [image, 3, size, size]: ∂response/∂image */
  readonly gradient: Float32Array;
}

/** The shape of the images that the program takes: [batch, 3, size, size]. */
export function imageShape(program: TensorProgram): Shape {
  return program.inputs.find((port) => port.name === IMAGE)?.shape ?? [];
}

/**
 * @param program from `responseModel`
 * @param images float32 [batch, 3, size, size], the batch of the program
 * @param count how many of the batch are dreams
 * Errors: E_NOT_CONVERGED when a response or its gradient is not finite, naming the step.
 */
export async function uphill(program: TensorProgram, templates: Readonly<Record<string, Tensor>>, images: Float32Array, count: number, step: number): Promise<Uphill> {
  const shape = imageShape(program);
  const result = await program.run({ [IMAGE]: tensor('float32', shape, images), ...templates }, [RESPONSE, IMAGE_GRADIENT]);
  const gradient = (result[IMAGE_GRADIENT]?.data as Float32Array).subarray(0, (count * images.length) / (shape[0] as number));
  const responses = (result[RESPONSE]?.data as Float32Array).subarray(0, count);
  if (!allFinite(responses) || !allFinite(gradient)) {
    throw new PipelineError('E_NOT_CONVERGED', `the dream stopped being finite at step ${step}`, {
      facts: { expected: 'finite response and gradient', found: `responses ${responses.join(', ')}` },
      hint: 'Lower learning_rate or guidance, or look for NaN in the readout with pipeline show.',
    });
  }
  return { responses, gradient };
}

/** A loop, because `every` with a callback takes as long as drawing the noise. */
function allFinite(values: Float32Array): boolean {
  for (let i = 0; i < values.length; i += 1) if (!Number.isFinite(values[i])) return false;
  return true;
}
