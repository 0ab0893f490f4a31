/** Small numerical parts that several stages share, against PyTorch. */
import { readFileSync } from 'node:fs';
import { afterAll, describe, expect, it } from 'vitest';
import { tensor } from '../../src/core/tensor.js';
import { GraphBuilder } from '../../src/graph/builder.js';
import { encodeModel } from '../../src/graph/encode.js';
import { differentiate, gradientName } from '../../src/graph/gradient.js';
import { gaussianBlur } from '../../src/math/blur.js';
import { createOnnxRuntimeService } from '../../src/runtime/onnxruntime-service.js';
import { CELL_CLASSES, CELL_GRID } from '../../src/stages/artifacts/labelled-images.js';
import { IMAGE_CLASSES, loss } from '../../src/stages/backbone-train/network.js';
import { poolingMatrix } from '../../src/stages/response/pooling.js';

interface Oracle {
  readonly pooling: readonly { height: number; width: number; rows: number; columns: number; map: number[]; means: number[] }[];
  readonly blur: readonly { height: number; width: number; sd: number; planes: number[]; blurred: number[] }[];
  readonly loss: { batch: number; weight: number; logits: number[]; labels: number[]; cells: number[]; loss: number; gradient: number[] };
}
const oracle = JSON.parse(readFileSync(new URL('../oracles/stages.json', import.meta.url), 'utf8')) as Oracle;
/** values of order 1 in float32 */
const FLOAT32 = 2e-6;
const largestDifference = (a: ArrayLike<number>, b: ArrayLike<number>): number => {
  expect(a.length).toBe(b.length);
  return Array.from(a).reduce((worst, x, i) => Math.max(worst, Math.abs(x - (b[i] as number))), 0);
};

describe('poolingMatrix', () => {
  for (const { height, width, rows, columns, map, means } of oracle.pooling) {
    it(`takes the means of adaptive_avg_pool2d from ${height}x${width} to ${rows}x${columns}`, () => {
      const matrix = poolingMatrix(height, width, rows, columns);
      const cells = rows * columns;
      const pooled = Array.from({ length: cells }, (_, cell) => map.reduce((sum, x, pixel) => sum + x * (matrix[pixel * cells + cell] as number), 0));
      expect(largestDifference(pooled, means)).toBeLessThan(FLOAT32);
    });
  }
});

describe('gaussianBlur', () => {
  for (const { height, width, sd, planes, blurred } of oracle.blur) {
    it(`equals the recipe's blur with a replicated border at ${height}x${width}, sd ${sd}`, () => {
      expect(largestDifference(gaussianBlur(Float32Array.from(planes), height, width, sd), blurred)).toBeLessThan(FLOAT32);
    });
  }
});

describe('loss of the backbone', () => {
  const service = createOnnxRuntimeService({ threads: 1 });
  afterAll(() => service.dispose());

  it('has the value and the gradient by the cell logits that PyTorch finds', async () => {
    const { batch, weight, logits, labels, cells, loss: value, gradient } = oracle.loss;
    const shape = [batch, CELL_CLASSES.length, CELL_GRID, CELL_GRID];
    const builder = new GraphBuilder();
    const z = builder.input('logits', 'float32', shape);
    const imageTargets = builder.input('imageTargets', 'float32', [batch, IMAGE_CLASSES.length]);
    const cellTargets = builder.input('cellTargets', 'float32', shape);
    builder.output('loss', loss(builder, z, imageTargets, cellTargets, weight));
    const program = await service.compile(encodeModel(differentiate(builder.build(), { of: 'loss', wrt: ['logits'] })), { label: 'loss' });
    const images = new Float32Array(batch * IMAGE_CLASSES.length);
    labels.forEach((label, b) => (images[b * IMAGE_CLASSES.length + label] = 1));
    const plane = CELL_GRID * CELL_GRID;
    const oneHot = new Float32Array(logits.length);
    cells.forEach((kind, i) => (oneHot[(Math.floor(i / plane) * CELL_CLASSES.length + kind) * plane + (i % plane)] = 1));
    const result = await program.run({
      logits: tensor('float32', shape, Float32Array.from(logits)), imageTargets: tensor('float32', [batch, IMAGE_CLASSES.length], images), cellTargets: tensor('float32', shape, oneHot),
    });
    expect(Math.abs((result['loss']?.data[0] as number) - value)).toBeLessThan(5 * FLOAT32);
    expect(largestDifference(result[gradientName('logits')]?.data as Float32Array, gradient)).toBeLessThan(FLOAT32);
  });
});
