/**
 * What a kernel is. It is called once when a model is compiled and sees what is static: attributes, shapes, constants. It returns the function
 * that computes the outputs, called at every run; what that function needs of constants is prepared here, once.
 *
 * A kernel never disposes anything: what it makes at run time lives in the tidy of the run, what it prepares is kept by the program.
 */
import { PipelineError } from '../../core/errors.js';
import type { Tensor } from '../../core/tensor.js';
import type { Model, ModelNode, ModelValue } from './model.js';
import { lastOrder, permute } from './operand.js';
import type { Operand, Result } from './operand.js';
import type { T, Tf } from './tf.js';

/** Inputs by position; an absent one is undefined, and so is a constant that the kernel took at compile time. */
export type Compute = (inputs: readonly (Operand | undefined)[]) => readonly Result[];
export type Kernel = (node: NodePlan) => Compute;

export class NodePlan {
  /** inputs that the kernel has read at compile time and does not need at run time */
  readonly taken = new Set<number>();

  constructor(readonly tf: Tf, private readonly model: Model, private readonly node: ModelNode, private readonly hold: (tensor: T) => T) {}

  get op(): string {
    return this.node.op;
  }
  get name(): string {
    return this.node.name ?? this.node.outputs[0] ?? this.node.op;
  }
  get inputCount(): number {
    return this.node.inputs.length;
  }
  get outputCount(): number {
    return this.node.outputs.length;
  }
  has(index: number): boolean {
    return (this.node.inputs[index] ?? '') !== '';
  }
  input(index: number): ModelValue {
    return this.#value(this.node.inputs[index], `input ${index + 1}`);
  }
  output(index = 0): ModelValue {
    return this.#value(this.node.outputs[index], `output ${index + 1}`);
  }
  rank(index = 0): number {
    return this.input(index).shape.length;
  }
  axis(axis: number, rank: number): number {
    return axis < 0 ? axis + rank : axis;
  }

  int(name: string, fallback: number): number {
    const value = this.node.attributes[name];
    return typeof value === 'number' ? value : fallback;
  }
  text(name: string, fallback: string): string {
    const value = this.node.attributes[name];
    return typeof value === 'string' ? value : fallback;
  }
  ints(name: string): readonly number[] | undefined {
    const value = this.node.attributes[name];
    return Array.isArray(value) && value.length > 0 ? (value as readonly number[]) : undefined;
  }

  /** The elements of a constant input, which the run no longer needs; undefined where it is computed or absent. */
  constant(index: number): Tensor | undefined {
    const known = this.model.initializers.get(this.node.inputs[index] ?? '');
    if (known !== undefined) this.taken.add(index);
    return known;
  }
  /** The elements of an integer input that decides a shape. */
  integers(index: number): number[] {
    const known = this.constant(index);
    if (known === undefined) return this.refuse(`input ${index + 1} is not a constant`, 'an initializer', this.has(index) ? 'a computed value' : 'nothing');
    return Array.from(known.data as ArrayLike<number | bigint>, Number);
  }
  /** A tensor that the kernel needs at every run. */
  keep(make: () => T): T {
    return this.hold(this.tf.tidy(make));
  }

  refuse(problem: string, expected: string, found: string): never {
    throw new PipelineError('E_OPERATOR', `'${this.name}' (${this.op}) cannot be run by TensorFlow.js: ${problem}`, { facts: { expected, found }, hint: 'Run this model on the onnxruntime runtime, or export it in another way.' });
  }

  #value(name: string | undefined, what: string): ModelValue {
    const value = name === undefined ? undefined : this.model.values.get(name);
    return value ?? this.refuse(`${what} is missing`, 'a value with a dtype and a shape', name ?? 'nothing');
  }
}

/** The operand at a position that the operator cannot do without. */
export function operandAt(inputs: readonly (Operand | undefined)[], index: number): Operand {
  return inputs[index] as Operand;
}

/** A kernel of tensors in ONNX's order with one output in that order. */
export function plainKernel(make: (node: NodePlan) => (...tensors: T[]) => T): Kernel {
  return (node) => {
    const compute = make(node);
    return (inputs) => [{ tensor: compute(...inputs.map((input) => input?.plain() as T)), last: false }];
  };
}

/** A kernel of one input that does not care for the order of the axes. */
export function anyOrder(make: (node: NodePlan) => (x: T) => T): Kernel {
  return (node) => {
    const compute = make(node);
    return (inputs) => {
      const { tensor, last } = operandAt(inputs, 0).either();
      return [{ tensor: compute(tensor), last }];
    };
  };
}

/** Tensors of one rank and one order that broadcast against each other: the order of the largest. */
export function aligned(tf: Tf, operands: readonly Operand[]): { tensors: T[]; last: boolean } {
  const rank = Math.max(...operands.map((operand) => operand.rank));
  const largest = operands.reduce((best, operand) => (operand.size > best.size ? operand : best));
  const last = largest.hasLast && largest.rank === rank;
  const tensors = operands.map((operand) => {
    if (operand.rank === rank && rank >= 3) return last ? operand.last() : operand.plain();
    const plain = operand.plain();
    if (!last) return plain;
    return permute(tf, tf.reshape(plain, [...new Array<number>(rank - operand.rank).fill(1), ...plain.shape]), lastOrder(rank));
  });
  return { tensors, last };
}
