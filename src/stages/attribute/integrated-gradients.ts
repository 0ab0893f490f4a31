/** Integrated gradients of a scalar response, without files and without a stage. */
import { gaussLegendre } from '../../math/quadrature.js';
import { alongPoints, type ResponseEvaluator } from './evaluator.js';

export interface IntegratedGradients {
  /** signed, as the image */
  readonly map: Float32Array;
  readonly response: number;
  /** mean over the baselines */
  readonly baselineResponse: number;
  /** quadrature nodes a baseline */
  readonly nodes: number;
  readonly gap: number;
}

/** Points of one path: its nodes, and both ends for the completeness. */
export const pathPoints = (nodes: number): number => nodes + 2;

/**
 * map[p] = mean over baselines x₀ of (x[p] − x₀[p])·∫₀¹ ∂F/∂x[p](x₀ + t(x − x₀)) dt by Gauss–Legendre quadrature (several baselines: expected
 * gradients). Completeness asks Σ map = F(x) − mean F(x₀); the number of nodes is doubled from `nodes` until the relative gap is at most `tolerance` or
 * `maxNodes` is reached (the caller decides what then). Where F(x) = F(x₀) the gap is relative to 1 instead of 0.
 * @shape image, baselines (at least one), map: float32 [pixel]
 * @source Sundararajan, Taly & Yan 2017, eq. 1 and proposition 1; Erion et al. 2021, eq. 2
 */
export async function integratedGradients(
  evaluator: ResponseEvaluator,
  image: Float32Array,
  baselines: readonly Float32Array[],
  options: { readonly nodes: number; readonly maxNodes: number; readonly tolerance: number; readonly signal?: AbortSignal },
): Promise<IntegratedGradients> {
  for (let nodes = options.nodes; ; nodes = Math.min(nodes * 2, options.maxNodes)) {
    const map = new Float32Array(image.length);
    let response = 0;
    let baselineResponse = 0;
    for (const baseline of baselines) {
      const path = await integrate(evaluator, image, baseline, nodes, options.signal);
      response = path.response;
      baselineResponse += path.baselineResponse / baselines.length;
      for (let p = 0; p < map.length; p += 1) map[p] = (map[p] as number) + ((path.gradient[p] as number) * ((image[p] as number) - (baseline[p] as number))) / baselines.length;
    }
    const change = response - baselineResponse;
    const sum = map.reduce((total, x) => total + x, 0);
    const gap = Math.abs(sum - change) / (change === 0 ? 1 : Math.abs(change));
    if (gap <= options.tolerance || nodes >= options.maxNodes) return { map, response, baselineResponse, nodes, gap };
  }
}

interface Path {
  /** mean gradient along the path, float64 [pixel] */
  readonly gradient: Float64Array;
  readonly response: number;
  readonly baselineResponse: number;
}

/** The ends ride along with the nodes, so that they cost no batch of their own. */
async function integrate(evaluator: ResponseEvaluator, image: Float32Array, baseline: Float32Array, nodes: number, signal?: AbortSignal): Promise<Path> {
  const pixels = image.length;
  const along = evaluator.along ?? alongPoints(evaluator);
  const rule = gaussLegendre(nodes);
  const points = pathPoints(nodes);
  const positions = [...rule.nodes, 1, 0];
  const ends = new Float32Array(2 * pixels);
  ends.set(baseline);
  ends.set(image, pixels);
  const gradient = new Float64Array(pixels);
  const responses = new Float64Array(points);
  for (let start = 0; start < points; start += evaluator.batch) {
    signal?.throwIfAborted();
    const count = Math.min(evaluator.batch, points - start);
    const position = new Float64Array(evaluator.batch);
    const weight = new Float64Array(evaluator.batch);
    position.set(positions.slice(start, start + count));
    weight.set(rule.weights.subarray(Math.min(start, nodes), Math.min(start + count, nodes)));
    const found = await along(ends, position, weight);
    responses.set(found.response.subarray(0, count), start);
    for (let p = 0; p < pixels; p += 1) gradient[p] = (gradient[p] as number) + (found.gradient[p] as number);
  }
  return { gradient, response: responses[nodes] as number, baselineResponse: responses[nodes + 1] as number };
}
