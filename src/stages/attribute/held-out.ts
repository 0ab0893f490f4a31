/** Which images are explained: held-out ones only, for a map of an image that was fitted on explains the fit, not the brain. */
import { PipelineError } from '../../core/errors.js';

/**
 * @param asked nsdIds of maps, in any order
 * @param test the test split
 * @param trained the images that the readout was fitted on, as the readout itself says
 * Errors: E_LEAK naming the first image that is not in the test split or that the readout was fitted on.
 */
export function requireHeldOut(asked: Iterable<number>, test: Int32Array, trained: readonly number[]): void {
  const known = new Set(test);
  const seen = new Set(trained);
  for (const id of asked) {
    if (!known.has(id)) {
      throw new PipelineError('E_LEAK', `image ${id} (nsdId) is not held out`, {
        facts: { expected: `one of ${test.length} test images`, found: id },
        hint: 'List images of the test split in nsd_ids.',
      });
    }
    if (seen.has(id)) {
      throw new PipelineError('E_LEAK', `image ${id} (nsdId) is a test image and the readout was fitted on it`, {
        facts: { expected: 'a readout that has seen none of the images to explain', found: `${trained.length} training images, ${id} among them` },
        hint: 'Connect the readout and the attribution to the same nsd.stimuli stage.',
      });
    }
  }
}

/** The images with the largest responses, largest first; equal ones by nsdId. @shape nsdIds, responses: [image] */
export function topImages(nsdIds: Int32Array, responses: Float64Array, count: number): number[] {
  return Array.from(nsdIds, (id, i) => ({ id, response: responses[i] as number }))
    .sort((a, b) => b.response - a.response || a.id - b.id)
    .slice(0, count)
    .map((entry) => entry.id);
}
