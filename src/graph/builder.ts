/**
 * Builds a Graph node by node. Every node's shapes are inferred when it is added, so a mistake is reported where it was made; names are unique;
 * small equal constants are stored once. What comes out depends only on the calls, so the same calls give the same bytes.
 */
import { PipelineError } from '../core/errors.js';
import type { DType, Shape, Tensor } from '../core/tensor.js';
import { allocate, sizeOf, tensor } from '../core/tensor.js';
import type { Attributes, Emitter } from './emitter.js';
import type { Graph, Node, Value } from './ir.js';
import { isOpType } from './ops/op-types.js';
import type { OpType } from './ops/op-types.js';
import { OPERATORS } from './ops/table.js';

/** Constants up to so many elements are looked up before they are stored again. */
const SHARED_CONSTANT_ELEMENTS = 64;

export class GraphBuilder implements Emitter {
  readonly #inputs: Value[] = [];
  readonly #outputs: Value[] = [];
  readonly #nodes: Node[] = [];
  readonly #initializers = new Map<string, Tensor>();
  readonly #values = new Map<string, Value>();
  readonly #shared = new Map<string, Value>();
  readonly #reserved = new Set<string>();
  #counter = 0;

  /** @param reserved names that are not given to anything unnamed, because they will be asked for later */
  constructor(reserved: Iterable<string> = []) {
    this.reserve(reserved);
  }

  /** A builder that starts as a copy of a graph, without its outputs. */
  static from(graph: Graph): GraphBuilder {
    const builder = new GraphBuilder();
    builder.#inputs.push(...graph.inputs);
    builder.#nodes.push(...graph.nodes);
    for (const [name, constant] of graph.initializers) builder.#initializers.set(name, constant);
    for (const [name, value] of graph.values) builder.#values.set(name, value);
    return builder;
  }

  /** Names that values will get later: none that is made up meanwhile is one of them. */
  reserve(names: Iterable<string>): void {
    for (const name of names) this.#reserved.add(name);
  }

  input(name: string, dtype: DType, shape: Shape): Value {
    sizeOf(shape);
    const value = this.#declare(name, dtype, shape);
    this.#inputs.push(value);
    return value;
  }

  constant(constant: Tensor, name?: string): Value {
    const small = name === undefined && constant.data.length <= SHARED_CONSTANT_ELEMENTS;
    const { buffer, byteOffset, byteLength } = constant.data;
    const key = small ? `${constant.dtype}[${constant.shape.join()}]${Buffer.from(buffer, byteOffset, byteLength).toString('latin1')}` : '';
    const known = small ? this.#shared.get(key) : undefined;
    if (known !== undefined) return known;
    if (constant.data.length !== sizeOf(constant.shape)) {
      throw new PipelineError('E_GRAPH', `constant '${name ?? 'unnamed'}' does not fill its shape`, { facts: { expected: `${sizeOf(constant.shape)} elements for [${constant.shape.join(', ')}]`, found: constant.data.length } });
    }
    const value = this.#declare(name ?? this.#fresh('constant'), constant.dtype, constant.shape);
    this.#initializers.set(value.name, constant);
    if (small) this.#shared.set(key, value);
    return value;
  }

  scalar(x: number, dtype: DType = 'float32'): Value {
    return this.constant(filled(dtype, [], [x]));
  }

  floats(shape: Shape, data: ArrayLike<number>, name?: string): Value {
    return this.constant(tensor('float32', shape, data instanceof Float32Array ? data : Float32Array.from(data)), name);
  }

  ints(list: readonly number[]): Value {
    return this.constant(filled('int64', [list.length], list));
  }

  constantOf(value: Value): Tensor | undefined {
    return this.#initializers.get(value.name);
  }

  op(type: OpType, inputs: readonly (Value | undefined)[], attributes: Attributes = {}, name?: string): Value {
    return this.#add(type, inputs, attributes, 1, name)[0] as Value;
  }

  ops(type: OpType, inputs: readonly (Value | undefined)[], attributes: Attributes, outputCount: number, name?: string): Value[] {
    return this.#add(type, inputs, attributes, outputCount, name);
  }

  /** Adds a node whose outputs have the given names: for copying nodes of another graph. */
  node(node: Omit<Node, 'inputs'>, inputs: readonly (Value | undefined)[]): Value[] {
    if (!isOpType(node.op)) {
      throw new PipelineError('E_OPERATOR', `'${node.name ?? node.outputs[0] ?? ''}' is of an operator that is not known`, { facts: { found: node.op }, hint: 'Cut the model before this node.' });
    }
    return this.#place(node.op, inputs, node.attributes, node.outputs, node.name);
  }

  /**
   * Copies a whole graph in. `bindings` gives a value for each of its inputs (same dtype and shape); names are kept after `prefix`
   * where they are free. Returns the values of its outputs by their names.
   */
  inline(graph: Graph, bindings: Readonly<Record<string, Value>>, prefix = ''): Record<string, Value> {
    const here = new Map<string, Value>();
    for (const port of graph.inputs) {
      const bound = bindings[port.name];
      if (bound === undefined || bound.dtype !== port.dtype || bound.shape.join() !== port.shape.join()) {
        throw new PipelineError('E_GRAPH', `input '${port.name}' of the inlined graph is not bound to a value that fits`, {
          facts: { expected: `${port.dtype}[${port.shape.join(', ')}]`, found: bound === undefined ? 'nothing' : `'${bound.name}' ${bound.dtype}[${bound.shape.join(', ')}]` },
          hint: 'Bind a value of exactly this dtype and shape.',
        });
      }
      here.set(port.name, bound);
    }
    for (const [name, constant] of graph.initializers) here.set(name, this.constant(constant, this.#free(prefix + name)));
    for (const node of graph.nodes) {
      const outputs = node.outputs.map((name) => this.#free(prefix + name));
      const copied = this.node({ ...node, outputs, ...(node.name === undefined ? {} : { name: prefix + node.name }) }, node.inputs.map((name) => (name === '' ? undefined : here.get(name))));
      node.outputs.forEach((name, i) => here.set(name, copied[i] as Value));
    }
    return Object.fromEntries(graph.outputs.map((output) => [output.name, here.get(output.name) as Value]));
  }

  /** Makes a value an output. A value of another name, an input or a constant is passed through an Identity. */
  output(name: string, value: Value): Value {
    const known = this.#lookUp(value);
    const needsOwnNode = known.name !== name || this.#initializers.has(name) || this.#inputs.includes(known);
    const output = needsOwnNode ? this.op('Identity', [known], {}, name) : known;
    this.#outputs.push(output);
    return output;
  }

  build(): Graph {
    const names = new Set<string>();
    for (const { name } of this.#outputs) {
      if (names.has(name)) throw new PipelineError('E_GRAPH', `'${name}' is an output twice`, { hint: 'Give every output a name of its own.' });
      names.add(name);
    }
    return { inputs: [...this.#inputs], outputs: [...this.#outputs], nodes: [...this.#nodes], initializers: new Map(this.#initializers), values: new Map(this.#values) };
  }

  #add(type: OpType, inputs: readonly (Value | undefined)[], attributes: Attributes, outputCount: number, name: string | undefined): Value[] {
    const base = name ?? this.#fresh(type.toLowerCase());
    const outputs = Array.from({ length: outputCount }, (_, i) => (i === 0 ? base : `${base}:${i}`));
    return this.#place(type, inputs, attributes, outputs, name);
  }

  #place(type: OpType, inputs: readonly (Value | undefined)[], attributes: Attributes, outputs: readonly string[], name: string | undefined): Value[] {
    const label = name ?? outputs[0] ?? type;
    const given = inputs.map((value) => (value === undefined ? undefined : this.#lookUp(value)));
    while (given.length > 0 && given.at(-1) === undefined) given.pop();
    const call = { op: type, name: label, inputs: given, attributes, outputCount: outputs.length, constantOf: (value: Value) => this.constantOf(value) };
    const types = OPERATORS[type].shape(call);
    const values = outputs.map((output, i) => {
      const inferred = types[i];
      if (inferred === undefined) throw new PipelineError('E_GRAPH', `'${label}' (${type}) has no output ${i + 1}`, { facts: { expected: types.length, found: outputs.length } });
      sizeOf(inferred.shape);
      return this.#declare(output, inferred.dtype, inferred.shape);
    });
    this.#nodes.push({ op: type, inputs: given.map((value) => value?.name ?? ''), outputs: [...outputs], attributes, ...(name === undefined ? {} : { name }) });
    return values;
  }

  #lookUp(value: Value): Value {
    const known = this.#values.get(value.name);
    if (known === undefined) throw new PipelineError('E_GRAPH', `'${value.name}' is not a value of this graph`, { hint: 'Use values that this builder returned.' });
    return known;
  }

  #declare(name: string, dtype: DType, shape: Shape): Value {
    if (name === '' || this.#values.has(name)) {
      throw new PipelineError('E_GRAPH', `the name '${name}' is ${name === '' ? 'empty' : 'taken'}`, { facts: { expected: 'a name that no other value of the graph has', found: name }, hint: 'Choose another name, or none.' });
    }
    const value: Value = { name, dtype, shape: [...shape] };
    this.#values.set(name, value);
    return value;
  }

  #fresh(base: string): string {
    let name: string;
    do {
      this.#counter += 1;
      name = `${base}_${this.#counter}`;
    } while (this.#values.has(name) || this.#reserved.has(name));
    return name;
  }

  #free(name: string): string {
    let candidate = name;
    for (let i = 2; this.#values.has(candidate); i += 1) candidate = `${name}_${i}`;
    return candidate;
  }
}

function filled(dtype: DType, shape: Shape, numbers: readonly number[]): Tensor {
  const data = allocate(dtype, numbers.length);
  numbers.forEach((x, i) => (data[i] = data instanceof BigInt64Array ? BigInt(x) : x));
  return { dtype, shape, data };
}
