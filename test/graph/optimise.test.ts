/** Rewriting rules: each gives a shorter graph with the same values on ONNX Runtime, leaves what is kept alone, and does not fold trained weights. */
import { afterAll, describe, expect, it } from 'vitest';
import { Random } from '../../src/core/random.js';
import { sizeOf, tensor } from '../../src/core/tensor.js';
import type { Shape, Tensor } from '../../src/core/tensor.js';
import { GraphBuilder } from '../../src/graph/builder.js';
import { encodeModel } from '../../src/graph/encode.js';
import type { Graph, Value } from '../../src/graph/ir.js';
import * as L from '../../src/graph/layers.js';
import { optimise } from '../../src/graph/optimise/index.js';
import { createOnnxRuntimeService } from '../../src/runtime/onnxruntime-service.js';

/** of the largest value: folded weights are rounded once more, sums of at most some hundred products are taken in another order */
const TOLERANCE = 1e-6;
const service = createOnnxRuntimeService({ threads: 1 });
afterAll(() => service.dispose());

function normal(shape: Shape, name: string): Tensor<'float32'> {
  const random = new Random('optimise').fork(name);
  return tensor('float32', shape, Float32Array.from({ length: sizeOf(shape) }, () => random.normal()));
}

async function run(graph: Graph): Promise<Record<string, Tensor>> {
  const program = await service.compile(encodeModel(graph));
  return program.run(Object.fromEntries(graph.inputs.map((input) => [input.name, normal(input.shape, input.name)])));
}

/** The optimised graph, after its values were compared with those of the original. */
async function optimised(graph: Graph, keep: readonly string[] = [], trained: readonly string[] = []): Promise<Graph> {
  const short = optimise(graph, keep, { trained });
  const [before, after] = [await run(graph), await run(short)];
  expect(Object.keys(after)).toEqual(Object.keys(before));
  for (const [name, { data }] of Object.entries(before)) {
    const found = after[name]?.data as Float32Array;
    const scale = (data as Float32Array).reduce((top, x) => Math.max(top, Math.abs(x)), 1e-3);
    expect((data as Float32Array).reduce((worst, x, i) => Math.max(worst, Math.abs(x - (found[i] as number))), 0) / scale, name).toBeLessThan(TOLERANCE);
  }
  return short;
}

const ops = (graph: Graph): string[] => graph.nodes.map((node) => node.op);

function network(shape: Shape, body: (b: GraphBuilder, x: Value, weight: (name: string, shape: Shape) => Value) => Value): Graph {
  const b = new GraphBuilder();
  const x = b.input('x', 'float32', shape);
  b.output('y', body(b, x, (name, extents) => b.constant(normal(extents, name), name)));
  return b.build();
}

function batchNorm(b: GraphBuilder, x: Value, channels: number, name: string): Value {
  const positive = b.floats([channels], normal([channels], `${name}.var`).data.map((v) => 0.5 + v * v));
  const [scale, bias, mean] = ['scale', 'bias', 'mean'].map((part) => b.constant(normal([channels], `${name}.${part}`))) as [Value, Value, Value];
  return b.op('BatchNormalization', [x, scale, bias, mean, positive], { epsilon: 1e-3 }, name);
}

describe('batch normalisation', () => {
  const conv = (b: GraphBuilder, x: Value, weight: (name: string, shape: Shape) => Value): Value => batchNorm(b, L.conv2d(b, x, weight('w', [6, 2, 3, 3]), weight('b', [6]), { group: 2, pads: 1 }, 'conv'), 6, 'norm');

  it('goes into the convolution before it, grouped and with a bias', async () => {
    expect(ops(await optimised(network([2, 4, 7, 7], conv)))).toEqual(['Conv', 'Identity']);
  });
  it('goes into a transposed convolution, a Gemm in either order, and a product with a matrix', async () => {
    const transposed = network([1, 3, 5, 5], (b, x, weight) => batchNorm(b, b.op('ConvTranspose', [x, weight('w', [3, 4, 2, 2])], { strides: [2, 2] }), 4, 'norm'));
    expect(ops(await optimised(transposed))).toEqual(['ConvTranspose', 'Identity']);
    for (const transB of [0, 1]) {
      const gemm = network([3, 5], (b, x, weight) => batchNorm(b, b.op('Gemm', [x, weight('w', transB ? [4, 5] : [5, 4]), weight('b', [4])], { transB }), 4, 'norm'));
      expect(ops(await optimised(gemm))).toEqual(['Gemm', 'Identity']);
    }
    expect(ops(await optimised(network([3, 5], (b, x, weight) => batchNorm(b, L.matMul(b, x, weight('w', [5, 4])), 4, 'norm'))))).toEqual(['MatMul', 'Add', 'Identity']);
  });
  it('stays where the convolution is kept, read by others or trained', async () => {
    const graph = network([2, 4, 7, 7], conv);
    expect(ops(await optimised(graph, ['conv']))).toContain('BatchNormalization');
    expect((await optimised(graph, ['conv'])).values.get('conv')?.shape).toEqual([2, 6, 7, 7]);
    const trained = await optimised(graph, [], ['w']);
    expect(ops(trained)).toContain('BatchNormalization');
    expect(trained.initializers.get('w')).toEqual(graph.initializers.get('w'));
    const shared = network([2, 4, 7, 7], (b, x, weight) => {
      const y = conv(b, x, weight);
      return L.add(b, y, b.output('also', L.relu(b, { name: 'conv', dtype: 'float32', shape: y.shape })));
    });
    expect(ops(await optimised(shared))).toContain('BatchNormalization');
  });
});

describe('what does nothing', () => {
  it('is dropped: empty padding, identities, casts and arrangements to the same', async () => {
    const graph = network([2, 1, 4, 4], (b, x) => {
      const padded = L.pad(b, b.op('Identity', [x]), [0, 0, 0, 0, 0, 0, 0, 0]);
      const same = L.cast(b, L.reshape(b, L.transpose(b, padded, [0, 2, 1, 3]), [2, 4, 1, 4]), 'float32');
      return L.relu(b, L.transpose(b, L.expand(b, same, [1, 1, 1, 1]), [0, 2, 1, 3]), 'kept');
    });
    expect(ops(await optimised(graph))).toEqual(['Relu', 'Identity']);
  });
  it('stays under a kept name, and padding by a value stays', async () => {
    const graph = network([2, 3, 4], (b, x) => L.pad(b, L.relu(b, b.op('Identity', [x], {}, 'mine')), [0, 0, 1, 0, 0, 0]));
    const short = await optimised(graph, ['mine']);
    expect(short.values.has('mine')).toBe(true);
    expect(ops(short)).toEqual(['Identity', 'Relu', 'Pad', 'Identity']);
  });
});

describe('chains of arrangements', () => {
  it('become one transpose, or none, and one reshape', async () => {
    const graph = network([2, 3, 4], (b, x) => {
      const turned = L.transpose(b, L.transpose(b, x, [1, 2, 0]), [1, 0, 2]);
      return L.add(b, L.reshape(b, b.op('Flatten', [turned], { axis: 1 }), [12, 2]), L.reshape(b, L.transpose(b, L.transpose(b, x, [2, 0, 1]), [1, 2, 0]), [12, 2]));
    });
    expect(ops(await optimised(graph))).toEqual(['Transpose', 'Reshape', 'Reshape', 'Add', 'Identity']);
  });
});

describe('arithmetic of weights', () => {
  it('is done once, with broadcasting, transposes and expansion', async () => {
    const graph = network([2, 3], (b, x, weight) => {
      const w = L.transpose(b, L.mul(b, weight('w', [4, 3]), L.sqrt(b, L.mul(b, weight('s', [4, 1]), weight('s2', [4, 1])))), [1, 0]);
      return L.add(b, L.matMul(b, x, w), L.expand(b, L.div(b, weight('b', [1, 4]), 3), [2, 4]));
    });
    // the square root of a negative product would be NaN on both sides
    const safe: Graph = { ...graph, initializers: new Map([...graph.initializers, ['s2', graph.initializers.get('s') as Tensor]]) };
    expect(ops(await optimised(safe))).toEqual(['MatMul', 'Add', 'Identity']);
    expect(ops(await optimised(safe, [], ['w']))).toContain('Transpose');
  });
});

describe('layer normalisation', () => {
  const spelled = (form: 'pow' | 'twice' | 'reciprocal', axes: readonly number[], tail: Shape): Graph =>
    network([2, 5, 8], (b, x, weight) => {
      const centred = L.sub(b, x, L.reduceMean(b, x, axes, true));
      const again = form === 'twice' ? L.sub(b, x, L.reduceMean(b, x, axes, true)) : centred;
      const variance = L.reduceMean(b, form === 'reciprocal' ? L.mul(b, again, again) : L.pow(b, again, 2), axes, true);
      const deviation = L.sqrt(b, L.add(b, variance, 1e-5));
      const normalised = form === 'reciprocal' ? L.mul(b, b.op('Reciprocal', [deviation]), centred) : L.div(b, centred, deviation);
      return L.add(b, weight('bias', tail), L.mul(b, normalised, weight('scale', tail)));
    });

  it('is recognised however it was spelled out, over one axis and over two', async () => {
    for (const form of ['pow', 'twice', 'reciprocal'] as const) {
      expect(ops(await optimised(spelled(form, [-1], [8])))).toEqual(['LayerNormalization', 'Identity']);
      expect(ops(await optimised(spelled(form, [1, 2], [5, 8])))).toEqual(['LayerNormalization', 'Identity']);
    }
  });
  it('is not seen over other axes than the last', async () => {
    expect(ops(await optimised(spelled('pow', [1], [8])))).not.toContain('LayerNormalization');
  });
});

describe('the hard swish and the mean of a map', () => {
  it('become a hard sigmoid and a global average', async () => {
    const clip = (b: GraphBuilder, x: Value): Value => b.op('Clip', [L.add(b, x, 3), b.scalar(0), b.scalar(6)]);
    for (const form of [(b: GraphBuilder, x: Value) => L.div(b, L.mul(b, x, clip(b, x)), 6), (b: GraphBuilder, x: Value) => L.mul(b, x, L.div(b, clip(b, x), 6)), (b: GraphBuilder, x: Value) => L.mul(b, L.mul(b, clip(b, x), 1 / 6), x)]) {
      expect(ops(await optimised(network([2, 3, 4, 4], form)))).toEqual(['HardSigmoid', 'Mul', 'Identity']);
    }
    for (const [form, expected] of [
      [(b: GraphBuilder, x: Value) => L.reduceMean(b, x, [2, 3], true), ['GlobalAveragePool', 'Identity']],
      [(b: GraphBuilder, x: Value) => L.reduceMean(b, x, [-1, -2], false), ['GlobalAveragePool', 'Reshape', 'Identity']],
      [(b: GraphBuilder, x: Value) => L.averagePool2d(b, x, { kernel: 4 }), ['GlobalAveragePool', 'Identity']],
      [(b: GraphBuilder, x: Value) => L.averagePool2d(b, x, { kernel: 2 }), ['AveragePool', 'Identity']],
    ] as const) expect(ops(await optimised(network([2, 3, 4, 4], form)))).toEqual(expected);
  });
});

describe("Winograd's algorithm", () => {
  it('gives a 3×3 convolution and its gradient to 5e-6, whatever the padding and the rest of the tiles', async () => {
    for (const [shape, pads] of [[[2, 256, 16, 15], [1, 1, 1, 1]], [[1, 320, 17, 14], [0, 1, 1, 0]]] as const) {
      const graph = network(shape, (b, x, weight) => L.conv2d(b, x, weight('w', [384, shape[1], 3, 3]), weight('b', [384]), { pads }));
      const fast = optimise(graph, [], { winograd: true });
      expect(ops(fast)).toContain('DepthToSpace');
      const [direct, found] = [(await run(graph))['y']?.data as Float32Array, (await run(fast))['y']?.data as Float32Array];
      const [difference, size] = direct.reduce(([d, s], x, i) => [d + (x - (found[i] as number)) ** 2, s + x * x], [0, 0]);
      expect(Math.sqrt(difference / size)).toBeLessThan(5e-6);
    }
  });
  it('leaves strides, groups, dilations, few channels, small maps and trained weights alone', () => {
    const conv = (channels: number, side: number, options: L.ConvOptions): Graph => network([1, channels, side, side], (b, x, weight) => L.conv2d(b, x, weight('w', [channels, channels / (options.group ?? 1), 3, 3]), undefined, options));
    for (const graph of [conv(256, 34, { stride: 2 }), conv(256, 18, { group: 2 }), conv(256, 20, { dilation: 2 }), conv(128, 18, {}), conv(256, 15, {}), conv(512, 10, {})]) expect(ops(optimise(graph, [], { winograd: true }))).toEqual(['Conv', 'Identity']);
    expect(ops(optimise(conv(256, 18, {}), [], { winograd: true, trained: ['w'] }))).toEqual(['Conv', 'Identity']);
  });
});

describe('a constant with more axes than what it is added to', () => {
  const constant = (b: GraphBuilder, x: number): Value => b.floats([1, 1, 1], [x]);

  it('gives the result its axes: the hard sigmoid and the layer normalisation that would lose them are left spelled out', async () => {
    const hard = network([2, 5], (b, x) => L.div(b, b.op('Clip', [L.add(b, x, constant(b, 3)), b.scalar(0), b.scalar(6)]), 6));
    const centred = network([2, 5], (b, x) => {
      const difference = L.sub(b, x, L.reduceMean(b, x, [-1], true));
      return L.div(b, difference, L.sqrt(b, L.add(b, L.reduceMean(b, L.mul(b, difference, difference), [-1], true), constant(b, 1e-5))));
    });
    for (const graph of [hard, centred]) expect((await optimised(graph)).outputs.map(({ shape }) => shape)).toEqual([[1, 2, 5]]);
  });
});
