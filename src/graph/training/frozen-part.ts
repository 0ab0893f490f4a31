/**
 * Parts a graph where training begins: what depends on no trained weight is computed once for an image, however long the training, and what does is
 * differentiated. Nothing is renamed; together the parts compute what the graph did.
 */
import { prune } from '../cut.js';
import type { Graph, Value } from '../ir.js';

export interface Parts {
  /** from the graph's inputs to the seams; undefined if the seams are inputs of the graph */
  readonly frozen: Graph | undefined;
  /** from the seams (its inputs) to the graph's outputs */
  readonly trained: Graph;
  /** values that the frozen part hands over, in the order of computation */
  readonly seams: readonly Value[];
}

/** Values that the named ones have a part in, themselves included. */
export function movedBy(graph: Graph, names: readonly string[]): ReadonlySet<string> {
  const moved = new Set(names);
  for (const node of graph.nodes) if (node.inputs.some((name) => moved.has(name))) for (const name of node.outputs) moved.add(name);
  return moved;
}

/** @param weights names of the initializers that are trained; none: everything is frozen, and the seams are the outputs */
export function partAt(graph: Graph, weights: readonly string[]): Parts {
  const moved = movedBy(graph, weights);
  // what follows from constants alone (a frozen weight that is transposed) is no value of an image: the trained part has it to itself
  const ofImages = movedBy(graph, graph.inputs.map((input) => input.name));
  const trained = graph.nodes.filter((node) => node.outputs.some((name) => moved.has(name) || !ofImages.has(name)));
  const wanted = new Set([...trained.flatMap((node) => node.inputs), ...graph.outputs.map((output) => output.name)]);
  const still = [...graph.inputs.map((input) => input.name), ...graph.nodes.flatMap((node) => node.outputs)].filter((name) => wanted.has(name) && ofImages.has(name) && !moved.has(name));
  const seams = still.map((name) => graph.values.get(name) as Value);
  const inputs = new Set(graph.inputs.map((input) => input.name));
  const frozen = seams.every((seam) => inputs.has(seam.name)) ? undefined : prune(graph, seams, true);
  return { frozen, trained: prune({ ...graph, inputs: seams, nodes: trained }, graph.outputs, true), seams };
}
