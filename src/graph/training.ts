/**
 * One step of training as one graph: loss, gradients by all weights and the Adam update in a single run.
 *
 *   m' = b1 m + (1 - b1) g        v' = b2 v + (1 - b2) g²        w' = w - rate · (m' c1) / (sqrt(v' c2) + eps)
 *   with the bias corrections c1 = 1/(1 - b1^t), c2 = 1/(1 - b2^t) of step t = 1, 2, …
 *
 * Weights, m and v are flat float32 vectors [P] laid out by `layout`; rate, c1 and c2 are scalars, all of them inputs, so one compiled program
 * serves the whole training. Source: Kingma and Ba, Adam, ICLR 2015, algorithm 1 (as torch.optim.Adam computes it).
 */
import { tensor } from '../core/tensor.js';
import type { Tensor } from '../core/tensor.js';
import { GraphBuilder } from './builder.js';
import { differentiate, gradientName } from './gradient.js';
import type { Graph, Value } from './ir.js';
import { add, concat, div, mul, reshape, sqrt, sub } from './layers.js';
import type { PoolTies } from './ops/operator.js';
import { packParameters, parameterLayout, parametersAsInputs } from './parameters.js';
import type { ParameterSlot } from './parameters.js';

export interface TrainingSpec {
  /** name of the scalar to be made small */
  readonly loss: string;
  /** names of the initializers to be trained */
  readonly parameters: readonly string[];
  readonly beta1?: number;
  readonly beta2?: number;
  readonly epsilon?: number;
  /** see GradientSpec; `every` is right for images with noise and faster */
  readonly poolTies?: PoolTies;
}

/** Names of the inputs (left) and outputs (right) that a step adds to those of the graph. */
export const STEP_INPUTS = { parameters: 'parameters', moment1: 'moment1', moment2: 'moment2', rate: 'rate', correction1: 'correction1', correction2: 'correction2' } as const;
export const STEP_OUTPUTS = { parameters: 'parameters:next', moment1: 'moment1:next', moment2: 'moment2:next' } as const;

export interface TrainingStep {
  /** inputs: the graph's own and STEP_INPUTS; outputs: the graph's own and STEP_OUTPUTS */
  readonly graph: Graph;
  readonly layout: readonly ParameterSlot[];
  /** the graph's present weights, as the first value of the input `parameters` */
  readonly initial: Tensor<'float32'>;
  /** the three scalars to be fed in step t (from 1) at the given learning rate */
  scalars(step: number, rate: number): Record<'rate' | 'correction1' | 'correction2', Tensor<'float32'>>;
}

export function trainingStep(graph: Graph, spec: TrainingSpec): TrainingStep {
  const { beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8 } = spec;
  const layout = parameterLayout(graph, spec.parameters);
  const initial = packParameters(graph, layout);
  const size = initial.data.length;

  const gradients = differentiate(parametersAsInputs(graph, spec.parameters), { of: spec.loss, wrt: spec.parameters, poolTies: spec.poolTies ?? 'first' });
  const b = new GraphBuilder();
  const bindings: Record<string, Value> = {};
  for (const port of graph.inputs) bindings[port.name] = b.input(port.name, port.dtype, port.shape);
  const weights = b.input(STEP_INPUTS.parameters, 'float32', [size]);
  const m = b.input(STEP_INPUTS.moment1, 'float32', [size]);
  const v = b.input(STEP_INPUTS.moment2, 'float32', [size]);
  const rate = b.input(STEP_INPUTS.rate, 'float32', []);
  const c1 = b.input(STEP_INPUTS.correction1, 'float32', []);
  const c2 = b.input(STEP_INPUTS.correction2, 'float32', []);

  const parts = b.ops('Split', [weights, b.ints(layout.map((slot) => slot.size))], { axis: 0 }, layout.length);
  layout.forEach((slot, i) => (bindings[slot.name] = reshape(b, parts[i] as Value, slot.shape)));
  const results = b.inline(gradients, bindings, 'model/');
  for (const output of graph.outputs) b.output(output.name, results[output.name] as Value);

  const g = concat(b, layout.map((slot) => reshape(b, results[gradientName(slot.name)] as Value, [slot.size])), 0); // [P]
  const m1 = add(b, mul(b, m, beta1), mul(b, g, 1 - beta1));
  const v1 = add(b, mul(b, v, beta2), mul(b, mul(b, g, g), 1 - beta2));
  const change = div(b, mul(b, m1, mul(b, rate, c1)), add(b, sqrt(b, mul(b, v1, c2)), epsilon));
  b.output(STEP_OUTPUTS.parameters, sub(b, weights, change));
  b.output(STEP_OUTPUTS.moment1, m1);
  b.output(STEP_OUTPUTS.moment2, v1);

  const scalar = (x: number): Tensor<'float32'> => tensor('float32', [], Float32Array.of(x));
  return {
    graph: b.build(),
    layout,
    initial,
    scalars: (step, learningRate) => ({ rate: scalar(learningRate), correction1: scalar(1 / (1 - beta1 ** step)), correction2: scalar(1 / (1 - beta2 ** step)) }),
  };
}
