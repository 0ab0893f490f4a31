/**
 * Factorisations of small dense blocks in float64: what ONNX has no operator for. Everything large is left to tensor graphs, so these loops only
 * have to be right and free of allocation inside; rows are contiguous and inner loops run along them.
 */
import { PipelineError } from '../core/errors.js';

/** Σ_{k=from}^{to-1} a[aOffset + k]·b[bOffset + k], in four partial sums (a fixed order, so the same on every machine). */
function dot(a: Float64Array, aOffset: number, b: Float64Array, bOffset: number, from: number, to: number): number {
  let s0 = 0;
  let s1 = 0;
  let s2 = 0;
  let s3 = 0;
  let k = from;
  for (; k + 3 < to; k += 4) {
    s0 += (a[aOffset + k] as number) * (b[bOffset + k] as number);
    s1 += (a[aOffset + k + 1] as number) * (b[bOffset + k + 1] as number);
    s2 += (a[aOffset + k + 2] as number) * (b[bOffset + k + 2] as number);
    s3 += (a[aOffset + k + 3] as number) * (b[bOffset + k + 3] as number);
  }
  for (; k < to; k += 1) s0 += (a[aOffset + k] as number) * (b[bOffset + k] as number);
  return s0 + s1 + (s2 + s3);
}

/**
 * out[k] = Σ_{c=from}^{to−1} vector[at + c]·rows[(first + k)·n + c] for k < count, four rows at a time: the vector is read a quarter as often.
 * @shape rows: float64 [·, n]
 */
function dots(vector: Float64Array, at: number, rows: Float64Array, first: number, n: number, count: number, from: number, to: number, out: Float64Array): void {
  let k = 0;
  for (; k + 3 < count; k += 4) {
    const r0 = (first + k) * n;
    const r1 = r0 + n;
    const r2 = r1 + n;
    const r3 = r2 + n;
    let s0 = 0;
    let s1 = 0;
    let s2 = 0;
    let s3 = 0;
    for (let c = from; c < to; c += 1) {
      const x = vector[at + c] as number;
      s0 += x * (rows[r0 + c] as number);
      s1 += x * (rows[r1 + c] as number);
      s2 += x * (rows[r2 + c] as number);
      s3 += x * (rows[r3 + c] as number);
    }
    out[k] = s0;
    out[k + 1] = s1;
    out[k + 2] = s2;
    out[k + 3] = s3;
  }
  for (; k < count; k += 1) out[k] = dot(vector, at, rows, (first + k) * n, from, to);
}

/**
 * L⁻¹ where A = L Lᵀ with L lower triangular; only the lower triangle of A is read.
 * @shape a: float64 [n, n] symmetric positive definite; result: float64 [n, n], zero above the diagonal
 * Errors: E_DATA if a pivot is not positive (A is not positive definite in float64).
 * @source Golub & Van Loan, Matrix Computations, 4th ed., section 4.2 (by columns)
 */
export function choleskyInverse(a: Float64Array, n: number): Float64Array {
  const lower = new Float64Array(n * n);
  const sums = new Float64Array(n);
  for (let j = 0; j < n; j += 1) {
    dots(lower, j * n, lower, j, n, n - j, 0, j, sums);
    const pivot = (a[j * n + j] as number) - (sums[0] as number);
    if (!(pivot > 0)) {
      throw new PipelineError('E_DATA', 'matrix is not positive definite', {
        facts: { expected: `a positive pivot in row ${j}`, found: pivot },
        hint: 'Use a larger ridge penalty: the smallest one is lost in the rounding of the Gram matrix.',
      });
    }
    const root = Math.sqrt(pivot);
    lower[j * n + j] = root;
    for (let i = j + 1; i < n; i += 1) lower[i * n + j] = ((a[i * n + j] as number) - (sums[i - j] as number)) / root;
  }
  // inverse[i,j] = −Σ_{k=j}^{i−1} L[i,k]·inverse[k,j] / L[i,i]; columns of the inverse are kept as rows (zero before their diagonal) to be contiguous.
  const columns = new Float64Array(n * n);
  const inverse = new Float64Array(n * n);
  for (let i = 0; i < n; i += 1) {
    const scale = 1 / (lower[i * n + i] as number);
    dots(lower, i * n, columns, 0, n, i, 0, i, sums);
    for (let j = 0; j < i; j += 1) {
      const value = -(sums[j] as number) * scale;
      columns[j * n + i] = value;
      inverse[i * n + j] = value;
    }
    columns[i * n + i] = scale;
    inverse[i * n + i] = scale;
  }
  return inverse;
}

/**
 * a·bᵀ for a upper and b lower triangular: an upper triangular matrix.
 * @shape a, b, result: float64 [n, n]
 */
export function upperTimesLowerTransposed(a: Float64Array, b: Float64Array, n: number): Float64Array {
  const out = new Float64Array(n * n);
  const sums = new Float64Array(n);
  for (let i = 0; i < n; i += 1) {
    dots(a, i * n, b, i, n, n - i, i, n, sums);
    out.set(sums.subarray(0, n - i), i * n + i);
  }
  return out;
}

/**
 * The lower triangle of a − u·uᵀ + shift·I for u upper triangular (the upper triangle of the result is zero).
 * @shape a, u, result: float64 [n, n]
 */
export function downdate(a: Float64Array, u: Float64Array | undefined, shift: number, n: number): Float64Array {
  const out = new Float64Array(n * n);
  const sums = new Float64Array(n);
  for (let i = 0; i < n; i += 1) {
    if (u !== undefined) dots(u, i * n, u, 0, n, i + 1, i, n, sums);
    for (let j = 0; j <= i; j += 1) out[i * n + j] = (a[i * n + j] as number) - (sums[j] as number);
    out[i * n + i] = (out[i * n + i] as number) + shift;
  }
  return out;
}

export interface PanelFactor {
  /** reflectors, float64 [m, b]: ones on the diagonal, zeros above it */
  readonly v: Float64Array;
  /** float64 [b, b], upper triangular: H₁⋯H_b = I − V T Vᵀ */
  readonly t: Float64Array;
  /** float64 [b, b], upper triangular */
  readonly r: Float64Array;
}

/** Columns c … c+3 less τ·v·(vᵀ·column) for v = column j from row j down: four at once read v a quarter as often. */
function reflectFourColumns(columns: Float64Array, m: number, j: number, c: number, tau: number): void {
  const v = j * m;
  const [c0, c1, c2, c3] = [c * m, (c + 1) * m, (c + 2) * m, (c + 3) * m];
  let [s0, s1, s2, s3] = [0, 0, 0, 0];
  for (let i = j; i < m; i += 1) {
    const x = columns[v + i] as number;
    s0 += x * (columns[c0 + i] as number);
    s1 += x * (columns[c1 + i] as number);
    s2 += x * (columns[c2 + i] as number);
    s3 += x * (columns[c3 + i] as number);
  }
  s0 *= tau;
  s1 *= tau;
  s2 *= tau;
  s3 *= tau;
  for (let i = j; i < m; i += 1) {
    const x = columns[v + i] as number;
    columns[c0 + i] = (columns[c0 + i] as number) - s0 * x;
    columns[c1 + i] = (columns[c1 + i] as number) - s1 * x;
    columns[c2 + i] = (columns[c2 + i] as number) - s2 * x;
    columns[c3 + i] = (columns[c3 + i] as number) - s3 * x;
  }
}

/**
 * Householder QR of a tall panel in compact form: (I − V T Vᵀ)ᵀ·panel = [R; 0]. A column that is already zero below the diagonal keeps its
 * value (its reflector is the identity).
 * @shape panel: float64 [m, b] with m ≥ b; v: [m, b]; t, r: [b, b]
 * @source Schreiber & Van Loan 1989 (compact WY); LAPACK dgeqr2, dlarft (forward, columnwise)
 */
export function panelQr(panel: Float64Array, m: number, b: number): PanelFactor {
  // One column of the panel per row, so that every inner loop is contiguous.
  const columns = new Float64Array(b * m);
  for (let i = 0; i < m; i += 1) for (let j = 0; j < b; j += 1) columns[j * m + i] = panel[i * b + j] as number;
  const r = new Float64Array(b * b);
  const t = new Float64Array(b * b);
  const tau = new Float64Array(b);
  for (let j = 0; j < b; j += 1) {
    const at = j * m;
    const head = columns[at + j] as number;
    const tail = dot(columns, at, columns, at, j + 1, m);
    let diagonal = head;
    if (tail > 0) {
      diagonal = head > 0 ? -Math.sqrt(head * head + tail) : Math.sqrt(head * head + tail);
      tau[j] = (diagonal - head) / diagonal;
      const scale = 1 / (head - diagonal);
      for (let i = j + 1; i < m; i += 1) columns[at + i] = (columns[at + i] as number) * scale;
    }
    columns[at + j] = 1;
    r[j * b + j] = diagonal;
    let c = j + 1;
    for (; c + 3 < b; c += 4) reflectFourColumns(columns, m, j, c, tau[j] as number);
    for (; c < b; c += 1) {
      const other = c * m;
      const factor = (tau[j] as number) * dot(columns, at, columns, other, j, m);
      for (let i = j; i < m; i += 1) columns[other + i] = (columns[other + i] as number) - factor * (columns[at + i] as number);
    }
    for (c = j + 1; c < b; c += 1) {
      r[j * b + c] = columns[c * m + j] as number;
      columns[c * m + j] = 0; // above the diagonal of V from here on
    }
  }
  for (let j = 0; j < b; j += 1) {
    t[j * b + j] = tau[j] as number;
    // t[:j, j] = −tau_j · t[:j, :j] · (V[:, :j]ᵀ v_j)
    const products = new Float64Array(j);
    for (let k = 0; k < j; k += 1) products[k] = dot(columns, k * m, columns, j * m, j, m);
    for (let i = 0; i < j; i += 1) t[i * b + j] = -(tau[j] as number) * dot(t, i * b, products, 0, i, j);
  }
  const v = new Float64Array(m * b);
  for (let j = 0; j < b; j += 1) for (let i = j; i < m; i += 1) v[i * b + j] = columns[j * m + i] as number;
  return { v, t, r };
}
