/**
 * How much of a voxel's variance a model could explain: NSD's noise-ceiling signal-to-noise ratio from repeated images, and the ceiling itself.
 * Responses must be z-scored per session, because the definition takes the total variance to be 1. Memory: two numbers per voxel, whatever the
 * number of images.
 */

/** Accumulates ncsnr image by image. NSD uses only images with exactly three trials; which images are added is the caller's decision. */
export class NcsnrAccumulator {
  readonly #sum: Float64Array;
  readonly #images: Float64Array;

  constructor(readonly voxels: number) {
    this.#sum = new Float64Array(voxels);
    this.#images = new Float64Array(voxels);
  }

  /**
   * All trials of one image. A voxel with a NaN among them skips this image.
   * @shape trials: float32 [repeat ≥ 2, voxel], z units
   */
  addImage(trials: Float32Array | Float64Array): void {
    const { voxels } = this;
    const repeats = trials.length / voxels;
    for (let v = 0; v < voxels; v += 1) {
      let mean = 0;
      for (let k = 0; k < repeats; k += 1) mean += trials[k * voxels + v] as number;
      mean /= repeats;
      let squares = 0;
      for (let k = 0; k < repeats; k += 1) squares += ((trials[k * voxels + v] as number) - mean) ** 2;
      if (Number.isNaN(squares)) continue;
      this.#sum[v] = (this.#sum[v] as number) + squares / (repeats - 1);
      this.#images[v] = (this.#images[v] as number) + 1;
    }
  }

  /**
   * σ² = mean over images of the unbiased variance over repeats; ncsnr = √max(0, 1 − σ²)/σ.
   * @shape float32 [voxel]; NaN without images, 0 where noise is all there is, +∞ without noise
   * @source nsddatapaper main/export_noiseceiling.m
   */
  ncsnr(): Float32Array {
    return Float32Array.from({ length: this.voxels }, (_, v) => {
      const noise = (this.#sum[v] as number) / (this.#images[v] as number);
      return Math.sqrt(Math.max(0, 1 - noise)) / Math.sqrt(noise);
    });
  }
}

/**
 * NC = ncsnr²/(ncsnr² + mean(1/n_i)) over the images of a test, n_i repeats averaged: the largest r² that the measured mean allows. With A, B and
 * C images of 3, 2 and 1 repeats, mean(1/n_i) = (A/3 + B/2 + C)/(A + B + C); for single trials it is 1.
 * @shape ncsnr: [voxel] ≥ 0; repeats: [image] ≥ 1; result: float64 [voxel] in [0, 1]; NaN where ncsnr is NaN, 1 where it is +∞
 * @source NSD data manual, "noise ceiling"
 */
export function noiseCeiling(ncsnr: ArrayLike<number>, repeats: ArrayLike<number>): Float64Array {
  let noise = 0;
  for (let i = 0; i < repeats.length; i += 1) noise += 1 / (repeats[i] as number);
  noise /= repeats.length;
  return Float64Array.from({ length: ncsnr.length }, (_, v) => {
    const power = (ncsnr[v] as number) ** 2;
    return power === Infinity ? 1 : power / (power + noise);
  });
}

/**
 * The same ceiling from the repeats of the test images alone, without taking the total variance to be 1: NC = 1 − σ²·mean(1/n_i)/s², with σ² the variance
 * within images, Σ_i Σ_k (y_ik − ȳ_i)²/Σ_i (n_i − 1), and s² the variance of the means ȳ_i (n − 1). With equal repeats it is the reliability of a mean that
 * Spearman and Brown's formula gives. A check on `noiseCeiling`, noisier than it (far fewer images): below 0 is possible by chance and is kept.
 * @shape means, squares: [image, voxel], means over the repeats of an image of y and of y²; repeats: [image] ≥ 1; result: float64 [voxel] ≤ 1;
 * NaN without repeats or without variance
 * @source Shrout & Fleiss 1979, ICC(1, k) of a one-way random-effects analysis of variance, for unequal k
 */
export function repeatCeiling(means: ArrayLike<number>, squares: ArrayLike<number>, repeats: ArrayLike<number>): Float64Array {
  const images = repeats.length;
  const voxels = means.length / images;
  let [freedom, share] = [0, 0];
  for (let i = 0; i < images; i += 1) {
    freedom += (repeats[i] as number) - 1;
    share += 1 / (repeats[i] as number) / images;
  }
  return Float64Array.from({ length: voxels }, (_, v) => {
    let [within, sum] = [0, 0];
    for (let i = 0; i < images; i += 1) {
      const mean = means[i * voxels + v] as number;
      within += (repeats[i] as number) * Math.max(0, (squares[i * voxels + v] as number) - mean * mean);
      sum += mean;
    }
    let between = 0;
    for (let i = 0; i < images; i += 1) between += ((means[i * voxels + v] as number) - sum / images) ** 2;
    between /= images - 1;
    return freedom > 0 && between > 0 ? 1 - ((within / freedom) * share) / between : NaN;
  });
}
