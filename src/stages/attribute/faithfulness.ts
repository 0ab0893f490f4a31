/** Does the response fall when the pixels that a map names are taken away first, and rise when they are put back first? */
import { responsesTo, type ResponseEvaluator } from './evaluator.js';

export interface Faithfulness {
  /** area under the curve of the response while the highest pixels are replaced by the baseline first; small is good */
  readonly deletion: number;
  /** area under the curve while they are put into the baseline first; large is good */
  readonly insertion: number;
}

/**
 * Curve c(k) = (F(x_k) − F(x₀))/(F(x) − F(x₀)), x_k = x with the highest k/steps of the pixels (all colours) taken from x₀ (deletion), or x₀ with them
 * taken from x (insertion); area by the trapezoid rule over k = 0 … steps. A map in random order gives deletion + insertion ≈ 1 for a linear response.
 * NaN where F(x) = F(x₀). Ties are broken by position.
 * @shape image, baseline: float32 [3, size, size]; shown: float32 [size, size], the map as it is displayed
 * @source Petsiuk, Das & Saenko 2018 (RISE), section 4.3, with the response instead of a probability
 */
export async function faithfulness(evaluator: ResponseEvaluator, image: Float32Array, baseline: Float32Array, shown: Float32Array, steps: number, signal: AbortSignal): Promise<Faithfulness> {
  const plane = shown.length;
  const order = Array.from(shown, (_, p) => p).sort((a, b) => (shown[b] as number) - (shown[a] as number) || a - b);
  const rank = new Float64Array(plane);
  order.forEach((p, at) => { rank[p] = at; });
  // Points 0 … steps delete, the inner ones again insert: both curves share their ends.
  const responses = await responsesTo(evaluator, image.length, 2 * steps, (i, into) => {
    const inserting = i > steps;
    const taken = Math.round((plane * (inserting ? i - steps : i)) / steps);
    for (let p = 0; p < into.length; p += 1) into[p] = ((rank[p % plane] as number) < taken) === inserting ? (image[p] as number) : (baseline[p] as number);
  }, signal);
  const full = responses[0] as number;
  const empty = responses[steps] as number;
  const area = (inner: Float64Array): number => (inner.reduce((sum, response) => sum + (response - empty) / (full - empty), 0) + 1 / 2) / steps;
  return { deletion: area(responses.subarray(1, steps)), insertion: area(responses.subarray(steps + 1)) };
}
