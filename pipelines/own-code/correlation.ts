/** Pearson correlation of one column of two row-major tables of the same shape; NaN where a column does not vary. */
export function correlation(a: Float32Array, b: Float32Array, column: number, columns: number): number {
  const n = a.length / columns;
  let [sumA, sumB, sumAA, sumBB, sumAB] = [0, 0, 0, 0, 0];
  for (let row = 0; row < n; row += 1) {
    const x = a[row * columns + column] as number;
    const y = b[row * columns + column] as number;
    sumA += x;
    sumB += y;
    sumAA += x * x;
    sumBB += y * y;
    sumAB += x * y;
  }
  const spread = Math.sqrt((sumAA - (sumA * sumA) / n) * (sumBB - (sumB * sumB) / n));
  return spread > 0 ? (sumAB - (sumA * sumB) / n) / spread : NaN;
}
