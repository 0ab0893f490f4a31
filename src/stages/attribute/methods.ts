/**
 * Ways to say which pixels mattered for a scalar response. All but occlusion need its gradient by the image; all return a signed map of the size of the
 * image. Only integrated gradients promise that the map sums to a change of the response.
 */
import type { Random } from '../../core/random.js';
import { responsesTo, type ResponseEvaluator } from './evaluator.js';
import { integratedGradients } from './integrated-gradients.js';

export const METHODS = ['integrated-gradients', 'smoothgrad', 'gradient', 'gradient-input', 'occlusion'] as const;
export type MethodName = (typeof METHODS)[number];

export interface MethodOptions {
  readonly nodes: number;
  readonly maxNodes: number;
  readonly tolerance: number;
  /** SmoothGrad: noisy copies, and the standard deviation of the noise in units of the image's [0, 1] */
  readonly samples: number;
  readonly noise: number;
  /** occlusion: side of the patch and distance from one to the next, pixels */
  readonly patch: number;
  readonly stride: number;
}

export interface Explanation {
  /** signed, as the image: float32 [3, size, size] */
  readonly map: Float32Array;
  readonly response: number;
  readonly baselineResponse: number | null;
  /** quadrature nodes of integrated gradients */
  readonly nodes: number | null;
  /** relative completeness gap; null for methods that promise none */
  readonly gap: number | null;
}

/** @param random of this image alone, so that its map does not depend on which others are explained */
export async function explain(
  method: MethodName, evaluator: ResponseEvaluator, image: Float32Array, baselines: readonly Float32Array[], size: number, options: MethodOptions, random: Random, signal: AbortSignal,
): Promise<Explanation> {
  switch (method) {
    case 'integrated-gradients':
      return integratedGradients(evaluator, image, baselines, { ...options, signal });
    case 'smoothgrad':
      return meanGradient(evaluator, image, options.samples, options.noise, random, signal);
    case 'gradient':
      return meanGradient(evaluator, image, 1, 0, random, signal);
    case 'gradient-input': {
      const { map, ...rest } = await meanGradient(evaluator, image, 1, 0, random, signal);
      return { ...rest, map: map.map((slope, p) => slope * (image[p] as number)) };
    }
    case 'occlusion':
      return occlusion(evaluator, image, baselines, size, options.patch, options.stride, signal);
  }
}

/**
 * SmoothGrad: map = mean over n of ∇F(x + ε_n), ε ~ N(0, noise²) by pixel; one sample without noise is the plain gradient (saliency).
 * @source Smilkov et al. 2017, eq. 2; Simonyan et al. 2014
 */
async function meanGradient(evaluator: ResponseEvaluator, image: Float32Array, samples: number, noise: number, random: Random, signal: AbortSignal): Promise<Explanation> {
  const pixels = image.length;
  const total = new Float64Array(pixels);
  const alone = new Float32Array(evaluator.batch * pixels);
  alone.set(image);
  const response = (await evaluator.evaluate(alone)).response[0] as number;
  for (let start = 0; start < samples; start += evaluator.batch) {
    signal.throwIfAborted();
    const count = Math.min(evaluator.batch, samples - start);
    const batch = new Float32Array(evaluator.batch * pixels);
    for (let at = 0; at < count * pixels; at += 1) batch[at] = (image[at % pixels] as number) + (noise === 0 ? 0 : random.normal(0, noise));
    const { gradient } = await evaluator.evaluate(batch);
    for (let at = 0; at < count * pixels; at += 1) total[at % pixels] = (total[at % pixels] as number) + (gradient[at] as number) / samples;
  }
  return { map: Float32Array.from(total), response, baselineResponse: null, nodes: null, gap: null };
}

/**
 * map[c, y, x] = ⅓ · mean over the patches that hold (y, x), and over baselines, of F(x) − F(x with the patch taken from the baseline): the sum over
 * colours is the mean drop. Patches begin every `stride` pixels; the last of a row ends at the border. No gradient is used.
 * @source Zeiler & Fergus 2014, section 4.2
 */
async function occlusion(evaluator: ResponseEvaluator, image: Float32Array, baselines: readonly Float32Array[], size: number, patch: number, stride: number, signal: AbortSignal): Promise<Explanation> {
  const side = Math.min(patch, size);
  const offsets: number[] = [];
  for (let at = 0; at < size - side; at += stride) offsets.push(at);
  offsets.push(size - side);
  const places = offsets.flatMap((top) => offsets.map((left) => ({ top, left })));
  const plane = size * size;
  const drops = new Float64Array(plane);
  const covers = new Float64Array(plane);
  let response = 0;
  let baselineResponse = 0;
  const rows = (top: number, left: number, visit: (from: number, to: number) => void): void => {
    for (let y = top; y < top + side; y += 1) visit(y * size + left, y * size + left + side);
  };
  for (const baseline of baselines) {
    const responses = await responsesTo(evaluator, image.length, places.length + 2, (i, into) => {
      into.set(i === 1 ? baseline : image);
      const place = places[i - 2];
      if (place === undefined) return;
      rows(place.top, place.left, (from, to) => { for (let c = 0; c < 3; c += 1) into.set(baseline.subarray(c * plane + from, c * plane + to), c * plane + from); });
    }, signal);
    response = responses[0] as number;
    baselineResponse += (responses[1] as number) / baselines.length;
    places.forEach(({ top, left }, i) => rows(top, left, (from, to) => {
      for (let p = from; p < to; p += 1) {
        drops[p] = (drops[p] as number) + response - (responses[i + 2] as number);
        covers[p] = (covers[p] as number) + 1;
      }
    }));
  }
  return { map: Float32Array.from({ length: image.length }, (_, p) => (drops[p % plane] as number) / (covers[p % plane] as number) / 3), response, baselineResponse, nodes: null, gap: null };
}
