/** The nearest matrix of rank one: how a full linear readout becomes a receptive field times channel weights. */

const ITERATIONS = 50;

/**
 * argmin over a, b of Σ_ij (M_ij − a_i·b_j)², by power iteration on MᵀM from its largest row; |a| = |b|. A matrix of zeros gives b = 1/√columns and a = 0:
 * were both 0, no gradient would ever reach them.
 * @shape matrix float64 [rows, columns]; left [rows], right [columns]
 * @source Eckart and Young 1936
 */
export function bestOuterProduct(matrix: Float64Array, rows: number, columns: number): { readonly left: Float64Array; readonly right: Float64Array } {
  const norm = (values: Float64Array): number => Math.sqrt(values.reduce((sum, x) => sum + x * x, 0));
  const times = (right: Float64Array): Float64Array => Float64Array.from({ length: rows }, (_, i) => right.reduce((sum, x, j) => sum + x * (matrix[i * columns + j] as number), 0));
  let largest = 0;
  let largestNorm = 0;
  for (let i = 0; i < rows; i += 1) {
    const size = norm(matrix.subarray(i * columns, (i + 1) * columns));
    if (size > largestNorm) [largest, largestNorm] = [i, size];
  }
  if (largestNorm === 0) return { left: new Float64Array(rows), right: new Float64Array(columns).fill(1 / Math.sqrt(columns)) };
  let right = matrix.slice(largest * columns, (largest + 1) * columns).map((x) => x / largestNorm);
  for (let k = 0; k < ITERATIONS; k += 1) {
    const left = times(right);
    const next = new Float64Array(columns);
    left.forEach((x, i) => {
      for (let j = 0; j < columns; j += 1) next[j] = (next[j] as number) + x * (matrix[i * columns + j] as number);
    });
    const size = norm(next);
    right = next.map((x) => x / size);
  }
  const left = times(right);
  const balance = Math.sqrt(norm(left));
  return { left: left.map((x) => x / balance), right: right.map((x) => x * balance) };
}
