/** Cutting, layer names, weights as inputs, and the errors of differentiation. */
import { describe, expect, it } from 'vitest';
import { PipelineError } from '../../src/core/errors.js';
import type { ErrorCode } from '../../src/core/errors.js';
import { tensor } from '../../src/core/tensor.js';
import { GraphBuilder } from '../../src/graph/builder.js';
import { cut } from '../../src/graph/cut.js';
import { differentiate, gradientName } from '../../src/graph/gradient.js';
import type { Graph } from '../../src/graph/ir.js';
import * as L from '../../src/graph/layers.js';
import { layerNames, resolveLayer } from '../../src/graph/names.js';
import { packParameters, parameterLayout, parametersAsInputs, withWeights } from '../../src/graph/parameters.js';
import { evaluate, plain } from '../rigs/reference-evaluator.js';

function network(): Graph {
  const b = new GraphBuilder();
  const x = b.input('image', 'float32', [1, 2]);
  const unused = b.input('label', 'float32', [1, 3]);
  const hidden = L.relu(b, L.matMul(b, x, b.floats([2, 3], [1, -1, 2, 0.5, 3, -2], 'w1'), 'pre'), 'hidden');
  const logits = L.matMul(b, hidden, b.floats([3, 3], [1, 0, 0, 0, 1, 0, 0, 0, 1], 'w2'), 'logits');
  b.output('loss', L.reduceSum(b, L.mul(b, logits, unused), undefined, false, 'loss'));
  return b.build();
}

function code(action: () => unknown): ErrorCode | undefined {
  try {
    action();
  } catch (error) {
    return error instanceof PipelineError ? error.code : undefined;
  }
  return undefined;
}

describe('cut', () => {
  it('keeps what the chosen layer needs and nothing else, under the same names', () => {
    const part = cut(network(), ['hidden']);
    expect(part.nodes.map((node) => node.outputs[0])).toEqual(['pre', 'hidden']);
    expect([...part.initializers.keys()]).toEqual(['w1']);
    expect(part.inputs.map((input) => input.name)).toEqual(['image']);
    expect(part.outputs).toEqual([{ name: 'hidden', dtype: 'float32', shape: [1, 3] }]);
  });

  it('gives outputs in the order asked for', () => {
    expect(cut(network(), ['logits', 'pre']).outputs.map((output) => output.name)).toEqual(['logits', 'pre']);
  });

  it('refuses inputs and unknown names', () => {
    expect(code(() => cut(network(), ['image']))).toBe('E_GRAPH');
    expect(code(() => cut(network(), ['hiden']))).toBe('E_GRAPH');
  });
});

describe('layers', () => {
  it('are the real values that nodes compute, in order, with their shapes', () => {
    expect(layerNames(network()).slice(0, 3)).toEqual([
      { name: 'pre', node: 'pre', op: 'MatMul', shape: [1, 3] },
      { name: 'hidden', node: 'hidden', op: 'Relu', shape: [1, 3] },
      { name: 'logits', node: 'logits', op: 'MatMul', shape: [1, 3] },
    ]);
  });

  it('that are mistyped bring the nearest names', () => {
    try {
      resolveLayer(network(), 'hiden');
      expect.fail('nothing was thrown');
    } catch (error) {
      expect((error as PipelineError).facts['expected']).toContain("nearest 'hidden'");
    }
    expect(resolveLayer(network(), 'logits').shape).toEqual([1, 3]);
  });
});

describe('parameters', () => {
  it('become inputs without changing what is computed', () => {
    const graph = network();
    const feeds = { image: plain([1, 2], [0.5, -0.25]), label: plain([1, 3], [1, 2, 3]) };
    const moved = parametersAsInputs(graph, ['w1']);
    expect(moved.inputs.map((input) => input.name)).toEqual(['image', 'label', 'w1']);
    const expected = evaluate(graph, feeds).get('loss');
    expect(evaluate(moved, { ...feeds, w1: plain([2, 3], [1, -1, 2, 0.5, 3, -2]) }).get('loss')).toEqual(expected);
  });

  it('survive packing and being put back; another shape is refused', () => {
    const graph = network();
    const layout = parameterLayout(graph, ['w2', 'w1']);
    const flat = packParameters(graph, layout);
    expect(layout.map(({ name, offset, size }) => [name, offset, size])).toEqual([['w2', 0, 9], ['w1', 9, 6]]);
    const again = new Map(layout.map(({ name, shape, offset, size }) => [name, tensor('float32', shape, flat.data.slice(offset, offset + size))]));
    expect(withWeights(graph, again).initializers).toEqual(graph.initializers);
    expect(code(() => withWeights(graph, new Map([['w1', tensor('float32', [6])]])))).toBe('E_GRAPH');
  });

  it('must be constants', () => {
    expect(code(() => parametersAsInputs(network(), ['hidden']))).toBe('E_GRAPH');
  });
});

describe('differentiate', () => {
  it('keeps inputs and outputs and adds one gradient per name, also for layers in between', () => {
    const graph = differentiate(network(), { of: 'loss', wrt: ['image', 'hidden', 'w2'] });
    expect(graph.inputs.map((input) => input.name)).toEqual(['image', 'label']);
    expect(graph.outputs.map((output) => output.name)).toEqual(['loss', ...['image', 'hidden', 'w2'].map(gradientName)]);
    const values = evaluate(graph, { image: plain([1, 2], [1, 1]), label: plain([1, 3], [1, 2, 3]) });
    // logits = hidden for the identity w2, so dL/dhidden is the label; hidden = relu([1.5, 2, 0])
    expect(Array.from(values.get(gradientName('hidden'))?.data ?? [])).toEqual([1, 2, 3]);
    expect(Array.from(values.get(gradientName('image'))?.data ?? [])).toEqual([1 * 1 - 1 * 2, 0.5 * 1 + 3 * 2]);
  });

  it('adds the gradients of a value that is used several times', () => {
    const b = new GraphBuilder();
    const x = b.input('x', 'float32', [2]);
    b.output('y', L.reduceSum(b, L.add(b, L.mul(b, x, x), L.mul(b, x, 3)), undefined, false, 'y'));
    const values = evaluate(differentiate(b.build(), { of: 'y', wrt: ['x'] }), { x: plain([2], [1, -2]) });
    expect(Array.from(values.get(gradientName('x'))?.data ?? [])).toEqual([5, -1]);
  });

  it('refuses an objective that is no scalar, does not depend on the input, or lies behind a step that has no gradient', () => {
    expect(code(() => differentiate(network(), { of: 'hidden', wrt: ['image'] }))).toBe('E_GRAPH');
    expect(code(() => differentiate(network(), { of: 'hidden', wrt: ['label'], seed: 's' }))).toBe('E_NOT_DIFFERENTIABLE');
    const b = new GraphBuilder();
    const x = b.input('x', 'float32', [2, 2]);
    const indices = b.constant({ dtype: 'int64', shape: [1, 1], data: BigInt64Array.of(0n) });
    b.output('y', L.reduceSum(b, b.op('ScatterND', [x, indices, b.floats([1, 2], [1, 2])], { reduction: 'max' }, 'write')));
    const output = b.build();
    try {
      differentiate(output, { of: 'y', wrt: ['x'] });
      expect.fail('nothing was thrown');
    } catch (error) {
      expect((error as PipelineError).code).toBe('E_NOT_DIFFERENTIABLE');
      expect((error as PipelineError).message).toContain("'write' (ScatterND)");
    }
  });

  it('does not mask twice when a ReLU is read by one max pool, and masks at full size when others read it', () => {
    const make = (alsoRead: boolean): Graph => {
      const b = new GraphBuilder();
      const x = b.input('x', 'float32', [1, 1, 2, 4]);
      const h = L.relu(b, x, 'h');
      const pooled = L.reduceSum(b, L.maxPool2d(b, h, { kernel: 2 }));
      b.output('y', alsoRead ? L.add(b, pooled, L.reduceSum(b, h)) : pooled);
      return differentiate(b.build(), { of: 'y', wrt: ['x'] });
    };
    const x = plain([1, 1, 2, 4], [1, -1, -3, -2, 2, 0.5, -1, -5]);
    expect(Array.from(evaluate(make(false), { x }).get(gradientName('x'))?.data ?? [])).toEqual([0, 0, 0, 0, 1, 0, 0, 0]);
    expect(Array.from(evaluate(make(true), { x }).get(gradientName('x'))?.data ?? [])).toEqual([1, 0, 0, 0, 2, 1, 0, 0]);
  });

  it('gives tied maxima to the first by default; `every` is the same without ties and counts each of them with ties', () => {
    const b = new GraphBuilder();
    const x = b.input('x', 'float32', [1, 1, 2, 2]);
    b.output('y', L.reduceSum(b, L.maxPool2d(b, x, { kernel: 2 })));
    const graph = b.build();
    const gradient = (poolTies: 'first' | 'every', data: number[]): number[] => Array.from(evaluate(differentiate(graph, { of: 'y', wrt: ['x'], poolTies }), { x: plain([1, 1, 2, 2], data) }).get(gradientName('x'))?.data ?? []);
    expect(gradient('first', [1, 3, 2, 0])).toEqual([0, 1, 0, 0]);
    expect(gradient('every', [1, 3, 2, 0])).toEqual([0, 1, 0, 0]);
    expect(gradient('first', [1, 3, 3, 0])).toEqual([0, 1, 0, 0]);
    expect(gradient('every', [1, 3, 3, 0])).toEqual([0, 1, 1, 0]);
  });
});
