/** Each operator three ways: its shape and value on ONNX Runtime against the float64 evaluator, and its gradient rule against central differences. */
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { Random } from '../../src/core/random.js';
import type { Tensor } from '../../src/core/tensor.js';
import { GraphBuilder } from '../../src/graph/builder.js';
import { encodeModel } from '../../src/graph/encode.js';
import { differentiate, gradientName } from '../../src/graph/gradient.js';
import type { Graph } from '../../src/graph/ir.js';
import { OP_TYPES } from '../../src/graph/ops/op-types.js';
import { OPERATORS } from '../../src/graph/ops/table.js';
import { createOnnxRuntimeService } from '../../src/runtime/onnxruntime-service.js';
import { centralDifference } from '../rigs/central-differences.js';
import { evaluate, plain } from '../rigs/reference-evaluator.js';
import type { Plain } from '../rigs/reference-evaluator.js';
import { CASES, dtypeOf } from './operator-cases.js';
import type { Case } from './operator-cases.js';
import { draw } from './draw.js';
import { DIRECTIONAL, OPERATOR_FLOAT32 } from './tolerances.js';

/** `npm run test:operators` asks for more. */
const RUNS = Number(process.env['OPERATOR_RUNS'] ?? 24);
const SEED = Number(process.env['OPERATOR_SEED'] ?? 20240611);
/** Their gradient is no gradient: nothing to compare. */
const PIECEWISE_CONSTANT: readonly string[] = ['Sign', 'Floor', 'Ceil', 'Round'];
const service = createOnnxRuntimeService({ threads: 1 });
afterAll(() => service.dispose());

function build(test: Case): Graph {
  const b = new GraphBuilder();
  const values = test.ports.map((port, i) => b.input(`x${i}`, dtypeOf(port.domain), port.shape));
  test.emit(b, values).forEach((value, i) => b.output(`y${i}`, value));
  return b.build();
}

function expectClose(found: ArrayLike<number | bigint>, expected: Float64Array, tolerance: number, what: string): void {
  expect(found.length, what).toBe(expected.length);
  const scale = expected.reduce((top, value) => Math.max(top, Math.abs(value)), 1);
  let worst = 0;
  expected.forEach((value, i) => (worst = Math.max(worst, Math.abs(Number(found[i]) - value))));
  expect(worst / scale, what).toBeLessThan(tolerance);
}

describe.each(OP_TYPES.map((op) => ({ op })))('$op', ({ op }) => {
  it('gives the shapes and values of the specification on ONNX Runtime', async () => {
    await fc.assert(
      fc.asyncProperty(CASES[op], fc.integer(), async (test, seed) => {
        const graph = build(test);
        const random = new Random(seed);
        const feeds = Object.fromEntries(test.ports.map((port, i) => [`x${i}`, draw(port, random)]));
        const expected = evaluate(graph, Object.fromEntries(Object.entries(feeds).map(([name, t]) => [name, plain(t.shape, t.data)])));
        const program = await service.compile(encodeModel(graph));
        const results = await program.run(feeds);
        await program.dispose();
        for (const output of graph.outputs) {
          const result = results[output.name] as Tensor;
          expect({ dtype: result.dtype, shape: result.shape }).toEqual({ dtype: output.dtype, shape: output.shape });
          expectClose(result.data, (expected.get(output.name) as Plain).data, OPERATOR_FLOAT32, output.name);
        }
      }),
      { numRuns: RUNS, seed: SEED },
    );
  });

  const differentiable = OPERATORS[op].gradient !== 'non-differentiable';
  it.runIf(differentiable && !PIECEWISE_CONSTANT.includes(op))('has the gradient that central differences in float64 show', async () => {
    await fc.assert(
      fc.asyncProperty(CASES[op], fc.integer(), async (test, seed) => {
        const forward = build(test);
        const real = forward.inputs.filter((input) => input.dtype === 'float32');
        const outputs = forward.outputs.filter((output) => output.dtype === 'float32');
        if (real.length === 0 || outputs.length === 0) return;
        const random = new Random(seed);
        const feeds: Readonly<Record<string, Tensor>> = Object.fromEntries(test.ports.map((port, i) => [`x${i}`, draw(port, random)]));
        const objective = (outputs[random.integer(0, outputs.length)] as (typeof outputs)[number]).name;
        if (test.refused === true) {
          expect(() => differentiate(forward, { of: objective, wrt: real.map((input) => input.name), seed: 'seed' })).toThrow(/cannot be differentiated/);
          return;
        }
        const differenced = centralDifference(forward, objective, feeds, random);
        if (differenced === undefined) return;
        const { error, graph, values, inputs, seed: weights } = differenced;
        expect(error).toBeLessThan(DIRECTIONAL);
        const program = await service.compile(encodeModel(graph));
        const results = await program.run({ ...feeds, seed: weights });
        await program.dispose();
        for (const input of inputs) expectClose((results[gradientName(input.name)] as Tensor).data as Float32Array, (values.get(gradientName(input.name)) as Plain).data, OPERATOR_FLOAT32, gradientName(input.name));
      }),
      { numRuns: RUNS, seed: SEED },
    );
  });
});
