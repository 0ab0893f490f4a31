/**
 * What a rule that spells a compound ONNX operator in operators of our table is given: the inputs, attributes with defaults, and `end`, which
 * emits the last node under the names of the original's outputs, so that layers keep their names.
 */
import { PipelineError } from '../../../core/errors.js';
import type { Tensor } from '../../../core/tensor.js';
import type { GraphBuilder } from '../../builder.js';
import type { AttributeValue, Value } from '../../ir.js';
import type { RawNode } from '../read-model.js';

type Attributes = Readonly<Record<string, AttributeValue>>;

export class CompoundCall {
  constructor(readonly b: GraphBuilder, readonly node: RawNode, readonly inputs: readonly (Value | undefined)[], readonly opset: number) {}

  get label(): string {
    return this.node.name === '' ? (this.node.outputs[0] ?? this.node.op) : this.node.name;
  }
  /** Names of the outputs that the node has; '' for one that nobody reads, trailing ones are dropped. */
  get outputs(): string[] {
    const names = [...this.node.outputs];
    while (names.at(-1) === '') names.pop();
    return names;
  }
  has(index: number): boolean {
    return this.inputs[index] !== undefined;
  }
  input(index: number): Value {
    return this.inputs[index] ?? this.refuse(`input ${index + 1} is missing`, 'a value', 'nothing');
  }
  /** The elements of an input that must be a constant. */
  constant(index: number): Tensor {
    const value = this.input(index);
    return this.b.constantOf(value) ?? this.refuse(`input ${index + 1} decides a shape and must be a constant`, 'an initializer', `'${value.name}', which is computed`);
  }
  numbers(index: number): number[] {
    return Array.from(this.constant(index).data as ArrayLike<number | bigint>, Number);
  }
  number(name: string, fallback: number): number {
    return (this.node.attributes[name] as number | undefined) ?? fallback;
  }
  text(name: string, fallback: string): string {
    return (this.node.attributes[name] as string | undefined) ?? fallback;
  }
  list(name: string): readonly number[] | undefined {
    const values = this.node.attributes[name] as readonly number[] | undefined;
    return values?.length === 0 ? undefined : values;
  }
  /** A possibly negative axis as 0 … rank-1. */
  axis(axis: number, rank: number): number {
    const positive = axis < 0 ? axis + rank : axis;
    if (positive < 0 || positive >= rank) this.refuse('the axis does not exist', `-${rank} … ${rank - 1}`, String(axis));
    return positive;
  }
  /** The last node, under the name of the original and of its output `index`. */
  end(op: string, inputs: readonly (Value | undefined)[], attributes: Attributes = {}, index = 0): Value[] {
    const name = this.node.outputs[index] ?? '';
    return this.b.node({ op, outputs: [name], attributes, ...(this.node.name === '' || index > 0 ? {} : { name: this.node.name }) }, inputs);
  }
  /** The node itself with other attributes or inputs. */
  again(attributes: Attributes, inputs: readonly (Value | undefined)[] = this.inputs): Value[] {
    return this.b.node({ op: this.node.op, outputs: this.outputs, attributes, ...(this.node.name === '' ? {} : { name: this.node.name }) }, inputs);
  }
  /** Refuses inputs or outputs beyond those that a rule knows. */
  atMost(inputs: number, outputs: number): void {
    if (this.inputs.slice(inputs).some((value) => value !== undefined)) this.refuse('an optional input is not supported', `at most ${inputs} inputs`, String(this.inputs.length));
    if (this.outputs.slice(outputs).some((name) => name !== '')) this.refuse('an optional output is not supported', `at most ${outputs} outputs`, String(this.outputs.length));
  }
  refuse(problem: string, expected: string, found: string): never {
    throw new PipelineError('E_GRAPH', `'${this.label}' (${this.node.op}): ${problem}`, { facts: { expected, found }, hint: 'Export the model with another setting of this operator, or use only layers that lie before it.' });
  }
}

export type CompoundRule = (c: CompoundCall) => Value[];

export function without(attributes: Attributes, ...names: readonly string[]): Record<string, AttributeValue> {
  return Object.fromEntries(Object.entries(attributes).filter(([key]) => !names.includes(key)));
}
