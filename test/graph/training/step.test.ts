/** A step of training for providers that lack kernels: WebGPU has no positions of maxima, and no Split into more than eleven parts. */
import { afterAll, expect, it } from 'vitest';
import { tensor } from '../../../src/core/tensor.js';
import { GraphBuilder } from '../../../src/graph/builder.js';
import { encodeModel } from '../../../src/graph/encode.js';
import type { Graph, Value } from '../../../src/graph/ir.js';
import * as L from '../../../src/graph/layers.js';
import { trainingStep } from '../../../src/graph/training/step.js';
import { createOnnxRuntimeService } from '../../../src/runtime/onnxruntime-service.js';
import { formulaImage, formulaParameter } from '../../rigs/formula-weights.js';

const MOST_OUTPUTS = 11;
const DEPTH = 8;
const NAMES = Array.from({ length: DEPTH }, (_, k) => [`conv${k}.weight`, `conv${k}.bias`]).flat();
const service = createOnnxRuntimeService({ threads: 1 });
afterAll(() => service.dispose());

/** Sixteen weights, with a max pool whose windows overlap. */
function network(): Graph {
  const b = new GraphBuilder();
  const parameter = (name: string, shape: readonly number[]): Value => b.constant(formulaParameter(name, shape), name);
  let x = b.input('image', 'float32', [2, 3, 9, 9]);
  for (let k = 0; k < DEPTH; k += 1) {
    x = L.tanh(b, L.conv2d(b, x, parameter(`conv${k}.weight`, [4, k === 0 ? 3 : 4, 1, 1]), parameter(`conv${k}.bias`, [4]), {}));
    if (k === 0) x = b.op('MaxPool', [x], { kernel_shape: [3, 3], strides: [2, 2] });
  }
  b.output('loss', L.reduceMean(b, L.mul(b, x, x), undefined, false));
  return b.build();
}

async function weightsAfter(poolIndices: boolean): Promise<{ graph: Graph; weights: ReadonlyMap<string, ArrayLike<unknown>> }> {
  const step = trainingStep(network(), { loss: 'loss', groups: [{ parameters: NAMES }], optimiser: { kind: 'sgd', momentum: 0.9, dampening: 0, nesterov: false }, poolIndices });
  const program = await service.compile(encodeModel(step.graph));
  const vectors = Object.fromEntries(step.state.map(({ input, initial }) => [input, tensor('float32', [initial.length], initial)]));
  const results = await program.run({ image: formulaImage(2, 9), ...vectors, ...step.scalars(1, 0.1) });
  await program.dispose();
  const state = Object.fromEntries(step.state.map(({ input, output }) => [input, results[output]?.data as Float32Array]));
  return { graph: step.graph, weights: new Map([...step.weights(state)].map(([name, { data }]) => [name, data])) };
}

it('asks for no positions of maxima where there are none, and moves the weights as with them', async () => {
  const [without, given] = [await weightsAfter(false), await weightsAfter(true)];
  const positions = ({ nodes }: Graph): boolean => nodes.some((node) => node.op === 'MaxPool' && node.outputs.length > 1);
  expect([positions(without.graph), positions(given.graph)]).toEqual([false, true]);
  const start = network().initializers;
  for (const name of NAMES) {
    const [found, expected] = [Array.from(without.weights.get(name) as Float32Array), Array.from(given.weights.get(name) as Float32Array)];
    expect(expected).not.toEqual(Array.from(start.get(name)?.data as Float32Array));
    found.forEach((value, i) => expect(value).toBeCloseTo(expected[i] as number, 6));
  }
});

it('has no node with more outputs than a shader can bind, however many weights there are', async () => {
  const { graph } = await weightsAfter(false);
  expect(Math.max(...graph.nodes.map((node) => node.outputs.length))).toBeLessThanOrEqual(MOST_OUTPUTS);
});
