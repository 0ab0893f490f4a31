/** Which weights are trained, and where a graph is parted into what is computed once and what is trained. */
import { describe, expect, it } from 'vitest';
import { GraphBuilder } from '../../../src/graph/builder.js';
import type { Graph } from '../../../src/graph/ir.js';
import * as L from '../../../src/graph/layers.js';
import { partAt } from '../../../src/graph/training/frozen-part.js';
import { trainableWeights, weightsOf } from '../../../src/graph/training/trainable.js';
import { evaluate, plain } from '../../rigs/reference-evaluator.js';
import { feedsOf, networkGraph } from './fixture-network.js';

const names = (patterns: string[]): string[] => trainableWeights(networkGraph(), patterns).map((weight) => weight.name);

describe('trainableWeights', () => {
  it('takes weights of layers by the beginning of a name, whole parts of it only', () => {
    expect(names(['conv2', 'bn2'])).toEqual(['conv2.weight', 'bn2.weight', 'bn2.bias']);
    expect(names(['bn2.bias'])).toEqual(['bn2.bias']);
    expect(() => names(['conv'])).toThrowError(expect.objectContaining({ code: 'E_GRAPH', message: '"conv" names no weight of the model' }) as Error);
  });

  it('knows `*`, and takes away again what stands behind `!`', () => {
    expect(names(['*'])).toEqual(['conv1.weight', 'bn1.weight', 'bn1.bias', 'conv2.weight', 'bn2.weight', 'bn2.bias', 'fc.weight', 'fc.bias']);
    expect(names(['*', '!bn*', '!conv1'])).toEqual(['conv2.weight', 'fc.weight', 'fc.bias']);
    expect(names(['*.weight'])).toHaveLength(5);
  });

  it('says which name was meant', () => {
    try {
      names(['cnv2']);
      expect.unreachable();
    } catch (error) {
      expect((error as { facts: { expected: string } }).facts.expected).toContain("'conv2'");
    }
  });

  it('finds weights without a name of meaning through the layer that uses them, and leaves numbers of formulas alone', () => {
    const b = new GraphBuilder();
    const x = b.input('x', 'float32', [1, 2, 4, 4]);
    const y = L.conv2d(b, x, b.floats([3, 2, 1, 1], new Float32Array(6), 'onnx::Conv_7'), b.floats([3], new Float32Array(3), 'onnx::Conv_8'), {}, 'features.0');
    b.output('y', L.add(b, L.mul(b, y, 0.5), b.floats([1, 3, 1, 1], new Float32Array(3), 'shift')));
    const graph = { ...b.build(), aliases: new Map([['body.first', 'features.0']]) };
    expect(trainableWeights(graph, ['body']).map((weight) => weight.name)).toEqual(['onnx::Conv_7', 'onnx::Conv_8']);
    expect(trainableWeights(graph, ['features']).map((weight) => weight.name)).toEqual(['onnx::Conv_7', 'onnx::Conv_8']);
    expect(weightsOf(graph).map(({ name, vector }) => [name, vector])).toEqual([['onnx::Conv_7', false], ['onnx::Conv_8', true], ['shift', true]]);
  });

  it('finds a weight that is transposed on its way, by the module that takes it, and no number that the import has derived', () => {
    const graph = { ...transposed(), modules: new Map([['W', ['mlp.0']], ['bias', ['mlp.0']]]) };
    expect(trainableWeights(graph, ['mlp']).map((weight) => weight.name)).toEqual(['W', 'bias']);
    expect(weightsOf(transposed()).map((weight) => weight.name)).toEqual(['W', 'mask', 'bias']);
  });
});

/** y = exp(x)·Wᵀ + mask + bias, as many rows as W has */
function transposed(): Graph {
  const b = new GraphBuilder();
  const x = b.op('Exp', [b.input('x', 'float32', [3, 2])]);
  const product = L.matMul(b, x, b.op('Transpose', [b.floats([3, 2], Float32Array.of(1, 2, 3, 4, 5, 6), 'W')], { perm: [1, 0] }));
  b.output('y', L.add(b, L.add(b, product, b.floats([3], Float32Array.of(0, -1, 0), 'mask')), b.floats([3], new Float32Array(3), 'bias')));
  return b.build();
}

describe('partAt', () => {
  it('takes a frozen weight that is transposed for no value of an image', () => {
    const { frozen, trained, seams } = partAt(transposed(), ['bias']);
    expect(seams.map((seam) => seam.shape)).toEqual([[3, 3]]);
    expect([...trained.initializers.keys()]).toEqual(['bias']);
    expect(frozen?.nodes.map(({ op }) => op)).toEqual(['Exp', 'Transpose', 'MatMul', 'Add']);
    const whole = partAt(transposed(), ['W']);
    expect(whole.seams.map((seam) => seam.shape)).toEqual([[3, 2]]);
    const dot = new GraphBuilder();
    const scaled = L.mul(dot, dot.input('x', 'float32', [3, 2]), dot.floats([2], Float32Array.of(1, 1), 'scale'));
    dot.output('y', L.matMul(dot, scaled, dot.op('Transpose', [dot.floats([3, 2], new Float32Array(6), 'V')], { perm: [1, 0] })));
    expect(partAt(dot.build(), ['scale']).seams.map((seam) => seam.name)).toEqual(['x']);
  });

  it('leaves what comes before the first trained weight to be computed once; both parts together are the graph', () => {
    const graph = networkGraph();
    const { frozen, trained, seams } = partAt(graph, ['conv2.weight', 'fc.bias']);
    expect(seams.map((seam) => seam.shape)).toEqual([[4, 2], [4, 4, 6, 6]]);
    expect(frozen?.initializers.has('conv2.weight')).toBe(false);
    expect([...trained.initializers.keys()]).not.toContain('conv1.weight');
    const feeds = Object.fromEntries(Object.entries(feedsOf(0)).map(([name, { shape, data }]) => [name, plain(shape, data)]));
    const handed = evaluate(frozen as NonNullable<typeof frozen>, feeds);
    const found = evaluate(trained, Object.fromEntries(seams.map(({ name }) => [name, handed.get(name) ?? (feeds[name] as NonNullable<(typeof feeds)[string]>)])));
    expect(found.get('loss')?.data[0]).toBe(evaluate(graph, feeds).get('loss')?.data[0]);
  });

  it('hands the outputs over when nothing is trained, and the inputs when the first layer is', () => {
    const graph = networkGraph();
    const still = partAt(graph, []);
    expect(still.seams.map((seam) => seam.name)).toEqual(['loss']);
    expect(still.trained.nodes).toHaveLength(0);
    const all = partAt(graph, ['conv1.weight']);
    expect(all.frozen).toBeUndefined();
    expect(all.seams.map((seam) => seam.name)).toEqual(['image', 'target']);
  });
});
