/** The service on ONNX Runtime: what it checks, what it returns, and that threads never change a bit. */
import { afterAll, describe, expect, it } from 'vitest';
import { PipelineError } from '../../src/core/errors.js';
import { Random } from '../../src/core/random.js';
import { sizeOf, tensor } from '../../src/core/tensor.js';
import type { Shape, Tensor } from '../../src/core/tensor.js';
import { GraphBuilder } from '../../src/graph/builder.js';
import { encodeModel } from '../../src/graph/encode.js';
import { differentiate } from '../../src/graph/gradient.js';
import type { Graph, Value } from '../../src/graph/ir.js';
import * as L from '../../src/graph/layers.js';
import { trainingStep } from '../../src/graph/training/step.js';
import { createOnnxRuntimeService } from '../../src/runtime/onnxruntime-service.js';

const service = createOnnxRuntimeService({ threads: 1 });
const twoThreads = createOnnxRuntimeService({ threads: 2 });
afterAll(async () => {
  await service.dispose();
  await twoThreads.dispose();
});

const BATCH = 4;
const random = new Random('service');
const normal = (shape: Shape, scale = 1): Tensor<'float32'> => tensor('float32', shape, Float32Array.from({ length: sizeOf(shape) }, () => random.normal(0, scale)));

/** Big enough that ONNX Runtime divides the work among its threads. */
function network(): { graph: Graph; parameters: string[] } {
  const b = new GraphBuilder();
  const parameters: string[] = [];
  const weight = (name: string, shape: Shape): Value => {
    parameters.push(name);
    return b.constant(normal(shape, 0.1), name);
  };
  const image = b.input('image', 'float32', [BATCH, 3, 64, 64]);
  const target = b.input('target', 'float32', [BATCH, 7]);
  let h = L.maxPool2d(b, L.relu(b, L.conv2d(b, image, weight('w1', [24, 3, 5, 5]), weight('b1', [24]), { stride: 2, pads: 2 })), { kernel: 2 });
  h = L.maxPool2d(b, L.relu(b, L.conv2d(b, h, weight('w2', [48, 24, 3, 3]), weight('b2', [48]), { pads: 1 })), { kernel: 3, stride: 2, pads: 1 });
  h = L.logSumExp(b, L.conv2d(b, h, weight('w3', [7, 48, 1, 1]), weight('b3', [7])), [2, 3]);
  b.output('logits', h);
  b.output('loss', L.mul(b, L.reduceSum(b, L.mul(b, L.logSoftmax(b, h, 1), target)), -1 / BATCH));
  return { graph: b.build(), parameters };
}

async function failure(action: () => Promise<unknown>): Promise<PipelineError> {
  try {
    await action();
  } catch (error) {
    expect(error).toBeInstanceOf(PipelineError);
    return error as PipelineError;
  }
  return expect.fail('nothing was thrown');
}

describe('a program', () => {
  const b = new GraphBuilder();
  const x = b.input('x', 'float32', [2, 3]);
  b.output('double', L.mul(b, x, 2));
  b.output('sum', L.reduceSum(b, x));
  const bytes = encodeModel(b.build());

  it('states its ports and returns fresh arrays, all outputs or those asked for', async () => {
    const program = await service.compile(bytes);
    expect(program.inputs).toEqual([{ name: 'x', dtype: 'float32', shape: [2, 3] }]);
    expect(program.outputs).toEqual([{ name: 'double', dtype: 'float32', shape: [2, 3] }, { name: 'sum', dtype: 'float32', shape: [] }]);
    const feed = tensor('float32', [2, 3], Float32Array.of(1, 2, 3, 4, 5, NaN));
    const first = await program.run({ x: feed });
    const second = await program.run({ x: feed }, ['double']);
    expect(first['double']).toEqual({ dtype: 'float32', shape: [2, 3], data: Float32Array.of(2, 4, 6, 8, 10, NaN) });
    expect(first['sum']?.data[0]).toBeNaN();
    expect(Object.keys(second)).toEqual(['double']);
    expect(second['double']?.data.buffer).not.toBe(first['double']?.data.buffer);
    await program.dispose();
    expect((await failure(() => program.run({ x: feed }))).code).toBe('E_RUNTIME');
  });

  it.each<[string, Record<string, Tensor>, readonly string[] | undefined]>([
    ['a missing feed', {}, undefined],
    ['a feed of another shape', { x: tensor('float32', [3, 2]) }, undefined],
    ['a feed of another dtype', { x: tensor('float64', [2, 3]) }, undefined],
    ['a feed that is no input', { x: tensor('float32', [2, 3]), z: tensor('float32', []) }, undefined],
    ['an output that it does not have', { x: tensor('float32', [2, 3]) }, ['triple']],
  ])('refuses %s with names, expected and found', async (_, feeds, fetch) => {
    const program = await service.compile(bytes, { label: 'doubler' });
    const error = await failure(() => program.run(feeds, fetch));
    expect(error.code).toBe('E_RUNTIME');
    expect(error.message).toContain('doubler');
    expect(error.facts).toHaveProperty('expected');
    await program.dispose();
  });

  it('that cannot be loaded says so in the words of the runtime', async () => {
    const error = await failure(() => service.compile(new Uint8Array([8, 8, 1, 2, 3]), { label: 'broken.onnx' }));
    expect(error.code).toBe('E_RUNTIME');
    expect(error.message).toContain('broken.onnx');
    expect(String(error.facts['found']).length).toBeGreaterThan(5);
  });

  it('passes integers and truth values through unchanged', async () => {
    const c = new GraphBuilder();
    const n = c.input('n', 'int64', [2]);
    c.output('more', L.add(c, n, c.ints([1, 1])));
    c.output('equal', c.op('Equal', [n, c.ints([5, 7])]));
    const program = await service.compile(encodeModel(c.build()));
    const results = await program.run({ n: tensor('int64', [2], BigInt64Array.of(5n, -(2n ** 60n))) });
    expect(results['more']).toEqual(tensor('int64', [2], BigInt64Array.of(6n, 1n - 2n ** 60n)));
    expect(results['equal']).toEqual(tensor('bool', [2], Uint8Array.of(1, 0)));
    await program.dispose();
  });
});

describe('one thread and two', () => {
  const { graph, parameters } = network();
  const image = normal([BATCH, 3, 64, 64]);
  const target = tensor('float32', [BATCH, 7], Float32Array.from({ length: BATCH * 7 }, (_, i) => Number(i % 7 === 3)));
  const step = trainingStep(graph, { loss: 'loss', groups: [{ parameters }], optimiser: { kind: 'adam' } });
  const state = Object.fromEntries(step.state.map(({ input, initial }) => [input, tensor('float32', [initial.length], initial)]));

  it.each<[string, Graph, Record<string, Tensor>]>([
    ['the forward pass', graph, { image, target }],
    ['the gradient by the image', differentiate(graph, { of: 'loss', wrt: ['image'] }), { image, target }],
    ['a training step', step.graph, { image, target, ...state, ...step.scalars(1, 1e-3) }],
  ])('give the same bits: %s', async (_, model, feeds) => {
    const bytes = encodeModel(model);
    const [one, two] = await Promise.all([service, twoThreads].map((s) => s.compile(bytes)));
    const expected = await one?.run(feeds);
    for (let repeat = 0; repeat < 3; repeat += 1) {
      const found = await two?.run(feeds);
      for (const name of Object.keys(expected ?? {})) {
        expect(Buffer.from(found?.[name]?.data.buffer as ArrayBuffer).equals(Buffer.from(expected?.[name]?.data.buffer as ArrayBuffer)), name).toBe(true);
      }
    }
  });
});

describe('a device', () => {
  it('is in the identity', () => {
    expect(createOnnxRuntimeService({ threads: 1, device: 'webgpu' }).identity()).toBe('onnxruntime-webgpu');
  });

  it.each(['webgpu', 'cuda'] as const)('that is missing is an error, never a run on the CPU: %s', async (device) => {
    const other = createOnnxRuntimeService({ threads: 1, device });
    const b = new GraphBuilder();
    b.output('y', L.relu(b, b.input('x', 'float32', [2])));
    const compiled = await other.compile(encodeModel(b.build())).catch((error: unknown) => error);
    // a machine that has the device computes with it
    if (compiled instanceof PipelineError) expect(compiled).toMatchObject({ code: 'E_DEVICE', hint: expect.stringContaining('--device cpu') as string });
    else expect(compiled).toMatchObject({ inputs: [{ name: 'x' }] });
    await other.dispose();
  });
});
