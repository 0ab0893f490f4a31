/** The TensorFlow runtime as a tensor service: checks at its edges, memory, determinism, loading of its package. */
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import { MODEL_READER } from '../../../src/cli/model-reader.js';
import { allocate, tensor } from '../../../src/core/tensor.js';
import type { DType } from '../../../src/core/tensor.js';
import { GraphBuilder } from '../../../src/graph/builder.js';
import { encodeModel } from '../../../src/graph/encode.js';
import * as L from '../../../src/graph/layers.js';
import { createOnnxRuntimeService } from '../../../src/runtime/onnxruntime-service.js';
import { loadTensorflow } from '../../../src/runtime/tensorflow/package.js';
import { createTensorflowService } from '../../../src/runtime/tensorflow/service.js';
import { formulaImage, formulaParameter } from '../../rigs/formula-weights.js';
import { loaded, tensorflowService, tf } from '../../rigs/tensorflow.js';

const service = tensorflowService();
afterAll(() => service.dispose());

/** conv, pool, dense: with constants in both orders, a value used twice, one that no output needs */
function network(): Uint8Array {
  const b = new GraphBuilder();
  const x = b.input('x', 'float32', [2, 3, 16, 16]);
  const w = formulaParameter('conv.weight', [8, 3, 3, 3]);
  const conv = L.relu(b, L.conv2d(b, x, b.constant(w, 'weight'), b.constant(formulaParameter('conv.bias', [8]), 'bias'), { pads: 1 }), 'conv');
  const both = L.add(b, conv, L.mul(b, conv, b.floats([1, 8, 1, 1], new Float32Array(8).fill(0.5))));
  b.op('Exp', [conv], {}, 'unused');
  b.output('pooled', L.maxPool2d(b, both, { kernel: 2 }));
  b.output('conv', conv);
  b.output('w', b.constant(w, 'weight again'));
  return encodeModel(b.build());
}
const image = formulaImage(2, 16);

function simple(dtype: DType, emit: (b: GraphBuilder, x: ReturnType<GraphBuilder['input']>) => ReturnType<GraphBuilder['input']>, shape: readonly number[] = [2]): Uint8Array {
  const b = new GraphBuilder();
  b.output('y', emit(b, b.input('x', dtype, shape)));
  return encodeModel(b.build());
}

describe('memory', () => {
  it('is the same after a run as before, and after disposal as before compilation', async () => {
    const before = tf.memory().numTensors;
    const program = await service.compile(network());
    await program.run({ x: image });
    const warm = tf.memory().numTensors;
    const bytes = tf.memory().numBytes;
    for (let i = 0; i < 3; i += 1) await program.run({ x: image }, i === 2 ? ['pooled'] : undefined);
    expect(tf.memory().numTensors).toBe(warm);
    expect(tf.memory().numBytes).toBe(bytes);
    await program.dispose();
    expect(tf.memory().numTensors).toBe(before);
  });

  it('is freed when a kernel fails in the middle of a run', async () => {
    const b = new GraphBuilder();
    const x = b.input('x', 'float32', [2, 3]);
    const indices = b.input('indices', 'int64', [2]);
    b.output('y', L.mul(b, L.gather(b, L.mul(b, x, 2), indices, 1), x.shape.length));
    const program = await service.compile(encodeModel(b.build()));
    const before = tf.memory().numTensors;
    const feeds = { x: tensor('float32', [2, 3]), indices: tensor('int64', [2], BigInt64Array.of(0n, 3n)) };
    await expect(program.run(feeds)).rejects.toMatchObject({ code: 'E_RUNTIME', facts: { expected: '-3 to 2', found: 3 } });
    expect(tf.memory().numTensors).toBe(before);
    await program.dispose();
  });

  it('of results, feeds and constants is not shared', async () => {
    const program = await service.compile(network());
    const feed = tensor('float32', image.shape, image.data.slice());
    const first = await program.run({ x: feed });
    const kept = first['w']?.data.slice();
    (first['w']?.data as Float32Array).fill(7);
    expect(feed.data).toEqual(image.data);
    const second = await program.run({ x: feed });
    expect(second['w']?.data).toEqual(kept);
    await program.dispose();
  });

  it('refuses a run after disposal, and compiles nothing halfway', async () => {
    const before = tf.memory().numTensors;
    const program = await service.compile(network());
    await program.dispose();
    await expect(program.run({ x: image })).rejects.toMatchObject({ code: 'E_RUNTIME' });
    await expect(service.compile(simple('float32', (b, x) => L.mul(b, b.op('Cast', [b.op('Cast', [L.mul(b, x, 3)], { to: 11 })], { to: 1 }), 2)))).rejects.toMatchObject({ code: 'E_OPERATOR' });
    expect(tf.memory().numTensors).toBe(before);
  });
});

describe('what is fetched', () => {
  it('is all that is computed, in the order asked for', async () => {
    const program = await service.compile(network());
    const results = await program.run({ x: image }, ['conv', 'pooled']);
    expect(Object.keys(results)).toEqual(['conv', 'pooled']);
    expect(results['pooled']?.shape).toEqual([2, 8, 8, 8]);
    await program.dispose();
  });

  it('has the same bytes in every run of every program of one backend', async () => {
    const bytes = network();
    const runs = [];
    for (let i = 0; i < 2; i += 1) {
      const program = await service.compile(bytes);
      for (let j = 0; j < 2; j += 1) runs.push(Buffer.from((await program.run({ x: image }))['pooled']?.data.buffer as ArrayBuffer).toString('hex'));
      await program.dispose();
    }
    expect(new Set(runs).size).toBe(1);
  });
});

describe('at its edges', () => {
  it.each<[string, () => Promise<unknown>, string]>([
    ['an input that is not fed', async () => (await service.compile(network())).run({}), "input 'x' of 'model' is not fed"],
    ['an input of another shape', async () => (await service.compile(network())).run({ x: formulaImage(1, 16) }), "input 'x' of 'model' is fed a tensor that does not fit"],
    ['an input that does not exist', async () => (await service.compile(network())).run({ x: image, z: image }), "'z' is not an input of 'model'"],
    ['an output that does not exist', async () => (await service.compile(network())).run({ x: image }, ['z']), "'z' is not an output of 'model'"],
    ['an int64 beyond 32 bits', async () => (await service.compile(simple('int64', (b, x) => b.op('Abs', [x])))).run({ x: tensor('int64', [2], BigInt64Array.of(1n, 2147483648n)) }), "input 'x' of 'model' holds an integer that TensorFlow.js cannot hold"],
    ['an int64 constant beyond 32 bits', () => service.compile(simple('int64', (b, x) => b.op('Max', [x, b.constant(tensor('int64', [1], BigInt64Array.of(-(2n ** 40n))))]))), 'holds an integer that TensorFlow.js cannot hold'],
    ['a product of int64 beyond 32 bits', async () => (await service.compile(simple('int64', (b, x) => b.op('Mul', [x, x])))).run({ x: tensor('int64', [2], BigInt64Array.of(3n, 70000n)) }), 'gives integers that TensorFlow.js cannot hold'],
    ['a real number that int64 in 32 bits does not hold', async () => (await service.compile(simple('float32', (b, x) => b.op('Cast', [x], { to: 7 })))).run({ x: tensor('float32', [2], Float32Array.of(1, 3e9)) }), 'meets numbers that int64 does not hold here'],
    ['arithmetic of bytes', () => service.compile(simple('uint8', (b, x) => b.op('Add', [x, x]))), 'arithmetic of narrow integers'],
    ['double precision', () => service.compile(simple('float64', (b, x) => b.op('Abs', [x]))), 'holds float64, which TensorFlow.js does not have'],
    ['bytes that are no model', () => service.compile(new Uint8Array(3)), ''],
  ])('%s is a typed error', async (_, action, words) => {
    await expect(action()).rejects.toMatchObject({ name: 'PipelineError', message: expect.stringContaining(words) as string });
    await service.dispose();
  });

  it('every dtype that it holds comes back as itself', async () => {
    for (const dtype of ['float32', 'int8', 'uint8', 'int16', 'uint16', 'int32', 'uint32', 'int64', 'bool'] as const) {
      const data = allocate(dtype, 2);
      data[1] = data instanceof BigInt64Array ? 1n : 1;
      const program = await service.compile(simple(dtype, (b, x) => b.op('Concat', [x, x], { axis: 0 })));
      const { y } = await program.run({ x: { dtype, shape: [2], data } });
      expect({ dtype: y?.dtype, shape: y?.shape, data: Array.from(y?.data as ArrayLike<number | bigint>, Number) }).toEqual({ dtype, shape: [4], data: [0, 1, 0, 1] });
      expect(y?.data.constructor).toBe(data.constructor);
      await program.dispose();
    }
  });

  it('a model with double precision goes to the service that is given for it', async () => {
    const both = createTensorflowService({ ...MODEL_READER, loaded, doubles: createOnnxRuntimeService({ threads: 1 }) });
    const program = await both.compile(simple('float64', (b, x) => b.op('Sqrt', [x])));
    expect((await program.run({ x: tensor('float64', [2], Float64Array.of(2, 3)) }))['y']?.data).toEqual(Float64Array.of(Math.SQRT2, Math.sqrt(3)));
    await both.dispose();
  });

  it('has its backend in its identity', () => {
    expect(createTensorflowService({ ...MODEL_READER }).identity()).toBe('tensorflow-cpu');
    expect(createTensorflowService({ ...MODEL_READER, device: 'cuda' }).identity()).toBe('tensorflow-cuda');
    expect(createTensorflowService({ ...MODEL_READER, loaded: { tf, backend: 'wasm' } }).identity()).toBe('tensorflow-js-wasm');
  });
});

describe('the package', () => {
  const saved = { ...process.env };
  beforeEach(() => {
    for (const name of ['TF_NUM_INTRAOP_THREADS', 'TF_NUM_INTEROP_THREADS', 'CUDA_VISIBLE_DEVICES']) Reflect.deleteProperty(process.env, name);
  });
  afterEach(() => {
    process.env = { ...saved };
  });
  const GPU = '@tensorflow/tfjs-node-gpu';
  const CPU = '@tensorflow/tfjs-node';
  /** A machine where these packages are installed; the one for GPUs may or may not see one. */
  const machine = (installed: readonly string[], seesGpu = true): ((name: string) => Promise<unknown>) => {
    return (name) =>
      installed.includes(name)
        ? Promise.resolve({ default: { ...tf, findBackend: () => ({ isUsingGpuDevice: name === GPU && seesGpu && process.env['CUDA_VISIBLE_DEVICES'] !== '-1' }) } })
        : Promise.reject(new TypeError(`Cannot find package '${name}'`));
  };

  it('for the CPU is whichever is there, and sees no GPU', async () => {
    await expect(loadTensorflow('cpu', 3, machine([CPU]))).resolves.toMatchObject({ backend: 'tensorflow' });
    await expect(loadTensorflow('cpu', 3, machine([GPU]))).resolves.toMatchObject({ backend: 'tensorflow' });
    expect([process.env['TF_NUM_INTRAOP_THREADS'], process.env['CUDA_VISIBLE_DEVICES']]).toEqual(['3', '-1']);
  });

  it('for CUDA is the one with CUDA', async () => {
    await expect(loadTensorflow('cuda', 1, machine([CPU, GPU]))).resolves.toMatchObject({ backend: 'tensorflow' });
  });

  it.each<[string, 'cpu' | 'cuda', () => (name: string) => Promise<unknown>, string, string]>([
    ['nothing is installed', 'cpu', () => machine([]), 'E_SERVICE_MISSING', `npm install ${CPU}`],
    ['nothing is installed and CUDA is asked for', 'cuda', () => machine([]), 'E_SERVICE_MISSING', `npm install ${GPU}`],
    ['CUDA is asked of the package without', 'cuda', () => machine([CPU]), 'E_DEVICE', `npm install ${GPU}`],
    ['CUDA is asked for and no GPU is seen', 'cuda', () => machine([GPU], false), 'E_DEVICE', 'nvidia-smi'],
  ])('%s: an error that says what to install', async (_, device, make, code, words) => {
    await expect(loadTensorflow(device, 1, make())).rejects.toMatchObject({ code, hint: expect.stringContaining(words) as string });
  });
});
