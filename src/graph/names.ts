/**
 * Layers by name: what a user may write where a layer is asked for, and the error with the nearest names when he mistypes it.
 * A layer is a floating-point value that a node computes; it can be called by its own name, by the name of its node and by the path of its module.
 */
import { PipelineError } from '../core/errors.js';
import type { Shape } from '../core/tensor.js';
import type { Graph, Node, Value } from './ir.js';

export interface Layer {
  /** name of the value */
  readonly name: string;
  /** path of the module whose output it is, where the model says so */
  readonly path?: string;
  /** name of the node that computes it, where it has one */
  readonly node?: string;
  readonly op: string;
  readonly shape: Shape;
}

/** In the order of computation. */
export function layerNames(graph: Graph): Layer[] {
  const paths = pathsOf(graph);
  const layers: Layer[] = [];
  for (const node of graph.nodes) {
    const value = graph.values.get(node.outputs[0] ?? '');
    if (value === undefined || (value.dtype !== 'float32' && value.dtype !== 'float64')) continue;
    const path = paths.get(value.name);
    layers.push({ name: value.name, ...(path === undefined ? {} : { path }), ...(node.name === undefined || node.name === '' ? {} : { node: node.name }), op: node.op, shape: value.shape });
  }
  return layers;
}

/** How messages call a node: by the path of its module, its name or its first output. */
export function layerPath(graph: Graph): (node: Node) => string {
  const paths = pathsOf(graph);
  return (node) => paths.get(node.outputs[0] ?? '') ?? (node.name === undefined || node.name === '' ? (node.outputs[0] ?? node.op) : node.name);
}

/** Value → the first of its aliases. */
function pathsOf(graph: Graph): Map<string, string> {
  const paths = new Map<string, string>();
  for (const [alias, value] of graph.aliases ?? []) if (!paths.has(value)) paths.set(value, alias);
  return paths;
}

/**
 * The value that a user means by `name`: a value, a node, a module path (`layer4.2.relu`), or one as torch.fx writes it (`layer4_2_relu`), in this order.
 * A name that stands for several nodes is the last of them. Errors: E_GRAPH with the nearest names.
 */
export function resolveLayer(graph: Graph, name: string): Value {
  const layers = layerNames(graph);
  const known = new Set(layers.map((layer) => layer.name));
  const aliases = [...(graph.aliases ?? [])].filter(([, value]) => known.has(value));
  const found = known.has(name) ? name : (layers.findLast((layer) => layer.node === name)?.name ?? new Map(aliases).get(name) ?? aliases.find(([alias]) => alias.replaceAll('.', '_') === name)?.[1]);
  const value = found === undefined ? undefined : graph.values.get(found);
  if (value !== undefined) return value;
  const candidates = layers.flatMap((layer) => (layer.node === undefined ? [layer.name] : [layer.name, layer.node]));
  throw unknownName('layer', name, [...aliases.map(([alias]) => alias), ...candidates]);
}

/** The value called `name`, whatever computes it. */
export function requireValue(graph: Graph, name: string): Value {
  const value = graph.values.get(name);
  if (value === undefined) throw unknownName('value', name, [...graph.values.keys()]);
  return value;
}

const SUGGESTIONS = 3;

function unknownName(what: string, name: string, candidates: readonly string[]): PipelineError {
  const suggestions = nearest(name, candidates);
  return new PipelineError('E_GRAPH', `'${name}' is not a ${what} of the model`, {
    facts: { expected: suggestions === '' ? `a ${what}; the model has none` : `one of ${candidates.length}, nearest ${suggestions}`, found: name },
    hint: `Use the name of a ${what} that the model has.`,
  });
}

/** The candidates nearest to a mistyped name, quoted, for a message. */
export function nearest(name: string, candidates: Iterable<string>): string {
  const ranked = [...new Set(candidates)].map((candidate) => ({ candidate, distance: editDistance(name, candidate) }));
  ranked.sort((a, b) => a.distance - b.distance || (a.candidate < b.candidate ? -1 : 1));
  return ranked.slice(0, SUGGESTIONS).map(({ candidate }) => `'${candidate}'`).join(', ');
}

/** Levenshtein distance, one row at a time. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const substitution = (row[j - 1] as number) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(substitution, (row[j] as number) + 1, (next[j - 1] as number) + 1));
    }
    row = next;
  }
  return row[b.length] as number;
}
