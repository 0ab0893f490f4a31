/** Values, gradients and training steps against PyTorch (fixtures of tools/oracles/gradients.py, PyTorch 1.13.1). */
import { afterAll, describe, expect, it } from 'vitest';
import { tensor } from '../../src/core/tensor.js';
import type { Tensor } from '../../src/core/tensor.js';
import { GraphBuilder } from '../../src/graph/builder.js';
import { decodeModel } from '../../src/graph/decode.js';
import { encodeModel } from '../../src/graph/encode.js';
import { differentiate, gradientName } from '../../src/graph/gradient.js';
import type { Graph, Value } from '../../src/graph/ir.js';
import * as L from '../../src/graph/layers.js';
import { trainingStep } from '../../src/graph/training/step.js';
import { createOnnxRuntimeService } from '../../src/runtime/onnxruntime-service.js';
import { fixtureBytes, fixtureJson, unpack, worst } from './fixture-tensors.js';
import type { Packed } from './fixture-tensors.js';
import { ADAM_FLOAT32, NETWORK_FLOAT32, OPERATOR_FLOAT32 } from './tolerances.js';

const service = createOnnxRuntimeService({ threads: 1 });
afterAll(() => service.dispose());

async function run(graph: Graph, feeds: Readonly<Record<string, Tensor>>): Promise<Record<string, Tensor>> {
  const program = await service.compile(encodeModel(graph));
  const results = await program.run(feeds);
  await program.dispose();
  return results;
}

interface OperatorCase {
  readonly inputs: readonly Packed[];
  readonly seed: Packed;
  readonly output: Packed;
  readonly gradients: readonly Packed[];
}

const half = { coordinate_transformation_mode: 'half_pixel' };
const EMIT: Readonly<Record<string, (b: GraphBuilder, x: readonly Value[]) => Value>> = {
  'conv 3x3 pad 1': (b, [x, w, c]) => L.conv2d(b, x as Value, w as Value, c, { pads: 1 }),
  'conv 5x5 stride 2 pad 2 from rgb': (b, [x, w, c]) => L.conv2d(b, x as Value, w as Value, c, { stride: 2, pads: 2 }),
  'conv 3x3 stride 2 dilation 2 groups 2': (b, [x, w]) => L.conv2d(b, x as Value, w as Value, undefined, { stride: 2, pads: 1, dilation: 2, group: 2 }),
  'conv 1x1': (b, [x, w, c]) => L.conv2d(b, x as Value, w as Value, c),
  'maxpool 2x2': (b, [x]) => L.maxPool2d(b, x as Value, { kernel: 2 }),
  'maxpool 3x3 stride 2 pad 1': (b, [x]) => L.maxPool2d(b, x as Value, { kernel: 3, stride: 2, pads: 1 }),
  'maxpool 2x2 with ties': (b, [x]) => L.maxPool2d(b, x as Value, { kernel: 2 }),
  'maxpool 3x3 stride 2 pad 1 with ties': (b, [x]) => L.maxPool2d(b, x as Value, { kernel: 3, stride: 2, pads: 1 }),
  'relu then maxpool 2x2 with ties': (b, [x]) => L.maxPool2d(b, L.relu(b, x as Value), { kernel: 2 }),
  'avgpool 2x2': (b, [x]) => L.averagePool2d(b, x as Value, { kernel: 2 }),
  'avgpool 4x4 ceil existing only': (b, [x]) => L.averagePool2d(b, x as Value, { kernel: 4, ceil: true }),
  'avgpool 3x3 stride 2 pad 1 counting padding': (b, [x]) => L.averagePool2d(b, x as Value, { kernel: 3, stride: 2, pads: 1, countPadding: true }),
  'softmax over channels': (b, [x]) => L.softmax(b, x as Value, 1),
  'log softmax over channels': (b, [x]) => L.logSoftmax(b, x as Value, 1),
  'logsumexp over space': (b, [x]) => L.logSumExp(b, x as Value, [2, 3]),
  'clamp at its bounds': (b, [x]) => b.op('Clip', [x, b.scalar(-1), b.scalar(1)]),
  'maximum with ties': (b, [x, y]) => L.maximum(b, x as Value, y as Value),
  'amax with ties': (b, [x]) => L.reduceMax(b, x as Value, [1]),
  'relu at zero': (b, [x]) => L.relu(b, x as Value),
  'bilinear resize': (b, [x]) => L.resize(b, x as Value, [5, 9]),
  'bicubic resize': (b, [x]) => b.op('Resize', [x, undefined, undefined, b.ints([1, 2, 9, 11])], { mode: 'cubic', ...half }),
  'reflect pad': (b, [x]) => L.pad(b, x as Value, [0, 0, 3, 2, 0, 0, 2, 1], 'reflect'),
  'replicate pad': (b, [x]) => L.pad(b, x as Value, [0, 0, 3, 2, 0, 0, 2, 1], 'edge'),
  'layer norm': (b, [x, w, c]) => b.op('LayerNormalization', [x, w, c], { epsilon: 1e-5 }),
};

const operators = fixtureJson('operators.json') as Record<string, OperatorCase>;

describe('one operator', () => {
  it('has a graph for every fixture and a fixture for every graph', () => {
    expect(Object.keys(EMIT).sort()).toEqual(Object.keys(operators).sort());
  });

  it.each(Object.keys(operators))('%s: value and gradients are those of PyTorch', async (name) => {
    const fixture = operators[name] as OperatorCase;
    const b = new GraphBuilder();
    const inputs = fixture.inputs.map(unpack);
    const values = inputs.map((input, i) => b.input(`x${i}`, 'float32', input.shape));
    b.output('y', (EMIT[name] as (typeof EMIT)[string])(b, values));
    const wrt = values.map((value) => value.name);
    const graph = differentiate(b.build(), { of: 'y', wrt, seed: 'seed' });
    const results = await run(graph, { ...Object.fromEntries(inputs.map((input, i) => [`x${i}`, input])), seed: unpack(fixture.seed) });
    expect(worst(results['y'] as Tensor, unpack(fixture.output))).toBeLessThan(OPERATOR_FLOAT32);
    wrt.forEach((input, i) => expect(worst(results[gradientName(input)] as Tensor, unpack(fixture.gradients[i] as Packed)), input).toBeLessThan(OPERATOR_FLOAT32));
  });
});

interface CnnFixture {
  readonly image: Packed;
  readonly labels: readonly number[];
  readonly rate: number;
  readonly betas: [number, number];
  readonly eps: number;
  readonly logits: Packed;
  readonly gradients: Readonly<Record<string, Packed>>;
  readonly losses: readonly number[];
  readonly trained: Readonly<Record<string, Packed>>;
}

/** The decoded network with the mean cross-entropy of one-hot targets as `loss`. */
function withLoss(network: Graph, targets: readonly [number, number]): Graph {
  const b = new GraphBuilder();
  const image = b.input('image', 'float32', (network.inputs[0] as Value).shape);
  const target = b.input('target', 'float32', targets);
  const logits = b.output('logits', b.inline(network, { image })['logits'] as Value);
  b.output('loss', L.mul(b, L.reduceSum(b, L.mul(b, L.logSoftmax(b, logits, 1), target)), -1 / targets[0]));
  return b.build();
}

describe('a small network written by torch.onnx.export', () => {
  const fixture = fixtureJson('cnn.json') as CnnFixture;
  const image = unpack(fixture.image);
  const classes = 5;
  const names = Object.keys(fixture.trained);
  const target = tensor('float32', [fixture.labels.length, classes], Float32Array.from({ length: fixture.labels.length * classes }, (_, i) => Number(fixture.labels[Math.floor(i / classes)] === i % classes)));
  const graph = withLoss(decodeModel(fixtureBytes('cnn.onnx'), { bind: { batch: fixture.labels.length } }), [fixture.labels.length, classes]);

  it('gives the logits, the loss and the gradients by image and weights of PyTorch', async () => {
    const results = await run(differentiate(graph, { of: 'loss', wrt: ['image', ...names] }), { image, target });
    expect(worst(results['logits'] as Tensor, unpack(fixture.logits))).toBeLessThan(NETWORK_FLOAT32);
    expect(Math.abs(Number(results['loss']?.data[0]) - (fixture.losses[0] as number))).toBeLessThan(NETWORK_FLOAT32);
    for (const [name, expected] of Object.entries(fixture.gradients)) {
      const gradient = unpack(expected);
      const size = gradient.data.reduce((top, value) => Math.max(top, Math.abs(value)), 0);
      expect(worst(results[gradientName(name)] as Tensor, gradient, size), name).toBeLessThan(NETWORK_FLOAT32);
    }
  });

  it('trains as torch.optim.Adam does: the losses of three steps and the weights after them', async () => {
    const [beta1, beta2] = fixture.betas;
    const step = trainingStep(graph, { loss: 'loss', groups: [{ parameters: names }], optimiser: { kind: 'adam', beta1, beta2, epsilon: fixture.eps } });
    const program = await service.compile(encodeModel(step.graph), { label: 'training step' });
    let state = Object.fromEntries(step.state.map(({ input, initial }) => [input, initial]));
    const losses: number[] = [];
    for (let t = 1; t <= fixture.losses.length; t += 1) {
      const vectors = Object.fromEntries(Object.entries(state).map(([name, data]) => [name, tensor('float32', [data.length], data)]));
      const results = await program.run({ image, target, ...vectors, ...step.scalars(t, fixture.rate) });
      losses.push(Number(results['loss']?.data[0]));
      state = Object.fromEntries(step.state.map(({ input, output }) => [input, results[output]?.data as Float32Array]));
    }
    await program.dispose();
    losses.forEach((loss, i) => expect(Math.abs(loss - (fixture.losses[i] as number)), `loss of step ${i + 1}`).toBeLessThan(ADAM_FLOAT32));
    const trained = step.weights(state);
    for (const name of names) expect(worst(trained.get(name) as Tensor, unpack(fixture.trained[name] as Packed)), name).toBeLessThan(ADAM_FLOAT32);
  });
});

describe('a model with what exporters write around convolutions', () => {
  const fixture = fixtureJson('zoo.json') as { image: Packed; logits: Packed; gradient: Packed };

  it('is decoded with its symbolic batch bound and gives the value and image gradient of PyTorch', async () => {
    const network = decodeModel(fixtureBytes('zoo.onnx'), { bind: { batch: 2 }, label: 'zoo.onnx' });
    const b = GraphBuilder.from(network);
    const logits = b.output('logits', network.values.get('logits') as Value);
    b.output('energy', L.sumOfSquares(b, logits));
    const results = await run(differentiate(b.build(), { of: 'energy', wrt: ['image'] }), { image: unpack(fixture.image) });
    expect(worst(results['logits'] as Tensor, unpack(fixture.logits))).toBeLessThan(NETWORK_FLOAT32);
    expect(worst(results[gradientName('image')] as Tensor, unpack(fixture.gradient))).toBeLessThan(NETWORK_FLOAT32);
  });
});
