/** Significance over many voxels: permutation p values and the false discovery rate. Undefined statistics stay NaN and count for nothing. */
import type { Random } from '../core/random.js';
import { median } from './statistics.js';

/**
 * p = (1 + #{null ≥ observed})/(1 + m): never 0, because the observed order is itself one of the possible ones.
 * @shape null: [m] without NaN; NaN if `observed` is NaN
 * @source Phipson & Smyth 2010, "Permutation p-values should never be zero"
 */
export function permutationP(observed: number, nullDistribution: ArrayLike<number>): number {
  if (Number.isNaN(observed)) return NaN;
  let atLeast = 0;
  for (let i = 0; i < nullDistribution.length; i += 1) if ((nullDistribution[i] as number) >= observed) atLeast += 1;
  return (1 + atLeast) / (1 + nullDistribution.length);
}

export interface PermutationTest {
  /** float64 [column]: one-sided p of a correlation this large under shuffled images; NaN where r is not defined */
  readonly p: Float64Array;
  /** float64 [permutation]: median over the defined columns of the shuffled correlations */
  readonly medians: Float64Array;
}

/**
 * Shuffles the rows of the prediction against those of the measurement, all columns alike (columns are not independent), and counts how often
 * each column's correlation is at least the true one; p as in `permutationP`.
 * @shape predicted, measured: float32 [row, column]; r: float64 [column], the true correlations
 * @source Nichols & Holmes 2002, "Nonparametric permutation tests for functional neuroimaging"
 */
export function permuteRows(predicted: Float32Array, measured: Float32Array, r: Float64Array, permutations: number, random: Random, onPermutation?: () => void): PermutationTest {
  const columns = r.length;
  const rows = predicted.length / columns;
  const x = unitColumns(predicted, rows, columns);
  const y = unitColumns(measured, rows, columns);
  const medians = new Float64Array(permutations);
  const atLeast = new Float64Array(columns);
  const shuffled = new Float64Array(columns);
  for (let permutation = 0; permutation < permutations; permutation += 1) {
    const order = random.permutation(rows);
    shuffled.fill(0);
    for (let i = 0; i < rows; i += 1) {
      const from = i * columns;
      const to = (order[i] as number) * columns;
      for (let j = 0; j < columns; j += 1) shuffled[j] = (shuffled[j] as number) + (x[from + j] as number) * (y[to + j] as number);
    }
    for (let j = 0; j < columns; j += 1) if ((shuffled[j] as number) >= (r[j] as number)) atLeast[j] = (atLeast[j] as number) + 1;
    medians[permutation] = median(shuffled);
    onPermutation?.();
  }
  const p = Float64Array.from(r, (value, j) => (Number.isNaN(value) ? NaN : (1 + (atLeast[j] as number)) / (1 + permutations)));
  return { p, medians };
}

/** (z − mean)/‖z − mean‖ per column, so that a correlation is a plain product; NaN for a column without variance. @shape float32 [row, column] */
function unitColumns(values: Float32Array, rows: number, columns: number): Float32Array {
  const mean = new Float64Array(columns);
  const norm = new Float64Array(columns);
  const varies = new Uint8Array(columns);
  for (let at = 0; at < values.length; at += 1) {
    const j = at % columns;
    mean[j] = (mean[j] as number) + (values[at] as number) / rows;
    if (values[at] !== values[j]) varies[j] = 1;
  }
  for (let at = 0; at < values.length; at += 1) {
    const j = at % columns;
    norm[j] = (norm[j] as number) + ((values[at] as number) - (mean[j] as number)) ** 2;
  }
  return values.map((value, at) => {
    const j = at % columns;
    return varies[j] === 1 ? (value - (mean[j] as number)) / Math.sqrt(norm[j] as number) : NaN;
  });
}

/**
 * Adjusted p: q_(i) = min over j ≥ i of m·p_(j)/j, at most 1. Testing q ≤ α bounds the expected share of false discoveries by α.
 * @shape p: [n] in [0, 1], NaN left out of m; result: float64 [n], NaN where p is NaN
 * @source scipy.stats.false_discovery_control 1.13, method "bh" (Benjamini & Hochberg 1995)
 */
export function benjaminiHochberg(p: ArrayLike<number>): Float64Array {
  const order: number[] = [];
  for (let i = 0; i < p.length; i += 1) if (!Number.isNaN(p[i])) order.push(i);
  order.sort((a, b) => (p[a] as number) - (p[b] as number));
  const adjusted = new Float64Array(p.length).fill(NaN);
  let least = 1;
  for (let rank = order.length; rank >= 1; rank -= 1) {
    const i = order[rank - 1] as number;
    least = Math.min(least, ((p[i] as number) * order.length) / rank);
    adjusted[i] = least;
  }
  return adjusted;
}
