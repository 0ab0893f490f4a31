/** Data sets with known correlations: predictions and measured responses of test images, many data sets at once. */
import type { Random } from '../../src/core/random.js';

export interface Planted {
  readonly images: number;
  readonly dataSets: number;
  /** voxels a data set; they share images, some latent features and half of their noise */
  readonly voxels: number;
  /** true correlation of prediction and measurement of a voxel */
  readonly correlation: (random: Random) => number;
  /** features with the tails of a gamma distribution of shape ½ in place of normal ones */
  readonly heavyTails?: boolean;
}

export interface SimulatedScores {
  /** float32 [image, data set × voxel] */
  readonly predicted: Float32Array;
  readonly measured: Float32Array;
  /** float64 [data set × voxel] */
  readonly truth: Float64Array;
  readonly columns: number;
}

const LATENTS = 6;

/** y = ρ·x + √(1 − ρ²)·e with x and e of variance 1, x a mixture of features shared by the voxels of a data set, e half shared among them. */
export function simulateScores(random: Random, { images, dataSets, voxels, correlation, heavyTails }: Planted): SimulatedScores {
  const columns = dataSets * voxels;
  const [predicted, measured, truth] = [new Float32Array(images * columns), new Float32Array(images * columns), Float64Array.from({ length: columns }, () => correlation(random))];
  // a squared normal is a gamma variable of shape ½: mean 1, variance 2
  const feature = (): number => (heavyTails === true ? (random.normal() ** 2 - 1) / Math.SQRT2 : random.normal());
  for (let d = 0; d < dataSets; d += 1) {
    const mixing = Array.from({ length: voxels }, () => {
      const weights = Float64Array.from({ length: LATENTS }, () => random.normal());
      const norm = Math.hypot(...weights);
      return weights.map((w) => w / norm);
    });
    for (let i = 0; i < images; i += 1) {
      const latents = Float64Array.from({ length: LATENTS }, feature);
      const common = random.normal();
      for (let v = 0; v < voxels; v += 1) {
        const at = i * columns + d * voxels + v;
        const x = latents.reduce((sum, value, k) => sum + value * ((mixing[v] as Float64Array)[k] as number), 0);
        const noise = voxels === 1 ? random.normal() : (random.normal() + common) * Math.SQRT1_2;
        const rho = truth[d * voxels + v] as number;
        predicted[at] = x;
        measured[at] = rho * x + Math.sqrt(1 - rho * rho) * noise;
      }
    }
  }
  return { predicted, measured, truth, columns };
}
