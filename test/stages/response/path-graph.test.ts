import { afterAll, expect, it } from 'vitest';
import { Random } from '../../../src/core/random.js';
import { tensor, type Tensor } from '../../../src/core/tensor.js';
import { GraphBuilder } from '../../../src/graph/builder.js';
import { decodeModel } from '../../../src/graph/decode.js';
import { encodeModel } from '../../../src/graph/encode.js';
import { add, conv2d, maxPool2d, mul, relu } from '../../../src/graph/layers.js';
import { createOnnxRuntimeService } from '../../../src/runtime/onnxruntime-service.js';
import type { Backbone } from '../../../src/stages/artifacts/backbone.js';
import { alongPoints, programAlong, programEvaluator } from '../../../src/stages/attribute/evaluator.js';
import { pathModel } from '../../../src/stages/response/path-graph.js';
import { responseModel, templateInput } from '../../../src/stages/response/response-graph.js';

const service = createOnnxRuntimeService({ threads: 1 });
afterAll(async () => {
  await service.dispose();
});

const SIZE = 12;
const BATCH = 3;
const random = new Random('path');
const normals = (length: number): Float32Array => Float32Array.from({ length }, () => random.normal());

/** normalisation, a strided convolution, a rectifier, a pool, a second convolution whose product with itself is far from linear */
const backbone: Backbone = (() => {
  const b = new GraphBuilder();
  const first = conv2d(b, b.input('input', 'float32', [1, 3, SIZE, SIZE]), b.floats([5, 3, 3, 3], normals(135)), b.floats([5], normals(5)), { stride: 2, pads: 1 }, 'first');
  const pooled = maxPool2d(b, relu(b, first, 'relu'), { kernel: 3, stride: 2 }, 'pool');
  const second = conv2d(b, pooled, b.floats([4, 5, 1, 1], normals(20)), undefined, {}, 'second');
  b.output('last', add(b, mul(b, second, second), second));
  const preprocessing = { size: SIZE, crop: 'none' as const, mean: [0.4, 0.5, 0.6] as const, std: [0.2, 0.3, 0.25] as const };
  return { name: 'tiny', input: 'input', digest: 'd', preprocessing, layers: [], model: encodeModel(b.build(), { batch: 'batch' }) };
})();

for (const layers of [['last'], ['relu', 'last'], ['first', 'last'], ['first']]) {
  it(`gives the responses and the weighted gradient of its points, for layers ${layers.join(' and ')}`, async () => {
    const shapes: Record<string, number[]> = { first: [BATCH, 5, 6, 6], relu: [BATCH, 5, 6, 6], last: [BATCH, 4, 2, 2] };
    const feeds: Record<string, Tensor> = Object.fromEntries(layers.map((layer) => {
      const shape = shapes[layer] as number[];
      const one = normals(shape.slice(1).reduce((a, b) => a * b));
      return [templateInput(layer), tensor('float32', shape, Float32Array.from({ length: BATCH * one.length }, (_, i) => one[i % one.length] as number))];
    }));
    const ends = Float32Array.from({ length: 2 * 3 * SIZE * SIZE }, () => random.uniform());
    const position = Float64Array.of(0.25, 0.6, 1);
    const weight = Float64Array.of(0.5, 2, 0);
    const points = programEvaluator(await service.compile(responseModel(backbone, BATCH, layers)), feeds, BATCH, SIZE, 0.5);
    const expected = await alongPoints(points)(ends, position, weight);
    const found = await programAlong(await service.compile(pathModel(backbone, BATCH, layers)), feeds, BATCH, SIZE, 0.5)(ends, position, weight);
    const scale = Math.max(...expected.response.map(Math.abs));
    found.response.forEach((x, b) => expect(Math.abs(x - (expected.response[b] as number))).toBeLessThan(1e-5 * scale));
    const steepest = Math.max(...expected.gradient.map(Math.abs));
    expect(steepest).toBeGreaterThan(0.1);
    expected.gradient.forEach((x, p) => expect(Math.abs(x - (found.gradient[p] as number))).toBeLessThan(1e-5 * steepest));
  });
}

it('takes the first convolution for the two ends of the path only', () => {
  const graph = decodeModel(pathModel(backbone, BATCH, ['last']));
  const batches = graph.nodes.filter((node) => node.op === 'Conv' || node.op === 'ConvTranspose').map((node) => [node.op, graph.values.get(node.outputs[0] ?? '')?.shape.slice(0, 2)]);
  expect(batches).toEqual([['Conv', [2, 5]], ['Conv', [BATCH, 4]], ['Conv', [BATCH, 5]], ['ConvTranspose', [2, 3]]]);
});
