/**
 * Order statistics of one list of numbers. NaN means "not defined" everywhere here: it is left out and can be counted, never taken for a number.
 * Infinities are numbers. Nothing here changes its arguments.
 */

export function countNaN(values: ArrayLike<number>): number {
  let count = 0;
  for (let i = 0; i < values.length; i += 1) if (Number.isNaN(values[i])) count += 1;
  return count;
}

/** For JSON, which knows neither NaN nor infinities: both become null. */
export function finiteOrNull(value: number): number | null {
  return Number.isFinite(value) ? value : null;
}

/** The values that are not NaN, ascending. @shape float64 [n − NaNs] */
export function sortedDefined(values: ArrayLike<number>): Float64Array {
  const kept = new Float64Array(values.length - countNaN(values));
  let to = 0;
  for (let i = 0; i < values.length; i += 1) {
    if (!Number.isNaN(values[i])) {
      kept[to] = values[i] as number;
      to += 1;
    }
  }
  return kept.sort();
}

/**
 * Linear interpolation between order statistics: position (n − 1)·q.
 * @shape sorted: ascending without NaN; q in [0, 1]
 * NaN for an empty list.
 * @source numpy.quantile 1.26, method "linear" (Hyndman & Fan 1996, type 7)
 */
export function quantileOfSorted(sorted: ArrayLike<number>, q: number): number {
  if (sorted.length === 0) return NaN;
  const position = (sorted.length - 1) * q;
  const below = Math.floor(position);
  const low = sorted[below] as number;
  const high = sorted[Math.min(below + 1, sorted.length - 1)] as number;
  return low === high ? low : low + (high - low) * (position - below);
}

/** @shape values: [n], NaN left out; NaN if nothing is left. @source numpy.nanquantile 1.26 */
export function quantile(values: ArrayLike<number>, q: number): number {
  return quantileOfSorted(sortedDefined(values), q);
}

/**
 * The middle value, or the mean of the two middle ones. By selection, not by sorting: bootstraps and permutations take medians over all voxels thousands
 * of times.
 * @shape values: [n], NaN left out; NaN if nothing is left. @source numpy.nanmedian 1.26
 */
export function median(values: ArrayLike<number>): number {
  const kept = new Float64Array(values.length);
  let n = 0;
  for (let i = 0; i < values.length; i += 1) {
    const value = values[i] as number;
    if (Number.isNaN(value)) continue;
    kept[n] = value;
    n += 1;
  }
  if (n === 0) return NaN;
  const high = n >> 1;
  selectInPlace(kept, n, high);
  const upper = kept[high] as number;
  if (n % 2 === 1) return upper;
  let lower = -Infinity;
  for (let i = 0; i < high; i += 1) lower = Math.max(lower, kept[i] as number);
  return lower === upper ? lower : lower + (upper - lower) / 2;
}

/** Puts the k-th smallest of the first n values at place k, smaller ones before it, larger ones behind. @source Hoare 1961, "Algorithm 65: FIND" */
function selectInPlace(values: Float64Array, n: number, k: number): void {
  let [from, to] = [0, n - 1];
  while (from < to) {
    // The middle element as pivot: ascending input, which is common, is the best case and not the worst.
    const pivot = values[(from + to) >> 1] as number;
    let [i, j] = [from, to];
    while (i <= j) {
      while ((values[i] as number) < pivot) i += 1;
      while ((values[j] as number) > pivot) j -= 1;
      if (i > j) break;
      const held = values[i] as number;
      values[i] = values[j] as number;
      values[j] = held;
      i += 1;
      j -= 1;
    }
    if (k <= j) to = j;
    else if (k >= i) from = i;
    else return;
  }
}

/**
 * Percent of the values below a score, values equal to it counted half: 100·(#{x < s} + #{x ≤ s})/(2n).
 * @shape values: [n], NaN left out; result in [0, 100]; NaN if nothing is left or the score is NaN
 * @source scipy.stats.percentileofscore 1.13, kind "mean"
 */
export function percentileOfScore(values: ArrayLike<number>, score: number): number {
  let [below, equal, count] = [0, 0, 0];
  for (let i = 0; i < values.length; i += 1) {
    const value = values[i] as number;
    if (Number.isNaN(value)) continue;
    count += 1;
    if (value < score) below += 1;
    else if (value === score) equal += 1;
  }
  return count === 0 || Number.isNaN(score) ? NaN : (100 * (below + equal / 2)) / count;
}
