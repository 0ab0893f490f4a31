import { describe, expect, it } from 'vitest';
import { Random } from '../../src/core/random.js';
import { choleskyInverse, downdate, panelQr, upperTimesLowerTransposed } from '../../src/math/linear-algebra.js';

const normals = (seed: string, length: number): Float64Array => {
  const random = new Random(seed);
  return Float64Array.from({ length }, () => random.normal());
};

/** c[i, j] = Σ_k a(i, k)·b(k, j) for accessors, as a nested loop: slow and plain. */
function multiply(rows: number, inner: number, columns: number, a: (i: number, k: number) => number, b: (k: number, j: number) => number): Float64Array {
  return Float64Array.from({ length: rows * columns }, (_, at) => {
    let sum = 0;
    for (let k = 0; k < inner; k += 1) sum += a(Math.floor(at / columns), k) * b(k, at % columns);
    return sum;
  });
}
const worst = (found: Float64Array, expected: Float64Array): number => found.reduce((most, value, i) => Math.max(most, Math.abs(value - (expected[i] as number))), 0);

describe('Cholesky inverse', () => {
  it('gives J with J A Jᵀ = I and zeros above the diagonal, n=37', () => {
    const n = 37;
    const x = normals('spd', n * 60);
    const a = multiply(n, 60, n, (i, k) => x[i * 60 + k] as number, (k, j) => x[j * 60 + k] as number);
    const inverse = choleskyInverse(a, n);
    const ja = multiply(n, n, n, (i, k) => inverse[i * n + k] as number, (k, j) => a[k * n + j] as number);
    const identity = Float64Array.from({ length: n * n }, (_, at) => (Math.floor(at / n) === at % n ? 1 : 0));
    expect(worst(multiply(n, n, n, (i, k) => ja[i * n + k] as number, (k, j) => inverse[j * n + k] as number), identity)).toBeLessThan(1e-12);
    for (let i = 0; i < n; i += 1) for (let j = i + 1; j < n; j += 1) expect(inverse[i * n + j]).toBe(0);
  });

  it('refuses a matrix that is not positive definite, naming the pivot', () => {
    expect(() => choleskyInverse(Float64Array.of(1, 2, 2, 1), 2)).toThrow('not positive definite');
    expect(() => choleskyInverse(Float64Array.of(NaN), 1)).toThrow('not positive definite');
  });
});

describe('panel QR', () => {
  for (const [m, b] of [[50, 9], [9, 9], [23, 1]] as const) {
    it(`reproduces the panel as (I − V T Vᵀ)[R; 0] with an orthogonal factor, m=${m} b=${b}`, () => {
      const panel = normals(`qr ${m}`, m * b);
      const { v, t, r } = panelQr(panel, m, b);
      const vt = multiply(m, b, b, (i, k) => v[i * b + k] as number, (k, j) => t[k * b + j] as number);
      const h = multiply(m, b, m, (i, k) => -(vt[i * b + k] as number), (k, j) => v[j * b + k] as number);
      for (let i = 0; i < m; i += 1) h[i * m + i] = (h[i * m + i] as number) + 1;
      expect(worst(multiply(m, m, b, (i, k) => h[i * m + k] as number, (k, j) => (k < b ? (r[k * b + j] as number) : 0)), panel)).toBeLessThan(1e-13);
      const identity = Float64Array.from({ length: m * m }, (_, at) => (Math.floor(at / m) === at % m ? 1 : 0));
      expect(worst(multiply(m, m, m, (i, k) => h[k * m + i] as number, (k, j) => h[k * m + j] as number), identity)).toBeLessThan(1e-13);
      for (let i = 0; i < b; i += 1) for (let j = 0; j < i; j += 1) expect(r[i * b + j]).toBe(0);
    });
  }

  it('leaves a panel of zeros alone', () => {
    const { t, r } = panelQr(new Float64Array(12), 4, 3);
    expect([...t, ...r].every((value) => value === 0)).toBe(true);
  });
});

describe('triangular products', () => {
  it('equal plain products of the same triangles', () => {
    const n = 13;
    const upper = normals('u', n * n).map((value, at) => (at % n >= Math.floor(at / n) ? value : 0));
    const lower = normals('l', n * n).map((value, at) => (at % n <= Math.floor(at / n) ? value : 0));
    expect(worst(upperTimesLowerTransposed(upper, lower, n), multiply(n, n, n, (i, k) => upper[i * n + k] as number, (k, j) => lower[j * n + k] as number))).toBeLessThan(1e-14);
    const a = normals('a', n * n);
    const square = multiply(n, n, n, (i, k) => upper[i * n + k] as number, (k, j) => upper[j * n + k] as number);
    const expected = a.map((value, at) => (at % n > Math.floor(at / n) ? 0 : value - (square[at] as number) + (at % n === Math.floor(at / n) ? 0.5 : 0)));
    expect(worst(downdate(a, upper, 0.5, n), expected)).toBeLessThan(1e-13);
  });
});
