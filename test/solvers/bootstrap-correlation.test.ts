import { readFileSync } from 'node:fs';
import { afterAll, describe, expect, it } from 'vitest';
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
});
