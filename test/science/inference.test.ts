/**
 * Are p values uniform when nothing is there, and do the corrections hold their rates? Simulations with exact bounds; each has a deliberately wrong analysis
 * beside it that the same bound catches. STATISTICS_SCALE multiplies the number of data sets (npm run test:statistics).
 */
import { afterAll, describe, expect, it } from 'vitest';
import { Random } from '../../src/core/random.js';
import { benjaminiHochberg, benjaminiYekutieli, largestStatisticP } from '../../src/math/statistics-inference.js';
import { pearsonColumns } from '../../src/math/statistics-correlation.js';
import { createOnnxRuntimeService } from '../../src/runtime/onnxruntime-service.js';
import { permutationTest } from '../../src/stages/evaluate/permutation-test.js';
import type { Region } from '../../src/stages/evaluate/score-regions.js';
import { binomialBounds, distanceFromUniform, distributionBound, meanAndError, STANDARD_ERRORS } from './chance.js';

const SCALE = Number(process.env['STATISTICS_SCALE'] ?? 1);
const service = createOnnxRuntimeService({ threads: 1 });
afterAll(() => service.dispose());
const say = (text: string): void => { if (SCALE > 1) process.stdout.write(`${text}\n`); };
const everywhere: readonly Region[] = [{ name: 'all voxels', voxels: [] }];
const whole = (voxels: number): Region => ({ name: 'all voxels', voxels: Array.from({ length: voxels }, (_, v) => v) });
const noProgress = (): void => undefined;
const { signal } = new AbortController();

describe('permutation p values', () => {
  const PERMUTATIONS = 199;

  it.each([16, 60, 250])('are uniform for voxels that the predictions say nothing about, with %i images of one to three repeats', async (images) => {
    const [draws, voxels] = [12 * SCALE, 150];
    const random = new Random(`null/${images}`);
    const p: number[] = [];
    for (let draw = 0; draw < draws; draw += 1) {
      // Means of fewer repeats are noisier, and a slow drift runs through the session: neither has anything to do with what an image shows.
      const measured = Float32Array.from({ length: images * voxels }, (_, at) => random.normal() / Math.sqrt(1 + (Math.floor(at / voxels) % 3)) + Math.floor(at / voxels) / images);
      const predicted = Float32Array.from({ length: images * voxels }, () => random.normal() ** 3);
      const r = pearsonColumns(predicted, measured, voxels);
      const test = await permutationTest(service, { predicted, measured, images, r, regions: everywhere }, PERMUTATIONS, random, noProgress, signal);
      p.push(...test.p);
    }
    const distance = distanceFromUniform(p, PERMUTATIONS + 1);
    say(`permutation p, ${images} images: distance ${distance.toFixed(4)} of ${p.length} (bound ${distributionBound(p.length).toFixed(4)}), p ≤ 0.05 in ${((100 * p.filter((x) => x <= 0.05).length) / p.length).toFixed(2)} %`);
    expect(distance).toBeLessThan(distributionBound(p.length));
    expect(Math.min(...p)).toBeGreaterThanOrEqual(1 / (PERMUTATIONS + 1));
  });

  it('of single trials shuffled as if they were independent are not uniform: the check bites', async () => {
    const [images, voxels, repeats] = [60, 1500, 3];
    const random = new Random('pseudo');
    const rows = images * repeats;
    const [predicted, measured] = [new Float32Array(rows * voxels), new Float32Array(rows * voxels)];
    for (let i = 0; i < images; i += 1) {
      for (let v = 0; v < voxels; v += 1) {
        const [x, signalOfImage] = [random.normal(), random.normal()];
        for (let k = 0; k < repeats; k += 1) {
          predicted[(i * repeats + k) * voxels + v] = x;
          measured[(i * repeats + k) * voxels + v] = signalOfImage + random.normal();
        }
      }
    }
    const r = pearsonColumns(predicted, measured, voxels);
    const { p } = await permutationTest(service, { predicted, measured, images: rows, r, regions: everywhere }, PERMUTATIONS, random, noProgress, signal);
    expect(distanceFromUniform([...p], PERMUTATIONS + 1)).toBeGreaterThan(distributionBound(p.length));
  });

  it('of regions are uniform one by one, and a family of five without effects holds its error rate only when corrected', async () => {
    const [dataSets, images, regions, each] = [150 * SCALE, 40, 5, 6];
    const random = new Random('family');
    const voxels = regions * each;
    const named = [whole(voxels), ...Array.from({ length: regions }, (_, k): Region => ({ name: String(k), voxels: Array.from({ length: each }, (__, v) => k * each + v) }))];
    const single: number[] = [];
    let [corrected, uncorrected] = [0, 0];
    for (let d = 0; d < dataSets; d += 1) {
      const predicted = new Float32Array(images * voxels);
      const measured = new Float32Array(images * voxels);
      for (let i = 0; i < images; i += 1) {
        for (let k = 0; k < regions; k += 1) {
          const [x, y] = [random.normal(), random.normal()];
          // the later a region, the more its voxels have in common: null distributions of unequal width
          const common = (k + 1) / (regions + 1);
          for (let v = k * each; v < (k + 1) * each; v += 1) {
            predicted[i * voxels + v] = common * x + (1 - common) * random.normal();
            measured[i * voxels + v] = common * y + (1 - common) * random.normal();
          }
        }
      }
      const r = pearsonColumns(predicted, measured, voxels);
      const { regionP, familyP } = await permutationTest(service, { predicted, measured, images, r, regions: named }, 99, random, noProgress, signal);
      single.push(regionP[1 + (d % regions)] as number);
      expect(familyP[0]).toBeNaN();
      if (familyP.subarray(1).some((p) => p <= 0.05)) corrected += 1;
      if (regionP.subarray(1).some((p) => p <= 0.05)) uncorrected += 1;
    }
    const [low, high] = binomialBounds(dataSets, 0.05);
    say(`families: ${((100 * corrected) / dataSets).toFixed(1)} % with a corrected p ≤ 0.05 (bounds ${(100 * low).toFixed(1)} … ${(100 * high).toFixed(1)}), ${((100 * uncorrected) / dataSets).toFixed(1)} % uncorrected`);
    expect(distanceFromUniform(single, 100)).toBeLessThan(distributionBound(single.length));
    expect(corrected / dataSets).toBeGreaterThanOrEqual(low);
    expect(corrected / dataSets).toBeLessThanOrEqual(high);
    expect(uncorrected / dataSets).toBeGreaterThan(high);
  });
});

describe('the largest statistic of a family', () => {
  it('gives the p of counting by hand, leaves out undefined members, and equals the plain p for a family of one', () => {
    const nulls = [0, 10, NaN, 1, 30, NaN, 2, 20, NaN, 3, 0, NaN];
    // standardised: member 0 has mean 1.5 and sd √1.25, member 1 mean 15 and sd √125, so 3 is 1.34 above and 30 is 1.34 above
    const p = largestStatisticP([3, 15, 5], nulls);
    expect([...p]).toEqual([3 / 5, 4 / 5, NaN]);
    expect([...largestStatisticP([2.5], [0, 1, 2, 3])]).toEqual([2 / 5]);
    expect([...largestStatisticP([], [])]).toEqual([]);
    expect([...largestStatisticP([1, 2], [])]).toEqual([NaN, NaN]);
  });
});

describe('the false discovery rate', () => {
  const alpha = 0.2;
  const normalTail = (z: number): number => 1 - normalCdf(z);
  const falseShare = (adjusted: Float64Array, nulls: number): number => {
    const rejected = Array.from(adjusted.keys()).filter((i) => (adjusted[i] as number) <= alpha);
    return rejected.length === 0 ? 0 : rejected.filter((i) => i < nulls).length / rejected.length;
  };

  it('of Benjamini and Hochberg is π₀α for independent tests: exactly α when nothing is there', () => {
    const [dataSets, tests] = [4000 * SCALE, 40];
    const random = new Random('fdr');
    let anything = 0;
    let uncorrected = 0;
    const shares = new Float64Array(dataSets);
    for (let d = 0; d < dataSets; d += 1) {
      const nothing = Float64Array.from({ length: tests }, () => random.uniform());
      if (benjaminiHochberg(nothing).some((q) => q <= alpha)) anything += 1;
      if (nothing.some((p) => p <= alpha)) uncorrected += 1;
      shares[d] = falseShare(benjaminiHochberg(Float64Array.from({ length: tests }, (_, i) => normalTail(random.normal(i < 30 ? 0 : 2.5)))), 30);
    }
    const [low, high] = binomialBounds(dataSets, alpha);
    expect(anything / dataSets).toBeGreaterThanOrEqual(low);
    expect(anything / dataSets).toBeLessThanOrEqual(high);
    expect(uncorrected / dataSets).toBeGreaterThan(high);
    const { mean, error } = meanAndError(shares);
    say(`BH, independent: ${((100 * anything) / dataSets).toFixed(2)} % with a rejection of nothing (20); false share ${(100 * mean).toFixed(2)} ± ${(100 * error).toFixed(2)} % (15)`);
    expect(Math.abs(mean - 0.75 * alpha)).toBeLessThan(STANDARD_ERRORS * error);
  });

  it('of Benjamini and Hochberg is at most π₀α for positively dependent tests', () => {
    const [dataSets, tests] = [3000 * SCALE, 40];
    const random = new Random('positive');
    const shares = Float64Array.from({ length: dataSets }, () => {
      const common = random.normal();
      return falseShare(benjaminiHochberg(Float64Array.from({ length: tests }, (_, i) => normalTail((common + random.normal()) * Math.SQRT1_2 + (i < 30 ? 0 : 2.5)))), 30);
    });
    const { mean, error } = meanAndError(shares);
    say(`BH, positive dependence: false share ${(100 * mean).toFixed(2)} ± ${(100 * error).toFixed(2)} % (at most 15)`);
    expect(mean).toBeLessThan(0.75 * alpha + STANDARD_ERRORS * error);
  });

  it('of Benjamini and Yekutieli holds under the dependence of two tests that is worst for Benjamini and Hochberg', () => {
    const dataSets = 8000 * SCALE;
    const random = new Random('worst');
    let [hochberg, yekutieli] = [0, 0];
    for (let d = 0; d < dataSets; d += 1) {
      const first = random.uniform();
      // Each is uniform; one is below α/2 only when the other is just above α, and between α/2 and α both are equal: BH then errs in 1.5α of cases.
      const second = first <= alpha / 2 ? first + alpha : first > alpha && first <= 1.5 * alpha ? first - alpha : first;
      if (benjaminiHochberg([first, second]).some((q) => q <= alpha)) hochberg += 1;
      if (benjaminiYekutieli([first, second]).some((q) => q <= alpha)) yekutieli += 1;
    }
    say(`worst dependence of two: BH ${((100 * hochberg) / dataSets).toFixed(2)} % (30), BY ${((100 * yekutieli) / dataSets).toFixed(2)} % (at most 20)`);
    expect(hochberg / dataSets).toBeGreaterThanOrEqual(binomialBounds(dataSets, 1.5 * alpha)[0]);
    expect(yekutieli / dataSets).toBeLessThanOrEqual(binomialBounds(dataSets, alpha)[1]);
  });
});

/** Φ(z). @source Abramowitz & Stegun 26.2.17; |error| < 7.5e-8 */
function normalCdf(z: number): number {
  if (z < 0) return 1 - normalCdf(-z);
  const t = 1 / (1 + 0.2316419 * z);
  const poly = t * (0.31938153 + t * (-0.356563782 + t * (1.781477937 + t * (-1.821255978 + t * 1.330274429))));
  return 1 - (Math.exp((-z * z) / 2) / Math.sqrt(2 * Math.PI)) * poly;
}
