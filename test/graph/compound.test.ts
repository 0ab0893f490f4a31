/** Each compound operator: ONNX Runtime's own result of the original beside that of our spelling, and the gradient through the spelling against central differences. */
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { Random } from '../../src/core/random.js';
import { allocate, sizeOf } from '../../src/core/tensor.js';
import type { Tensor } from '../../src/core/tensor.js';
import { decodeModel } from '../../src/graph/decode.js';
import { encodeModel } from '../../src/graph/encode.js';
import { COMPOUNDS } from '../../src/graph/onnx/compound.js';
import { createOnnxRuntimeService } from '../../src/runtime/onnxruntime-service.js';
import { centralDifference } from '../rigs/central-differences.js';
import { evaluate, plain } from '../rigs/reference-evaluator.js';
import type { Plain } from '../rigs/reference-evaluator.js';
import { rawModel } from '../rigs/raw-model.js';
import { COMPOUND_CASES } from './compound-cases.js';
import { DIRECTIONAL, OPERATOR_FLOAT32 } from './tolerances.js';

const RUNS = Number(process.env['OPERATOR_RUNS'] ?? 12);
const SEED = Number(process.env['OPERATOR_SEED'] ?? 20240611);
const service = createOnnxRuntimeService({ threads: 1 });
afterAll(() => service.dispose());

/** Numbers away from 0, whose sign is random: powers, logarithms and kinks at 0 stay defined and differentiable. */
function draw(shape: readonly number[], random: Random, positive: boolean): Tensor {
  const data = allocate('float32', sizeOf(shape));
  for (let i = 0; i < data.length; i += 1) data[i] = random.uniform(0.3, 2) * (positive || random.integer(0, 2) === 0 ? 1 : -1);
  return { dtype: 'float32', shape, data };
}

function expectClose(found: ArrayLike<number | bigint>, expected: ArrayLike<number | bigint>, what: string): void {
  expect(found.length, what).toBe(expected.length);
  const scale = Math.max(1, ...Array.from(expected as ArrayLike<number>, (x) => Math.abs(Number(x))));
  for (let i = 0; i < expected.length; i += 1) expect(Math.abs(Number(found[i]) - Number(expected[i])) / scale, `${what}, element ${i}`).toBeLessThan(OPERATOR_FLOAT32);
}

it('has a case for every compound operator', () => {
  expect(Object.keys(COMPOUND_CASES).sort()).toEqual([...COMPOUNDS.keys()].sort());
});

describe.each([...COMPOUNDS.keys()].map((op) => ({ op })))('$op', ({ op }) => {
  it('computes what the original does, and has the gradient that central differences show', async () => {
    await fc.assert(
      fc.asyncProperty(COMPOUND_CASES[op] as NonNullable<(typeof COMPOUND_CASES)[string]>, fc.integer(), async (test, seed) => {
        const random = new Random(seed);
        const model = rawModel(test);
        const graph = decodeModel(model);
        expect(graph.outputs.map(({ dtype, shape }) => ({ dtype, shape }))).toEqual(test.outputs);
        const feeds = Object.fromEntries(graph.inputs.map((input) => [input.name, draw(input.shape, random, op === 'ReduceLogSum' || (op === 'BatchNormalization' && input.name === 'x4'))]));
        const values = evaluate(graph, Object.fromEntries(Object.entries(feeds).map(([name, t]) => [name, plain(t.shape, t.data)])));
        for (const bytes of [encodeModel(graph), ...(test.alone === true ? [] : [model])]) {
          const program = await service.compile(bytes);
          const results = await program.run(Object.fromEntries(program.inputs.map(({ name }) => [name, feeds[name] as Tensor])));
          await program.dispose();
          graph.outputs.forEach(({ name }) => expectClose((results[name] as Tensor).data, (values.get(name) as Plain).data, `${op} ${bytes === model ? 'original' : 'spelled'} ${name}`));
        }
        if (test.flat === true) return;
        for (const objective of graph.outputs) {
          const differenced = centralDifference(graph, objective.name, feeds, random);
          expect(differenced?.error ?? 0, `gradient of ${objective.name}`).toBeLessThan(DIRECTIONAL);
        }
      }),
      { numRuns: RUNS, seed: SEED },
    );
  });
});

it.each(['linear', 'nearest', 'cubic'])('Resize (%s) by a scale that float32 rounds up has the extent that runtimes compute: 10 · 0.7 is 7', async (mode) => {
  const bytes = rawModel({
    op: 'Resize', opset: 18, attributes: { mode: { text: mode } },
    inputs: [{ dtype: 'float32', shape: [1, 1, 10, 10] }, undefined, { dtype: 'float32', shape: [4], data: Float32Array.of(1, 1, 0.7, 0.7) }], outputs: [{ dtype: 'float32', shape: [1, 1, 7, 7] }],
  });
  const graph = decodeModel(bytes);
  expect(graph.outputs[0]?.shape).toEqual([1, 1, 7, 7]);
  const x: Tensor = { dtype: 'float32', shape: [1, 1, 10, 10], data: Float32Array.from({ length: 100 }, (_, i) => i) };
  const program = await service.compile(encodeModel(graph));
  const found = (await program.run({ x0: x }))['y0'] as Tensor;
  expect(found.shape).toEqual([1, 1, 7, 7]);
  expectClose(found.data, evaluate(graph, { x0: plain(x.shape, x.data as Float32Array) }).get('y0')?.data ?? [], mode);
  // as ONNX Runtime 1.32 computes from the file as it stands
  if (mode === 'linear') expectClose(found.data.subarray(0, 4) as Float32Array, [2.3571432, 3.7857144, 5.214286, 6.642857], mode);
});
