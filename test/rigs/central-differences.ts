/** Compares the gradient of one value by all real inputs that it depends on with a central difference along a random direction, both in float64. */
import type { Random } from '../../src/core/random.js';
import type { Tensor } from '../../src/core/tensor.js';
import { differentiate, gradientName } from '../../src/graph/gradient.js';
import type { Graph, Value } from '../../src/graph/ir.js';
import { evaluate, fill, plain } from './reference-evaluator.js';
import type { Plain } from './reference-evaluator.js';
import { DIFFERENCE_STEP as STEP } from '../graph/tolerances.js';


export interface Differenced {
  /** |predicted - measured| / (1 + sum of |terms|) of the derivative of sum(seed · objective) */
  readonly error: number;
  /** the differentiated graph, with an input `seed`, its values, and the inputs it has gradients of */
  readonly graph: Graph;
  readonly values: ReadonlyMap<string, Plain>;
  readonly inputs: readonly Value[];
  readonly seed: Tensor;
}

/** undefined for an objective that depends on no real input. */
export function centralDifference(forward: Graph, objective: string, feeds: Readonly<Record<string, Tensor>>, random: Random): Differenced | undefined {
  const real = forward.inputs.filter((input) => input.dtype === 'float32' && dependsOn(forward, objective, input.name));
  if (real.length === 0) return undefined;
  const of = forward.values.get(objective) as { readonly shape: readonly number[] };
  // float32 numbers, so that a runtime is fed the same
  const normal = (shape: readonly number[]): Plain => fill(shape, () => Math.fround(random.normal()));
  const seed = normal(of.shape);
  const exact: Record<string, Plain> = Object.fromEntries(Object.entries(feeds).map(([name, t]) => [name, plain(t.shape, t.data)]));
  const graph = differentiate(forward, { of: objective, wrt: real.map((input) => input.name), seed: 'seed' });
  const gradients = evaluate(graph, { ...exact, seed });
  const direction = new Map(real.map((input) => [input.name, normal(input.shape)]));
  const shifted = (h: number): number => {
    const moved = Object.fromEntries(Object.entries(exact).map(([name, t]) => [name, { shape: t.shape, data: t.data.map((x, i) => x + h * (direction.get(name)?.data[i] ?? 0)) }]));
    return (evaluate(forward, moved).get(objective) as Plain).data.reduce((total, value, i) => total + value * (seed.data[i] as number), 0);
  };
  const measured = (shifted(STEP) - shifted(-STEP)) / (2 * STEP);
  let predicted = 0;
  let size = 1;
  for (const { name } of real) {
    (gradients.get(gradientName(name)) as Plain).data.forEach((g, i) => {
      const term = g * (direction.get(name)?.data[i] as number);
      predicted += term;
      size += Math.abs(term);
    });
  }
  const rounded: Tensor = { dtype: 'float32', shape: seed.shape, data: Float32Array.from(seed.data) };
  return { error: Math.abs(predicted - measured) / size, graph, values: gradients, inputs: real, seed: rounded };
}

/** Whether real values lead from the input to the objective. */
function dependsOn(graph: Graph, objective: string, input: string): boolean {
  const reached = new Set([input]);
  for (const node of graph.nodes) {
    if (!node.inputs.some((name) => reached.has(name))) continue;
    for (const name of node.outputs) if (graph.values.get(name)?.dtype.startsWith('float') === true) reached.add(name);
  }
  return reached.has(objective);
}
