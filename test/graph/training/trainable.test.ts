/** Which weights are trained, and where a graph is parted into what is computed once and what is trained. */
import { describe, expect, it } from 'vitest';
import { GraphBuilder } from '../../../src/graph/builder.js';
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
});

describe('partAt', () => {
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
