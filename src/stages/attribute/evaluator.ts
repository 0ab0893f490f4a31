/** What every method of attribution asks of a model: the response to an image and its gradient by the pixels, in batches of one fixed size. */
import { tensor, type Tensor } from '../../core/tensor.js';
import type { TensorProgram } from '../../core/tensor-service.js';
import { IMAGE } from '../artifacts/backbone.js';
import { PATH } from '../response/path-graph.js';
import { IMAGE_GRADIENT, RESPONSE } from '../response/response-graph.js';

/** Value and image gradient for each image of a batch of fixed size. @shape images, gradient: float32 [batch, pixel]; response: float64 [batch] */
export interface ResponseEvaluator {
  readonly batch: number;
  evaluate(images: Float32Array): Promise<{ readonly response: Float64Array; readonly gradient: Float32Array }>;
  /** The same along the path x₀ + t(x − x₀), where there is a faster way than point by point. */
  readonly along?: AlongPath;
}

/**
 * Responses to the points of a path, and Σ_b weight[b]·∇F(point b).
 * @param ends x₀, then x: float32 [2, pixel]. @shape position, weight: float64 [batch]; response: float64 [batch]; gradient: [pixel]
 */
export type AlongPath = (ends: Float32Array, position: Float64Array, weight: Float64Array) => Promise<{ readonly response: Float64Array; readonly gradient: Float32Array | Float64Array }>;

/** Point by point: for every evaluator that knows no path. */
export function alongPoints(evaluator: ResponseEvaluator): AlongPath {
  return async (ends, position, weight) => {
    const pixels = ends.length / 2;
    const images = new Float32Array(evaluator.batch * pixels);
    position.forEach((t, b) => {
      for (let p = 0; p < pixels; p += 1) images[b * pixels + p] = (ends[p] as number) + t * ((ends[pixels + p] as number) - (ends[p] as number));
    });
    const found = await evaluator.evaluate(images);
    const gradient = new Float64Array(pixels);
    weight.forEach((w, b) => {
      if (w !== 0) for (let p = 0; p < pixels; p += 1) gradient[p] = (gradient[p] as number) + w * (found.gradient[b * pixels + p] as number);
    });
    return { response: found.response, gradient };
  };
}

/** @param program from `pathModel`; `feeds` its templates */
export function programAlong(program: TensorProgram, feeds: Readonly<Record<string, Tensor>>, batch: number, size: number, intercept: number): AlongPath {
  const column = (data: Float64Array): Tensor => tensor('float32', [batch, 1, 1, 1], Float32Array.from(data));
  return async (ends, position, weight) => {
    const result = await program.run({
      [PATH.ends]: tensor('float32', [2, 3, size, size], ends), [PATH.position]: column(position), [PATH.weight]: column(weight), ...feeds,
    });
    return { response: Float64Array.from(result[RESPONSE]?.data as Float32Array, (x) => x + intercept), gradient: result[IMAGE_GRADIENT]?.data as Float32Array };
  };
}

/**
 * The batch that fits a number of points best: as few runs as batches of `largest` need, each as small as that allows (66 points in batches of at most
 * 16 are 5 runs of 14, not of 16).
 */
export function batchFor(points: number, largest: number): number {
  return Math.ceil(points / Math.ceil(points / largest));
}

/**
 * @param program inputs `image` and what `feeds` holds, outputs `response` and `gradient:image`, as `responseModel` makes it
 * @param intercept added to every response
 */
export function programEvaluator(program: TensorProgram, feeds: Readonly<Record<string, Tensor>>, batch: number, size: number, intercept: number): ResponseEvaluator {
  return {
    batch,
    evaluate: async (images) => {
      const result = await program.run({ [IMAGE]: tensor('float32', [batch, 3, size, size], images), ...feeds }, [RESPONSE, IMAGE_GRADIENT]);
      return { response: Float64Array.from(result[RESPONSE]?.data as Float32Array, (x) => x + intercept), gradient: result[IMAGE_GRADIENT]?.data as Float32Array };
    },
  };
}

/** Responses to any number of images, written one by one. @shape result: float64 [count] */
export async function responsesTo(evaluator: ResponseEvaluator, pixels: number, count: number, write: (i: number, into: Float32Array) => void, signal?: AbortSignal): Promise<Float64Array> {
  const responses = new Float64Array(count);
  for (let start = 0; start < count; start += evaluator.batch) {
    signal?.throwIfAborted();
    const rows = Math.min(evaluator.batch, count - start);
    const batch = new Float32Array(evaluator.batch * pixels);
    for (let b = 0; b < rows; b += 1) write(start + b, batch.subarray(b * pixels, (b + 1) * pixels));
    responses.set((await evaluator.evaluate(batch)).response.subarray(0, rows), start);
  }
  return responses;
}
