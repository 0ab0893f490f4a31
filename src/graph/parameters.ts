/**
 * Weights of a graph: from stored constants to inputs, into one flat vector, and replaced. The flat form lets an optimiser treat all weights
 * in a few big operations and a training loop pass them around as one array. Order and offsets are those of the list of names.
 */
import { PipelineError } from '../core/errors.js';
import type { Shape, Tensor } from '../core/tensor.js';
import { sizeOf, tensor } from '../core/tensor.js';
import type { Graph } from './ir.js';
import { requireValue } from './names.js';

export interface ParameterSlot {
  readonly name: string;
  readonly shape: Shape;
  /** first element in the flat vector */
  readonly offset: number;
  readonly size: number;
}

function requireInitializer(graph: Graph, name: string): Tensor {
  requireValue(graph, name);
  const constant = graph.initializers.get(name);
  if (constant === undefined) {
    throw new PipelineError('E_GRAPH', `'${name}' is not a weight`, { facts: { expected: 'an initializer', found: 'an input or a computed value' }, hint: 'Name constants of the graph.' });
  }
  return constant;
}

/** The named initializers become inputs (after the present ones, in the order given). */
export function parametersAsInputs(graph: Graph, names: readonly string[]): Graph {
  const moved = new Set(names);
  const ports = names.map((name) => {
    requireInitializer(graph, name);
    return requireValue(graph, name);
  });
  return { ...graph, inputs: [...graph.inputs, ...ports], initializers: new Map([...graph.initializers].filter(([name]) => !moved.has(name))) };
}

/** Where each weight lies in the flat vector; float32 only. */
export function parameterLayout(graph: Graph, names: readonly string[]): ParameterSlot[] {
  let offset = 0;
  return names.map((name) => {
    const { dtype, shape } = requireInitializer(graph, name);
    if (dtype !== 'float32') throw new PipelineError('E_GRAPH', `the weight '${name}' is not real`, { facts: { expected: 'float32', found: dtype }, hint: 'Train float32 weights only.' });
    const slot = { name, shape, offset, size: sizeOf(shape) };
    offset += slot.size;
    return slot;
  });
}

/** @shape [sum of sizes] float32 */
export function packParameters(graph: Graph, layout: readonly ParameterSlot[]): Tensor<'float32'> {
  const last = layout.at(-1);
  const flat = new Float32Array(last === undefined ? 0 : last.offset + last.size);
  for (const { name, offset } of layout) flat.set(requireInitializer(graph, name).data as Float32Array, offset);
  return tensor('float32', [flat.length], flat);
}

/** The graph with other weights in place of its own. Errors: E_GRAPH for a name that is no weight of the graph, or another shape. */
export function withWeights(graph: Graph, weights: ReadonlyMap<string, Tensor>): Graph {
  const initializers = new Map(graph.initializers);
  for (const [name, weight] of weights) {
    const { shape } = requireInitializer(graph, name);
    if (shape.join() !== weight.shape.join()) {
      throw new PipelineError('E_GRAPH', `the weight '${name}' has another shape`, { facts: { expected: `[${shape.join(', ')}]`, found: `[${weight.shape.join(', ')}]` }, hint: 'Use weights of the same model.' });
    }
    initializers.set(name, weight);
  }
  return { ...graph, initializers };
}
