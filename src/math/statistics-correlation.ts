/**
 * Agreement between predicted and measured columns, accumulated row by row, so that any number of trials passes through a few sums per column.
 * Sums are float64 and taken about the first row, so that a large mean costs no digits.
 */
import { PipelineError } from '../core/errors.js';

export class ColumnAgreement {
  readonly width: number;
  #rows = 0;
  readonly #origin: { x: Float64Array; y: Float64Array };
  readonly #x: Float64Array;
  readonly #y: Float64Array;
  readonly #xx: Float64Array;
  readonly #yy: Float64Array;
  readonly #xy: Float64Array;
  readonly #error: Float64Array;

  constructor(width: number) {
    this.width = width;
    const zeros = (): Float64Array => new Float64Array(width);
    this.#origin = { x: zeros(), y: zeros() };
    [this.#x, this.#y, this.#xx, this.#yy, this.#xy, this.#error] = [zeros(), zeros(), zeros(), zeros(), zeros(), zeros()];
  }

  get rows(): number {
    return this.#rows;
  }

  /**
   * One row of predictions and the row that was measured.
   * @shape predicted, measured: [≥ at + width]; a NaN makes its column undefined
   */
  addRow(predicted: Float32Array | Float64Array, predictedAt: number, measured: Float32Array | Float64Array, measuredAt: number): void {
    if (this.#rows === 0) {
      for (let j = 0; j < this.width; j += 1) {
        this.#origin.x[j] = predicted[predictedAt + j] as number;
        this.#origin.y[j] = measured[measuredAt + j] as number;
      }
    }
    this.#rows += 1;
    const { x: x0, y: y0 } = this.#origin;
    for (let j = 0; j < this.width; j += 1) {
      const p = predicted[predictedAt + j] as number;
      const m = measured[measuredAt + j] as number;
      const dx = p - (x0[j] as number);
      const dy = m - (y0[j] as number);
      this.#x[j] = (this.#x[j] as number) + dx;
      this.#y[j] = (this.#y[j] as number) + dy;
      this.#xx[j] = (this.#xx[j] as number) + dx * dx;
      this.#yy[j] = (this.#yy[j] as number) + dy * dy;
      this.#xy[j] = (this.#xy[j] as number) + dx * dy;
      this.#error[j] = (this.#error[j] as number) + (m - p) * (m - p);
    }
  }

  /** Σ(a − ā)(b − b̄) from sums about an origin; exactly 0 for a constant column. */
  #centred(products: Float64Array, a: Float64Array, b: Float64Array, j: number): number {
    return (products[j] as number) - ((a[j] as number) * (b[j] as number)) / this.#rows;
  }

  /**
   * r = Σ(x − x̄)(y − ȳ)/√(Σ(x − x̄)²·Σ(y − ȳ)²).
   * @shape float64 [column] in [−1, 1]; NaN for a column without variance in either, with a NaN, or with fewer than two rows
   * @source scipy.stats.pearsonr 1.13
   */
  pearson(): Float64Array {
    return Float64Array.from({ length: this.width }, (_, j) => {
      const variation = this.#centred(this.#xx, this.#x, this.#x, j) * this.#centred(this.#yy, this.#y, this.#y, j);
      if (!(variation > 0)) return NaN;
      return Math.max(-1, Math.min(1, this.#centred(this.#xy, this.#x, this.#y, j) / Math.sqrt(variation)));
    });
  }

  /**
   * R² = 1 − Σ(y − x)²/Σ(y − ȳ)²: 1 is perfect, 0 as good as the mean of these very rows, negative is worse.
   * @shape float64 [column]; NaN where the measured column has no variance
   * @source sklearn.metrics.r2_score 1.5
   */
  determination(): Float64Array {
    return Float64Array.from({ length: this.width }, (_, j) => {
      const total = this.#centred(this.#yy, this.#y, this.#y, j);
      return total > 0 ? 1 - (this.#error[j] as number) / total : NaN;
    });
  }
}

/** sign(r)·r²: explained variance that keeps a wrong sign visible. @shape float64 [n]; NaN stays NaN */
export function signedSquares(r: ArrayLike<number>): Float64Array {
  return Float64Array.from({ length: r.length }, (_, i) => Math.sign(r[i] as number) * (r[i] as number) ** 2);
}

/**
 * Pearson's r of every column of two row-major matrices.
 * @shape predicted, measured: [row, width]; result: float64 [width], NaN as in `ColumnAgreement.pearson`
 * Errors: E_DATA if the two are not of one size.
 */
export function pearsonColumns(predicted: Float32Array | Float64Array, measured: Float32Array | Float64Array, width: number): Float64Array {
  if (predicted.length !== measured.length || predicted.length % width !== 0) {
    throw new PipelineError('E_DATA', 'predicted and measured responses do not match', { facts: { expected: `two matrices of ${width} columns`, found: `${predicted.length} and ${measured.length} elements` } });
  }
  const agreement = new ColumnAgreement(width);
  for (let at = 0; at < predicted.length; at += width) agreement.addRow(predicted, at, measured, at);
  return agreement.pearson();
}
