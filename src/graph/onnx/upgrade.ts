/**
 * Brings nodes of opset 11 to 28 to the semantics of our table (opset 18), and spells a few compound operators in those of the table. Exporters write
 * axes as attributes below certain opsets and as inputs from there on; Softmax meant "flatten first" before opset 13. Attributes that newer opsets
 * added and that say nothing about float32 (saturate, round_mode, stash_type of Range) are left out.
 * Source: https://github.com/onnx/onnx/blob/main/docs/Changelog.md
 */
import { PipelineError } from '../../core/errors.js';
import type { GraphBuilder } from '../builder.js';
import type { Attributes } from '../emitter.js';
import type { Value } from '../ir.js';
import { isOpType } from '../ops/op-types.js';
import type { OpType } from '../ops/op-types.js';
import { CompoundCall, COMPOUNDS } from './compound.js';
import type { RawNode } from './read-model.js';
import { DATA_TYPE, heldAs } from './schema.js';

export const OLDEST_OPSET = 11;
export const NEWEST_OPSET = 28;

type Inputs = readonly (Value | undefined)[];

/** A node to be emitted in today's form. */
interface UpgradeCall {
  readonly b: GraphBuilder;
  readonly node: RawNode;
  readonly inputs: Inputs;
  readonly first: Value;
  readonly attributes: Attributes;
  /** Emits a node that carries the name and the outputs of the original. */
  emit(op: string, inputs: Inputs, attributes: Attributes): Value[];
}
type Upgrade = (call: UpgradeCall) => Value[];

const listToInput = (name: string): Upgrade => ({ b, node, inputs, attributes, emit }) => {
  const values = attributes[name];
  return emit(node.op, values === undefined ? inputs : [inputs[0], b.ints(values as readonly number[])], without(attributes, name));
};

/** x1 op x2 op x3 …; the last node carries the name. */
const chain = (op: OpType): Upgrade => ({ b, inputs, first, emit }) => {
  if (inputs.length === 1) return emit('Identity', inputs, {});
  let value = first;
  for (const next of inputs.slice(1, -1)) value = b.op(op, [value, next]);
  return emit(op, [value, inputs.at(-1)], {});
};

/** Before opset 13: the input is seen as a matrix [product before axis, product from axis], whose rows are normalised. */
const softmax: Upgrade = ({ b, node, inputs, first, attributes, emit }) => {
  if (node.opset >= 13) return emit(node.op, inputs, attributes);
  const rank = first.shape.length;
  const given = (attributes['axis'] as number | undefined) ?? 1;
  const axis = given < 0 ? given + rank : given;
  if (axis === rank - 1) return emit(node.op, [first], { axis });
  const rows = b.op('Flatten', [first], { axis });
  return emit('Reshape', [b.op(node.op as OpType, [rows], { axis: 1 }), b.ints(first.shape)], {});
};

/** The type is one that we hold: all real types are float32. */
const cast: Upgrade = ({ first, attributes, inputs, node, emit }) => {
  const code = node.op === 'CastLike' ? DATA_TYPE[(inputs[1] as Value).dtype] : (attributes['to'] as number);
  const dtype = heldAs(code);
  if (dtype === first.dtype) return emit('Identity', [first], {});
  return emit('Cast', [first], { to: dtype === undefined ? code : DATA_TYPE[dtype] });
};

const upsample: Upgrade = ({ inputs, attributes, emit }) =>
  emit('Resize', [inputs[0], undefined, inputs[1]], { mode: attributes['mode'] ?? 'nearest', coordinate_transformation_mode: 'asymmetric', nearest_mode: 'floor' });

const UPGRADES: ReadonlyMap<string, Upgrade> = new Map<string, Upgrade>([
  ...['ReduceSum', 'ReduceMean', 'ReduceL2', 'ReduceSumSquare', 'ReduceLogSumExp', 'Squeeze', 'Unsqueeze'].map((op): [string, Upgrade] => [op, listToInput('axes')]),
  ['Softmax', softmax],
  ['LogSoftmax', softmax],
  ['Sum', chain('Add')],
  ['Max', chain('Max')],
  ['Min', chain('Min')],
  ['Cast', cast],
  ['CastLike', cast],
  ['Upsample', upsample],
  ['GlobalMaxPool', ({ b, first, emit }) => emit('ReduceMax', [first, b.ints(first.shape.slice(2).map((_, axis) => axis + 2))], { keepdims: 1 })],
]);

/** Emits the node with the names of its outputs; returns their values. */
export function emitUpgraded(b: GraphBuilder, node: RawNode, inputs: Inputs): Value[] {
  const outputs = [...node.outputs];
  while (outputs.at(-1) === '') outputs.pop();
  const emit = (op: string, given: Inputs, attributes: Attributes): Value[] => b.node({ op, outputs, attributes, ...(node.name === '' ? {} : { name: node.name }) }, given);
  if (!isReadable(node)) throw unknownOperator(node);
  const compound = COMPOUNDS.get(node.op);
  if (compound !== undefined) return compound(new CompoundCall(b, node, inputs, node.opset));
  const upgrade = UPGRADES.get(node.op);
  if (upgrade === undefined) return emit(node.op, inputs, node.attributes);
  const [first] = inputs;
  if (first === undefined) throw new PipelineError('E_GRAPH', `'${labelOf(node)}' has no input`, { facts: { expected: `the first input of ${node.op}`, found: 'nothing' }, hint: 'Export the model again.' });
  return upgrade({ b, node, inputs, first, attributes: node.attributes, emit });
}

/** Whether nodes of this kind can be imported, as far as their operator decides. */
export function isReadable(node: Pick<RawNode, 'op' | 'domain'>): boolean {
  return node.domain === '' && (COMPOUNDS.has(node.op) || UPGRADES.has(node.op) || isOpType(node.op));
}

/** Whether its attributes are checked against the operator table as they stand. */
export function isPlain(op: string): op is OpType {
  return isOpType(op) && !UPGRADES.has(op) && !COMPOUNDS.has(op);
}

/** How a message calls a node. */
export function labelOf(node: Pick<RawNode, 'name' | 'op' | 'outputs'>): string {
  return node.name === '' ? (node.outputs[0] ?? node.op) : node.name;
}

export function unknownOperator(node: RawNode): PipelineError {
  return new PipelineError('E_OPERATOR', `'${labelOf(node)}' is of an operator that is not known`, {
    facts: { expected: 'an operator of the table in src/graph/ops', found: node.domain === '' ? node.op : `${node.domain}.${node.op}` },
    hint: 'Export the model without this operator, or use only layers that lie before it.',
  });
}

function without(attributes: Attributes, name: string): Attributes {
  return Object.fromEntries(Object.entries(attributes).filter(([key]) => key !== name));
}
