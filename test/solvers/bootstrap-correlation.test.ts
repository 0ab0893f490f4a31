import { readFileSync } from 'node:fs';
import { afterAll, describe, expect, it } from 'vitest';
import { Random } from '../../src/core/random.js';
import { resampleCounts } from '../../src/math/bootstrap.js';
import { pearsonColumns } from '../../src/math/statistics-correlation.js';
import { createOnnxRuntimeService } from '../../src/runtime/onnxruntime-service.js';
import { bootstrapCorrelations } from '../../src/solvers/index.js';

const oracle = (JSON.parse(readFileSync(new URL('../oracles/statistics.json', import.meta.url), 'utf8')) as { bootstrap: { images: number; predicted: number[]; measured: number[]; counts: number[][]; expected: number[][] } }).bootstrap;
const service = createOnnxRuntimeService({ threads: 1 });
afterAll(() => service.dispose());

describe('bootstrapped correlations', () => {
  it('equal numpy.corrcoef of every resample written out', async () => {
    const r = await bootstrapCorrelations(service, Float32Array.from(oracle.predicted), Float32Array.from(oracle.measured), oracle.images, 3, Float32Array.from(oracle.counts.flat()));
    oracle.expected.flat().forEach((expected, i) => expect(Math.abs((r[i] as number) - expected)).toBeLessThan(1e-5));
  });

  it('are NaN for a voxel without variance and do not touch its neighbours, even with means of 1000', async () => {
    const measured = Float32Array.from(oracle.measured, (value, at) => (at % 3 === 1 ? 5 : value));
    const predicted = Float32Array.from(oracle.predicted, (value, at) => (at % 3 === 2 ? value + 1000 : value));
    const r = await bootstrapCorrelations(service, predicted, measured, oracle.images, 3, Float32Array.from(oracle.counts.flat()));
    oracle.expected.forEach((row, b) => {
      expect(r[b * 3 + 1]).toBeNaN();
      expect(Math.abs((r[b * 3] as number) - (row[0] as number))).toBeLessThan(1e-5);
      expect(Math.abs((r[b * 3 + 2] as number) - (row[2] as number))).toBeLessThan(1e-3); // adding 1000 rounds the float32 predictions themselves
    });
  });

  it('are NaN for a resample without variance and never outside [-1, 1], for a voxel that varies in one image only', async () => {
    const [images, voxels, replicates, odd] = [60, 3, 300, 7];
    const random = new Random('one image');
    // Voxel 0: constant but for one image; voxel 1: equal prediction and measurement, |r| = 1; voxel 2: ordinary.
    const predicted = Float32Array.from({ length: images * voxels }, () => random.normal(0.3, 1));
    const measured = Float32Array.from(predicted, (value, at) => {
      if (at % voxels === 0) return Math.floor(at / voxels) === odd ? 1.7 : 0.1;
      return at % voxels === 1 ? value : value + random.normal();
    });
    const counts = resampleCounts(random, images, replicates);
    const r = await bootstrapCorrelations(service, predicted, measured, images, voxels, counts);
    let undrawn = 0;
    for (let b = 0; b < replicates; b += 1) {
      const drawn = Array.from({ length: images }, (_, i) => Array.from({ length: counts[b * images + i] as number }, () => i)).flat();
      const written = (values: Float32Array): Float32Array => Float32Array.from(drawn.flatMap((i) => [...values.subarray(i * voxels, i * voxels + voxels)]));
      const expected = pearsonColumns(written(predicted), written(measured), voxels);
      if (!drawn.includes(odd)) undrawn += 1;
      expect(Number.isNaN(r[b * voxels]), `replicate ${b}`).toBe(!drawn.includes(odd));
      for (let v = 0; v < voxels; v += 1) {
        const found = r[b * voxels + v] as number;
        if (v === 0 && !drawn.includes(odd)) continue;
        expect(Math.abs(found)).toBeLessThanOrEqual(1);
        expect(Math.abs(found - (expected[v] as number))).toBeLessThan(1e-4);
      }
    }
    // (1 - 1/60)^60 = 0.365 of the replicates
    expect(undrawn / replicates).toBeGreaterThan(0.25);
    expect(undrawn / replicates).toBeLessThan(0.5);
  });

  it('draw all trials of an image together: equal to Pearson over the single trials of the images drawn', async () => {
    const [images, voxels, replicates] = [12, 3, 20];
    const random = new Random('trials');
    const repeats = Int32Array.from({ length: images }, (_, i) => 1 + (i % 3));
    const predicted = Float32Array.from({ length: images * voxels }, () => random.normal(2));
    const trials = Array.from(repeats, (n, i) => Array.from({ length: n }, () => Float32Array.from({ length: voxels }, (_, v) => 0.7 * (predicted[i * voxels + v] as number) + random.normal(5))));
    const average = (of: (y: number) => number): Float32Array => Float32Array.from({ length: images * voxels }, (_, at) => {
      const rows = trials[Math.floor(at / voxels)] as Float32Array[];
      return rows.reduce((sum, row) => sum + of(row[at % voxels] as number), 0) / rows.length;
    });
    const counts = resampleCounts(random, images, replicates);
    const r = await bootstrapCorrelations(service, predicted, average((y) => y), images, voxels, counts, { repeats, squares: average((y) => y * y) });
    for (let b = 0; b < replicates; b += 1) {
      const drawn = trials.flatMap((rows, i) => rows.flatMap((row) => Array.from({ length: counts[b * images + i] as number }, () => ({ i, row }))));
      const expected = pearsonColumns(Float32Array.from(drawn.flatMap(({ i }) => [...predicted.subarray(i * voxels, (i + 1) * voxels)])), Float32Array.from(drawn.flatMap(({ row }) => [...row])), voxels);
      for (let v = 0; v < voxels; v += 1) expect(Math.abs((r[b * voxels + v] as number) - (expected[v] as number))).toBeLessThan(1e-5);
    }
  });
});
