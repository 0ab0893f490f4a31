/**
 * Standardised design matrices. Means and scales come from the rows named and from nothing else, so held-out rows can never leak into them.
 * Padding rows and columns are zeros: they change no product, and they let all folds share one shape and so one compiled program.
 */

export interface Scaling {
  /** subtract means */
  readonly centre: boolean;
  /** divide by standard deviations */
  readonly scale: boolean;
  /** share of the root mean square of all deviations that is added to each, so that a feature that hardly ever varies is not blown up; 0: none */
  readonly floor: number;
}

export interface ColumnMoments {
  /** subtracted from every row; zeros without centring. float64 [feature] */
  readonly mean: Float64Array;
  /** standard deviation over the rows (divided by n, not n − 1) plus the floor; 1 without scaling, 0 for a column that is constant over the rows */
  readonly scale: Float64Array;
}

/** relative to the mean: far above the rounding of a float64 mean over any number of rows */
const SUSPICIOUS_DEVIATION = 1e-5;

function isConstant(x: Float32Array, width: number, rows: Int32Array, column: number): boolean {
  const first = x[(rows[0] as number) * width + column];
  return rows.every((row) => x[row * width + column] === first);
}

/**
 * mean_j = Σ_i x_ij / n; sd_j = √(Σ_i (x_ij − mean_j)² / n); scale_j = sd_j + floor·√(mean of sd²). In two passes.
 * @shape x: float32 [row, column]; rows: positions; mean, scale: float64 [column]
 * @source sklearn.preprocessing.StandardScaler 1.5 (constant columns are found exactly: all values equal)
 */
export function columnMoments(x: Float32Array, width: number, rows: Int32Array, { centre, scale: scaling, floor }: Scaling): ColumnMoments {
  const mean = new Float64Array(width);
  const scale = new Float64Array(width).fill(1);
  if (!centre && !scaling) return { mean, scale };
  const average = new Float64Array(width);
  for (const row of rows) for (let j = 0, at = row * width; j < width; j += 1, at += 1) average[j] = (average[j] as number) + (x[at] as number);
  for (let j = 0; j < width; j += 1) average[j] = (average[j] as number) / rows.length;
  if (scaling) {
    scale.fill(0);
    for (const row of rows) {
      for (let j = 0, at = row * width; j < width; j += 1, at += 1) {
        const difference = (x[at] as number) - (average[j] as number);
        scale[j] = (scale[j] as number) + difference * difference;
      }
    }
    for (let j = 0; j < width; j += 1) {
      const deviation = Math.sqrt((scale[j] as number) / rows.length);
      // The rounding of the mean gives even a constant column some deviation, but never this much: only then is it worth looking.
      const constant = deviation <= SUSPICIOUS_DEVIATION * Math.abs(average[j] as number) && isConstant(x, width, rows, j);
      scale[j] = constant ? 0 : deviation;
    }
    const overall = Math.sqrt(scale.reduce((sum, sd) => sum + sd * sd, 0) / width);
    for (let j = 0; j < width; j += 1) if (scale[j] !== 0) scale[j] = (scale[j] as number) + floor * overall;
  }
  return { mean: centre ? average : mean, scale };
}

/**
 * (x_ij − mean_j)/scale_j, 0 where the scale is 0, for the rows in their order, padded with zeros.
 * @shape result: float64 [paddedRows, paddedWidth]
 */
export function standardise(x: Float32Array, width: number, rows: Int32Array, { mean, scale }: ColumnMoments, paddedRows: number, paddedWidth: number): Float64Array {
  const out = new Float64Array(paddedRows * paddedWidth);
  const factor = scale.map((s) => (s === 0 ? 0 : 1 / s));
  for (let i = 0; i < rows.length; i += 1) {
    let from = (rows[i] as number) * width;
    let to = i * paddedWidth;
    for (let j = 0; j < width; j += 1, from += 1, to += 1) out[to] = ((x[from] as number) - (mean[j] as number)) * (factor[j] as number);
  }
  return out;
}

const TRANSPOSE_BLOCK = 32;

/** @shape a: float64 [rows, columns]; result: float64 [columns, rows] */
export function transposed(a: Float64Array, rows: number, columns: number): Float64Array {
  const out = new Float64Array(rows * columns);
  for (let i0 = 0; i0 < rows; i0 += TRANSPOSE_BLOCK) {
    const i1 = Math.min(rows, i0 + TRANSPOSE_BLOCK);
    for (let j0 = 0; j0 < columns; j0 += TRANSPOSE_BLOCK) {
      const j1 = Math.min(columns, j0 + TRANSPOSE_BLOCK);
      for (let i = i0; i < i1; i += 1) for (let j = j0; j < j1; j += 1) out[j * rows + i] = a[i * columns + j] as number;
    }
  }
  return out;
}

/**
 * Some columns of some rows, less a mean per column, as float32 padded with zeros.
 * @shape y: float32 [row, width]; means: float64 [to − from]; result: float32 [paddedRows, paddedColumns]
 */
export function centredTile(y: Float32Array, width: number, rows: Int32Array, from: number, to: number, means: Float64Array, paddedRows: number, paddedColumns: number): Float32Array {
  const out = new Float32Array(paddedRows * paddedColumns);
  const count = to - from;
  for (let i = 0; i < rows.length; i += 1) {
    const source = (rows[i] as number) * width + from;
    const target = i * paddedColumns;
    for (let j = 0; j < count; j += 1) out[target + j] = (y[source + j] as number) - (means[j] as number);
  }
  return out;
}

/** Means of columns from … to−1 over the rows. @shape float64 [to − from] */
export function columnMeans(y: Float32Array, width: number, rows: Int32Array, from: number, to: number): Float64Array {
  const count = to - from;
  const sums = new Float64Array(count);
  for (const row of rows) for (let j = 0, at = row * width + from; j < count; j += 1, at += 1) sums[j] = (sums[j] as number) + (y[at] as number);
  for (let j = 0; j < count; j += 1) sums[j] = (sums[j] as number) / rows.length;
  return sums;
}
