/** Forms of gradients that are chosen for speed: each agrees with the plain form or with central differences. */
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { Random } from '../../src/core/random.js';
import { sizeOf, tensor } from '../../src/core/tensor.js';
import type { Shape, Tensor } from '../../src/core/tensor.js';
import { GraphBuilder } from '../../src/graph/builder.js';
import { encodeModel } from '../../src/graph/encode.js';
import { differentiate, gradientName } from '../../src/graph/gradient.js';
import type { GradientSpec } from '../../src/graph/gradient.js';
import type { Graph, Value } from '../../src/graph/ir.js';
import * as L from '../../src/graph/layers.js';
import { createOnnxRuntimeService } from '../../src/runtime/onnxruntime-service.js';
import { evaluate, plain } from '../rigs/reference-evaluator.js';
import { DIFFERENCE_STEP, DIRECTIONAL, OPERATOR_FLOAT32 } from './tolerances.js';

const service = createOnnxRuntimeService({ threads: 1 });
afterAll(() => service.dispose());

/** The sum of f(x) times fixed numbers, so that every element has a gradient of its own. */
function objective(shape: Shape, f: (b: GraphBuilder, x: Value) => Value): Graph {
  const b = new GraphBuilder();
  const y = f(b, b.input('x', 'float32', shape));
  const random = new Random('objective');
  const weights = b.floats(y.shape, Float32Array.from({ length: sizeOf(y.shape) }, () => random.normal()));
  b.output('L', L.reduceSum(b, L.mul(b, y, weights), undefined, false, 'L'));
  return b.build();
}

async function gradient(graph: Graph, x: Tensor<'float32'>, more: Partial<GradientSpec> = {}): Promise<Float32Array> {
  const program = await service.compile(encodeModel(differentiate(graph, { of: 'L', wrt: ['x'], ...more })));
  return (await program.run({ x }))[gradientName('x')]?.data as Float32Array;
}

const draw = (shape: Shape, seed: string, value: (random: Random) => number): Tensor<'float32'> => {
  const random = new Random(seed);
  return tensor('float32', shape, Float32Array.from({ length: sizeOf(shape) }, () => value(random)));
};

function largest(a: ArrayLike<number>, b: ArrayLike<number>): number {
  expect(a.length).toBe(b.length);
  return Array.from(a).reduce((worst, x, i) => Math.max(worst, Math.abs(x - (b[i] as number))), 0);
}

describe('a max pool without positions', () => {
  it('sends the gradient to the same elements as with them, for any windows and inputs full of ties', async () => {
    const size = (least: number, most: number): fc.Arbitrary<[number, number]> => fc.tuple(fc.integer({ min: least, max: most }), fc.integer({ min: least, max: most }));
    const windows = fc.record({ image: size(5, 9), kernel: size(1, 3), stride: size(1, 3), dilations: size(1, 2), pads: size(0, 1), ceil: fc.boolean(), seed: fc.string() })
      .filter(({ kernel, pads }) => pads.every((p, i) => p < (kernel[i] as number)))
      // ONNX Runtime counts a last window that would begin behind the image, which the specification does not
      .filter(({ kernel, dilations, stride, ceil }) => !ceil || stride.every((s, i) => s <= ((kernel[i] as number) - 1) * (dilations[i] as number) + 1));
    await fc.assert(
      fc.asyncProperty(windows, async ({ image, kernel, stride, dilations, pads, ceil, seed }) => {
        const attributes = { kernel_shape: kernel, strides: stride, dilations, pads: [...pads, ...pads], ceil_mode: ceil ? 1 : 0 };
        const graph = objective([2, 3, ...image], (b, x) => b.op('MaxPool', [x], attributes));
        const x = draw([2, 3, ...image], seed, (random) => random.integer(0, 4));
        const without = differentiate(graph, { of: 'L', wrt: ['x'], poolIndices: false });
        expect(without.nodes.some((node) => node.op === 'MaxPool' && node.outputs.length > 1)).toBe(false);
        expect(largest(await gradient(graph, x, { poolIndices: false }), await gradient(graph, x))).toBeLessThan(OPERATOR_FLOAT32);
      }),
      { numRuns: 40, seed: 5 },
    );
  });
});

describe('patches', () => {
  it('have the gradient of any convolution, with constant and with computed weights', async () => {
    for (const computed of [false, true]) {
      const w = draw([5, 3, 4, 4], 'w', (random) => random.normal());
      const patches = (b: GraphBuilder, x: Value): Value => L.conv2d(b, x, computed ? L.neg(b, b.constant(w)) : b.constant(w), undefined, { stride: 4 });
      // one more column of padding makes it the ordinary case
      const ordinary = (b: GraphBuilder, x: Value): Value => L.conv2d(b, L.pad(b, x, [0, 0, 0, 0, 0, 0, 1, 0]), computed ? L.neg(b, b.constant(w)) : b.constant(w), undefined, { stride: 4 });
      const x = draw([2, 3, 8, 12], 'x', (random) => random.normal());
      const graph = objective([2, 3, 8, 12], patches);
      expect(differentiate(graph, { of: 'L', wrt: ['x'] }).nodes.map((node) => node.op)).toContain('DepthToSpace');
      expect(largest(await gradient(graph, x), await gradient(objective([2, 3, 8, 12], ordinary), x))).toBeLessThan(OPERATOR_FLOAT32);
    }
  });
});

describe('activations that are spelled out', () => {
  const gate = (b: GraphBuilder, x: Value): Value => L.add(b, b.op('Erf', [L.div(b, x, Math.SQRT2)]), 1);
  const cubic = (b: GraphBuilder, x: Value, cube: Value): Value => L.add(b, L.tanh(b, L.mul(b, L.add(b, x, L.mul(b, cube, 0.044715)), Math.sqrt(2 / Math.PI))), 1);
  const FORMS: Readonly<Record<string, (b: GraphBuilder, x: Value) => Value>> = {
    'SiLU': (b, x) => L.mul(b, x, L.sigmoid(b, x)),
    'QuickGELU': (b, x) => L.mul(b, L.sigmoid(b, L.mul(b, x, 1.702)), x),
    'GELU, halved last': (b, x) => L.mul(b, L.mul(b, x, gate(b, x)), 0.5),
    'GELU, halved first': (b, x) => L.mul(b, L.mul(b, x, 0.5), gate(b, x)),
    'GELU, the gate halved': (b, x) => L.mul(b, x, L.div(b, gate(b, x), 2)),
    'GELU by tanh, with a power': (b, x) => L.mul(b, L.mul(b, x, 0.5), cubic(b, x, L.pow(b, x, 3))),
    'GELU by tanh, with products': (b, x) => L.mul(b, L.mul(b, x, cubic(b, x, L.mul(b, L.mul(b, x, x), x))), 0.5),
  };

  it.each(Object.keys(FORMS))('%s: the gradient is that of central differences, in fewer nodes', (name) => {
    // sin before it, so that x is a value between
    const graph = objective([4, 25], (b, x) => (FORMS[name] as (b: GraphBuilder, x: Value) => Value)(b, L.mul(b, b.op('Sin', [x], {}, 'inner'), b.floats([1, 25], draw([1, 25], 'scale', (random) => 3 * random.normal()).data))));
    const x = draw([4, 25], 'x', (random) => random.normal());
    const direction = draw([4, 25], 'direction', (random) => random.normal()).data;
    const at = (h: number): number => evaluate(graph, { x: { shape: [4, 25], data: Float64Array.from(x.data, (v, i) => v + h * (direction[i] as number)) } }).get('L')?.data[0] as number;
    const slope = (at(DIFFERENCE_STEP) - at(-DIFFERENCE_STEP)) / (2 * DIFFERENCE_STEP);
    const found = evaluate(differentiate(graph, { of: 'L', wrt: ['x'] }), { x: plain([4, 25], x.data) }).get(gradientName('x'))?.data as Float64Array;
    // the constants of the formula are float32 in the graph
    expect(Math.abs(found.reduce((sum, g, i) => sum + g * (direction[i] as number), 0) - slope) / Math.max(1, Math.abs(slope))).toBeLessThan(10 * DIRECTIONAL);
    const inside = graph.nodes.find((node) => ['Sigmoid', 'Erf', 'Tanh'].includes(node.op))?.outputs[0] as string;
    // asking for a value inside takes the rules node by node
    expect(differentiate(graph, { of: 'L', wrt: ['x'] }).nodes.length).toBeLessThan(differentiate(graph, { of: 'L', wrt: ['x', inside] }).nodes.length - 1);
  });

  it('SiLU with a slope that is trained gives the slope its gradient', () => {
    const b = new GraphBuilder();
    const [x, slope] = [b.input('x', 'float32', [3]), b.floats([1], [1.5], 'slope')];
    const y = L.mul(b, x, L.sigmoid(b, L.mul(b, x, slope)));
    // used a second time, so that what is missing would not be noticed
    b.output('L', L.reduceSum(b, L.add(b, y, L.mul(b, slope, 2)), undefined, false, 'L'));
    const found = evaluate(differentiate(b.build(), { of: 'L', wrt: ['x', 'slope'] }), { x: plain([3], [1, -2, 0.5]) }).get(gradientName('slope'))?.data[0] as number;
    const sigma = (u: number): number => 1 / (1 + Math.exp(-u));
    expect(found).toBeCloseTo(6 + [1, -2, 0.5].reduce((sum, u) => sum + u * u * sigma(1.5 * u) * (1 - sigma(1.5 * u)), 0), 12);
  });

  it('a factor with more axes than the argument leaves the gradient the axes of the argument', () => {
    const b = new GraphBuilder();
    const x = b.input('x', 'float32', [3]);
    b.output('L', L.reduceSum(b, L.mul(b, x, L.sigmoid(b, L.mul(b, x, b.floats([1, 1], [1.702])))), undefined, false, 'L'));
    expect(differentiate(b.build(), { of: 'L', wrt: ['x'] }).outputs.at(-1)?.shape).toEqual([3]);
  });
});

describe('a ReLU before a max pool', () => {
  it('is masked behind the pool, but not in the gradient by the pool itself where that is asked for', () => {
    const b = new GraphBuilder();
    const pool = L.maxPool2d(b, L.relu(b, b.input('x', 'float32', [1, 1, 2, 4])), { kernel: 2, stride: 2 });
    b.output('L', L.reduceSum(b, pool, undefined, false, 'L'));
    const result = evaluate(differentiate(b.build(), { of: 'L', wrt: ['x', pool.name] }), { x: plain([1, 1, 2, 4], [-1, -2, 3, 1, -3, -4, 1, 2]) });
    expect([...(result.get(gradientName(pool.name))?.data ?? [])]).toEqual([1, 1]);
    expect([...(result.get(gradientName('x'))?.data ?? [])]).toEqual([0, 0, 1, 0, 0, 0, 0, 0]);
  });
});
