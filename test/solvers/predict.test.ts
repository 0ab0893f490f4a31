import { afterAll, describe, expect, it } from 'vitest';
import { createOnnxRuntimeService } from '../../src/runtime/onnxruntime-service.js';
import { predictTargets } from '../../src/solvers/index.js';

const service = createOnnxRuntimeService({ threads: 1 });
afterAll(() => service.dispose());

const readout = { featureCount: 2, weights: Float32Array.of(1, 0, 2, 10, 100, 0), intercept: Float32Array.of(1, 2, 3) };

describe('predictions of a readout', () => {
  it('are rows times weights plus intercept, the same whatever the batches are', async () => {
    const all = Float32Array.from({ length: 600 }, (_, at) => at % 7);
    const rows = (from: number, count: number): Float32Array => all.subarray(from * 2, (from + count) * 2);
    const found = await predictTargets(service, readout, 300, rows);
    for (let i = 0; i < 300; i += 1) {
      const [a, b] = [all[i * 2] as number, all[i * 2 + 1] as number];
      expect([...found.subarray(i * 3, i * 3 + 3)]).toEqual([1 + a + 10 * b, 2 + 100 * b, 3 + 2 * a]);
    }
  });

  it('are refused for rows or weights of another width', async () => {
    const rows = (_: number, count: number): Float32Array => new Float32Array(count * 3);
    await expect(predictTargets(service, readout, 4, rows)).rejects.toMatchObject({ code: 'E_DATA', facts: { expected: '[4, 2], 8 values', found: '12 values' } });
    await expect(predictTargets(service, { ...readout, featureCount: 3 }, 4, rows)).rejects.toMatchObject({ code: 'E_DATA', message: 'the weights do not fit the readout' });
  });
});
