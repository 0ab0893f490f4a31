/** What a ridge fit refuses before it starts, with the place and the count of what is wrong. */
import { PipelineError } from '../../core/errors.js';
import type { Tensor } from '../../core/tensor.js';
import type { ScoreKind } from './score-fold.js';

/** @param firstColumn number of the first column, where these are only some. Errors: E_DATA naming the first NaN or infinity and how many there are. */
export function requireFinite(name: string, { shape, data }: Tensor<'float32'>, axes: readonly [string, string], firstColumn = 0): void {
  let bad = 0;
  let first = -1;
  for (let i = 0; i < data.length; i += 1) {
    if (Number.isFinite(data[i])) continue;
    if (first < 0) first = i;
    bad += 1;
  }
  if (bad === 0) return;
  const width = shape[1] as number;
  throw new PipelineError('E_DATA', `"${name}" holds values that are not finite`, {
    facts: { expected: 'finite numbers', found: `${bad} of ${data.length} (first: ${String(data[first])} at ${axes[0]} ${Math.floor(first / width)}, ${axes[1]} ${firstColumn + (first % width)})` },
    hint: `Exclude those ${axes[1]}s or ${axes[0]}s before the fit.`,
  });
}

/** Ascending, without repeats. Errors: E_DATA for an empty list or a penalty that is not a positive number. */
export function checkedAlphas(alphas: readonly number[]): Float64Array {
  if (alphas.length === 0) throw new PipelineError('E_DATA', '"alphas" is empty', { facts: { expected: 'at least one penalty', found: 'none' }, hint: 'List penalties, e.g. from 0.1 to 100000 in steps of ten.' });
  for (const alpha of alphas) {
    if (!(alpha > 0) || !Number.isFinite(alpha)) {
      throw new PipelineError('E_DATA', `penalty ${alpha} is not usable`, { facts: { expected: 'a finite number above 0', found: alpha }, hint: 'Give penalties above zero.' });
    }
  }
  return Float64Array.from(new Set(alphas)).sort();
}

/** Rows of every fold, by number of fold. Errors: E_DATA if the numbers are not 0 … F−1 with at least one row each and F ≥ 2. */
export function checkedFolds(folds: Int32Array, rows: number): readonly Int32Array[] {
  if (folds.length !== rows) throw new PipelineError('E_DATA', '"folds" does not name a fold for every row', { facts: { expected: rows, found: folds.length } });
  const count = folds.reduce((highest, fold) => Math.max(highest, fold), -1) + 1;
  const members: number[][] = Array.from({ length: count }, () => []);
  folds.forEach((fold, row) => {
    const list = members[fold];
    if (list === undefined) throw new PipelineError('E_DATA', `fold ${fold} of row ${row} is not a fold number`, { facts: { expected: '0, 1, 2, …', found: fold } });
    list.push(row);
  });
  const empty = members.findIndex((list) => list.length === 0);
  if (count < 2 || empty >= 0) {
    throw new PipelineError('E_DATA', '"folds" cannot be used for cross-validation', {
      facts: { expected: 'at least two folds with at least one row each', found: empty >= 0 ? `fold ${empty} has no row` : `${count} fold(s)` },
      hint: 'Use fewer folds, or more images.',
    });
  }
  return members.map((list) => Int32Array.from(list));
}

/** Rows that a correlation or an r² of a fold is at least made of: over two rows r is ±1 whatever the fit, and over few the best penalty is the luckiest. */
const FEWEST_SCORED = 10;

/** Errors: E_DATA if a fold has too few rows for a score that is a ratio of variances; a mean squared error is unbiased over any number. */
export function requireScorable(folds: readonly Int32Array[], kind: ScoreKind): void {
  if (kind === 'negative-mse') return;
  const fewest = folds.reduce((least, fold) => Math.min(least, fold.length), Infinity);
  if (fewest >= FEWEST_SCORED) return;
  throw new PipelineError('E_DATA', `folds are too small to be scored by ${kind}`, {
    facts: { expected: `at least ${FEWEST_SCORED} rows in each of the ${folds.length} folds`, found: `${fewest} in the smallest` },
    hint: 'Use fewer folds, more images, or score by negative-mse.',
  });
}

/** Columns whose rows are all equal. @shape uint8 [column], 1 where constant */
export function constantColumns({ shape, data }: Tensor<'float32'>): Uint8Array {
  const [rows, width] = shape as readonly [number, number];
  const constant = new Uint8Array(width).fill(1);
  for (let i = 1; i < rows; i += 1) for (let j = 0, at = i * width; j < width; j += 1, at += 1) if (data[at] !== data[j]) constant[j] = 0;
  return constant;
}
