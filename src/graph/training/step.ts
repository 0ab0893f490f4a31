/**
 * One step of training as one graph: loss, gradients by all weights, clipping and the optimiser's update in a single run.
 *
 * What a training carries from step to step (weights, moments, running statistics) is the step's `state`: flat float32 vectors that go in under one
 * name and come out under another, so that a loop can carry and store them without knowing what they are. Rates and corrections are scalar inputs:
 * one compiled program serves the whole training. Weights stand in groups, each with a rate and a decay of its own.
 */
import { PipelineError } from '../../core/errors.js';
import { tensor } from '../../core/tensor.js';
import type { Tensor } from '../../core/tensor.js';
import { GraphBuilder } from '../builder.js';
import { differentiate, gradientName } from '../gradient.js';
import type { Graph, Value } from '../ir.js';
import { concat, reshape, slice } from '../layers.js';
import type { PoolTies } from '../ops/operator.js';
import { packParameters, parameterLayout, parametersAsInputs } from '../parameters.js';
import type { ParameterSlot } from '../parameters.js';
import type { RunningStatistic } from './batch-norm.js';
import { clipGradients, type Clipping } from './clip.js';
import { correctionsOf, momentsOf, update, type Optimiser } from './optimiser.js';

export interface ParameterGroup {
  /** tells its vectors from those of other groups; may be left out where there is one */
  readonly name?: string;
  /** names of the initializers to be trained */
  readonly parameters: readonly string[];
  /** factor on the rate of a step; default 1 */
  readonly rate?: number;
  /** λ of the optimiser's weight decay; default 0 */
  readonly weightDecay?: number;
}

export interface TrainingSpec {
  /** name of the scalar to be made small */
  readonly loss: string;
  readonly groups: readonly ParameterGroup[];
  readonly optimiser: Optimiser;
  readonly clip?: Clipping;
  /** of batch norms in training mode: the graph's outputs that replace their initializers */
  readonly statistics?: readonly RunningStatistic[];
  /** see GradientSpec; `every` is right for images with noise and faster */
  readonly poolTies?: PoolTies;
  /** see GradientSpec; of the service that will run the step */
  readonly poolIndices?: boolean;
}

/** One vector of the state: fed as `input`, replaced by `output`. */
export interface StateSlot {
  readonly input: string;
  readonly output: string;
  readonly initial: Float32Array;
}

/** The vectors of a state by the names of their inputs. */
export type State = Readonly<Record<string, Float32Array>>;

export interface TrainingStep {
  /** inputs: the graph's own, those of the state, and scalars; outputs: the graph's own (but statistics) and those of the state */
  readonly graph: Graph;
  readonly state: readonly StateSlot[];
  /** the scalars to be fed in step t (from 1) at the given learning rate */
  scalars(t: number, rate: number): Record<string, Tensor<'float32'>>;
  /** what was trained, and running statistics, by the names of their initializers */
  weights(state: State): Map<string, Tensor<'float32'>>;
}

const STATISTICS = 'statistics';
const nextName = (input: string): string => `${input}:next`;

/** Errors: E_GRAPH for names that are not float32 weights, or that stand in two groups; those of `differentiate`. */
export function trainingStep(graph: Graph, spec: TrainingSpec): TrainingStep {
  const { optimiser, groups, statistics = [] } = spec;
  const names = groups.flatMap((group) => group.parameters);
  requireOnce(names);
  const stored = statistics.map((statistic) => statistic.name);
  const layouts = groups.map((group) => parameterLayout(graph, group.parameters));
  const storedLayout = parameterLayout(graph, stored);
  const nextStatistics = new Set(statistics.map((statistic) => statistic.next));

  const gradients = differentiate(parametersAsInputs(graph, [...names, ...stored]), { of: spec.loss, wrt: names, poolTies: spec.poolTies ?? 'first', poolIndices: spec.poolIndices ?? true });
  const b = new GraphBuilder();
  const bindings: Record<string, Value> = {};
  const state: StateSlot[] = [];
  const slot = (input: string, initial: Float32Array): Value => {
    state.push({ input, output: nextName(input), initial });
    return b.input(input, 'float32', [initial.length]);
  };
  for (const port of graph.inputs) bindings[port.name] = b.input(port.name, port.dtype, port.shape);
  const vectors = groups.map((group, g) => {
    const initial = packParameters(graph, layouts[g] as ParameterSlot[]).data;
    const named = (what: string): string => (group.name === undefined ? what : `${what}:${group.name}`);
    return {
      weights: slot(named('parameters'), initial),
      moments: momentsOf(optimiser).map((moment) => slot(named(moment), new Float32Array(initial.length))),
      rate: b.input(named('rate'), 'float32', []),
    };
  });
  const corrections = Object.fromEntries(Object.keys(correctionsOf(optimiser, 1)).map((name) => [name, b.input(name, 'float32', [])]));
  const unpack = (vector: Value, layout: readonly ParameterSlot[]): void => {
    // not one Split: WebGPU has no kernel for more than eleven parts
    for (const { name, shape, offset, size } of layout) bindings[name] = reshape(b, slice(b, vector, [offset], [offset + size]), shape);
  };
  vectors.forEach(({ weights }, g) => unpack(weights, layouts[g] as ParameterSlot[]));
  if (stored.length > 0) unpack(slot(STATISTICS, packParameters(graph, storedLayout).data), storedLayout);
  const results = b.inline(gradients, bindings, 'model/');
  for (const output of graph.outputs) if (!nextStatistics.has(output.name)) b.output(output.name, results[output.name] as Value);

  const flat = (values: readonly Value[], layout: readonly ParameterSlot[]): Value => concat(b, layout.map(({ size }, i) => reshape(b, values[i] as Value, [size])), 0);
  const raw = layouts.map((layout) => flat(layout.map(({ name }) => results[gradientName(name)] as Value), layout)); // each [P of the group]
  const clipped = clipGradients(b, raw, spec.clip ?? {});
  groups.forEach((group, g) => {
    const { weights, moments, rate } = vectors[g] as (typeof vectors)[number];
    const next = update(b, optimiser, { weights, gradient: clipped[g] as Value, moments, rate, corrections, weightDecay: group.weightDecay ?? 0 });
    b.output(nextName(weights.name), next.weights);
    moments.forEach((moment, i) => b.output(nextName(moment.name), next.moments[i] as Value));
  });
  if (stored.length > 0) b.output(nextName(STATISTICS), flat(statistics.map(({ next }) => results[next] as Value), storedLayout));

  const scalar = (x: number): Tensor<'float32'> => tensor('float32', [], Float32Array.of(x));
  return {
    graph: b.build(),
    state,
    scalars: (t, learningRate) => ({
      ...Object.fromEntries(groups.map((group, g): [string, Tensor<'float32'>] => [(vectors[g] as (typeof vectors)[number]).rate.name, scalar(learningRate * (group.rate ?? 1))])),
      ...Object.fromEntries(Object.entries(correctionsOf(optimiser, t)).map(([name, value]) => [name, scalar(value)])),
    }),
    weights: (at) => {
      const unpacked = new Map<string, Tensor<'float32'>>();
      const read = (vector: Float32Array, layout: readonly ParameterSlot[]): void => {
        for (const { name, shape, offset, size } of layout) unpacked.set(name, tensor('float32', shape, vector.slice(offset, offset + size)));
      };
      vectors.forEach(({ weights }, g) => read(at[weights.name] as Float32Array, layouts[g] as ParameterSlot[]));
      if (stored.length > 0) read(at[STATISTICS] as Float32Array, storedLayout);
      return unpacked;
    },
  };
}

function requireOnce(names: readonly string[]): void {
  const seen = new Set<string>();
  for (const name of names) {
    if (seen.has(name)) throw new PipelineError('E_GRAPH', `the weight '${name}' is to be trained twice`, { facts: { expected: 'every weight in one group', found: 'two' }, hint: 'Put it into one group.' });
    seen.add(name);
  }
}
