/**
 * What recomputing ncsnr from z-scored betas gives when the noise is known: its expectation and its sampling error, by repeating the experiment with
 * the same noiseless signals, the same order of images and fresh noise. Written from NSD's definition, apart from the loader that is checked with it.
 */
import type { Random } from '../../engine/stage.js';

export interface Experiment {
  /** per trial: row of the noiseless signals, and session; int32 [trial] */
  readonly rows: Int32Array;
  readonly sessions: Int32Array;
}

/** NSD defines the noise by images with exactly this many trials. */
const REPEATS = 3;

export class NcsnrSimulator {
  readonly #rows: Int32Array;
  readonly #ofSession: readonly Int32Array[];
  /** trials of the images shown exactly three times, image by image; int32 [image × 3] */
  readonly #triples: Int32Array;

  constructor({ rows, sessions }: Experiment) {
    this.#rows = rows;
    this.#ofSession = [...groups(sessions).values()];
    this.#triples = Int32Array.from([...groups(rows).values()].filter((trials) => trials.length === REPEATS).flatMap((trials) => [...trials]));
  }

  /** images shown exactly three times */
  get images(): number {
    return this.#triples.length / REPEATS;
  }

  /**
   * One experiment: b_t = s_t + ε_t/ncsnr, z = (b − mean)/sd within each session (n − 1), σ² = mean over images of the unbiased variance over their
   * three trials, result √max(0, 1 − σ²)/σ.
   * @param signal noiseless responses by row; float64 or float32
   * @source nsddatapaper main/export_noiseceiling.m (the estimate)
   */
  estimate(signal: ArrayLike<number>, ncsnr: number, random: Random): number {
    const z = new Float64Array(this.#rows.length);
    for (let t = 0; t < z.length; t += 1) z[t] = (signal[this.#rows[t] as number] as number) + random.normal() / ncsnr;
    for (const trials of this.#ofSession) {
      let [sum, squares] = [0, 0];
      for (const t of trials) sum += z[t] as number;
      const mean = sum / trials.length;
      for (const t of trials) squares += ((z[t] as number) - mean) ** 2;
      const sd = Math.sqrt(squares / (trials.length - 1));
      for (const t of trials) z[t] = ((z[t] as number) - mean) / sd;
    }
    let total = 0;
    for (let i = 0; i < this.#triples.length; i += REPEATS) {
      const [a, b, c] = [z[this.#triples[i] as number] as number, z[this.#triples[i + 1] as number] as number, z[this.#triples[i + 2] as number] as number];
      const mean = (a + b + c) / REPEATS;
      total += ((a - mean) ** 2 + (b - mean) ** 2 + (c - mean) ** 2) / (REPEATS - 1);
    }
    const noise = total / this.images;
    return Math.sqrt(Math.max(0, 1 - noise)) / Math.sqrt(noise);
  }
}

/** Positions by value, in the order of first occurrence. */
function groups(values: Int32Array): Map<number, Int32Array> {
  const lists = new Map<number, number[]>();
  values.forEach((value, i) => {
    const list = lists.get(value);
    if (list === undefined) lists.set(value, [i]);
    else list.push(i);
  });
  return new Map([...lists].map(([value, list]) => [value, Int32Array.from(list)]));
}

export interface Agreement {
  /** mean and sd over voxels of (recomputed − expected)/(sampling error) */
  readonly mean: number;
  readonly sd: number;
  /** |mean| and |sd − its expectation| that chance exceeds in about 3 of 1000 comparisons */
  readonly meanLimit: number;
  readonly sdLow: number;
  readonly sdHigh: number;
  readonly agrees: boolean;
}

/** limits in standard errors */
const LIMIT = 3;

/**
 * d_v = (found_v − m_v)/(s_v·√(1 + 1/R)), m_v and s_v mean and sd (R − 1) over R simulated experiments. If found_v is one more draw, d_v has
 * Student's t distribution with R − 1 degrees of freedom: mean 0, variance ν/(ν − 2), kurtosis 3 + 6/(ν − 4).
 * @param replicates R ≥ 6, so that the kurtosis exists
 */
export function agreement(standardised: Float64Array, replicates: number): Agreement {
  const n = standardised.length;
  const freedom = replicates - 1;
  const variance = freedom / (freedom - 2);
  const kurtosis = 3 + 6 / (freedom - 4);
  const mean = standardised.reduce((a, b) => a + b, 0) / n;
  const sd = Math.sqrt(standardised.reduce((sum, d) => sum + (d - mean) ** 2, 0) / (n - 1));
  const meanLimit = LIMIT * Math.sqrt(variance / n);
  const half = LIMIT * variance * Math.sqrt((kurtosis - 1) / n);
  const [sdLow, sdHigh] = [Math.sqrt(Math.max(0, variance - half)), Math.sqrt(variance + half)];
  return { mean, sd, meanLimit, sdLow, sdHigh, agrees: Math.abs(mean) <= meanLimit && sd >= sdLow && sd <= sdHigh };
}

/**
 * (1 + q²)/(2q√N): the sampling error of ncsnr q from N images of three trials if the total variance is known.
 * σ² = 1/(1 + q²) is a mean of 2N squared deviates, so its sd is σ²/√N, and |dq/dσ²| = (1 + q²)²/(2q).
 */
export function nominalError(ncsnr: number, images: number): number {
  return (1 + ncsnr ** 2) / (2 * ncsnr * Math.sqrt(images));
}
