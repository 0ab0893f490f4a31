import { describe, expect, it } from 'vitest';
import { integratedGradients } from '../../../src/stages/attribute/integrated-gradients.js';
import { batchFor } from '../../../src/stages/attribute/evaluator.js';
import { FLOAT32, image, oracle, oracleEvaluator, PIXELS, start } from './oracle-function.js';

describe('integratedGradients', () => {
  for (const c of oracle.cases) {
    for (const batch of [1, 3, 16]) {
      it(`equals Captum's with ${c.nodes} nodes in batches of ${batch}`, async () => {
        const result = await integratedGradients(oracleEvaluator(batch), image, [start], { nodes: c.nodes, maxNodes: c.nodes, tolerance: 1e-9 });
        result.map.forEach((x, p) => expect(Math.abs(x - (c.map[p] as number))).toBeLessThan(FLOAT32));
        expect(result.response).toBeCloseTo(oracle.response, 5);
        expect(result.baselineResponse).toBeCloseTo(oracle.baseline, 5);
        expect(result.gap * Math.abs(oracle.response - oracle.baseline)).toBeCloseTo(Math.abs(c.delta), 5);
      });
    }
  }

  it('is the mean of Captum\'s maps over several baselines, and complete against their mean response', async () => {
    const references = [0, 1, 2].map((k) => Float32Array.from(oracle.references.slice(k * PIXELS, (k + 1) * PIXELS)));
    const result = await integratedGradients(oracleEvaluator(16), image, references, { nodes: 16, maxNodes: 16, tolerance: 1e-3 });
    result.map.forEach((x, p) => expect(Math.abs(x - (oracle.expected[p] as number))).toBeLessThan(FLOAT32));
    expect(result.gap).toBeLessThan(1e-3);
  });

  it('asks for both ends in the runs of the nodes: 14 nodes and their ends are one run of 16', async () => {
    const evaluator = oracleEvaluator(16);
    await integratedGradients(evaluator, image, [start], { nodes: 14, maxNodes: 14, tolerance: 1 });
    expect(evaluator.calls).toBe(1);
  });

  it('doubles the nodes until the map is complete', async () => {
    const result = await integratedGradients(oracleEvaluator(4), image, [start], { nodes: 1, maxNodes: 64, tolerance: 1e-4 });
    expect(result.gap).toBeLessThanOrEqual(1e-4);
    expect(result.nodes).toBeGreaterThan(1);
    expect(Math.log2(result.nodes) % 1).toBe(0);
  });

  it('says how large the gap is when the nodes are used up', async () => {
    const result = await integratedGradients(oracleEvaluator(4), image, [start], { nodes: 1, maxNodes: 2, tolerance: 1e-12 });
    expect(result.nodes).toBe(2);
    expect(result.gap).toBeGreaterThan(1e-12);
  });

  it('is zero everywhere from an image to itself', async () => {
    const result = await integratedGradients(oracleEvaluator(4), image, [image], { nodes: 4, maxNodes: 4, tolerance: 0.01 });
    expect(Math.max(...result.map.map(Math.abs))).toBe(0);
    expect(result.gap).toBe(0);
  });
});

describe('batchFor', () => {
  it('takes as few runs as the largest batch would, and leaves no run half empty', () => {
    for (let points = 1; points <= 200; points += 1) {
      const batch = batchFor(points, 16);
      expect(Math.ceil(points / batch)).toBe(Math.ceil(points / 16));
      expect(batch * Math.ceil(points / batch) - points).toBeLessThan(Math.ceil(points / 16));
    }
    expect(batchFor(66, 16)).toBe(14);
  });
});
