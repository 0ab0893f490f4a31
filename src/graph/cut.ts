/**
 * Cuts a graph down to what some of its values need. The values keep their names and become the outputs, in the order asked for; nodes,
 * initializers and inputs that nothing needs any more are gone. Nothing is renamed and nothing computed.
 */
import { PipelineError } from '../core/errors.js';
import type { Graph, Value } from './ir.js';
import { requireValue } from './names.js';

export function cut(graph: Graph, outputs: readonly string[]): Graph {
  const values = outputs.map((name) => requireValue(graph, name));
  const computed = new Set(graph.nodes.flatMap((node) => node.outputs));
  for (const { name } of values) {
    if (!computed.has(name)) {
      throw new PipelineError('E_GRAPH', `'${name}' cannot be an output of a graph: no node computes it`, { facts: { expected: 'a value that a node computes', found: graph.initializers.has(name) ? 'a constant' : 'an input' }, hint: 'Name a layer.' });
    }
  }
  return prune(graph, values, false);
}

/** Removes what `outputs` do not need; inputs stay if `keepInputs`. */
export function prune(graph: Graph, outputs: readonly Value[], keepInputs: boolean): Graph {
  const needed = new Set(outputs.map((value) => value.name));
  const nodes = [];
  for (let i = graph.nodes.length - 1; i >= 0; i -= 1) {
    const node = graph.nodes[i];
    if (node === undefined || !node.outputs.some((name) => needed.has(name))) continue;
    for (const name of node.inputs) if (name !== '') needed.add(name);
    for (const name of node.outputs) needed.add(name);
    nodes.push(node);
  }
  nodes.reverse();
  const inputs = graph.inputs.filter((input) => keepInputs || needed.has(input.name));
  for (const input of inputs) needed.add(input.name);
  return {
    inputs,
    outputs: [...outputs],
    nodes,
    initializers: new Map([...graph.initializers].filter(([name]) => needed.has(name))),
    values: new Map([...graph.values].filter(([name]) => needed.has(name))),
  };
}
