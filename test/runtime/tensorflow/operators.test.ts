/** Every operator on the TensorFlow runtime against ONNX Runtime's own result, over generated shapes, attributes and values. */
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { Random } from '../../../src/core/random.js';
import type { Tensor } from '../../../src/core/tensor.js';
import { GraphBuilder } from '../../../src/graph/builder.js';
import { encodeModel } from '../../../src/graph/encode.js';
import { differentiate } from '../../../src/graph/gradient.js';
import type { Graph } from '../../../src/graph/ir.js';
import { OP_TYPES } from '../../../src/graph/ops/op-types.js';
import type { OpType } from '../../../src/graph/ops/op-types.js';
import { OPERATORS } from '../../../src/graph/ops/table.js';
import { createOnnxRuntimeService } from '../../../src/runtime/onnxruntime-service.js';
import type { Kernel } from '../../../src/runtime/tensorflow/kernel.js';
import { KERNELS } from '../../../src/runtime/tensorflow/kernels/table.js';
import { CASES, dtypeOf } from '../../graph/operator-cases.js';
import type { Case } from '../../graph/operator-cases.js';
import { draw } from '../../graph/draw.js';
import { tensorflowService, tf } from '../../rigs/tensorflow.js';

/** The compiler names the operator that has no kernel. */
const TABLE: Readonly<Record<OpType, Kernel>> = KERNELS;

const RUNS = Number(process.env['OPERATOR_RUNS'] ?? 24);
const SEED = 20240917;
/** float32 on both sides, relative to the largest element (at least 1): sums of at most some hundred products in another order. */
const TOLERANCE = 2e-5;
/** No gradient flows through them. */
const PIECEWISE_CONSTANT: readonly string[] = ['Sign', 'Floor', 'Ceil', 'Round'];
const reference = createOnnxRuntimeService({ threads: 1 });
const service = tensorflowService();
afterAll(() => Promise.all([reference.dispose(), service.dispose()]));

/** All inputs but the first are constants, as in exported models, or come in as feeds: both ways of compiling a kernel. */
function build(test: Case, feeds: readonly Tensor[], fixed: readonly boolean[]): Graph {
  const b = new GraphBuilder();
  const values = test.ports.map((port, i) => (i > 0 && fixed[i] === true ? b.constant(feeds[i] as Tensor, `x${i}`) : b.input(`x${i}`, dtypeOf(port.domain), port.shape)));
  test.emit(b, values).forEach((value, i) => b.output(`y${i}`, value));
  return b.build();
}

function worst(found: Tensor, expected: Tensor): number {
  const numbers = Array.from(expected.data as ArrayLike<number | bigint>, Number);
  const scale = numbers.reduce((top, value) => (Number.isFinite(value) ? Math.max(top, Math.abs(value)) : top), 1);
  return numbers.reduce((most, value, i) => {
    const own = Number(found.data[i]);
    return Object.is(own, value) || own === value ? most : Math.max(most, Number.isNaN(own - value) ? Infinity : Math.abs(own - value) / scale);
  }, 0);
}

function usesFloat64(graph: Graph): boolean {
  return [...graph.values.values()].some((value) => value.dtype === 'float64');
}

/** Both runtimes on the same bytes; a graph with float64 is refused by ours. */
async function compare(graph: Graph, feeds: Readonly<Record<string, Tensor>>): Promise<void> {
  const bytes = encodeModel(graph);
  if (usesFloat64(graph)) {
    await expect(service.compile(bytes)).rejects.toMatchObject({ code: 'E_OPERATOR' });
    return;
  }
  const [ours, theirs] = [await service.compile(bytes), await reference.compile(bytes)];
  const [found, expected] = [await ours.run(feeds), await theirs.run(feeds)];
  await Promise.all([ours.dispose(), theirs.dispose()]);
  for (const { name } of graph.outputs) {
    const [y, z] = [found[name] as Tensor, expected[name] as Tensor];
    expect({ dtype: y.dtype, shape: y.shape, length: y.data.length }).toEqual({ dtype: z.dtype, shape: z.shape, length: z.data.length });
    expect(worst(y, z), name).toBeLessThan(TOLERANCE);
  }
}

it('has a kernel for every operator of the table, and no other', () => {
  expect(Object.keys(TABLE).sort()).toEqual([...OP_TYPES].sort());
});

describe.each(OP_TYPES.map((op) => ({ op })))('$op', ({ op }) => {
  it('gives what ONNX Runtime gives, and leaves no tensor behind', async () => {
    const before = tf.memory().numTensors;
    await fc.assert(
      fc.asyncProperty(CASES[op], fc.integer(), fc.array(fc.boolean(), { minLength: 5, maxLength: 5 }), async (test, seed, fixed) => {
        const random = new Random(seed);
        const tensors = test.ports.map((port) => draw(port, random));
        const graph = build(test, tensors, fixed);
        await compare(graph, Object.fromEntries(graph.inputs.map(({ name }) => [name, tensors[Number(name.slice(1))] as Tensor])));
      }),
      { numRuns: RUNS, seed: SEED },
    );
    expect(tf.memory().numTensors).toBe(before);
  });

  it.runIf(OPERATORS[op].gradient !== 'non-differentiable' && !PIECEWISE_CONSTANT.includes(op))('runs its differentiated graph as ONNX Runtime does', async () => {
    await fc.assert(
      fc.asyncProperty(CASES[op].filter(({ refused }) => refused !== true), fc.integer(), async (test, seed) => {
        const random = new Random(seed);
        const tensors = test.ports.map((port) => draw(port, random));
        const forward = build(test, tensors, []);
        const real = forward.inputs.filter(({ dtype }) => dtype === 'float32').map(({ name }) => name);
        const of = forward.outputs.find(({ dtype }) => dtype === 'float32');
        if (real.length === 0 || of === undefined) return;
        const feeds = Object.fromEntries(forward.inputs.map(({ name }, i) => [name, tensors[i] as Tensor]));
        await compare(differentiate(forward, { of: of.name, wrt: real, seed: 'seed' }), { ...feeds, seed: draw({ shape: of.shape }, random) });
      }),
      { numRuns: RUNS, seed: SEED },
    );
  });
});
