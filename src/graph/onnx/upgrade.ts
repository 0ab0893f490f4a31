/**
 * Brings nodes of opset 11 to 21 to the semantics of opset 18, and spells a few compound operators in those of our table. Exporters write
 * axes as attributes below certain opsets and as inputs from there on; Softmax meant "flatten first" before opset 13.
 */
import { PipelineError } from '../../core/errors.js';
import type { GraphBuilder } from '../builder.js';
import type { AttributeValue, Value } from '../ir.js';
import { isOpType } from '../ops/op-types.js';
import type { OpType } from '../ops/op-types.js';
import { CompoundCall, COMPOUNDS } from './compound.js';
import type { RawNode } from './read-model.js';

export const OLDEST_OPSET = 11;
export const NEWEST_OPSET = 28;

type Inputs = readonly (Value | undefined)[];

/** Emits the node with the names of its outputs; returns their values. */
export function emitUpgraded(b: GraphBuilder, node: RawNode, inputs: Inputs, opset: number): Value[] {
  const outputs = [...node.outputs];
  while (outputs.at(-1) === '') outputs.pop();
  const emit = (op: string, given: Inputs, attributes: Readonly<Record<string, AttributeValue>>, names: readonly string[] = outputs): Value[] =>
    b.node({ op, outputs: names, attributes, ...(node.name === '' ? {} : { name: node.name }) }, given);
  const { attributes } = node;
  const first = inputs[0] as Value;
  const compound = node.domain === '' || node.domain === 'ai.onnx' ? COMPOUNDS.get(node.op) : undefined;
  if (compound !== undefined) return compound(new CompoundCall(b, node, inputs, opset));

  switch (node.op) {
    case 'ReduceSum':
    case 'ReduceMean':
    case 'ReduceMax':
    case 'ReduceMin':
    case 'ReduceL2':
    case 'ReduceSumSquare':
    case 'ReduceLogSumExp':
    case 'Squeeze':
    case 'Unsqueeze':
      return emit(node.op, withList(b, inputs, attributes, 'axes'), without(attributes, 'axes'));
    case 'Split':
      return emit('Split', withList(b, inputs, attributes, 'split'), without(attributes, 'split'));
    case 'Softmax':
    case 'LogSoftmax':
      return opset >= 13 ? emit(node.op, inputs, attributes) : flattenedSoftmax(b, node.op, first, attributes, outputs, emit);
    case 'Sum':
    case 'Max':
    case 'Min':
      return chain(b, node.op === 'Sum' ? 'Add' : node.op, inputs as readonly Value[], emit);
    case 'GlobalMaxPool':
      return emit('ReduceMax', [first, b.ints(first.shape.slice(2).map((_, axis) => axis + 2))], { keepdims: 1 });
    default:
      if (!isOpType(node.op) || (node.domain !== '' && node.domain !== 'ai.onnx')) {
        throw new PipelineError('E_OPERATOR', `'${node.name === '' ? (outputs[0] ?? '') : node.name}' is of an operator that is not known`, {
          facts: { expected: 'an operator of the table in src/graph/ops', found: node.domain === '' ? node.op : `${node.domain}.${node.op}` },
          hint: 'Export the model without this operator, or use only layers that lie before it.',
        });
      }
      return emit(node.op, inputs, attributes);
  }
}

function without(attributes: Readonly<Record<string, AttributeValue>>, name: string): Record<string, AttributeValue> {
  return Object.fromEntries(Object.entries(attributes).filter(([key]) => key !== name));
}

/** The list as second input, if it is still an attribute. */
function withList(b: GraphBuilder, inputs: Inputs, attributes: Readonly<Record<string, AttributeValue>>, name: string): Inputs {
  const values = attributes[name];
  return values === undefined ? inputs : [inputs[0], b.ints(values as readonly number[])];
}

/** Before opset 13: the input is seen as a matrix [product before axis, product from axis], whose rows are normalised. */
function flattenedSoftmax(b: GraphBuilder, op: OpType, x: Value, attributes: Readonly<Record<string, AttributeValue>>, outputs: readonly string[], emit: (op: string, given: Inputs, attributes: Readonly<Record<string, AttributeValue>>, names?: readonly string[]) => Value[]): Value[] {
  const rank = x.shape.length;
  const given = (attributes['axis'] as number | undefined) ?? 1;
  const axis = given < 0 ? given + rank : given;
  if (axis === rank - 1) return emit(op, [x], { axis });
  const rows = b.op('Flatten', [x], { axis });
  return emit('Reshape', [b.op(op, [rows], { axis: 1 }), b.ints(x.shape)], {}, outputs);
}

/** x1 op x2 op x3 …; the last node carries the name. */
function chain(b: GraphBuilder, op: OpType, inputs: readonly Value[], emit: (op: string, given: Inputs, attributes: Readonly<Record<string, AttributeValue>>) => Value[]): Value[] {
  if (inputs.length === 1) return emit('Identity', inputs, {});
  let value = inputs[0] as Value;
  for (const next of inputs.slice(1, -1)) value = b.op(op, [value, next]);
  return emit(op, [value, inputs.at(-1)], {});
}
