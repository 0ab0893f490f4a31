/** Optimisers, clipping, groups and batch norm in both modes against PyTorch 2.15 (tools/oracles/optimisers.py), five steps each. */
import { afterAll, describe, expect, it } from 'vitest';
import { encodeModel } from '../../../src/graph/encode.js';
import { batchNormTraining } from '../../../src/graph/training/batch-norm.js';
import { movedBy } from '../../../src/graph/training/frozen-part.js';
import { trainingStep, type ParameterGroup, type State, type TrainingStep } from '../../../src/graph/training/step.js';
import { weightsOf } from '../../../src/graph/training/trainable.js';
import { tensor } from '../../../src/core/tensor.js';
import { createOnnxRuntimeService } from '../../../src/runtime/onnxruntime-service.js';
import { evaluate, plain, type Plain } from '../../rigs/reference-evaluator.js';
import { feedsOf, FIXTURE, float64Of, networkGraph, STEPS, type OptimiserCase } from './fixture-network.js';

/**
 * Float64 against float64: constants of the graph and scalars are float32 (6e-8), nothing else is. Adam divides by the size of the gradient, which is
 * where an error of 1e-8 weighs most.
 */
const FLOAT64 = 1e-6;
/** float32 here against float64 there */
const FLOAT32 = 1e-5;

const service = createOnnxRuntimeService({ threads: 1 });
afterAll(() => service.dispose());

function stepOf({ name, optimiser, weightDecay, clip, mode, frozen }: OptimiserCase): TrainingStep {
  const graph = networkGraph();
  const weights = weightsOf(graph).filter((weight) => !frozen.some((start) => weight.name.startsWith(start)));
  const names = weights.map((weight) => weight.name);
  const { graph: moded, statistics } = mode === 'training' ? batchNormTraining(graph, movedBy(graph, names)) : { graph, statistics: [] };
  const head = names.filter((weight) => weight.startsWith('fc'));
  const groups: readonly ParameterGroup[] = name.startsWith('groups')
    ? [
        { name: 'matrix', parameters: weights.filter((weight) => !weight.vector && !head.includes(weight.name)).map((weight) => weight.name), rate: 0.1, weightDecay: 0.1 },
        { name: 'vector', parameters: weights.filter((weight) => weight.vector && !head.includes(weight.name)).map((weight) => weight.name), rate: 0.1 },
        { name: 'head', parameters: head, weightDecay: 0.05 },
      ]
    : [{ parameters: names, weightDecay }];
  return trainingStep(moded, { loss: 'loss', groups, optimiser, clip, statistics });
}

/** Largest difference from the fixture's weights, as a share of the largest of a tensor (at least 1). */
function farthest(found: ReadonlyMap<string, ArrayLike<number>>, expected: OptimiserCase['after']): number {
  let worst = 0;
  for (const [name, packed] of Object.entries(expected)) {
    const values = float64Of(packed);
    const scale = values.reduce((top, x) => Math.max(top, Math.abs(x)), 1);
    const data = found.get(name);
    if (data === undefined) continue;
    values.forEach((x, i) => (worst = Math.max(worst, Math.abs(x - (data[i] as number)) / scale)));
  }
  return worst;
}

describe.each(FIXTURE.cases.map((one) => [one.name, one] as const))('%s', (_, one) => {
  const step = stepOf(one);

  it('trains as PyTorch does, in float64', () => {
    const state: Record<string, Plain> = Object.fromEntries(step.state.map(({ input, initial }) => [input, plain([initial.length], initial)]));
    const losses: number[] = [];
    for (let t = 0; t < STEPS; t += 1) {
      const feeds = { ...feedsOf(t), ...step.scalars(t + 1, one.rate) };
      const results = evaluate(step.graph, { ...Object.fromEntries(Object.entries(feeds).map(([name, { shape, data }]) => [name, plain(shape, data)])), ...state });
      losses.push(results.get('loss')?.data[0] as number);
      for (const { input, output } of step.state) state[input] = results.get(output) as Plain;
    }
    losses.forEach((loss, t) => expect(Math.abs(loss - (one.losses[t] as number)), `loss of step ${t + 1}`).toBeLessThan(FLOAT64));
    const after = step.weights(Object.fromEntries(Object.entries(state).map(([name, { data }]) => [name, data as unknown as Float32Array])));
    expect([...after.keys()].sort()).toEqual(Object.keys(one.after).filter((name) => !one.frozen.some((start) => name.startsWith(start) && !name.includes('running'))).sort());
    expect(farthest(new Map([...after].map(([name, { data }]) => [name, data])), one.after)).toBeLessThan(FLOAT64);
  });

  it('trains as PyTorch does, in float32 on ONNX Runtime', async () => {
    const program = await service.compile(encodeModel(step.graph));
    let state: State = Object.fromEntries(step.state.map(({ input, initial }) => [input, initial]));
    for (let t = 0; t < STEPS; t += 1) {
      const vectors = Object.fromEntries(Object.entries(state).map(([name, data]) => [name, tensor('float32', [data.length], data)]));
      const results = await program.run({ ...feedsOf(t), ...vectors, ...step.scalars(t + 1, one.rate) });
      expect(Math.abs((results['loss']?.data[0] as number) - (one.losses[t] as number)), `loss of step ${t + 1}`).toBeLessThan(FLOAT32 * Math.max(1, one.losses[t] as number));
      state = Object.fromEntries(step.state.map(({ input, output }) => [input, results[output]?.data as Float32Array]));
    }
    await program.dispose();
    expect(farthest(new Map([...step.weights(state)].map(([name, { data }]) => [name, data])), one.after)).toBeLessThan(FLOAT32);
  });
});

it('a weight in two groups is refused', () => {
  expect(() => trainingStep(networkGraph(), { loss: 'loss', optimiser: { kind: 'adam' }, groups: [{ name: 'a', parameters: ['fc.weight'] }, { name: 'b', parameters: ['fc.weight'] }] })).toThrowError(
    expect.objectContaining({ code: 'E_GRAPH', message: "the weight 'fc.weight' is to be trained twice" }) as Error,
  );
});
