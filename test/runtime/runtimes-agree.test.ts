/** Whole networks on two runtimes that share no code: one of each family here, `npm run test:runtimes` has all of them, on WebGPU and TensorFlow too. */
import { afterAll, describe, expect, it } from 'vitest';
import { architectureOf } from '../../src/architectures/index.js';
import { createOnnxRuntimeService } from '../../src/runtime/onnxruntime-service.js';
import { agreement, answer, FORWARD, GRADIENT, question } from '../rigs/runtimes-agree.js';
import { tensorflowService } from '../rigs/tensorflow.js';

const SIZE = 32;
const reference = createOnnxRuntimeService({ threads: 1 });
const service = tensorflowService();
afterAll(() => Promise.all([reference.dispose(), service.dispose()]));

describe('ONNX Runtime and TensorFlow.js give the same last layers and the same gradient by the image', () => {
  it.each(['resnet18', 'convnext_tiny', 'vit_small_patch16_224'])('%s', async (id) => {
    const asked = question(architectureOf(id), SIZE);
    const found = await agreement(asked, await answer(service, asked), await answer(reference, asked), reference);
    expect(found.forward).toBeLessThan(FORWARD);
    if (found.nearTies === undefined) expect(found.gradient).toBeLessThan(GRADIENT);
    expect(found.agrees).toBe(true);
  });

  it('and say so of no network with other weights: the comparison sees a difference', async () => {
    const asked = question(architectureOf('resnet18'), SIZE);
    const expected = await answer(reference, asked);
    const gradient = { ...expected.gradient, data: (expected.gradient.data as Float32Array).map((value) => value * 1.01) };
    expect(await agreement(asked, { ...expected, gradient }, expected, reference)).toMatchObject({ forward: 0, agrees: false });
    const [last = ''] = asked.layers.slice(-1);
    const layer = expected.layers[last] as typeof gradient;
    const shifted = { ...layer, data: layer.data.map((value) => value * 1.001) };
    expect((await agreement(asked, { ...expected, layers: { ...expected.layers, [last]: shifted } }, expected, reference)).agrees).toBe(false);
  });
});
