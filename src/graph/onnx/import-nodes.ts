/**
 * Imports the nodes of a model into a builder, one after the other: constants and shape computations are folded, Identity, Dropout, casts between real
 * types and padding by nothing are resolved, functions of the model unfolded, and of an If whose condition is known the branch that is taken.
 * With a listener, a node that cannot be imported is reported, and so is every node that needs its result; without one, the first error ends the import.
 */
import { PipelineError } from '../../core/errors.js';
import { sizeOf, tensor } from '../../core/tensor.js';
import type { DType, Tensor } from '../../core/tensor.js';
import { GraphBuilder } from '../builder.js';
import type { Value } from '../ir.js';
import type { ExternalData } from './external-data.js';
import { fold, isFoldable } from './fold.js';
import { expandCalls, MOST_NODES } from './functions.js';
import { readGraph } from './read-model.js';
import type { RawGraph, RawModel, RawNode } from './read-model.js';
import { heldAs } from './schema.js';
import { storedOf } from './tensors.js';
import type { StoredTensor } from './tensors.js';
import { emitUpgraded, labelOf } from './upgrade.js';

/** Branches of Ifs inside branches: real models have two or three. */
const DEEPEST_BRANCH = 64;
/** Operators that make no new numbers: a weight stays one behind them. What others compute from constants is a mask, a position, a size. */
const MOVING: ReadonlySet<string> = new Set(['Identity', 'Cast', 'Transpose', 'Reshape', 'Flatten', 'Squeeze', 'Unsqueeze', 'Expand', 'Tile', 'Split', 'Slice', 'Gather', 'Concat', 'Pad']);

export interface ImportListener {
  /** this node cannot be imported */
  failed(node: RawNode, error: PipelineError): void;
  /** this node needs the result of one that failed */
  unreached(node: RawNode): void;
}

/** A value and the node of the file that it stands for, in the order of computation; for the names of layers. */
export interface Origin {
  readonly value: string;
  readonly node: RawNode;
}

/** What a branch is in: the label of its node, and the names around it that are not those of the file. */
interface Scope {
  readonly label: string;
  readonly names: ReadonlyMap<string, string>;
}

export class NodeImport {
  readonly builder = new GraphBuilder();
  readonly origins: Origin[] = [];
  /** constants and the nodes of the file that take them; what follows from shapes and numbers alone (masks, positions) is left out */
  readonly takers = new Map<string, RawNode[]>();
  readonly #values = new Map<string, Value>();
  readonly #constants = new Map<string, StoredTensor>();
  readonly #missing = new Set<string>();
  /** initializers of the file that hold several real numbers, and what holds their elements in other places */
  readonly #weights = new Set<string>();
  readonly #derived = new Set<string>();
  /** every name that something has been given */
  readonly #taken = new Set<string>();
  #count = 0;

  constructor(private readonly model: RawModel, private readonly label: string, private readonly external: ExternalData | undefined, private readonly listener: ImportListener | undefined) {}

  input(name: string, dtype: DType, shape: readonly number[]): void {
    this.#taken.add(name);
    this.#values.set(name, this.builder.input(name, dtype, shape));
  }

  /** The value of that name, if it was imported; a constant enters the graph when it is asked for. */
  valueOf(name: string): Value | undefined {
    const known = this.#values.get(name);
    if (known !== undefined) return known;
    const constant = this.#constants.get(name);
    if (constant === undefined) return undefined;
    const value = this.builder.constant(constant.read(), name);
    this.#values.set(name, value);
    return value;
  }

  /** As valueOf; a constant is stored under another name, so that an output can have its own. */
  outputOf(name: string): Value | undefined {
    const constant = this.#values.has(name) ? undefined : this.#constants.get(name);
    return constant === undefined ? this.valueOf(name) : this.builder.constant(constant.read(), `${name}:constant`);
  }

  /** Branches see the names around them through `scope`. Returns the names as they are seen inside. */
  run(graph: RawGraph, depth = 0, scope: Scope = { label: '', names: new Map() }): ReadonlyMap<string, string> {
    const expanded = expandCalls(graph.nodes, this.model.functions);
    const names = this.#named([...graph.initializers.keys(), ...expanded.flatMap((node) => node.outputs)], scope);
    const inside = (name: string): string => names.get(name) ?? name;
    for (const [name, constant] of graph.initializers) {
      this.#constants.set(inside(name), constant);
      if (constant.dtype === 'float32' && sizeOf(constant.shape) > 1) this.#weights.add(inside(name));
    }
    const nodes = names.size === 0 ? expanded : expanded.map((node) => ({ ...node, inputs: node.inputs.map(inside), outputs: node.outputs.map(inside) }));
    this.builder.reserve([...graph.initializers.keys()].map(inside));
    for (const node of nodes) this.builder.reserve(node.outputs);
    for (const node of nodes) {
      this.#count += 1;
      if (this.#count > MOST_NODES) throw new PipelineError('E_GRAPH', `'${this.label}' has too many nodes`, { facts: { expected: `at most ${MOST_NODES}`, found: 'more' }, hint: 'Cut the model before it is exported.' });
      if (this.#dependsOnMissing(node)) continue;
      try {
        this.#node(node, depth, names);
      } catch (error) {
        if (!(error instanceof PipelineError)) throw error;
        if (this.listener === undefined) throw withNode(error, node);
        for (const name of node.outputs) this.#missing.add(name);
        this.listener.failed(node, error);
      }
    }
    return names;
  }

  /** Branches beside each other may give the same names to different things: the later ones get names of their own. */
  #named(defined: readonly string[], { label, names: outer }: Scope): ReadonlyMap<string, string> {
    const names = new Map(outer);
    for (const name of defined) {
      if (name === '') continue;
      let own = name;
      for (let i = 1; label !== '' && this.#taken.has(own); i += 1) own = i === 1 ? `${label}/${name}` : `${label}/${name}_${i}`;
      this.#taken.add(own);
      if (own === name) names.delete(name);
      else names.set(name, own);
    }
    return names;
  }

  #dependsOnMissing(node: RawNode): boolean {
    if (!node.inputs.some((name) => this.#missing.has(name))) return false;
    for (const name of node.outputs) this.#missing.add(name);
    this.listener?.unreached(node);
    return true;
  }

  #node(node: RawNode, depth: number, names: ReadonlyMap<string, string>): void {
    for (const name of node.inputs) if (name !== '' && !this.#values.has(name) && !this.#constants.has(name)) throw unknownInput(this.label, node, name);
    if (node.op === 'If' && node.domain === '') return this.#branch(node, depth, names);
    const folded = node.domain === '' ? this.#folded(node) : undefined;
    if (folded !== undefined) {
      const kind = MOVING.has(node.op) && node.inputs.some((name) => this.#weights.has(name)) ? this.#weights : this.#derived;
      folded.forEach((constant, i) => {
        const name = node.outputs[i] ?? '';
        this.#constants.set(name, storedOf(name, constant));
        if (node.op !== 'Constant') kind.add(name);
      });
      return;
    }
    if (node.domain === '' && this.#passesThrough(node)) return this.#alias(node.inputs[0] as string, node.outputs[0] ?? '', node);
    const inputs = node.inputs.map((name) => (name === '' ? undefined : this.valueOf(name)));
    for (const name of node.inputs) if (this.#constants.has(name) && !this.#derived.has(name)) this.takers.set(name, [...(this.takers.get(name) ?? []), node]);
    const emitted = emitUpgraded(this.builder, node, inputs);
    emitted.forEach((value, i) => this.#values.set(node.outputs[i] as string, value));
    if (emitted[0] !== undefined) this.origins.push({ value: emitted[0].name, node });
  }

  #alias(source: string, name: string, node: RawNode): void {
    const constant = this.#constants.get(source);
    if (constant !== undefined && !this.#values.has(source)) {
      this.#constants.set(name, constant);
      return;
    }
    const value = this.valueOf(source) as Value;
    this.#values.set(name, value);
    this.origins.push({ value: value.name, node });
  }

  /** Constants written as nodes, shapes of values, and what follows from constants alone. */
  #folded(node: RawNode): readonly Tensor[] | undefined {
    if (node.op === 'Constant') return [constantOf(node)];
    const first = node.inputs[0] ?? '';
    if (node.op === 'Shape') {
      const shape = this.#values.get(first)?.shape ?? this.#constants.get(first)?.shape ?? [];
      const part = shape.slice((node.attributes['start'] as number | undefined) ?? 0, node.attributes['end'] as number | undefined);
      return [int64([part.length], part)];
    }
    if (node.op === 'Size' && this.#values.has(first)) return [int64([], [(this.#values.get(first) as Value).shape.reduce((product, extent) => product * extent, 1)])];
    // A weight that is repeated for every image of a batch (a class token) would be one of this batch only.
    if (node.op === 'Expand' && this.#weights.has(first)) return undefined;
    const inputs = node.inputs.map((name) => this.#constants.get(name));
    // weights are not read to find that they derive no shape
    if (node.inputs.some((name, i) => name !== '' && !isFoldable(inputs[i]))) return undefined;
    return fold(node.op, inputs.map((constant) => constant?.read()), node.attributes, node.outputs.length);
  }

  /** Identity, Dropout at inference, casts between real types, and the all-zero Pad that torch writes before average pools. */
  #passesThrough(node: RawNode): boolean {
    switch (node.op) {
      case 'Identity':
        return true;
      case 'Dropout': {
        const training = node.inputs[2] ?? '';
        if (training === '') return true;
        const known = this.#constants.get(training)?.read().data[0];
        if (known !== undefined && Number(known) === 0) return true;
        throw new PipelineError('E_OPERATOR', `'${labelOf(node)}' drops values at random`, { facts: { expected: 'a model in evaluation mode', found: 'Dropout in training mode' }, hint: 'Export the model after model.eval().' });
      }
      case 'Cast':
        return this.#dtypeOf(node.inputs[0] ?? '') === 'float32' && heldAs(node.attributes['to'] as number) === 'float32';
      case 'CastLike':
        return this.#dtypeOf(node.inputs[0] ?? '') === this.#dtypeOf(node.inputs[1] ?? '');
      case 'Pad': {
        const pads = (this.#constants.get(node.inputs[1] ?? ''))?.read();
        return pads !== undefined && Array.from(pads.data as ArrayLike<number | bigint>, Number).every((pad) => pad === 0);
      }
      default:
        return false;
    }
  }

  #dtypeOf(name: string): DType | undefined {
    return this.#values.get(name)?.dtype ?? this.#constants.get(name)?.dtype;
  }

  #branch(node: RawNode, depth: number, names: ReadonlyMap<string, string>): void {
    const condition = this.#constants.get(node.inputs[0] ?? '')?.read().data[0];
    if (condition === undefined) {
      throw new PipelineError('E_OPERATOR', `'${labelOf(node)}' (If) decides by a value that is computed from the input`, { facts: { expected: 'a condition that follows from shapes and constants', found: `'${node.inputs[0] ?? ''}'` }, hint: 'Export the model without this branch, or use only layers that lie before it.' });
    }
    const bytes = node.subgraphs[Number(condition) !== 0 ? 'then_branch' : 'else_branch'];
    if (bytes === undefined || depth >= DEEPEST_BRANCH) {
      throw new PipelineError('E_GRAPH', `'${labelOf(node)}' (If) cannot be followed`, { facts: { expected: `a branch, at most ${DEEPEST_BRANCH} deep`, found: bytes === undefined ? 'none' : `depth ${depth}` }, hint: 'Export the model without nested control flow.' });
    }
    const branch = readGraph(bytes, { opset: node.opset, external: this.external });
    const inside = this.run(branch, depth + 1, { label: labelOf(node), names });
    branch.outputs.forEach((output, i) => {
      const inner = inside.get(output) ?? output;
      const outer = node.outputs[i] ?? '';
      if (outer === '' || outer === inner) return;
      if (this.#missing.has(inner)) {
        this.#missing.add(outer);
        return;
      }
      if (!this.#values.has(inner) && !this.#constants.has(inner)) throw unknownInput(this.label, node, inner);
      this.#alias(inner, outer, node);
    });
  }
}

/** Rules of operators do not know the node that they are asked for: attributes are refused by operator. */
function withNode(error: PipelineError, node: RawNode): PipelineError {
  const label = labelOf(node);
  if (error.message.includes(`'${label}'`)) return error;
  return new PipelineError(error.code, error.message, { facts: { ...error.facts, node: label }, ...(error.hint === undefined ? {} : { hint: error.hint }), cause: error });
}

function constantOf(node: RawNode): Tensor {
  const { value, value_float: float, value_floats: floats, value_int: int, value_ints: ints } = node.attributes;
  if (value !== undefined) return value as Tensor;
  if (float !== undefined) return tensor('float32', [], Float32Array.of(float as number));
  if (floats !== undefined) return tensor('float32', [(floats as number[]).length], Float32Array.from(floats as number[]));
  if (int !== undefined) return int64([], [int as number]);
  if (ints !== undefined) return int64([(ints as number[]).length], ints as number[]);
  throw new PipelineError('E_GRAPH', `constant '${node.outputs[0] ?? ''}' holds nothing that we read`, { facts: { expected: 'a tensor or numbers', found: Object.keys(node.attributes).join(', ') || 'nothing' }, hint: 'Export the model again.' });
}

function int64(shape: readonly number[], numbers: readonly number[]): Tensor {
  return tensor('int64', shape, BigInt64Array.from(numbers.map(BigInt)));
}

function unknownInput(label: string, node: RawNode, name: string): PipelineError {
  return new PipelineError('E_GRAPH', `'${labelOf(node)}' of '${label}' reads '${name}', which nothing before it computes`, { facts: { expected: 'nodes in the order of computation', found: name }, hint: 'Export the model again.' });
}
