/** Whole models on the TensorFlow runtime: exported networks, a transformer block, the network of the main pipeline; forward, differentiated, trained. */
import { afterAll, describe, expect, it } from 'vitest';
import { Random } from '../../../src/core/random.js';
import { tensor } from '../../../src/core/tensor.js';
import type { Tensor } from '../../../src/core/tensor.js';
import { GraphBuilder } from '../../../src/graph/builder.js';
import { decodeModel } from '../../../src/graph/decode.js';
import { encodeModel } from '../../../src/graph/encode.js';
import { differentiate, gradientName } from '../../../src/graph/gradient.js';
import type { Graph, Value } from '../../../src/graph/ir.js';
import * as L from '../../../src/graph/layers.js';
import { trainingStep } from '../../../src/graph/training/step.js';
import { createOnnxRuntimeService } from '../../../src/runtime/onnxruntime-service.js';
import { initialWeights, network } from '../../../src/stages/backbone-train/network.js';
import { fixtureBytes, fixtureJson, unpack } from '../../graph/fixture-tensors.js';
import type { Packed } from '../../graph/fixture-tensors.js';
import { formulaImage, formulaParameter } from '../../rigs/formula-weights.js';
import { tensorflowService, tf } from '../../rigs/tensorflow.js';

/** Two float32 computations of the same network, relative to the largest element: rounding through some tens of operators. */
const NETWORK = 5e-5;
const reference = createOnnxRuntimeService({ threads: 1 });
const service = tensorflowService();
afterAll(() => Promise.all([reference.dispose(), service.dispose()]));

/** Runs the graph on both and compares every output; nothing stays in memory. */
async function expectAgreement(graph: Graph, feeds: Readonly<Record<string, Tensor>>, tolerance = NETWORK): Promise<Record<string, Tensor>> {
  const before = tf.memory().numTensors;
  const bytes = encodeModel(graph);
  const [ours, theirs] = [await service.compile(bytes), await reference.compile(bytes)];
  const [found, expected] = [await ours.run(feeds), await theirs.run(feeds)];
  await Promise.all([ours.dispose(), theirs.dispose()]);
  expect(tf.memory().numTensors).toBe(before);
  for (const { name, shape } of graph.outputs) {
    const [y, z] = [found[name] as Tensor, expected[name] as Tensor];
    expect(y.shape).toEqual(shape);
    expect(relativeDifference(y, z), name).toBeLessThan(tolerance);
  }
  return found;
}

function relativeDifference(found: Tensor, expected: Tensor): number {
  const [y, z] = [found.data, expected.data] as [Float32Array, Float32Array];
  const size = z.reduce((top, value) => Math.max(top, Math.abs(value)), 1e-30);
  return z.reduce((most, value, i) => Math.max(most, Math.abs((y[i] as number) - value)), 0) / size;
}

describe('networks written by torch.onnx.export', () => {
  const fixture = fixtureJson('cnn.json') as { image: Packed; labels: number[]; trained: Record<string, Packed>; losses: number[]; rate: number; betas: [number, number]; eps: number };
  const names = Object.keys(fixture.trained);
  const image = unpack(fixture.image);
  const classes = 5;
  const batch = fixture.labels.length;
  const target = tensor('float32', [batch, classes], Float32Array.from({ length: batch * classes }, (_, i) => Number(fixture.labels[Math.floor(i / classes)] === i % classes)));

  function withLoss(): Graph {
    const decoded = decodeModel(fixtureBytes('cnn.onnx'), { bind: { batch } });
    const b = new GraphBuilder();
    const x = b.input('image', 'float32', (decoded.inputs[0] as Value).shape);
    const wanted = b.input('target', 'float32', [batch, classes]);
    const logits = b.output('logits', b.inline(decoded, { image: x })['logits'] as Value);
    b.output('loss', L.mul(b, L.reduceSum(b, L.mul(b, L.logSoftmax(b, logits, 1), wanted)), -1 / batch));
    return b.build();
  }

  it('give the logits, the loss and the gradients by image and weights of ONNX Runtime', async () => {
    await expectAgreement(differentiate(withLoss(), { of: 'loss', wrt: ['image', ...names] }), { image, target });
  });

  it('train to the losses of PyTorch', async () => {
    const step = trainingStep(withLoss(), { loss: 'loss', groups: [{ parameters: names }], optimiser: { kind: 'adam', beta1: fixture.betas[0], beta2: fixture.betas[1], epsilon: fixture.eps } });
    const program = await service.compile(encodeModel(step.graph));
    let before = 0;
    let state = Object.fromEntries(step.state.map(({ input, initial }) => [input, initial]));
    const losses: number[] = [];
    for (let t = 1; t <= fixture.losses.length; t += 1) {
      const vectors = Object.fromEntries(Object.entries(state).map(([name, data]) => [name, tensor('float32', [data.length], data)]));
      const results = await program.run({ image, target, ...vectors, ...step.scalars(t, fixture.rate) });
      losses.push(Number(results['loss']?.data[0]));
      state = Object.fromEntries(step.state.map(({ input, output }) => [input, results[output]?.data as Float32Array]));
      // the first run holds constants in TensorFlow's order too
      if (t === 1) before = tf.memory().numTensors;
      else expect(tf.memory().numTensors).toBe(before);
    }
    await program.dispose();
    losses.forEach((loss, i) => expect(Math.abs(loss - (fixture.losses[i] as number)), `loss of step ${i + 1}`).toBeLessThan(2e-4));
  });

  it('with what exporters write around convolutions give the value and image gradient of ONNX Runtime', async () => {
    const decoded = decodeModel(fixtureBytes('zoo.onnx'), { bind: { batch: 2 } });
    const b = GraphBuilder.from(decoded);
    b.output('energy', L.sumOfSquares(b, b.output('logits', decoded.values.get('logits') as Value)));
    await expectAgreement(differentiate(b.build(), { of: 'energy', wrt: ['image'] }), { image: unpack((fixtureJson('zoo.json') as { image: Packed }).image) });
  });
});

describe('a block of a vision transformer', () => {
  const [batch, size, patch, width, heads] = [2, 16, 4, 24, 3];
  const tokens = (size / patch) ** 2;
  const depth = width / heads;

  function block(): Graph {
    const b = new GraphBuilder();
    const weight = (name: string, shape: readonly number[]): Value => b.constant(formulaParameter(name, shape), name);
    const norm = (x: Value, name: string): Value => b.op('LayerNormalization', [x, weight(`${name}.weight`, [width]), weight(`${name}.bias`, [width])], { axis: -1, epsilon: 1e-6 });
    const dense = (x: Value, name: string, from: number, to: number): Value => L.add(b, L.matMul(b, x, L.transpose(b, weight(`${name}.weight`, [to, from]), [1, 0])), weight(`${name}.bias`, [to]));
    const image = b.input('image', 'float32', [batch, 3, size, size]);
    const patches = L.conv2d(b, image, weight('patch.weight', [width, 3, patch, patch]), weight('patch.bias', [width]), { stride: patch });
    let x = L.transpose(b, L.reshape(b, patches, [batch, width, tokens]), [0, 2, 1]);
    const heads4 = (y: Value): Value => L.transpose(b, L.reshape(b, y, [batch, tokens, heads, depth]), [0, 2, 1, 3]);
    const [q, k, v] = b.ops('Split', [dense(norm(x, 'norm1'), 'qkv', width, 3 * width), b.ints([width, width, width])], { axis: 2 }, 3).map(heads4) as [Value, Value, Value];
    const scores = L.softmax(b, L.mul(b, L.matMul(b, q, L.transpose(b, k, [0, 1, 3, 2])), 1 / Math.sqrt(depth)), -1);
    const mixed = L.reshape(b, L.transpose(b, L.matMul(b, scores, v), [0, 2, 1, 3]), [batch, tokens, width]);
    x = L.add(b, x, dense(mixed, 'proj', width, width));
    const hidden = dense(norm(x, 'norm2'), 'fc1', width, 4 * width);
    const bent = L.mul(b, L.mul(b, hidden, 0.5), L.add(b, b.op('Erf', [L.mul(b, hidden, Math.SQRT1_2)]), 1));
    b.output('tokens', L.add(b, x, dense(bent, 'fc2', 4 * width, width)));
    b.output('energy', L.sumOfSquares(b, b.op('ReduceMean', [L.add(b, x, dense(bent, 'fc2b', 4 * width, width)), b.ints([1])], { keepdims: 0 })));
    return b.build();
  }

  it('gives the tokens and the gradients by image and weights of ONNX Runtime', async () => {
    await expectAgreement(differentiate(block(), { of: 'energy', wrt: ['image', 'patch.weight', 'qkv.weight', 'norm1.weight'] }), { image: formulaImage(batch, size) });
  });
});

describe('the network of the main pipeline', () => {
  it('gives every layer and the image gradient of ONNX Runtime', async () => {
    const b = new GraphBuilder();
    const cells = network(b, b.input('image', 'float32', [1, 3, 128, 128]), initialWeights(new Random('tensorflow')));
    b.output('cells', cells);
    b.output('energy', L.sumOfSquares(b, cells));
    const found = await expectAgreement(differentiate(b.build(), { of: 'energy', wrt: ['image', 'conv1.weight'] }), { image: formulaImage(1, 128) });
    expect(found[gradientName('image')]?.shape).toEqual([1, 3, 128, 128]);
  });
});
