/**
 * Batch normalisation in training mode, written out in plain operators: it normalises by the statistics of the batch, the gradient flows through
 * them, and the running statistics move. Nodes that are left alone normalise by their running statistics, as constants (evaluation mode).
 */
import { GraphBuilder } from '../builder.js';
import type { Graph, Node, Value } from '../ir.js';
import { add, div, mul, reduceMean, reshape, sqrt, sub } from '../layers.js';
import { sizeOf } from '../../core/tensor.js';

/** An initializer that a step moves without a gradient: `next` is the output of the graph that replaces it. */
export interface RunningStatistic {
  readonly name: string;
  readonly next: string;
}

const EPSILON = 1e-5;
/** share of the old value that ONNX keeps; torch's momentum is 1 − this */
const MOMENTUM = 0.9;

/**
 * Over all axes but the second, n elements a channel: μ = mean x, σ² = mean (x − μ)²; y = γ(x − μ)/√(σ² + ε) + β;
 * mean' = k·mean + (1 − k)·μ, var' = k·var + (1 − k)·σ²·n/(n − 1), with k the node's ONNX momentum (torch: 1 − momentum).
 * A batch of one element a channel has no unbiased variance: the biased one (0) is taken. torch refuses it.
 * @param chosen names of values: batch norms that compute one of them change their mode
 * @source torch.nn.BatchNorm2d
 */
export function batchNormTraining(graph: Graph, chosen: ReadonlySet<string>): { readonly graph: Graph; readonly statistics: readonly RunningStatistic[] } {
  const b = new GraphBuilder();
  const here = new Map<string, Value>();
  const statistics: RunningStatistic[] = [];
  const next: Value[] = [];
  for (const input of graph.inputs) here.set(input.name, b.input(input.name, input.dtype, input.shape));
  for (const [name, constant] of graph.initializers) here.set(name, b.constant(constant, name));
  const valueOf = (name: string): Value | undefined => here.get(name);
  for (const node of graph.nodes) {
    const [name = ''] = node.outputs;
    if (node.op !== 'BatchNormalization' || !chosen.has(name) || !hasOwnStatistics(graph, node)) {
      b.node(node, node.inputs.map(valueOf)).forEach((value, i) => here.set(node.outputs[i] as string, value));
      continue;
    }
    const [x, scale, bias, mean, variance] = node.inputs.map((input) => valueOf(input) as Value) as [Value, Value, Value, Value, Value];
    const channels = scale.shape[0] as number;
    const perChannel = x.shape.map((extent, axis) => (axis === 1 ? extent : 1));
    const others = x.shape.map((_, axis) => axis).filter((axis) => axis !== 1);
    const mu = reduceMean(b, x, others, true); // [1, C, 1, …]
    const centred = sub(b, x, mu);
    const sigma2 = reduceMean(b, mul(b, centred, centred), others, true);
    const deviation = sqrt(b, add(b, sigma2, (node.attributes['epsilon'] as number | undefined) ?? EPSILON));
    here.set(name, add(b, mul(b, centred, div(b, reshape(b, scale, perChannel), deviation)), reshape(b, bias, perChannel), name));
    const keep = (node.attributes['momentum'] as number | undefined) ?? MOMENTUM;
    const elements = sizeOf(x.shape) / channels;
    const mixed = (old: Value, now: Value, factor: number): Value => add(b, mul(b, old, keep), mul(b, reshape(b, now, [channels]), (1 - keep) * factor));
    for (const [old, now] of [[mean, mixed(mean, mu, 1)], [variance, mixed(variance, sigma2, elements / Math.max(1, elements - 1))]] as const) {
      next.push(now);
      statistics.push({ name: old.name, next: `${old.name}:next` });
    }
  }
  const moved = next.map((value, i) => b.output(statistics[i]?.next as string, value));
  return { graph: { ...b.build(), outputs: [...graph.outputs.map((output) => here.get(output.name) as Value), ...moved] }, statistics };
}

/** The running statistics are constants of this node alone: two nodes that share them would both move them. */
function hasOwnStatistics(graph: Graph, node: Node): boolean {
  return node.inputs.slice(3, 5).every((name) => graph.initializers.has(name) && graph.nodes.filter((other) => other.inputs.includes(name)).length === 1);
}
