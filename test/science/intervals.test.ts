/**
 * Do the published intervals cover what they claim? Data sets with planted scores, the bootstrap as `evaluate` runs it, and the share of data sets
 * whose interval holds the planted value, against exact binomial bounds. STATISTICS_SCALE multiplies the number of data sets (npm run test:statistics).
 */
import { afterAll, describe, expect, it } from 'vitest';
import { Random } from '../../src/core/random.js';
import { pairedDifference, percentileInterval, resampleCounts } from '../../src/math/bootstrap.js';
import { pearsonColumns, signedSquares } from '../../src/math/statistics-correlation.js';
import { median } from '../../src/math/statistics.js';
import { createOnnxRuntimeService } from '../../src/runtime/onnxruntime-service.js';
import { bootstrapCorrelations } from '../../src/solvers/index.js';
import { scoreRegion, voxelIntervals, type Replicates } from '../../src/stages/evaluate/score-regions.js';
import { normalise } from '../../src/stages/evaluate/score-voxels.js';
import { binomialBounds } from './chance.js';
import { simulateScores, type Planted } from './simulated-scores.js';

const SCALE = Number(process.env['STATISTICS_SCALE'] ?? 1);
const service = createOnnxRuntimeService({ threads: 1 });
afterAll(() => service.dispose());

const say = (text: string): void => { if (SCALE > 1) process.stdout.write(`${text}\n`); };
const within = (low: ArrayLike<number>, high: ArrayLike<number>, truth: ArrayLike<number>): number => Array.from(truth).filter((value, i) => (low[i] as number) <= value && value <= (high[i] as number)).length / truth.length;

/** @param shortfall by how much a percentile interval is known to fall short at this number of images (docs/decisions/0007) */
function expectCoverage(what: string, coverage: number, level: number, dataSets: number, shortfall: number): void {
  const [low, high] = [binomialBounds(dataSets, level - shortfall)[0], binomialBounds(dataSets, level)[1]];
  say(`${what}: ${(100 * coverage).toFixed(1)} % of ${dataSets} at ${100 * level} % (bounds ${(100 * low).toFixed(1)} … ${(100 * high).toFixed(1)})`);
  expect(coverage, what).toBeGreaterThanOrEqual(low);
  expect(coverage, what).toBeLessThanOrEqual(high);
}

const uniform = (low: number, high: number) => (random: Random): number => random.uniform(low, high);
const REPLICATES = 500;
/** data sets that share one draw of resamples; enough draws that no one of them matters */
const A_DRAW = 100;

describe('the interval of a voxel', () => {
  it.each([
    { images: 100, heavyTails: false, shortfall: 0.02 },
    { images: 400, heavyTails: false, shortfall: 0.008 },
    { images: 400, heavyTails: true, shortfall: 0.015 },
  ])('covers the true r at 95 and 80 % with $images images, heavy tails: $heavyTails', async ({ images, heavyTails, shortfall }) => {
    const draws = 8 * SCALE;
    const covered: Record<number, number> = { 0.95: 0, 0.8: 0 };
    const random = new Random(`voxel/${images}/${heavyTails}`);
    for (let draw = 0; draw < draws; draw += 1) {
      const { predicted, measured, truth } = simulateScores(random, { images, dataSets: A_DRAW, voxels: 1, correlation: uniform(0.05, 0.9), heavyTails });
      const r = await bootstrapCorrelations(service, predicted, measured, images, A_DRAW, resampleCounts(random, images, REPLICATES));
      for (const level of [0.95, 0.8]) {
        const { low, high } = voxelIntervals(A_DRAW, { r, count: REPLICATES, level });
        covered[level] = (covered[level] as number) + within(low, high, truth) * A_DRAW;
      }
    }
    for (const level of [0.95, 0.8]) expectCoverage(`r of a voxel, ${images} images, heavy tails ${heavyTails}`, (covered[level] as number) / (draws * A_DRAW), level, draws * A_DRAW, shortfall * (level === 0.8 ? 1.5 : 1));
  });
});

/** The coverage of a region's median r, mean r, median r²/NC and (Σr/Σ√NC)², by scoreRegion. */
async function regionCoverage(planted: Planted, level: number, seed: string): Promise<Record<'median_r' | 'mean_r' | 'median_r2_over_nc' | 'pooled', number>> {
  const { images, dataSets, voxels } = planted;
  const random = new Random(seed);
  const hits = { median_r: 0, mean_r: 0, median_r2_over_nc: 0, pooled: 0 };
  const draws = Math.max(1, Math.ceil(dataSets / A_DRAW));
  const each = Math.ceil(dataSets / draws);
  for (let draw = 0; draw < draws; draw += 1) {
    const { predicted, measured, truth, columns } = simulateScores(random, { ...planted, dataSets: each });
    const ceiling = truth.map((rho) => 1.2 * rho * rho + 0.02);
    const replicates: Replicates = { r: await bootstrapCorrelations(service, predicted, measured, images, columns, resampleCounts(random, images, REPLICATES)), count: REPLICATES, level };
    const r = pearsonColumns(predicted, measured, columns);
    const r2 = signedSquares(r);
    const zeros = new Float64Array(columns);
    const scores = { r, r2, ceiling, normalised: r2.map((value, v) => normalise(value, ceiling[v] as number, 0)), determination: zeros, baseline: zeros, rows: images };
    for (let d = 0; d < each; d += 1) {
      const members = Array.from({ length: voxels }, (_, v) => d * voxels + v);
      const region = scoreRegion({ name: 'region', voxels: members }, scores, 0, replicates, new Float64Array(0));
      const [rhos, ceilings] = [members.map((v) => truth[v] as number), members.map((v) => ceiling[v] as number)];
      const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
      const holds = (interval: { readonly low: number; readonly high: number }, value: number): number => (interval.low <= value && value <= interval.high ? 1 : 0);
      hits.median_r += holds(region.r, median(rhos));
      hits.mean_r += holds(region.meanR, sum(rhos) / voxels);
      hits.median_r2_over_nc += holds(region.normalised, median(rhos.map((rho, i) => (rho * rho) / (ceilings[i] as number))));
      hits.pooled += holds(region.pooled, (sum(rhos) / sum(ceilings.map(Math.sqrt))) ** 2);
    }
  }
  return { median_r: hits.median_r / (draws * each), mean_r: hits.mean_r / (draws * each), median_r2_over_nc: hits.median_r2_over_nc / (draws * each), pooled: hits.pooled / (draws * each) };
}

describe('the interval of a region', () => {
  it.each([0.95, 0.8])('covers mean r and (Σr/Σ√NC)² at %d, and medians at no less, for 20 voxels and 200 images', async (level) => {
    const dataSets = 300 * SCALE;
    const coverage = await regionCoverage({ images: 200, dataSets, voxels: 20, correlation: uniform(0.1, 0.7) }, level, `region/${level}`);
    expectCoverage('mean r', coverage.mean_r, level, dataSets, 0.02);
    expectCoverage('(Σr/Σ√NC)²', coverage.pooled, level, dataSets, 0.02);
    // Medians over few voxels jump less than their replicates do: their intervals may be too long, never shorter than they say.
    for (const name of ['median_r', 'median_r2_over_nc'] as const) {
      say(`${name}: ${(100 * coverage[name]).toFixed(1)} % of ${dataSets} at ${100 * level} %`);
      expect(coverage[name], name).toBeGreaterThanOrEqual(binomialBounds(dataSets, level - 0.02)[0]);
    }
  });

  it('of a mean holds where that of a median does not: skewed scores of many noisy voxels, 100 images', async () => {
    const dataSets = 60 * SCALE;
    const skewed = (random: Random): number => 0.8 * random.uniform() ** 4;
    const coverage = await regionCoverage({ images: 100, dataSets, voxels: 200, correlation: skewed }, 0.95, 'skewed');
    expectCoverage('mean r, skewed', coverage.mean_r, 0.95, dataSets, 0.02);
    expectCoverage('(Σr/Σ√NC)², skewed', coverage.pooled, 0.95, dataSets, 0.02);
    say(`median r, skewed: ${(100 * coverage.median_r).toFixed(1)} %; median r²/NC ${(100 * coverage.median_r2_over_nc).toFixed(1)} %`);
    expect(coverage.median_r).toBeLessThan(0.9);
  });
});

describe('the interval of single trials', () => {
  it('covers the true r when all trials of an image are drawn together, and does not when they are drawn one by one', async () => {
    const [images, snr, level] = [100, 1.5, 0.95];
    const truth = snr / Math.hypot(1, snr);
    const draws = 6 * SCALE;
    const repeats = Int32Array.from({ length: images }, (_, i) => 1 + (i % 3));
    const trialCount = repeats.reduce((a, b) => a + b, 0);
    let [together, apart] = [0, 0];
    const random = new Random('trials');
    for (let draw = 0; draw < draws; draw += 1) {
      const [x, means, squares] = [new Float32Array(images * A_DRAW), new Float32Array(images * A_DRAW), new Float32Array(images * A_DRAW)];
      const [trialX, trialY] = [new Float32Array(trialCount * A_DRAW), new Float32Array(trialCount * A_DRAW)];
      for (let i = 0, t = 0; i < images; i += 1) {
        const n = repeats[i] as number;
        for (let d = 0; d < A_DRAW; d += 1) {
          const at = i * A_DRAW + d;
          x[at] = random.normal();
          for (let k = 0; k < n; k += 1) {
            const y = snr * (x[at] as number) + random.normal();
            trialX[(t + k) * A_DRAW + d] = x[at] as number;
            trialY[(t + k) * A_DRAW + d] = y;
            means[at] = (means[at] as number) + y / n;
            squares[at] = (squares[at] as number) + (y * y) / n;
          }
        }
        t += n;
      }
      const share = async (r: Promise<Float32Array>): Promise<number> => {
        const { low, high } = voxelIntervals(A_DRAW, { r: await r, count: REPLICATES, level });
        return within(low, high, new Float64Array(A_DRAW).fill(truth));
      };
      together += await share(bootstrapCorrelations(service, x, means, images, A_DRAW, resampleCounts(random, images, REPLICATES), { repeats, squares }));
      apart += await share(bootstrapCorrelations(service, trialX, trialY, trialCount, A_DRAW, resampleCounts(random, trialCount, REPLICATES)));
    }
    expectCoverage('single trials, images drawn', together / draws, level, draws * A_DRAW, 0.025);
    say(`single trials drawn one by one: ${((100 * apart) / draws).toFixed(1)} %`);
    expect(apart / draws).toBeLessThan(binomialBounds(draws * A_DRAW, level - 0.025)[0]);
  });
});

describe('the paired difference of two models', () => {
  it('covers the true difference, finds nothing where nothing is, and is shorter than two separate intervals, for models that share most of what they see', async () => {
    const [images, voxels, level, replicates] = [150, 10, 0.95, 300];
    const draws = 3 * SCALE;
    let [covered, found, shorter] = [0, 0, 0];
    const random = new Random('paired');
    for (let draw = 0; draw < draws; draw += 1) {
      const { predicted, measured, columns } = simulateScores(random, { images, dataSets: A_DRAW, voxels, correlation: uniform(0.3, 0.6) });
      // Two models that are equally good by construction: the same predictions, each with errors of its own.
      const [a, b] = [predicted, predicted].map((x) => x.map((value) => value + 0.5 * random.normal())) as [Float32Array, Float32Array];
      const counts = resampleCounts(random, images, replicates);
      const scored = async (x: Float32Array) => ({ r: pearsonColumns(x, measured, columns), drawn: await bootstrapCorrelations(service, x, measured, images, columns, counts) });
      const [scoresA, scoresB] = [await scored(a), await scored(b)];
      for (let d = 0; d < A_DRAW; d += 1) {
        const mean = (r: ArrayLike<number>, row: number): number => {
          let sum = 0;
          for (let v = 0; v < voxels; v += 1) sum += (r[row * columns + d * voxels + v] as number) / voxels;
          return sum;
        };
        const drawnMeans = (r: Float32Array): Float64Array => Float64Array.from({ length: replicates }, (_, k) => mean(r, k));
        const [drawnA, drawnB] = [drawnMeans(scoresA.drawn), drawnMeans(scoresB.drawn)];
        const { low, high, p } = pairedDifference(mean(scoresA.r, 0), mean(scoresB.r, 0), drawnA, drawnB, level);
        if (low <= 0 && 0 <= high) covered += 1;
        if (p <= 0.05) found += 1;
        const separate = [drawnA, drawnB].map((values) => percentileInterval(values, level)).map(([from, to]) => to - from) as [number, number];
        if (high - low < 0.8 * Math.hypot(...separate)) shorter += 1;
      }
    }
    const dataSets = draws * A_DRAW;
    expectCoverage('paired difference', covered / dataSets, level, dataSets, 0.025);
    say(`paired difference: p ≤ 0.05 in ${((100 * found) / dataSets).toFixed(1)} % without a difference; shorter in ${((100 * shorter) / dataSets).toFixed(1)} %`);
    expect(found / dataSets).toBeLessThanOrEqual(binomialBounds(dataSets, 0.075)[1]);
    expect(shorter / dataSets).toBeGreaterThan(0.95);
  });

  it('of medians of r² over voxels, as claims of compare.scores are held, is cautious where nothing is and finds a model with three times the errors, for skewed scores too', async () => {
    const [images, voxels, replicates] = [150, 40, 300];
    const draws = SCALE;
    const random = new Random('paired medians');
    const skewed = (from: Random): number => 0.8 * from.uniform(0, 1) ** 4;
    for (const [name, correlation, errors] of [['uniform', uniform(0.1, 0.7), 0.5], ['skewed', skewed, 0.5], ['uniform', uniform(0.1, 0.7), 1.5]] as const) {
      let [above, found] = [0, 0];
      for (let draw = 0; draw < draws; draw += 1) {
        const { predicted, measured, columns } = simulateScores(random, { images, dataSets: A_DRAW, voxels, correlation });
        const counts = resampleCounts(random, images, replicates);
        const scored = async (x: Float32Array) => ({ r: pearsonColumns(x, measured, columns), drawn: await bootstrapCorrelations(service, x, measured, images, columns, counts) });
        const [a, b] = [await scored(predicted.map((value) => value + 0.5 * random.normal())), await scored(predicted.map((value) => value + errors * random.normal()))];
        for (let d = 0; d < A_DRAW; d += 1) {
          const squares = (r: ArrayLike<number>, row: number): number => median(signedSquares(Float64Array.from({ length: voxels }, (_, v) => r[row * columns + d * voxels + v] as number)));
          const [drawnA, drawnB] = [a, b].map(({ drawn }) => Float64Array.from({ length: replicates }, (_, k) => squares(drawn, k))) as [Float64Array, Float64Array];
          const { low, p } = pairedDifference(squares(a.r, 0), squares(b.r, 0), drawnA, drawnB, 0.95);
          if (low > 0) above += 1;
          if (p <= 0.05) found += 1;
        }
      }
      const dataSets = draws * A_DRAW;
      say(`paired difference of medians of r², ${name} scores, errors 0.5 and ${errors}: interval above 0 in ${((100 * above) / dataSets).toFixed(1)} %, p ≤ 0.05 in ${((100 * found) / dataSets).toFixed(1)} % of ${dataSets}`);
      if (errors !== 0.5) {
        expect(above / dataSets).toBeGreaterThan(0.9);
        continue;
      }
      expect(above / dataSets, name).toBeLessThanOrEqual(binomialBounds(dataSets, 0.0375)[1]);
      expect(found / dataSets, name).toBeLessThanOrEqual(binomialBounds(dataSets, 0.075)[1]);
    }
  });

  it('is undefined for undefined scores and refused for replicates that are not paired', () => {
    expect(pairedDifference(NaN, 1, [1, 2], [1, 2], 0.95)).toEqual({ difference: NaN, low: NaN, high: NaN, p: NaN });
    expect(pairedDifference(3, 1, [3, NaN, 4], [1, 1, 3], 0.95)).toMatchObject({ difference: 2, p: 2 / 3 });
    expect(() => pairedDifference(1, 2, [1], [1, 2], 0.95)).toThrow('not paired');
  });
});
