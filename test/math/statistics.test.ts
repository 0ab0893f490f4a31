import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { percentileInterval, resampleCounts } from '../../src/math/bootstrap.js';
import { groupedFolds } from '../../src/math/folds.js';
import { benjaminiHochberg, benjaminiYekutieli, largestStatisticP, permutationP } from '../../src/math/statistics-inference.js';
import { ColumnAgreement, pearsonColumns, signedSquares } from '../../src/math/statistics-correlation.js';
import { NcsnrAccumulator, noiseCeiling, repeatCeiling } from '../../src/math/statistics-reliability.js';
import { countNaN, finiteOrNull, median, percentileOfScore, quantile } from '../../src/math/statistics.js';
import { Random } from '../../src/core/random.js';

type Stored = (number | null | 'inf')[];
const oracle = JSON.parse(readFileSync(new URL('../oracles/statistics.json', import.meta.url), 'utf8')) as Record<string, Record<string, Stored>>;
const numbers = (group: string, name: string): Float64Array => Float64Array.from((oracle[group] as Record<string, Stored>)[name] as Stored, (value) => (value === null ? NaN : value === 'inf' ? Infinity : value));

function expectClose(found: ArrayLike<number>, expected: ArrayLike<number>, tolerance: number): void {
  expect(found.length).toBe(expected.length);
  for (let i = 0; i < expected.length; i += 1) {
    const [f, e] = [found[i] as number, expected[i] as number];
    if (Number.isNaN(e)) expect(f, `element ${i}`).toBeNaN();
    else expect(Math.abs(f - e), `element ${i}: ${f} for ${e}`).toBeLessThanOrEqual(tolerance * Math.max(1, Math.abs(e)));
  }
}

describe('order statistics', () => {
  const values = numbers('quantiles', 'values');

  it('equal numpy.nanquantile and nanmedian, and leave NaN out', () => {
    expectClose(Array.from(numbers('quantiles', 'q'), (q) => quantile(values, q)), numbers('quantiles', 'expected'), 1e-15);
    expect(median(values)).toBeCloseTo((oracle['quantiles'] as unknown as { median: number }).median, 15);
    expect(countNaN(values)).toBe(3);
    expect(median([NaN])).toBeNaN();
    expect(median([])).toBeNaN();
  });

  it('become null in JSON where they are not finite', () => {
    expect([0, -2.5, NaN, Infinity, -Infinity].map(finiteOrNull)).toEqual([0, -2.5, null, null, null]);
  });

  it('place a score as scipy.stats.percentileofscore does', () => {
    expectClose(Array.from(numbers('percentiles', 'scores'), (score) => percentileOfScore(values, score)), numbers('percentiles', 'expected'), 1e-14);
    expect(percentileOfScore([1, 2], NaN)).toBeNaN();
  });

  it('find the median by selection where sorting finds it, ties and infinities among the values', () => {
    const value = fc.oneof(fc.integer({ min: -3, max: 3 }), fc.double({ noNaN: false }), fc.constantFrom(Infinity, -Infinity));
    fc.assert(fc.property(fc.array(value, { maxLength: 60 }), (list) => {
      const kept = list.filter((x) => !Number.isNaN(x)).sort((a, b) => a - b);
      const [low, high] = [kept[(kept.length - 1) >> 1] as number, kept[kept.length >> 1] as number];
      const found = median(list);
      if (kept.length === 0) expect(found).toBeNaN();
      else if (low === high) expect(found).toBe(low);
      else expect(Object.is(found, quantile(list, 1 / 2)) || Math.abs(found - (low / 2 + high / 2)) <= 1e-12 * Math.abs(high - low)).toBe(true);
    }), { seed: 4, numRuns: 300 });
  });

  it('do not change under permutation of the values', () => {
    fc.assert(
      fc.property(fc.array(fc.double({ noNaN: false }), { minLength: 1, maxLength: 40 }), fc.integer(), fc.double({ min: 0, max: 1, noNaN: true }), (list, seed, q) => {
        const shuffled = Array.from(new Random(seed).permutation(list.length), (i) => list[i] as number);
        expect(quantile(shuffled, q)).toBe(quantile(list, q));
      }),
      { seed: 1, numRuns: 100 },
    );
  });
});

describe('agreement of columns', () => {
  const [predicted, measured] = [numbers('agreement', 'predicted'), numbers('agreement', 'measured')];

  it('equals scipy.stats.pearsonr and sklearn r2_score, with NaN for columns without variance or with a NaN', () => {
    expectClose(pearsonColumns(predicted, measured, 6), numbers('agreement', 'pearson'), 1e-10);
    const agreement = new ColumnAgreement(6);
    for (let at = 0; at < predicted.length; at += 6) agreement.addRow(predicted, at, measured, at);
    expectClose(agreement.determination(), numbers('agreement', 'determination'), 1e-10);
    expect(agreement.rows).toBe(23);
  });

  it('does not change when predictions are shifted and scaled, and turns its sign when they are negated', () => {
    const r = pearsonColumns(predicted, measured, 6);
    expectClose(pearsonColumns(predicted.map((x) => 3 * x + 7), measured, 6), r, 1e-10);
    expectClose(pearsonColumns(predicted.map((x) => -x), measured, 6), r.map((x) => -x), 1e-12);
    expectClose(signedSquares([-0.5, 0.5, NaN]), [-0.25, 0.25, NaN], 0);
  });

  it('is undefined for a single row', () => {
    expect([...pearsonColumns(Float64Array.of(1, 2), Float64Array.of(3, 4), 2)]).toEqual([NaN, NaN]);
  });

  it('refuses matrices of two sizes', () => {
    expect(() => pearsonColumns(new Float64Array(4), new Float64Array(6), 2)).toThrow('do not match');
  });
});

describe('reliability', () => {
  const trials = Float32Array.from(numbers('ncsnr', 'trials'));
  const [images, voxels] = [60, 8];
  const accumulated = (chosen: (image: number) => boolean): Float32Array => {
    const accumulator = new NcsnrAccumulator(voxels);
    for (let i = 0; i < images; i += 1) if (chosen(i)) accumulator.addImage(trials.subarray(i * 3 * voxels, (i + 1) * 3 * voxels));
    return accumulator.ncsnr();
  };

  it("equals NSD's procedure on all images and on its two splits, with NaN where a voxel has no valid image", () => {
    expectClose(accumulated(() => true), numbers('ncsnr', 'expected'), 1e-6);
    expectClose(accumulated((i) => i % 2 === 0), numbers('ncsnr', 'split1'), 1e-6);
    expectClose(accumulated((i) => i % 2 === 1), numbers('ncsnr', 'split2'), 1e-6);
    expect(accumulated(() => false).every(Number.isNaN)).toBe(true);
  });

  it('gives the published ceilings for 3, 1 and mixed repeats', () => {
    const ncsnr = numbers('ncsnr', 'expected');
    expectClose(noiseCeiling(ncsnr, [3, 3]), numbers('ncsnr', 'ceiling3'), 1e-12);
    expectClose(noiseCeiling(ncsnr, [1]), numbers('ncsnr', 'ceiling1'), 1e-12);
    const mixed = [12, 5, 3].flatMap((count, i) => Array.from({ length: count }, () => 3 - i));
    expectClose(noiseCeiling(ncsnr, mixed), numbers('ncsnr', 'ceilingMixed'), 1e-12);
    expectClose(noiseCeiling([0, NaN, Infinity], [3]), [0, NaN, 1], 0);
  });

  it('gives the ceiling of unequal repeats by analysis of variance as numpy does', () => {
    expectClose(repeatCeiling(numbers('repeatCeiling', 'means'), numbers('repeatCeiling', 'squares'), numbers('repeatCeiling', 'repeats')), numbers('repeatCeiling', 'expected'), 1e-12);
  });

  it('recovers a planted ncsnr: 0.5, 1 and 2 from 4,000 images of three repeats', () => {
    const planted = [0.5, 1, 2];
    const random = new Random('ncsnr');
    const accumulator = new NcsnrAccumulator(3);
    const rows = new Float32Array(9);
    for (let i = 0; i < 4000; i += 1) {
      planted.forEach((snr, v) => {
        const total = Math.sqrt(1 + snr * snr);
        const signal = (snr * random.normal()) / total;
        for (let k = 0; k < 3; k += 1) rows[k * 3 + v] = signal + random.normal() / total;
      });
      accumulator.addImage(rows);
    }
    accumulator.ncsnr().forEach((found, v) => expect(Math.abs(found / (planted[v] as number) - 1)).toBeLessThan(0.06));
  });
});

describe('inference', () => {
  it('adjusts p values as scipy.stats.false_discovery_control does, whatever NaN stand between them', () => {
    const p = numbers('fdr', 'p');
    expectClose(benjaminiHochberg(p), numbers('fdr', 'expected'), 1e-14);
    expectClose(benjaminiYekutieli(p), numbers('fdr', 'yekutieli'), 1e-14);
    const withNaN = [NaN, ...p, NaN];
    expectClose(benjaminiHochberg(withNaN), [NaN, ...numbers('fdr', 'expected'), NaN], 1e-14);
  });

  it('compares a family by its largest standardised statistic as numpy does', () => {
    expectClose(largestStatisticP(numbers('largestStatistic', 'observed'), numbers('largestStatistic', 'nulls')), numbers('largestStatistic', 'expected'), 1e-15);
  });

  it('counts the observed order among the permutations, so that p is never 0', () => {
    const nullDistribution = numbers('permutation', 'null');
    expectClose(Array.from(numbers('permutation', 'observed'), (o) => permutationP(o, nullDistribution)), numbers('permutation', 'expected'), 1e-15);
    expect(permutationP(NaN, nullDistribution)).toBeNaN();
  });

  it('takes the quantiles of the replicates as percentile interval, undefined ones left out', () => {
    const values = numbers('quantiles', 'values');
    expectClose([...percentileInterval(values, 0.95)], [0.025, 0.975].map((q) => quantile(values, q)), 1e-15);
    expect(percentileInterval([NaN, 4, NaN], 0.5)).toEqual([4, 4]);
    expect(percentileInterval([], 0.5)).toEqual([NaN, NaN]);
  });

  it('draws as many images as there are, in every replicate, and the same ones from the same seed', () => {
    const counts = resampleCounts(new Random('s'), 11, 5);
    for (let b = 0; b < 5; b += 1) expect(counts.subarray(b * 11, b * 11 + 11).reduce((a, c) => a + c, 0)).toBe(11);
    expect(resampleCounts(new Random('s'), 11, 5)).toEqual(counts);
  });
});

describe('grouped folds', () => {
  it('keep all rows of an image together, are balanced, and do not depend on the order of the rows', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 30 }), { minLength: 60, maxLength: 120 }), fc.integer({ min: 2, max: 5 }), (ids, count) => {
        fc.pre(new Set(ids).size >= count);
        const folds = groupedFolds(ids, count, new Random('folds'));
        const byImage = new Map<number, number>();
        ids.forEach((id, row) => {
          expect(byImage.get(id) ?? folds[row]).toBe(folds[row]);
          byImage.set(id, folds[row] as number);
        });
        const sizes = Array.from({ length: count }, (_, fold) => [...byImage.values()].filter((f) => f === fold).length);
        expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(1);
        expect([...groupedFolds([...ids].reverse(), count, new Random('folds'))].reverse()).toEqual([...folds]);
      }),
      { seed: 2, numRuns: 50 },
    );
  });

  it('refuse fewer images than folds', () => {
    expect(() => groupedFolds([4, 4, 4], 2, new Random(1))).toThrow('1 images cannot be dealt to 2 folds');
  });
});
