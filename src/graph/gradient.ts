/**
 * Reverse-mode differentiation: a graph becomes a graph that also computes gradients, in one run.
 *
 * For the objective L = `of` (a scalar) or L = sum(seed * `of`) it adds an output `gradient:<name>` = dL/d<name> for every name in `wrt`:
 * inputs, initializers or values in between. Inputs and outputs stay. Nodes are visited once, last first; where a value is used several times
 * its gradients are added in the order of use, so the bytes depend on the graph only. What no gradient needs is not emitted.
 * Errors: E_GRAPH for unknown names or a non-scalar objective, E_NOT_DIFFERENTIABLE naming the node in the way.
 */
import { PipelineError } from '../core/errors.js';
import { sizeOf } from '../core/tensor.js';
import { matchActivations } from './activations.js';
import { GraphBuilder } from './builder.js';
import { prune } from './cut.js';
import type { Graph, Node, Value } from './ir.js';
import { add, mul, reshape } from './layers.js';
import { requireValue } from './names.js';
import { sameShape } from './ops/broadcast.js';
import { perChannel } from './ops/channelwise.js';
import { stepMask } from './ops/masks.js';
import { isOpType } from './ops/op-types.js';
import type { PoolTies } from './ops/operator.js';
import { OPERATORS } from './ops/table.js';
import { overriddenGradient, resolveOverrides } from './overrides.js';
import type { GradientOverride } from './overrides.js';

export interface GradientSpec {
  /** name of the value to differentiate */
  readonly of: string;
  readonly wrt: readonly string[];
  /** name of a new input of the shape of `of` that holds the gradient by it; without it `of` must have one element */
  readonly seed?: string;
  /**
   * Who gets the gradient where elements of a max-pool window tie: `first` (default) is exact everywhere; `every` is the same on images without
   * equal neighbours (noise), faster, and too large by the number of ties on constant regions.
   */
  readonly poolTies?: PoolTies;
  /** named rules in place of the gradients of some operators (overrides.ts): what comes back is then no derivative */
  readonly overrides?: readonly GradientOverride[];
  /** Whether a max pool whose windows overlap may be asked for the positions of its maxima (default). Without, windows are compared offset by offset: as exact, slower on a CPU, for providers that have no positions. */
  readonly poolIndices?: boolean;
}

export function gradientName(name: string): string {
  return `gradient:${name}`;
}

export function differentiate(graph: Graph, spec: GradientSpec): Graph {
  const of = requireValue(graph, spec.of);
  const targets = spec.wrt.map((name) => requireValue(graph, name));
  const reached = dependents(graph, targets);
  if (!reached.has(of.name)) throw unreachableObjective(spec);

  const b = GraphBuilder.from(graph);
  const adjoints = new Map<string, Value>();
  const accumulate = (name: string, gradient: Value): void => {
    const known = adjoints.get(name);
    adjoints.set(name, known === undefined ? gradient : add(b, known, gradient));
  };
  adjoints.set(of.name, seedOf(b, of, spec.seed));

  const overridden = resolveOverrides(graph, spec.overrides ?? []);
  const kept = new Set([of.name, ...spec.wrt, ...[...overridden.keys()].flatMap((node) => node.outputs)]);
  const skipped = reluBeforePool(graph, kept);
  const activations = matchActivations(graph, kept);
  const residual = residualSums(graph);
  for (let i = graph.nodes.length - 1; i >= 0; i -= 1) {
    const node = graph.nodes[i] as Node;
    if (!node.outputs.some((name) => adjoints.has(name)) || !node.inputs.some((name) => reached.has(name))) continue;
    const pooledRelu = skipped.pools.get(node);
    if (pooledRelu !== undefined) {
      // the winner of a window is positive exactly where the pooled value is: mask a quarter of the elements, and none at full size
      const pooled = graph.values.get(node.outputs[0] as string) as Value;
      const masked = mul(b, adjoints.get(pooled.name) as Value, stepMask(b, pooled));
      adjoints.set(pooled.name, masked);
    }
    if (skipped.relus.has(node)) {
      accumulate(node.inputs[0] as string, adjoints.get(node.outputs[0] as string) as Value);
      continue;
    }
    const override = overridden.get(node);
    if (override !== undefined) {
      const [x, y] = [graph.values.get(node.inputs[0] ?? ''), graph.values.get(node.outputs[0] ?? '')] as [Value, Value];
      if (reached.has(x.name)) accumulate(x.name, overriddenGradient(override, { b, node, x, y, dy: adjoints.get(y.name) as Value, inputs: node.inputs.map((name) => graph.values.get(name)) }));
      continue;
    }
    const activation = activations.get(node);
    if (activation !== undefined && reached.has(activation.x)) {
      accumulate(activation.x, activation.gradient(b, adjoints.get(node.outputs[0] as string) as Value));
      continue;
    }
    for (const [name, gradient] of nodeGradients(b, graph, node, adjoints, reached, spec)) {
      accumulate(name, residual.has(name) && !BLOCKED.has(node.op) ? perChannel(b, gradient, 1) : gradient);
    }
  }

  const gradients = targets.map((target) => {
    const adjoint = adjoints.get(target.name);
    if (adjoint === undefined) throw unreachableObjective({ ...spec, wrt: [target.name] });
    return b.output(gradientName(target.name), adjoint);
  });
  return prune(b.build(), [...graph.outputs, ...gradients], true);
}

/** Names of the real-valued values that depend on the targets, themselves included. */
function dependents(graph: Graph, targets: readonly Value[]): Set<string> {
  const reached = new Set(targets.map((target) => target.name));
  for (const node of graph.nodes) {
    if (!node.inputs.some((name) => reached.has(name))) continue;
    for (const name of node.outputs) {
      const dtype = graph.values.get(name)?.dtype;
      if (dtype === 'float32' || dtype === 'float64') reached.add(name);
    }
  }
  return reached;
}

function seedOf(b: GraphBuilder, of: Value, seed: string | undefined): Value {
  if (seed !== undefined) return b.input(seed, of.dtype, of.shape);
  if (sizeOf(of.shape) !== 1) {
    throw new PipelineError('E_GRAPH', `'${of.name}' is not a scalar`, { facts: { expected: 'one element, or the name of a seed', found: `[${of.shape.join(', ')}]` }, hint: 'Reduce it to one number or give a seed.' });
  }
  const one = b.scalar(1, of.dtype);
  return of.shape.length === 0 ? one : reshape(b, one, of.shape);
}

function nodeGradients(b: GraphBuilder, graph: Graph, node: Node, adjoints: ReadonlyMap<string, Value>, reached: ReadonlySet<string>, { poolTies = 'first', poolIndices = true }: GradientSpec): [string, Value][] {
  const label = node.name ?? node.outputs[0] ?? node.op;
  const rule = isOpType(node.op) ? OPERATORS[node.op].gradient : 'non-differentiable';
  if (rule === 'non-differentiable') {
    throw new PipelineError('E_NOT_DIFFERENTIABLE', `'${label}' (${node.op}) lies between the objective and what it is differentiated by`, { facts: { expected: 'differentiable operators', found: node.op }, hint: 'Cut the graph before this node.' });
  }
  const outputs = node.outputs.map((name) => graph.values.get(name) as Value);
  const inputs = node.inputs.map((name) => graph.values.get(name));
  const gradients = rule({
    op: node.op,
    name: label,
    inputs,
    outputs,
    attributes: node.attributes,
    outputCount: outputs.length,
    emit: b,
    poolTies,
    poolIndices,
    gradients: outputs.map((value) => adjoints.get(value.name)),
    constantOf: (value) => b.constantOf(value),
    wants: (index) => reached.has(node.inputs[index] ?? ''),
  });
  return node.inputs.flatMap((name, index): [string, Value][] => {
    const gradient = gradients[index];
    return gradient === undefined || !reached.has(name) ? [] : [[name, gradient]];
  });
}

/** Operators whose gradients stay inside ONNX Runtime's blocked layout of convolutions. */
const BLOCKED: ReadonlySet<string> = new Set(['Conv', 'Add', 'Relu', 'MaxPool', 'AveragePool', 'GlobalAveragePool', 'Concat', 'Identity']);

/**
 * Sums of residual blocks and their ReLUs. A gradient that comes into such a chain from outside the blocked layout (from an objective on a layer) is
 * brought in, times one per channel: the sums and masks of all blocks before would follow it outside.
 */
function residualSums(graph: Graph): Set<string> {
  const found = new Set<string>();
  for (const node of graph.nodes) {
    const [output = ''] = node.outputs;
    const value = graph.values.get(output);
    if (value?.dtype !== 'float32' || value.shape.length !== 4) continue;
    const sum = node.op === 'Add' && node.inputs.every((name) => !graph.initializers.has(name) && sameShape(graph.values.get(name)?.shape ?? [], value.shape));
    if (sum || (node.op === 'Relu' && found.has(node.inputs[0] as string))) found.add(output);
  }
  return found;
}

/** ReLUs that only one max pool reads, and those pools. `kept` are values whose own gradient is asked for or overridden. */
function reluBeforePool(graph: Graph, kept: ReadonlySet<string>): { relus: Set<Node>; pools: Map<Node, Node> } {
  const uses = new Map<string, Node[]>();
  for (const node of graph.nodes) for (const name of new Set(node.inputs)) uses.set(name, [...(uses.get(name) ?? []), node]);
  const relus = new Set<Node>();
  const pools = new Map<Node, Node>();
  for (const node of graph.nodes) {
    const [output] = node.outputs;
    const readers = uses.get(output ?? '') ?? [];
    const [pool] = readers;
    if (node.op === 'Relu' && readers.length === 1 && pool?.op === 'MaxPool' && !kept.has(output ?? '') && !kept.has(pool.outputs[0] ?? '')) {
      relus.add(node);
      pools.set(pool, node);
    }
  }
  return { relus, pools };
}

function unreachableObjective(spec: GradientSpec): PipelineError {
  return new PipelineError('E_NOT_DIFFERENTIABLE', `'${spec.of}' does not depend on ${spec.wrt.map((name) => `'${name}'`).join(', ')}`, {
    facts: { expected: 'a path of real-valued values between them', found: 'none' },
    hint: 'Differentiate by an input, a weight or a layer that the objective uses.',
  });
}
