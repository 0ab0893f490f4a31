/** NaN, infinities, signed zeros, numbers near the ends of float32: what comes out of each operator, against ONNX Runtime. Denormal numbers may count as zero. */
import { afterAll, describe, expect, it } from 'vitest';
import { tensor } from '../../../src/core/tensor.js';
import type { Tensor } from '../../../src/core/tensor.js';
import type { Attributes } from '../../../src/graph/emitter.js';
import { GraphBuilder } from '../../../src/graph/builder.js';
import { encodeModel } from '../../../src/graph/encode.js';
import type { OpType } from '../../../src/graph/ops/op-types.js';
import { createOnnxRuntimeService } from '../../../src/runtime/onnxruntime-service.js';
import { loaded, tensorflowService } from '../../rigs/tensorflow.js';

const SPECIAL = [NaN, Infinity, -Infinity, 0, -0, 1, -1, 3e38, -3e38, 1e30, -1e30, 2e-38, -2e-38, 88, -88, 100, -100, 0.5];
const reference = createOnnxRuntimeService({ threads: 1 });
const service = tensorflowService();
afterAll(() => Promise.all([reference.dispose(), service.dispose()]));

async function both(op: OpType, inputs: readonly Tensor[], attributes: Attributes = {}, constants: readonly number[] = []): Promise<[number[], number[]]> {
  const b = new GraphBuilder();
  const values = inputs.map((t, i) => b.input(`x${i}`, t.dtype, t.shape));
  b.output('y', b.op(op, [...values, ...constants.map((c) => b.scalar(c))], attributes));
  const bytes = encodeModel(b.build());
  const feeds = Object.fromEntries(inputs.map((t, i) => [`x${i}`, t]));
  const results = await Promise.all([service, reference].map(async (one) => {
    const program = await one.compile(bytes);
    const { y } = await program.run(feeds);
    await program.dispose();
    return Array.from(y?.data as ArrayLike<number>, Number);
  }));
  return results as [number[], number[]];
}

/** Where the two are known to differ, and which is right. */
function knownDifference(op: OpType, operands: readonly number[], own: number): boolean {
  // ONNX Runtime keeps or loses NaN by its place; here it stays, as in NumPy and PyTorch
  if (op === 'ReduceMax' || op === 'ReduceMin') return operands.some(Number.isNaN) && Number.isNaN(own);
  // log(exp(-100)): ONNX Runtime takes nothing from the elements where one is infinite, and powers of -100 are denormal
  if (op === 'ReduceLogSumExp') return operands.includes(-Infinity) && operands.includes(own);
  // JavaScript's own power of 1 to NaN or infinity, in the backend written in it
  return op === 'Pow' && loaded.backend === 'cpu' && Math.abs(operands[0] as number) === 1 && !Number.isFinite(operands[1]);
}

function expectSame(op: OpType, [found, expected]: [number[], number[]], operands: (i: number) => readonly number[]): void {
  const differences = expected.flatMap((value, i) => {
    const own = found[i] as number;
    if (knownDifference(op, operands(i), own) || Object.is(own, value) || own === value || Math.abs(own - value) <= 2e-6 * Math.max(1, Math.abs(value))) return [];
    return [`${op}(${operands(i).join(', ')}): ${own}, ONNX Runtime ${value}`];
  });
  expect(differences).toEqual([]);
}

const row = tensor('float32', [SPECIAL.length], Float32Array.from(SPECIAL));
const left = tensor('float32', [SPECIAL.length, SPECIAL.length], Float32Array.from({ length: SPECIAL.length ** 2 }, (_, i) => SPECIAL[Math.floor(i / SPECIAL.length)] as number));
const right = tensor('float32', [SPECIAL.length, SPECIAL.length], Float32Array.from({ length: SPECIAL.length ** 2 }, (_, i) => SPECIAL[i % SPECIAL.length] as number));

const UNARY: [op: OpType, attributes?: Attributes, constants?: readonly number[]][] = [
  ['Relu'], ['LeakyRelu'], ['Sigmoid'], ['HardSigmoid'], ['HardSigmoid', { alpha: 3e38, beta: 0 }], ['HardSigmoid', { alpha: 3e38, beta: 1 }], ['Tanh'], ['Softplus'], ['Clip', {}, [-1, 2]], ['Clip', {}, [2, -1]],
  ['Exp'], ['Log'], ['Sqrt'], ['Erf'], ['Abs'], ['Neg'], ['Reciprocal'], ['Sign'], ['Elu'], ['Gelu'], ['Floor'], ['Ceil'], ['Round'], ['IsNaN'], ['IsInf'], ['Atan'], ['Asinh'],
];
const BINARY: readonly OpType[] = ['Add', 'Sub', 'Mul', 'Div', 'Pow', 'Max', 'Min', 'Greater', 'GreaterOrEqual', 'Less', 'LessOrEqual', 'Equal', 'PRelu'];
const REDUCTIONS: readonly OpType[] = ['ReduceSum', 'ReduceMean', 'ReduceMax', 'ReduceMin', 'ReduceProd', 'ReduceLogSumExp', 'Softmax', 'LogSoftmax'];

describe('special values', () => {
  it.each(UNARY.map(([op, attributes = {}, constants = []]) => ({ op, attributes, constants })))('$op $attributes $constants', async ({ op, attributes, constants }) => {
    expectSame(op, await both(op, [row], attributes, constants), (i) => [SPECIAL[i] as number]);
  });

  it.each(BINARY)('%s', async (op) => {
    expectSame(op, await both(op, [left, right]), (i) => [left.data[i] as number, right.data[i] as number]);
  });

  it.each(REDUCTIONS)('%s', async (op) => {
    const pairs = op === 'Softmax' || op === 'LogSoftmax';
    const stacked = tensor('float32', [left.data.length, 2], Float32Array.from({ length: 2 * left.data.length }, (_, i) => (i % 2 === 0 ? left : right).data[i >> 1] as number));
    const b = new GraphBuilder();
    const x = b.input('x', 'float32', stacked.shape);
    b.output('y', pairs ? b.op(op, [x], { axis: 1 }) : b.op(op, [x, b.ints([1])], { keepdims: 0 }));
    const bytes = encodeModel(b.build());
    const results = await Promise.all([service, reference].map(async (one) => Array.from((await (await one.compile(bytes)).run({ x: stacked }))['y']?.data as Float32Array)));
    expectSame(op, results as [number[], number[]], (i) => [left, right].map(({ data }) => data[pairs ? i >> 1 : i] as number));
  });
});
