/** Significance over many voxels: permutation p values and the false discovery rate. Undefined statistics stay NaN and count for nothing. */

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
