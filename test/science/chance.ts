/** How far a simulated rate may stray from the true one by chance alone: exact bounds, so that a failure means something. */

/** a right program fails a check with this probability at most (for the seeds drawn once and for all: it passes or it does not) */
const CHANCE_OF_FAILING = 1e-3;

/** [low, high] such that a binomial count of n with probability p lies outside with probability ≤ 0.001 (0.0005 a side), as shares of n. */
export function binomialBounds(n: number, p: number): readonly [low: number, high: number] {
  let logFactorial = 0;
  const logChoose = new Float64Array(n + 1);
  const logs = Float64Array.from({ length: n + 1 }, (_, k) => (logFactorial += k === 0 ? 0 : Math.log(k)));
  for (let k = 0; k <= n; k += 1) logChoose[k] = (logs[n] as number) - (logs[k] as number) - (logs[n - k] as number);
  const mass = (k: number): number => Math.exp((logChoose[k] as number) + k * Math.log(p) + (n - k) * Math.log1p(-p));
  let [low, high] = [0, n];
  for (let tail = mass(0); tail <= CHANCE_OF_FAILING / 2; tail += mass(low)) low += 1;
  for (let tail = mass(n); tail <= CHANCE_OF_FAILING / 2; tail += mass(high)) high -= 1;
  return [low / n, high / n];
}

/** Largest distance of an empirical distribution of n independent values from the true one. @source Massart 1990, the tight Dvoretzky–Kiefer–Wolfowitz inequality */
export const distributionBound = (n: number): number => Math.sqrt(Math.log(2 / CHANCE_OF_FAILING) / (2 * n));

/** max over the grid k/m of |share of p ≤ k/m − k/m|: p values of m − 1 permutations are uniform on that grid. */
export function distanceFromUniform(p: readonly number[], m: number): number {
  let most = 0;
  for (let k = 1; k <= m; k += 1) most = Math.max(most, Math.abs(p.filter((value) => value <= k / m + 1e-12).length / p.length - k / m));
  return most;
}

/** Mean and standard error of independent values. */
export function meanAndError(values: ArrayLike<number>): { readonly mean: number; readonly error: number } {
  const n = values.length;
  let [mean, squares] = [0, 0];
  for (let i = 0; i < n; i += 1) mean += (values[i] as number) / n;
  for (let i = 0; i < n; i += 1) squares += ((values[i] as number) - mean) ** 2;
  return { mean, error: Math.sqrt(squares / (n - 1) / n) };
}

/** standard errors that a mean may be off: 0.001 of a normal distribution lies outside */
export const STANDARD_ERRORS = 3.3;
