/** The builder: names, shapes, shared constants, inlining and what it refuses. */
import { describe, expect, it } from 'vitest';
import { PipelineError } from '../../src/core/errors.js';
import { tensor } from '../../src/core/tensor.js';
import { GraphBuilder } from '../../src/graph/builder.js';
import { encodeModel } from '../../src/graph/encode.js';
import type { Value } from '../../src/graph/ir.js';
import * as L from '../../src/graph/layers.js';
import { evaluate, plain } from '../rigs/reference-evaluator.js';

function failure(action: () => unknown): PipelineError {
  try {
    action();
  } catch (error) {
    expect(error).toBeInstanceOf(PipelineError);
    return error as PipelineError;
  }
  return expect.fail('nothing was thrown');
}

describe('shapes', () => {
  it('are inferred where the node is added, also by the name given to the output', () => {
    const b = new GraphBuilder();
    const x = b.input('x', 'float32', [2, 3, 9, 8]);
    const y = L.conv2d(b, x, b.floats([4, 3, 3, 3], new Float32Array(108)), undefined, { stride: 2, pads: 1 }, 'conv');
    expect(y).toEqual({ name: 'conv', dtype: 'float32', shape: [2, 4, 5, 4] });
  });

  it('that do not fit are refused with the node, what was expected and what was found', () => {
    const b = new GraphBuilder();
    const error = failure(() => L.conv2d(b, b.input('x', 'float32', [1, 4, 8, 8]), b.floats([2, 3, 3, 3], new Float32Array(54)), undefined, {}, 'stem'));
    expect(error.code).toBe('E_GRAPH');
    expect(error.message).toContain("'stem' (Conv)");
    expect(error.facts).toMatchObject({ expected: '3', found: '4' });
  });

  it.each<[string, (b: GraphBuilder, x: Value) => Value]>([
    ['a matrix product with different inner extents', (b, x) => L.matMul(b, x, b.floats([3, 2], new Float32Array(6)))],
    ['a sum that does not broadcast', (b, x) => L.add(b, x, b.floats([3], new Float32Array(3)))],
    ['operands of two dtypes', (b, x) => L.add(b, x, b.ints([1, 2]))],
    ['a reshape to another size', (b, x) => L.reshape(b, x, [5])],
    ['an axis that does not exist', (b, x) => L.softmax(b, x, 2)],
    ['an unknown attribute', (b, x) => b.op('Relu', [x], { alpha: 1 })],
    ['an attribute of the wrong kind', (b, x) => b.op('Softmax', [x], { axis: 'last' })],
    ['a shape that is computed', (b, x) => b.op('Reshape', [x, L.cast(b, b.input('n', 'float32', [1]), 'int64')])],
    ['a value of another builder', (b) => L.relu(b, { name: 'stranger', dtype: 'float32', shape: [1] })],
    ['too few inputs', (b, x) => b.op('Where', [x])],
  ])('%s is an E_GRAPH', (_, emit) => {
    const b = new GraphBuilder();
    expect(failure(() => emit(b, b.input('x', 'float32', [2, 4]))).code).toBe('E_GRAPH');
  });
});

describe('names', () => {
  it('that are taken are refused', () => {
    const b = new GraphBuilder();
    L.relu(b, b.input('x', 'float32', [1]), 'y');
    expect(failure(() => b.input('y', 'float32', [1])).code).toBe('E_GRAPH');
  });

  it('of an output differ from the value by an Identity, so the value keeps its own', () => {
    const b = new GraphBuilder();
    const y = L.relu(b, b.input('x', 'float32', [1]), 'y');
    b.output('result', y);
    b.output('y', y);
    const graph = b.build();
    expect(graph.outputs.map((output) => output.name)).toEqual(['result', 'y']);
    expect(graph.nodes.map((node) => node.op)).toEqual(['Relu', 'Identity']);
  });
});

describe('constants', () => {
  it('that are small and equal are stored once, but never across dtypes, shapes or names', () => {
    const b = new GraphBuilder();
    expect(b.scalar(1)).toBe(b.scalar(1));
    expect(b.ints([1])).toBe(b.ints([1]));
    expect(b.scalar(1, 'int64').name).not.toBe(b.ints([1]).name);
    expect(b.floats([1], [0], 'w').name).toBe('w');
    expect(b.scalar(0).name).not.toBe(b.scalar(-0).name);
  });
});

describe('inlining', () => {
  it('copies a graph twice under free names and computes the composition', () => {
    const inner = new GraphBuilder();
    inner.output('y', L.add(inner, L.mul(inner, inner.input('x', 'float32', [2]), inner.floats([2], [2, 3], 'w')), 1));
    const square = inner.build();
    const b = new GraphBuilder();
    const first = b.inline(square, { x: b.input('x', 'float32', [2]) })['y'] as Value;
    const second = b.inline(square, { x: first })['y'] as Value;
    b.output('twice', second);
    expect(Array.from(evaluate(b.build(), { x: plain([2], [1, 2]) }).get('twice')?.data ?? [])).toEqual([7, 22]);
  });

  it('refuses a binding of another shape', () => {
    const inner = new GraphBuilder();
    inner.output('y', L.relu(inner, inner.input('x', 'float32', [2])));
    const b = new GraphBuilder();
    expect(failure(() => b.inline(inner.build(), { x: b.input('x', 'float32', [3]) })).facts).toMatchObject({ expected: 'float32[2]', found: "'x' float32[3]" });
  });
});

describe('the bytes', () => {
  it('of a model depend on the calls only', () => {
    const make = (): Uint8Array => {
      const b = new GraphBuilder();
      const x = b.input('x', 'float32', [1, 2, 4, 4]);
      b.output('y', L.maxPool2d(b, L.conv2d(b, x, b.constant(tensor('float32', [2, 2, 1, 1]), 'w')), { kernel: 2 }));
      return encodeModel(b.build());
    };
    expect(Buffer.from(make()).equals(Buffer.from(make()))).toBe(true);
  });
});
