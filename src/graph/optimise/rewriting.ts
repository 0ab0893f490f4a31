/**
 * The frame of all rewriting rules: a graph is copied node by node, and at every node each rule may put something simpler in its place. Rules see what is
 * already copied, so that one rule continues where another ended; what nothing reads any more is dropped at the end.
 *
 * Invariants: a value that is kept (asked for by name, an input, an output) has its name and its meaning afterwards; the result depends on the graph and the
 * rules only. A rule looks at values through `Site` and cannot see a trained weight as a constant.
 */
import type { DType, Shape, Tensor } from '../../core/tensor.js';
import { GraphBuilder } from '../builder.js';
import { prune } from '../cut.js';
import type { Attributes, Emitter } from '../emitter.js';
import type { Graph, Node, Value } from '../ir.js';
import type { OpType } from '../ops/op-types.js';

/** A node of the copy with its inputs as values. */
export interface Made {
  readonly op: string;
  readonly inputs: readonly (Value | undefined)[];
  readonly attributes: Attributes;
}

/** What a rule sees of the node that it may replace. */
export interface Site extends Made {
  /** name, dtype and shape of the result; a rule gives this name to the last node that it emits */
  readonly output: Value;
  readonly emit: Emitter;
  /** The node of the copy that computes a value; undefined for inputs, constants and secondary outputs. */
  producer(value: Value | undefined): Made | undefined;
  /** Nothing but this node reads the value, and it is not kept. */
  onlyHere(value: Value): boolean;
  /** The tensor behind a constant that is not trained. */
  constant(value: Value | undefined): Tensor | undefined;
}

/** The value that stands for the node's result, or undefined to leave the node as it is. */
export type Rule = (site: Site) => Value | undefined;

export interface RewriteOptions {
  /** names of values that keep name and meaning besides inputs and outputs */
  readonly keep: readonly string[];
  /** names of initializers that are not to be treated as constants */
  readonly trained?: readonly string[];
}

export function rewrite(graph: Graph, rules: readonly Rule[], options: RewriteOptions): Graph {
  const kept = new Set([...options.keep, ...graph.outputs.map((output) => output.name)]);
  const trained = new Set(options.trained);
  const copy = new Copy(graph);
  for (const input of graph.inputs) copy.alias(input.name, copy.builder.input(input.name, input.dtype, input.shape));
  // trained weights stay initializers whether or not something reads them
  for (const name of trained) copy.value(name);

  for (const node of graph.nodes) {
    const inputs = node.inputs.map((name) => (name === '' ? undefined : copy.value(name)));
    const [output] = node.outputs.map((name) => graph.values.get(name) as Value);
    const site: Site = {
      op: node.op,
      inputs,
      attributes: node.attributes,
      output: output as Value,
      emit: copy,
      producer: (value) => (value === undefined ? undefined : copy.made.get(value.name)),
      onlyHere: (value) => copy.reads(value.name) <= 1 && !kept.has(value.name),
      constant: (value) => (value === undefined || trained.has(value.name) ? undefined : copy.constantOf(value)),
    };
    const replacement = node.outputs.length === 1 ? firstOf(rules, site) : undefined;
    if (replacement === undefined) {
      copy.node(node, inputs);
      continue;
    }
    const name = (output as Value).name;
    // a kept name must be the name of a node's result
    const named = replacement.name === name || !kept.has(name) ? replacement : copy.op('Identity', [replacement], {}, name);
    copy.alias(name, named);
  }
  // what `keep` names but the graph does not compute (a constant, say) needs no node
  const outputs = graph.outputs.map((output) => copy.builder.output(output.name, copy.value(output.name)));
  const inner = options.keep.filter((name) => graph.values.has(name) && !outputs.some((output) => output.name === name)).map((name) => copy.value(name));
  const built = copy.builder.build();
  return { ...prune(built, [...outputs, ...inner, ...[...trained].map((name) => copy.value(name))], true), outputs };
}

function firstOf(rules: readonly Rule[], site: Site): Value | undefined {
  for (const rule of rules) {
    const replacement = rule(site);
    if (replacement !== undefined) return replacement;
  }
  return undefined;
}

/** The graph that is being made, with the nodes behind its values and how often each is read. */
class Copy implements Emitter {
  readonly builder: GraphBuilder;
  readonly made = new Map<string, Made>();
  readonly #values = new Map<string, Value>();
  readonly #reads = new Map<string, number>();

  constructor(private readonly source: Graph) {
    this.builder = new GraphBuilder(source.values.keys());
    for (const node of source.nodes) for (const name of node.inputs) this.#reads.set(name, this.reads(name) + 1);
  }

  /** The copy of a value of the source; constants are copied when they are first read. */
  value(name: string): Value {
    const known = this.#values.get(name);
    if (known !== undefined) return known;
    const value = this.builder.constant(this.source.initializers.get(name) as Tensor, name);
    this.#values.set(name, value);
    return value;
  }

  alias(name: string, value: Value): void {
    if (value.name !== name) this.#reads.set(value.name, this.reads(value.name) + this.reads(name) - 1);
    this.#values.set(name, value);
  }

  reads(name: string): number {
    return this.#reads.get(name) ?? 0;
  }

  node(node: Node, inputs: readonly (Value | undefined)[]): void {
    const values = this.builder.node(node, inputs);
    node.outputs.forEach((name, i) => this.#values.set(name, values[i] as Value));
    this.#note(node.op, inputs, node.attributes, values);
  }

  op(type: OpType, inputs: readonly (Value | undefined)[], attributes: Attributes = {}, name?: string): Value {
    return this.ops(type, inputs, attributes, 1, name)[0] as Value;
  }

  ops(type: OpType, inputs: readonly (Value | undefined)[], attributes: Attributes, outputCount: number, name?: string): Value[] {
    const values = this.builder.ops(type, inputs, attributes, outputCount, name);
    this.#note(type, inputs, attributes, values);
    return values;
  }

  constant(constant: Tensor, name?: string): Value {
    return this.builder.constant(constant, name);
  }
  scalar(x: number, dtype?: DType): Value {
    return this.builder.scalar(x, dtype);
  }
  floats(shape: Shape, data: ArrayLike<number>, name?: string): Value {
    return this.builder.floats(shape, data, name);
  }
  ints(list: readonly number[]): Value {
    return this.builder.ints(list);
  }
  constantOf(value: Value): Tensor | undefined {
    return this.builder.constantOf(value);
  }

  #note(op: string, inputs: readonly (Value | undefined)[], attributes: Attributes, values: readonly Value[]): void {
    this.made.set((values[0] as Value).name, { op, inputs, attributes });
  }
}
