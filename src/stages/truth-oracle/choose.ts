/** The penalty an oracle would take: the one whose predictions agree best with the noiseless signal. */

export interface OracleChoice {
  /** float64 [voxel]; NaN where no score is defined */
  readonly alpha: Float64Array;
  /** Pearson's r with the noiseless signal, and with the measured means, at that penalty. float64 [voxel] */
  readonly noiseless: Float64Array;
  readonly measured: Float64Array;
  /** voxels at an end of the grid */
  readonly edge: number;
}

/**
 * α_v = argmax_α r(prediction_α, signal); the larger penalty wins an exact tie.
 * @shape alphas: float64 [alpha], ascending; scores: float64 [alpha, 2 × voxel], r with the signal in the first half of a row and r with the measured means in the second
 */
export function chooseOracle(alphas: Float64Array, scores: Float64Array): OracleChoice {
  const width = scores.length / alphas.length;
  const voxels = width / 2;
  const [alpha, noiseless, measured] = [new Float64Array(voxels).fill(NaN), new Float64Array(voxels).fill(NaN), new Float64Array(voxels).fill(NaN)];
  let edge = 0;
  for (let v = 0; v < voxels; v += 1) {
    let best = -1;
    for (let a = 0; a < alphas.length; a += 1) if ((scores[a * width + v] as number) >= (best < 0 ? -Infinity : (scores[best * width + v] as number))) best = a;
    if (best < 0) continue;
    alpha[v] = alphas[best] as number;
    noiseless[v] = scores[best * width + v] as number;
    measured[v] = scores[best * width + voxels + v] as number;
    if (alphas.length > 1 && (best === 0 || best === alphas.length - 1)) edge += 1;
  }
  return { alpha, noiseless, measured, edge };
}
