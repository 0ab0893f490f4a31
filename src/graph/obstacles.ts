/**
 * What stands in the way of a gradient: for every value that depends on some sources, the first node on a path from them that cannot be differentiated.
 * Each node's gradient rule is asked on the node alone, with the shapes and constants that it has, so nothing is computed and rules that refuse a setting
 * are found like operators that have no gradient.
 */
import { PipelineError } from '../core/errors.js';
import { GraphBuilder } from './builder.js';
import { differentiate } from './gradient.js';
import type { Graph, Node, Value } from './ir.js';
import { layerPath } from './names.js';

export interface Obstacle {
  /** the node, by the best name it has */
  readonly node: string;
  readonly op: string;
  readonly reason: string;
}

export interface Reach {
  /** real-valued values that depend on a source */
  readonly reached: ReadonlySet<string>;
  readonly obstacles: ReadonlyMap<string, Obstacle>;
}

export function reachFrom(graph: Graph, sources: Iterable<string>): Reach {
  const reached = new Set(sources);
  const obstacles = new Map<string, Obstacle>();
  const label = layerPath(graph);
  for (const node of graph.nodes) {
    const dependent = [...new Set(node.inputs.filter((name) => reached.has(name)))];
    const outputs = node.outputs.filter((name) => isReal(graph.values.get(name)));
    if (dependent.length === 0 || outputs.length === 0) continue;
    const before = dependent.map((name) => obstacles.get(name)).find((each) => each !== undefined);
    const reason = before === undefined ? refusal(graph, node, dependent) : undefined;
    const obstacle = before ?? (reason === undefined ? undefined : { node: label(node), op: node.op, reason });
    for (const name of outputs) {
      reached.add(name);
      if (obstacle !== undefined) obstacles.set(name, obstacle);
    }
  }
  return { reached, obstacles };
}

/** Why the node alone cannot be differentiated by these of its inputs. */
function refusal(graph: Graph, node: Node, wrt: readonly string[]): string | undefined {
  const b = new GraphBuilder();
  const declared = new Map<string, Value>();
  for (const name of new Set(node.inputs)) {
    const value = graph.values.get(name);
    if (value === undefined) continue;
    const constant = wrt.includes(name) ? undefined : graph.initializers.get(name);
    declared.set(name, constant === undefined ? b.input(name, value.dtype, value.shape) : b.constant(constant, name));
  }
  try {
    const [output] = b.node(node, node.inputs.map((name) => declared.get(name)));
    if (output !== undefined) b.output(output.name, output);
    if (output !== undefined && isReal(output)) differentiate(b.build(), { of: output.name, wrt, seed: `seed of ${output.name}` });
    return undefined;
  } catch (error) {
    // a rule that needs a constant where a source stands refuses with E_GRAPH
    if (error instanceof PipelineError) return error.message;
    throw error;
  }
}

function isReal(value: Value | undefined): boolean {
  return value?.dtype === 'float32' || value?.dtype === 'float64';
}
