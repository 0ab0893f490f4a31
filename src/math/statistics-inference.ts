/**
 * Significance over many voxels and over families of regions: permutation p values, the false discovery rate, and the largest statistic of a family.
 * Undefined statistics stay NaN and count for nothing. What is permuted, and how, is the caller's.
 */

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

/**
 * Adjusted p: q_(i) = min over j ≥ i of m·p_(j)/j, at most 1. Testing q ≤ α bounds the expected share of false discoveries by α.
 * @shape p: [n] in [0, 1], NaN left out of m; result: float64 [n], NaN where p is NaN
 * @source scipy.stats.false_discovery_control 1.13, method "bh" (Benjamini & Hochberg 1995)
 */
export function benjaminiHochberg(p: ArrayLike<number>): Float64Array {
  return stepUp(p, () => 1);
}

/**
 * The same with m·c(m) in place of m, c(m) = Σ_{i ≤ m} 1/i: the bound holds under any dependence of the p values, at the price of power.
 * @shape as `benjaminiHochberg`
 * @source scipy.stats.false_discovery_control 1.13, method "by" (Benjamini & Yekutieli 2001)
 */
export function benjaminiYekutieli(p: ArrayLike<number>): Float64Array {
  return stepUp(p, (tests) => {
    let harmonic = 0;
    for (let i = 1; i <= tests; i += 1) harmonic += 1 / i;
    return harmonic;
  });
}

function stepUp(p: ArrayLike<number>, correction: (tests: number) => number): Float64Array {
  const order: number[] = [];
  for (let i = 0; i < p.length; i += 1) if (!Number.isNaN(p[i])) order.push(i);
  order.sort((a, b) => (p[a] as number) - (p[b] as number));
  const adjusted = new Float64Array(p.length).fill(NaN);
  const tests = order.length * correction(order.length);
  let least = 1;
  for (let rank = order.length; rank >= 1; rank -= 1) {
    const i = order[rank - 1] as number;
    least = Math.min(least, ((p[i] as number) * tests) / rank);
    adjusted[i] = least;
  }
  return adjusted;
}

/**
 * p of every member of a family, corrected for looking at all of them: T_r = (t_r − mean)/sd over the permutations of member r, and
 * p_r = (1 + #{k: max over r′ of T_kr′ ≥ T_r})/(1 + m). The chance that any member of a family without effects has p ≤ α is at most α, whatever
 * their dependence. Statistics are put on one scale first, so that a small region with a wide null distribution does not set the bar for all.
 * @shape observed: [member]; nulls: [permutation, member], one permutation of the data a row. NaN for a member that is NaN or whose null does not vary.
 * @source Nichols & Holmes 2002, "Nonparametric permutation tests for functional neuroimaging"; Westfall & Young 1993
 */
export function largestStatisticP(observed: ArrayLike<number>, nulls: ArrayLike<number>): Float64Array {
  const members = observed.length;
  const permutations = members === 0 ? 0 : nulls.length / members;
  const standard = Array.from({ length: members }, (_, r) => {
    let [mean, squares] = [0, 0];
    for (let k = 0; k < permutations; k += 1) mean += (nulls[k * members + r] as number) / permutations;
    for (let k = 0; k < permutations; k += 1) squares += ((nulls[k * members + r] as number) - mean) ** 2;
    return { mean, sd: Math.sqrt(squares / permutations) };
  });
  const scaled = (value: number, r: number): number => {
    const { mean, sd } = standard[r] as { mean: number; sd: number };
    return sd > 0 ? (value - mean) / sd : NaN;
  };
  const tested = Array.from({ length: members }, (_, r) => r).filter((r) => !Number.isNaN(scaled(observed[r] as number, r)));
  const largest = Float64Array.from({ length: permutations }, (_, k) => tested.reduce((most, r) => Math.max(most, scaled(nulls[k * members + r] as number, r)), -Infinity));
  const p = new Float64Array(members).fill(NaN);
  for (const r of tested) p[r] = permutationP(scaled(observed[r] as number, r), largest);
  return p;
}
