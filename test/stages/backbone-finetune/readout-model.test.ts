/** Both forms of a trained readout against plain loops, and the nearest outer product against what it must be. */
import { afterAll, describe, expect, it } from 'vitest';
import { Random } from '../../../src/core/random.js';
import { tensor } from '../../../src/core/tensor.js';
import { GraphBuilder } from '../../../src/graph/builder.js';
import { encodeModel } from '../../../src/graph/encode.js';
import { createOnnxRuntimeService } from '../../../src/runtime/onnxruntime-service.js';
import type { FeatureLayer } from '../../../src/stages/artifacts/features.js';
import { bestOuterProduct } from '../../../src/stages/backbone-finetune/outer-product.js';
import { pooledName } from '../../../src/stages/backbone-finetune/pooled-graph.js';
import { expandReadout, featureCount, predict, randomReadout, type ReadoutForm } from '../../../src/stages/backbone-finetune/readout-model.js';

const service = createOnnxRuntimeService({ threads: 1 });
afterAll(() => service.dispose());
const random = new Random('readout model');
const [BATCH, VOXELS] = [3, 4];
const layers: FeatureLayer[] = [
  { name: 'a', channels: [0, 1, 2], grid: [2, 2], offset: 0, map: [3, 8, 8] },
  { name: 'b', channels: [1, 4], grid: [2, 2], offset: 12, map: [6, 4, 4] },
  { name: 'c', channels: [0, 1, 2, 3, 4], grid: [1, 1], offset: 20, map: [5, 1, 1] },
];
const standard = layers.map(({ channels }) => ({ mean: Float64Array.from(channels, () => random.normal()), scale: Float64Array.from(channels, () => random.uniform(0.5, 2)) }));
const features = Float32Array.from({ length: BATCH * featureCount(layers) }, () => random.normal(1, 2));

describe.each<ReadoutForm>(['factorised', 'linear-on-grid'])('a %s readout', (form) => {
  it('predicts what its expansion to raw features predicts', async () => {
    const weights = randomReadout(form, layers, VOXELS, random.fork(form));
    (weights.get('readout/intercept')?.data as Float32Array).set([1, 2, 3, 4]);
    const b = new GraphBuilder();
    const pooled = Object.fromEntries(layers.map(({ name, channels, grid, offset }) => {
      const width = channels.length * grid[0] * grid[1];
      const data = Float32Array.from({ length: BATCH * width }, (_, i) => features[Math.floor(i / width) * featureCount(layers) + offset + (i % width)] as number);
      return [pooledName(name), b.constant(tensor('float32', [BATCH, channels.length, grid[0] * grid[1]], data), name)];
    }));
    b.output('y', predict(b, form, layers, standard, weights, pooled));
    const program = await service.compile(encodeModel(b.build()));
    const found = (await program.run({}))['y']?.data as Float32Array;
    await program.dispose();
    const linear = expandReadout(form, layers, standard, weights, VOXELS);
    for (let i = 0; i < BATCH; i += 1) {
      for (let v = 0; v < VOXELS; v += 1) {
        let sum = linear.intercept[v] as number;
        for (let p = 0; p < featureCount(layers); p += 1) sum += (features[i * featureCount(layers) + p] as number) * (linear.weights[p * VOXELS + v] as number);
        expect(found[i * VOXELS + v]).toBeCloseTo(sum, 4);
      }
    }
  });
});

describe('bestOuterProduct', () => {
  const product = ({ left, right }: { left: Float64Array; right: Float64Array }): number[] => [...left].flatMap((a) => [...right].map((b) => a * b));
  it('finds an outer product again, with both parts of one size', () => {
    const [a, c] = [Float64Array.of(1, -2, 3), Float64Array.of(0.5, 4)];
    const matrix = Float64Array.from(product({ left: a, right: c }));
    const found = bestOuterProduct(matrix, 3, 2);
    product(found).forEach((x, i) => expect(x).toBeCloseTo(matrix[i] as number, 10));
    expect(Math.hypot(...found.left)).toBeCloseTo(Math.hypot(...found.right), 10);
  });

  it('leaves a residual that is orthogonal to both parts, and of the size of the other singular value', () => {
    // singular values 3 and 1, rotated
    const [s, c] = [Math.sin(0.7), Math.cos(0.7)];
    const matrix = Float64Array.of(3 * c * c + s * s, 3 * c * s - s * c, 3 * s * c - c * s, 3 * s * s + c * c);
    const residual = product(bestOuterProduct(matrix, 2, 2)).map((x, i) => (matrix[i] as number) - x);
    expect(Math.hypot(...residual)).toBeCloseTo(1, 8);
  });

  it('gives a matrix of zeros a field that gradients can pass', () => {
    const { left, right } = bestOuterProduct(new Float64Array(6), 2, 3);
    expect([...left]).toEqual([0, 0]);
    expect(Math.hypot(...right)).toBeCloseTo(1, 12);
  });
});
