/**
 * Is the noise ceiling the r² that a perfect model reaches? Simulated voxels with planted signal and noise and images of one, two and three repeats.
 * STATISTICS_SCALE multiplies the number of data sets (npm run test:statistics).
 */
import { describe, expect, it } from 'vitest';
import { Random } from '../../src/core/random.js';
import { pearsonColumns, signedSquares } from '../../src/math/statistics-correlation.js';
import { NcsnrAccumulator, noiseCeiling, repeatCeiling } from '../../src/math/statistics-reliability.js';
import { quantile } from '../../src/math/statistics.js';
import { binomialBounds, meanAndError, STANDARD_ERRORS } from './chance.js';

const SCALE = Number(process.env['STATISTICS_SCALE'] ?? 1);
const say = (text: string): void => { if (SCALE > 1) process.stdout.write(`${text}\n`); };

interface Simulated {
  readonly repeats: Int32Array;
  /** float32 [image, voxel] */
  readonly signal: Float32Array;
  readonly means: Float32Array;
  readonly squares: Float32Array;
}

/** Voxels of total variance 1: signal ncsnr/√(1 + ncsnr²), noise 1/√(1 + ncsnr²) a trial. Every voxel is a data set of its own. */
function simulate(random: Random, images: number, voxels: number, ncsnr: number, repeatsOf: (image: number) => number): Simulated {
  const repeats = Int32Array.from({ length: images }, (_, i) => repeatsOf(i));
  const [signal, means, squares] = [new Float32Array(images * voxels), new Float32Array(images * voxels), new Float32Array(images * voxels)];
  const noise = 1 / Math.hypot(1, ncsnr);
  for (let at = 0; at < signal.length; at += 1) {
    const n = repeats[Math.floor(at / voxels)] as number;
    signal[at] = ncsnr * noise * random.normal();
    for (let k = 0; k < n; k += 1) {
      const y = (signal[at] as number) + noise * random.normal();
      means[at] = (means[at] as number) + y / n;
      squares[at] = (squares[at] as number) + (y * y) / n;
    }
  }
  return { repeats, signal, means, squares };
}

const mixed = (image: number): number => (image % 10 < 5 ? 3 : image % 10 < 8 ? 2 : 1);

describe('the noise ceiling', () => {
  it.each([
    { ncsnr: 0.3, images: 100 }, { ncsnr: 0.3, images: 500 }, { ncsnr: 0.8, images: 100 }, { ncsnr: 2, images: 100 },
  ])('is what a perfect model reaches with mixed repeats, but for the known bias of r²: ncsnr $ncsnr, $images images', ({ ncsnr, images }) => {
    const voxels = Math.round((60_000 * SCALE) / images);
    const { repeats, signal, means, squares } = simulate(new Random(`ceiling/${ncsnr}/${images}`), images, voxels, ncsnr, mixed);
    const ceiling = noiseCeiling([ncsnr], repeats)[0] as number;
    const r2 = signedSquares(pearsonColumns(signal, means, voxels));
    const bias = ((1 - ceiling) * (1 - 2 * ceiling)) / images;
    const reached = meanAndError(r2);
    say(`ncsnr ${ncsnr}, ${images} images: NC ${ceiling.toFixed(4)}, mean r² of a perfect model ${reached.mean.toFixed(4)} ± ${reached.error.toFixed(4)}, bias expected ${bias.toFixed(4)}; share above NC ${(r2.filter((x) => x > ceiling).length / voxels).toFixed(2)}`);
    expect(Math.abs(reached.mean - ceiling - bias)).toBeLessThan(STANDARD_ERRORS * reached.error + 3 / images ** 2);
    // The second estimator sees neither ncsnr nor a total variance of 1, only the repeats of these images.
    const alone = repeatCeiling(means, squares, repeats);
    const second = meanAndError(alone);
    const expectedShift = (-2 * (1 - ceiling)) / (images - 1); // E[1/s²] > 1/E[s²]
    say(`   from the repeats alone ${second.mean.toFixed(4)} ± ${second.error.toFixed(4)}, quartiles ${quantile(alone, 0.25).toFixed(3)} … ${quantile(alone, 0.75).toFixed(3)}`);
    expect(Math.abs(second.mean - ceiling - expectedShift)).toBeLessThan(STANDARD_ERRORS * second.error + 0.1 * (1 - ceiling) * Math.sqrt(1 / images));
  });

  it('with the number of repeats of most images in place of the mean of 1/n would be wrong: the check bites', () => {
    const { repeats, signal, means } = simulate(new Random('bites'), 200, 300, 0.8, mixed);
    const wrong = noiseCeiling([0.8], [3])[0] as number;
    const reached = meanAndError(signedSquares(pearsonColumns(signal, means, 300)));
    expect(wrong - reached.mean).toBeGreaterThan(STANDARD_ERRORS * reached.error);
    expect(Math.abs((noiseCeiling([0.8], repeats)[0] as number) - reached.mean)).toBeLessThan(STANDARD_ERRORS * reached.error);
  });

  it('of three repeats from the repeats alone is Spearman and Brown’s formula on the mean correlation of two trials', () => {
    const [images, n] = [4000, 3];
    const random = new Random('spearman');
    const trials = Float32Array.from({ length: images * n }, () => 0);
    const [means, squares] = [new Float32Array(images), new Float32Array(images)];
    for (let i = 0; i < images; i += 1) {
      const s = random.normal();
      for (let k = 0; k < n; k += 1) {
        const y = s + 1.5 * random.normal();
        trials[i * n + k] = y;
        means[i] = (means[i] as number) + y / n;
        squares[i] = (squares[i] as number) + (y * y) / n;
      }
    }
    const column = (k: number): Float32Array => Float32Array.from({ length: images }, (_, i) => trials[i * n + k] as number);
    const pairs = [[0, 1], [0, 2], [1, 2]].map(([a, b]) => pearsonColumns(column(a as number), column(b as number), 1)[0] as number);
    const r = pairs.reduce((sum, value) => sum + value / pairs.length, 0);
    expect(repeatCeiling(means, squares, new Int32Array(images).fill(n))[0]).toBeCloseTo((n * r) / (1 + (n - 1) * r), 2);
    expect(repeatCeiling([1, 2, 3], [1, 4, 9], [1, 1, 1])[0]).toBeNaN();
    expect(repeatCeiling([1, 1, 1], [2, 2, 2], [2, 2, 2])[0]).toBeNaN();
  });

  it('of noise alone is 0 half the time, and passes the default threshold of 0.05 in some 30 % of voxels with 1,000 images, 5 % with 10,000', () => {
    const voxels = 150;
    for (const [images, expected] of [[1000, 0.3], [10_000, 0.05]] as const) {
      // The mean of N variances of three trials, noise of variance 1, is χ² with 2N degrees of freedom over 2N: normal with variance 1/N but for its third moment.
      const random = new Random(`nothing/${images}`);
      const accumulator = new NcsnrAccumulator(voxels);
      for (let i = 0; i < images; i += 1) accumulator.addImage(Float32Array.from({ length: 3 * voxels }, () => random.normal()));
      const ceilings = noiseCeiling(accumulator.ncsnr(), [3]);
      const share = (holds: (ceiling: number) => boolean): number => ceilings.filter(holds).length / voxels;
      const [zeroLow, zeroHigh] = binomialBounds(voxels, 0.5);
      expect(share((ceiling) => ceiling === 0)).toBeGreaterThanOrEqual(zeroLow);
      expect(share((ceiling) => ceiling === 0)).toBeLessThanOrEqual(zeroHigh);
      const [low, high] = binomialBounds(voxels, expected);
      expect(share((ceiling) => ceiling >= 0.05)).toBeGreaterThanOrEqual(low);
      expect(share((ceiling) => ceiling >= 0.05)).toBeLessThanOrEqual(high);
    }
  });
});
