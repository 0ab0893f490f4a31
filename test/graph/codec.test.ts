/** Writing and reading ONNX models: what is written is read back, and bytes that are not a model never cause anything but a typed error. */
import { describe, expect, it } from 'vitest';
import { PipelineError } from '../../src/core/errors.js';
import { Random } from '../../src/core/random.js';
import { tensor } from '../../src/core/tensor.js';
import { GraphBuilder } from '../../src/graph/builder.js';
import { decodeModel } from '../../src/graph/decode.js';
import { encodeModel } from '../../src/graph/encode.js';
import * as L from '../../src/graph/layers.js';
import { ATTRIBUTE, DIMENSION, GRAPH, MODEL, NODE, OPSET, SHAPE, TENSOR, TENSOR_TYPE, TYPE, VALUE_INFO } from '../../src/graph/onnx/schema.js';
import { WireWriter } from '../../src/graph/onnx/wire.js';
import { fixtureBytes } from './fixture-tensors.js';

function codeOf(action: () => unknown): string {
  try {
    action();
    return 'decoded';
  } catch (error) {
    if (error instanceof PipelineError) return error.code;
    throw error;
  }
}

const message = (): WireWriter => new WireWriter();

/** A model of one input x [batch, 2], given nodes and initializers. */
function model(nodes: readonly WireWriter[], options: { opset?: number; initializers?: readonly WireWriter[]; dim?: WireWriter; output?: string } = {}): Uint8Array {
  const dim = options.dim ?? message().integer(DIMENSION.value, 1);
  const port = (name: string): WireWriter => {
    const shape = message().message(SHAPE.dim, dim).message(SHAPE.dim, message().integer(DIMENSION.value, 2));
    return message().string(VALUE_INFO.name, name).message(VALUE_INFO.type, message().message(TYPE.tensorType, message().integer(TENSOR_TYPE.elemType, 1).message(TENSOR_TYPE.shape, shape)));
  };
  const graph = message();
  for (const node of nodes) graph.message(GRAPH.node, node);
  for (const initializer of options.initializers ?? []) graph.message(GRAPH.initializer, initializer);
  graph.message(GRAPH.input, port('x')).message(GRAPH.output, port(options.output ?? 'y'));
  return message().integer(MODEL.irVersion, 8).message(MODEL.graph, graph).message(MODEL.opsetImport, message().integer(OPSET.version, options.opset ?? 17)).finish();
}
function node(op: string, inputs: readonly string[], output = 'y', attributes: readonly WireWriter[] = []): WireWriter {
  const writer = message();
  for (const input of inputs) writer.string(NODE.input, input);
  writer.string(NODE.output, output).string(NODE.name, `the ${op}`).string(NODE.opType, op);
  for (const attribute of attributes) writer.message(NODE.attribute, attribute);
  return writer;
}

describe('a graph', () => {
  it('is read back as it was written: ports, nodes, attributes and constants of every dtype', () => {
    const b = new GraphBuilder();
    const x = b.input('x', 'float32', [1, 3, 8, 8]);
    const conv = L.conv2d(b, x, b.floats([4, 3, 3, 3], Float32Array.from({ length: 108 }, (_, i) => i / 7)), b.floats([4], [0, 1e-40, -Infinity, NaN]), { stride: 2, pads: [0, 1, 1, 0] }, 'conv');
    const leaky = b.op('LeakyRelu', [conv], { alpha: 0.25 }, 'leaky');
    b.output('y', L.gather(b, leaky, b.ints([3, -1]), 1, 'y'));
    b.output('big', b.op('Add', [b.constant(tensor('int64', [1], BigInt64Array.of(2n ** 62n + 1n))), b.input('n', 'int64', [1])], {}, 'big'));
    b.output('kind', b.op('And', [b.constant(tensor('bool', [2], Uint8Array.of(0, 1)), 'flags'), b.input('flag', 'bool', [2])], {}, 'kind'));
    const graph = b.build();
    const again = decodeModel(encodeModel(graph));
    expect(again.inputs).toEqual(graph.inputs);
    expect(again.outputs).toEqual(graph.outputs);
    expect(again.nodes.map(({ op, inputs, outputs }) => ({ op, inputs, outputs }))).toEqual(graph.nodes.map(({ op, inputs, outputs }) => ({ op, inputs, outputs })));
    expect(again.nodes.map((n) => ({ ...n.attributes }))).toEqual(graph.nodes.map((n) => ({ ...n.attributes })));
    expect(new Map([...again.initializers].sort())).toEqual(new Map([...graph.initializers].sort()));
    expect(Buffer.from(encodeModel(decodeModel(encodeModel(again)))).equals(Buffer.from(encodeModel(again)))).toBe(true);
  });
});

describe('names', () => {
  it('of a file stay free for the file where reading it makes values of its own', () => {
    // the norm is spelled in other operators with constants of a builder's names; the file's own have the same
    const names = Array.from({ length: 8 }, (_, i) => `constant_${i + 1}`);
    const initializers = names.map((name) => message().packedIntegers(TENSOR.dims, [2]).integer(TENSOR.dataType, 1).string(TENSOR.name, name).bytes(TENSOR.rawData, new Uint8Array(8)));
    const sums = names.map((name, i) => node('Add', [i === 0 ? 'norm' : `sum${i - 1}`, name], i === names.length - 1 ? 'y' : `sum${i}`));
    const bytes = model([node('LpNormalization', ['x'], 'norm'), ...sums], { initializers });
    expect([...decodeModel(bytes).initializers.keys()]).toEqual(expect.arrayContaining(names));
  });

  it('of outputs that follow from constants alone are theirs', () => {
    const exp = decodeModel(model([node('Constant', [], 'c', [message().string(ATTRIBUTE.name, 'value_float').float(ATTRIBUTE.f, 2).integer(ATTRIBUTE.type, 1)]), node('Identity', ['c'], 'y')]));
    expect(exp.outputs.map(({ name, shape }) => ({ name, shape }))).toEqual([{ name: 'y', shape: [] }]);
  });
});

describe('a model of another operator set', () => {
  it('has its symbolic dimensions bound, and says which are not', () => {
    const bytes = model([node('Relu', ['x'])], { dim: message().string(DIMENSION.parameter, 'batch') });
    expect(decodeModel(bytes, { bind: { batch: 5 } }).outputs[0]?.shape).toEqual([5, 2]);
    expect(codeOf(() => decodeModel(bytes))).toBe('E_GRAPH');
    expect(codeOf(() => decodeModel(bytes, { bind: { batch: -1 } }))).toBe('E_GRAPH');
    const unnamed = model([node('Relu', ['x'])], { dim: message() });
    expect(decodeModel(unnamed, { bind: { 'x:0': 3 } }).outputs[0]?.shape).toEqual([3, 2]);
  });

  it('has axes moved from attributes to inputs and Softmax flattened as opset 11 meant it', () => {
    const axes = message().string(ATTRIBUTE.name, 'axes').packedIntegers(ATTRIBUTE.ints, [1]).integer(ATTRIBUTE.type, 7);
    expect(decodeModel(model([node('Unsqueeze', ['x'], 'y', [axes])], { opset: 11 })).outputs[0]?.shape).toEqual([1, 1, 2]);
    const axis = message().string(ATTRIBUTE.name, 'axis').integer(ATTRIBUTE.i, 0).integer(ATTRIBUTE.type, 2);
    expect(decodeModel(model([node('Softmax', ['x'], 'y', [axis])], { opset: 11 })).nodes.map((n) => n.op)).toEqual(['Flatten', 'Softmax', 'Reshape']);
    expect(codeOf(() => decodeModel(model([node('Relu', ['x'])], { opset: 9 })))).toBe('E_GRAPH');
  });
});

describe('what cannot be read', () => {
  it.each<[string, string, () => Uint8Array]>([
    ['an unknown operator, with its node', 'E_OPERATOR', () => model([node('Frobnicate', ['x'])])],
    ['an operator named like a method of objects', 'E_OPERATOR', () => model([node('constructor', ['x'])])],
    ['an unknown input', 'E_GRAPH', () => model([node('Relu', ['z'])])],
    ['an output that nothing computes', 'E_GRAPH', () => model([node('Relu', ['x'])], { output: 'elsewhere' })],
    ['an unknown attribute', 'E_GRAPH', () => model([node('Relu', ['x'], 'y', [message().string(ATTRIBUTE.name, 'slope').integer(ATTRIBUTE.i, 1).integer(ATTRIBUTE.type, 2)])])],
    ['a branch that the input decides', 'E_OPERATOR', () => model([node('If', ['x'], 'y', [message().string(ATTRIBUTE.name, 'then_branch').bytes(6, new Uint8Array(4)).integer(ATTRIBUTE.type, 5)])])],
    ['weights in another file', 'E_GRAPH', () => model([node('Add', ['x', 'w'])], { initializers: [message().packedIntegers(TENSOR.dims, [2]).integer(TENSOR.dataType, 1).string(TENSOR.name, 'w').bytes(TENSOR.externalData, new Uint8Array(0)).integer(TENSOR.dataLocation, 1)] })],
    ['numbers of 8 bits', 'E_GRAPH', () => model([node('Add', ['x', 'w'])], { initializers: [message().packedIntegers(TENSOR.dims, [1]).integer(TENSOR.dataType, 17).string(TENSOR.name, 'w').bytes(TENSOR.rawData, new Uint8Array(1))] })],
    ['a tensor of absurd extents with little data', 'E_GRAPH', () => model([node('Add', ['x', 'w'])], { initializers: [message().packedIntegers(TENSOR.dims, [1_000_000, 1_000_000]).integer(TENSOR.dataType, 1).string(TENSOR.name, 'w').bytes(TENSOR.rawData, new Uint8Array(4))] })],
    ['a tensor of negative extents', 'E_DATA', () => model([node('Add', ['x', 'w'])], { initializers: [message().packedIntegers(TENSOR.dims, [-1]).integer(TENSOR.dataType, 1).string(TENSOR.name, 'w')] })],
    ['no model at all', 'E_GRAPH', () => new TextEncoder().encode('<!doctype html><title>404</title>')],
    ['nothing', 'E_GRAPH', () => new Uint8Array(0)],
  ])('%s is %s', (_, code, make) => {
    expect(codeOf(() => decodeModel(make()))).toBe(code);
  });

  it('is a typed error for every prefix of a real model and for hundreds of damaged copies', () => {
    const whole = fixtureBytes('zoo.onnx');
    const decode = (bytes: Uint8Array): string => codeOf(() => decodeModel(bytes, { bind: { batch: 1 } }));
    const codes = new Set<string>();
    for (let length = 0; length < whole.length; length += 61) codes.add(decode(whole.subarray(0, length)));
    expect(codes).not.toContain('decoded');
    const random = new Random('damage');
    for (let i = 0; i < 400; i += 1) {
      const damaged = whole.slice();
      for (let flips = random.integer(1, 6); flips > 0; flips -= 1) damaged[random.integer(0, whole.length)] = random.integer(0, 256);
      codes.add(decode(damaged));
    }
    expect([...codes].filter((code) => !['decoded', 'E_GRAPH', 'E_OPERATOR', 'E_DATA'].includes(code))).toEqual([]);
  });
});
