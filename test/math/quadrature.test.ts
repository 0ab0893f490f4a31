import { describe, expect, it } from 'vitest';
import { gaussLegendre } from '../../src/math/quadrature.js';

describe('gaussLegendre', () => {
  it('has the nodes and weights of numpy.polynomial.legendre.leggauss(4), moved to [0, 1]', () => {
    const { nodes, weights } = gaussLegendre(4);
    // numpy 1.26.4: leggauss(4), (x + 1) / 2 and w / 2
    const expectedNodes = [0.06943184420297371, 0.33000947820757187, 0.6699905217924281, 0.9305681557970262];
    const expectedWeights = [0.17392742256872692, 0.32607257743127305, 0.32607257743127305, 0.17392742256872692];
    nodes.forEach((x, i) => expect(x).toBeCloseTo(expectedNodes[i] as number, 14));
    weights.forEach((w, i) => expect(w).toBeCloseTo(expectedWeights[i] as number, 14));
  });

  for (const n of [1, 2, 3, 8, 16, 64, 257]) {
    it(`integrates polynomials up to degree ${2 * n - 1} exactly with ${n} nodes`, () => {
      const { nodes, weights } = gaussLegendre(n);
      for (const degree of [0, 1, n, 2 * n - 1]) {
        const sum = nodes.reduce((total, t, i) => total + (weights[i] as number) * t ** degree, 0);
        expect(sum).toBeCloseTo(1 / (degree + 1), 13);
      }
    });
  }

  it('refuses to integrate with no node', () => {
    expect(() => gaussLegendre(0)).toThrow(/impossible/);
  });
});
