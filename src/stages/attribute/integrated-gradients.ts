/** Integrated gradients of a scalar response, without files and without a stage. */
import { gaussLegendre } from '../../math/quadrature.js';

/** Value and image gradient for each image of a batch of fixed size. @shape images, gradients: float32 [batch, pixel] */
export interface ResponseEvaluator {
  readonly batch: number;
  evaluate(images: Float32Array): Promise<{ readonly response: Float64Array; readonly gradient: Float32Array }>;
}

export interface IntegratedGradients {
  /** signed, as the image */
  readonly map: Float32Array;
  readonly response: number;
  readonly baselineResponse: number;
  readonly nodes: number;
  readonly gap: number;
}

/**
 * map[p] = (x[p] − x₀[p])·∫₀¹ ∂F/∂x[p](x₀ + t(x − x₀)) dt by Gauss–Legendre quadrature. Completeness asks Σ map = F(x) − F(x₀); the number of nodes
 * is doubled from `nodes` until the relative gap is at most `tolerance` or `maxNodes` is reached (the caller decides what then).
 * Where F(x) = F(x₀) the gap is relative to 1 instead of 0.
 * @source Sundararajan, Taly & Yan 2017, eq. 1 and proposition 1
 */
export async function integratedGradients(
  evaluator: ResponseEvaluator,
  image: Float32Array,
  baseline: Float32Array,
  options: { readonly nodes: number; readonly maxNodes: number; readonly tolerance: number; readonly signal?: AbortSignal },
): Promise<IntegratedGradients> {
  const pixels = image.length;
  const ends = new Float32Array(evaluator.batch * pixels);
  ends.set(image);
  // A batch of one cannot hold both ends at once.
  let response: number;
  let baselineResponse: number;
  if (evaluator.batch > 1) {
    ends.set(baseline, pixels);
    const both = (await evaluator.evaluate(ends)).response;
    response = both[0] as number;
    baselineResponse = both[1] as number;
  } else {
    response = (await evaluator.evaluate(ends)).response[0] as number;
    baselineResponse = (await evaluator.evaluate(baseline)).response[0] as number;
  }
  const change = response - baselineResponse;
  for (let nodes = options.nodes; ; nodes = Math.min(nodes * 2, options.maxNodes)) {
    const map = await integrate(evaluator, image, baseline, nodes, options.signal);
    const sum = map.reduce((total, x) => total + x, 0);
    const gap = Math.abs(sum - change) / (change === 0 ? 1 : Math.abs(change));
    if (gap <= options.tolerance || nodes >= options.maxNodes) return { map, response, baselineResponse, nodes, gap };
  }
}

async function integrate(evaluator: ResponseEvaluator, image: Float32Array, baseline: Float32Array, nodes: number, signal?: AbortSignal): Promise<Float32Array> {
  const pixels = image.length;
  const rule = gaussLegendre(nodes);
  const total = new Float64Array(pixels);
  for (let start = 0; start < nodes; start += evaluator.batch) {
    signal?.throwIfAborted();
    const count = Math.min(evaluator.batch, nodes - start);
    const batch = new Float32Array(evaluator.batch * pixels);
    for (let b = 0; b < count; b += 1) {
      const t = rule.nodes[start + b] as number;
      const at = b * pixels;
      for (let p = 0; p < pixels; p += 1) batch[at + p] = (baseline[p] as number) + t * ((image[p] as number) - (baseline[p] as number));
    }
    const { gradient } = await evaluator.evaluate(batch);
    for (let b = 0; b < count; b += 1) {
      const weight = rule.weights[start + b] as number;
      const at = b * pixels;
      for (let p = 0; p < pixels; p += 1) total[p] = (total[p] as number) + weight * (gradient[at + p] as number);
    }
  }
  return Float32Array.from(total, (sum, p) => sum * ((image[p] as number) - (baseline[p] as number)));
}
