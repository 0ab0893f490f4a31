/**
 * What one operator is: its attributes, how many inputs and outputs it takes, the shape rule and the gradient rule. `operator` turns a typed
 * definition into a table entry; the entry parses attributes itself, so rules see them typed and with defaults.
 *
 * A shape rule gives dtype and shape of every output or throws E_GRAPH. A gradient rule gives, for each input, the gradient of the scalar
 * objective by it (same shape as the input) or undefined where there is none; it emits only what `wants` asks for.
 */
import { PipelineError } from '../../core/errors.js';
import type { DType, Shape, Tensor } from '../../core/tensor.js';
import type { Emitter } from '../emitter.js';
import type { AttributeValue, Value } from '../ir.js';
import { parseAttributes } from './attributes.js';
import type { AttributesOf, AttributeSpecs } from './attributes.js';

export interface ValueType {
  readonly dtype: DType;
  readonly shape: Shape;
}

export interface NodeCall {
  readonly op: string;
  /** name of the node in messages */
  readonly name: string;
  readonly inputs: readonly (Value | undefined)[];
  readonly attributes: Readonly<Record<string, AttributeValue>>;
  readonly outputCount: number;
  constantOf(value: Value): Tensor | undefined;
}

/** Where several elements of a max-pool window are equal: the gradient goes to the first, as in PyTorch, or to every one of them in full. */
export type PoolTies = 'first' | 'every';

export interface GradientRequest extends NodeCall {
  readonly poolTies: PoolTies;
  /** whether a max pool may be asked for the positions of its maxima */
  readonly poolIndices: boolean;
  readonly emit: Emitter;
  readonly outputs: readonly Value[];
  /** gradient by each output; undefined where the objective does not depend on it */
  readonly gradients: readonly (Value | undefined)[];
  wants(input: number): boolean;
}

export interface Operator {
  readonly attributes: AttributeSpecs;
  shape(call: NodeCall): readonly ValueType[];
  readonly gradient: 'non-differentiable' | ((request: GradientRequest) => readonly (Value | undefined)[]);
}

/** What a shape rule is given: typed attributes and checked access to inputs. */
export class ShapeContext<A> {
  constructor(readonly call: NodeCall, readonly attributes: A) {}

  get outputCount(): number {
    return this.call.outputCount;
  }
  get inputCount(): number {
    return this.call.inputs.length;
  }
  has(index: number): boolean {
    return this.call.inputs[index] !== undefined;
  }
  input(index: number): Value {
    const value = this.call.inputs[index];
    if (value === undefined) return this.fail(`input ${index + 1} is missing`, 'a value', 'nothing');
    return value;
  }
  /** The elements of an integer input, which must be a constant: shapes are static. */
  integers(index: number): number[] {
    const value = this.input(index);
    const tensor = this.call.constantOf(value);
    if (tensor === undefined) return this.fail(`input ${index + 1} decides a shape and must be a constant`, 'an initializer', `'${value.name}', which is computed`);
    return Array.from(tensor.data as ArrayLike<number | bigint>, Number);
  }
  rank(index: number, rank: number): Shape {
    const { shape } = this.input(index);
    if (shape.length !== rank) this.fail(`input ${index + 1} has the wrong rank`, `${rank} axes`, describe(shape));
    return shape;
  }
  /** Maps a possibly negative axis into 0 … rank-1. */
  axis(axis: number, rank: number): number {
    const positive = axis < 0 ? axis + rank : axis;
    if (positive < 0 || positive >= rank) this.fail('the axis does not exist', `-${rank} … ${rank - 1}`, String(axis));
    return positive;
  }
  fail(problem: string, expected: string, found: string): never {
    const { op, name, inputs } = this.call;
    const shapes = inputs.map((value) => (value === undefined ? 'absent' : `${value.name} ${value.dtype}${describe(value.shape)}`)).join(', ');
    throw new PipelineError('E_GRAPH', `'${name}' (${op}): ${problem}`, { facts: { expected, found, inputs: shapes }, hint: 'Correct the shapes of the inputs or the attributes of this node.' });
  }
}

/** What a gradient rule is given. */
export class GradientContext<A> extends ShapeContext<A> {
  readonly emit: Emitter;
  readonly outputs: readonly Value[];

  constructor(readonly request: GradientRequest, attributes: A) {
    super(request, attributes);
    this.emit = request.emit;
    this.outputs = request.outputs;
  }
  /** Gradient by the first output. */
  get dy(): Value {
    const dy = this.request.gradients[0];
    if (dy === undefined) return this.refuse('only a secondary output is used by the objective');
    return dy;
  }
  get y(): Value {
    return this.request.outputs[0] as Value;
  }
  wants(index: number): boolean {
    return this.request.wants(index);
  }
  /** The gradients of all inputs from lazily evaluated ones: those that nobody wants are not emitted. */
  each(...rules: (() => Value)[]): (Value | undefined)[] {
    return rules.map((rule, index) => (this.wants(index) ? rule() : undefined));
  }
  refuse(reason: string): never {
    throw new PipelineError('E_NOT_DIFFERENTIABLE', `'${this.call.name}' (${this.call.op}) cannot be differentiated: ${reason}`, { hint: 'Cut the graph before this node or use another setting of it.' });
  }
}

export interface OperatorDefinition<S extends AttributeSpecs> {
  readonly attributes?: S;
  /** fewest and most inputs; a single number means exactly so many */
  readonly inputs: number | readonly [number, number];
  readonly outputs?: readonly [number, number];
  shape(context: ShapeContext<AttributesOf<S>>): readonly ValueType[];
  readonly gradient: 'non-differentiable' | ((context: GradientContext<AttributesOf<S>>) => readonly (Value | undefined)[]);
}

export function operator<const S extends AttributeSpecs = Record<never, never>>(definition: OperatorDefinition<S>): Operator {
  const specs = (definition.attributes ?? {}) as S;
  const [fewest, most] = typeof definition.inputs === 'number' ? [definition.inputs, definition.inputs] : definition.inputs;
  const [leastOutputs, mostOutputs] = definition.outputs ?? [1, 1];
  const rule = definition.gradient;
  return {
    attributes: specs,
    shape(call) {
      const context = new ShapeContext(call, parseAttributes(call.op, specs, call.attributes));
      if (call.inputs.length < fewest || call.inputs.length > most) context.fail('wrong number of inputs', fewest === most ? String(fewest) : `${fewest} to ${most}`, String(call.inputs.length));
      if (call.outputCount < leastOutputs || call.outputCount > mostOutputs) context.fail('wrong number of outputs', `${leastOutputs} to ${mostOutputs}`, String(call.outputCount));
      return definition.shape(context);
    },
    gradient: rule === 'non-differentiable' ? rule : (request) => rule(new GradientContext(request, parseAttributes(request.op, specs, request.attributes))),
  };
}

export function describe(shape: Shape): string {
  return `[${shape.join(', ')}]`;
}
