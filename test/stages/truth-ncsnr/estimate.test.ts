/** The planted noise against the loader's: the simulated estimate, its sampling error, and a verdict that notices a wrong one. */
import { describe, expect, it } from 'vitest';
import { Random } from '../../../src/core/random.js';
import { NcsnrAccumulator } from '../../../src/math/statistics-reliability.js';
import { zscoreSession } from '../../../src/stages/nsd-voxels/zscore.js';
import { NcsnrSimulator, agreement, nominalError } from '../../../src/stages/truth-ncsnr/simulate-estimate.js';

const IMAGES = 200;
const SESSIONS = 4;
/** every image three times, in shuffled order */
const rows = new Random('order').permutation(3 * IMAGES).map((i) => Math.floor(i / 3));
const sessions = rows.map((_, t) => Math.floor((t * SESSIONS) / rows.length));
const random = new Random('signal');
const raw = Float64Array.from({ length: IMAGES }, () => random.normal());
const mean = raw.reduce((a, b) => a + b, 0) / IMAGES;
const sd = Math.sqrt(raw.reduce((sum, x) => sum + (x - mean) ** 2, 0) / IMAGES);
const signal = raw.map((x) => (x - mean) / sd);

describe('NcsnrSimulator', () => {
  it('estimates what the loader estimates from the same trials', () => {
    const simulator = new NcsnrSimulator({ rows, sessions });
    const found = simulator.estimate(signal, 0.7, new Random('noise'));
    const noise = new Random('noise');
    const betas = Float32Array.from(rows, (row) => (signal[row] as number) + noise.normal() / 0.7);
    const perSession = rows.length / SESSIONS;
    for (let s = 0; s < SESSIONS; s += 1) zscoreSession(betas.subarray(s * perSession, (s + 1) * perSession), 1, () => true, new Uint8Array(1));
    const loader = new NcsnrAccumulator(1);
    for (let image = 0; image < IMAGES; image += 1) loader.addImage(Float32Array.from([...rows.keys()].filter((t) => rows[t] === image), (t) => betas[t] as number));
    expect(found).toBeCloseTo(loader.ncsnr()[0] as number, 4);
    expect(simulator.images).toBe(IMAGES);
  });

  it('uses images with exactly three trials only', () => {
    expect(new NcsnrSimulator({ rows: Int32Array.of(0, 0, 1, 1, 1, 2, 2, 2, 2), sessions: new Int32Array(9) }).images).toBe(1);
  });

  it('scatters by about the nominal sampling error around the planted value', () => {
    const simulator = new NcsnrSimulator({ rows, sessions });
    const noise = new Random('replicates');
    for (const planted of [0.5, 1.5]) {
      const draws = Float64Array.from({ length: 400 }, () => simulator.estimate(signal, planted, noise));
      const centre = draws.reduce((a, b) => a + b, 0) / draws.length;
      const spread = Math.sqrt(draws.reduce((sum, draw) => sum + (draw - centre) ** 2, 0) / (draws.length - 1));
      const nominal = nominalError(planted, IMAGES);
      expect(Math.abs(centre - planted)).toBeLessThan(nominal);
      // z-scoring by the data's own variance takes part of the error away: never more than the nominal one plus its own sampling error
      expect(spread).toBeLessThan(1.15 * nominal);
      expect(spread).toBeGreaterThan(0.5 * nominal);
    }
  });
});

describe('agreement', () => {
  const R = 20;
  /** Student's t as the stage forms it, from fresh normal draws; `bias` in sampling errors */
  const standardised = (seed: string, count: number, bias: number, scale = 1): Float64Array => {
    const noise = new Random(seed);
    return Float64Array.from({ length: count }, () => {
      const draws = Float64Array.from({ length: R }, () => noise.normal());
      const centre = draws.reduce((a, b) => a + b, 0) / R;
      const error = Math.sqrt(draws.reduce((sum, draw) => sum + (draw - centre) ** 2, 0) / (R - 1));
      return (bias + scale * noise.normal() - centre) / (error * Math.sqrt(1 + 1 / R));
    });
  };

  it('holds in nearly all experiments where the estimate is right', () => {
    const right = Array.from({ length: 200 }, (_, k) => agreement(standardised(`right ${k}`, 100, 0), R).agrees).filter(Boolean).length;
    expect(right).toBeGreaterThanOrEqual(196);
  });

  it('notices half a sampling error of bias, and errors that are half as large again or half as small', () => {
    expect(agreement(standardised('biased', 200, 0.5), R).agrees).toBe(false);
    expect(agreement(standardised('wide', 200, 0, 1.5), R).agrees).toBe(false);
    expect(agreement(standardised('narrow', 200, 0, 0.5), R).agrees).toBe(false);
  });
});
