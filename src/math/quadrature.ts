/** Gauss–Legendre quadrature: exact for polynomials up to degree 2n−1. */
import { PipelineError } from '../core/errors.js';

const NEWTON_STEPS = 100;
const NEWTON_TOLERANCE = 1e-15;

/**
 * ∫₀¹ f(t) dt ≈ Σ_k weights[k]·f(nodes[k]); nodes ascending in (0, 1), weights positive with sum 1.
 * @shape nodes, weights: float64 [n]
 * Errors: E_DATA for n < 1.
 * @source roots of the Legendre polynomial P_n by Newton from the Chebyshev guess (Press et al., Numerical Recipes, `gauleg`); numpy.polynomial.legendre.leggauss
 */
export function gaussLegendre(n: number): { readonly nodes: Float64Array; readonly weights: Float64Array } {
  if (!Number.isInteger(n) || n < 1) throw new PipelineError('E_DATA', `quadrature with ${n} nodes is impossible`, { facts: { expected: 'a positive integer', found: n } });
  const nodes = new Float64Array(n);
  const weights = new Float64Array(n);
  for (let i = 0; i < n; i += 1) {
    let x = Math.cos((Math.PI * (i + 0.75)) / (n + 0.5));
    let slope = 0;
    for (let step = 0; step < NEWTON_STEPS; step += 1) {
      let current = 1;
      let previous = 0;
      for (let degree = 1; degree <= n; degree += 1) {
        const next = ((2 * degree - 1) * x * current - (degree - 1) * previous) / degree;
        previous = current;
        current = next;
      }
      slope = (n * (x * current - previous)) / (x * x - 1);
      const move = current / slope;
      x -= move;
      if (Math.abs(move) < NEWTON_TOLERANCE) break;
    }
    // roots come in descending order on [−1, 1]
    nodes[n - 1 - i] = (1 + x) / 2;
    weights[n - 1 - i] = 1 / ((1 - x * x) * slope * slope);
  }
  return { nodes, weights };
}
