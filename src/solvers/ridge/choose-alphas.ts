/** The penalty of every target from its cross-validated scores. */

export interface AlphaChoice {
  /** int32 [target]: position in the grid; −1 where no score is defined */
  readonly index: Int32Array;
  /** float64 [target]; NaN where no score is defined */
  readonly alpha: Float64Array;
  /** float32 [target]: score of the chosen penalty */
  readonly score: Float32Array;
  readonly edgeCount: { readonly lowest: number; readonly highest: number };
  /** targets that vary and yet have no score: nothing was chosen for them */
  readonly unscored: number;
}

/**
 * index_v = the largest a with scores[a, v] = max over a. Turns the sums in `scores` into means over the folds in which they are defined (NaN in none).
 * Means over unlike folds cannot be compared: a penalty that is defined in fewer folds than another of the same target is not chosen.
 * @shape scores: float64 [alpha, target], sums over folds; counts: int32 [alpha, target]; alphas ascending; constant: uint8 [target]
 */
export function chooseAlphas(scores: Float64Array, counts: Int32Array, alphas: Float64Array, constant: Uint8Array): AlphaChoice {
  const targets = constant.length;
  const index = new Int32Array(targets).fill(-1);
  const score = new Float32Array(targets).fill(NaN);
  const alpha = new Float64Array(targets).fill(NaN);
  let [lowest, highest, unscored] = [0, 0, 0];
  const last = alphas.length - 1;
  for (let v = 0; v < targets; v += 1) {
    let best = -Infinity;
    let folds = 0;
    for (let a = 0; a <= last; a += 1) folds = Math.max(folds, counts[a * targets + v] as number);
    for (let a = 0; a <= last; a += 1) {
      const mean = constant[v] === 1 ? NaN : (scores[a * targets + v] as number) / (counts[a * targets + v] as number);
      scores[a * targets + v] = mean;
      if (mean >= best && counts[a * targets + v] === folds) {
        best = mean;
        index[v] = a;
      }
    }
    const chosen = index[v] as number;
    if (chosen < 0) {
      if (constant[v] === 0) unscored += 1;
      continue;
    }
    score[v] = best;
    alpha[v] = alphas[chosen] as number;
    if (last > 0 && chosen === 0) lowest += 1;
    if (last > 0 && chosen === last) highest += 1;
  }
  return { index, alpha, score, edgeCount: { lowest, highest }, unscored };
}
