/**
 * Operators of several inputs that act on each element, with broadcasting. Integers are held in 32 bits: where a sum, difference or product of
 * int64 could leave them, it is checked; narrower integers, which would have to wrap around, are refused.
 */
import { PipelineError } from '../../../core/errors.js';
import type { DType } from '../../../core/tensor.js';
import { aligned, operandAt } from '../kernel.js';
import type { Kernel, NodePlan } from '../kernel.js';
import type { Operand } from '../operand.js';
import type { T, Tf } from '../tf.js';
import { clip } from './elementwise.js';

const LARGEST = 2147483647;
const NARROW: ReadonlySet<DType> = new Set(['int8', 'uint8', 'int16', 'uint16', 'uint32']);

/** A broadcasting kernel over all inputs. */
function broadcasting(make: (node: NodePlan) => (...tensors: T[]) => T): Kernel {
  return (node) => {
    const compute = make(node);
    return (inputs) => {
      const { tensors, last } = aligned(node.tf, inputs as readonly Operand[]);
      return [{ tensor: compute(...tensors), last }];
    };
  };
}

/** Arithmetic whose integers may grow: int64 is checked against 32 bits with the same computation on real numbers. */
export function growing(node: NodePlan, compute: (...tensors: T[]) => T): (...tensors: T[]) => T {
  const { dtype } = node.output();
  if (NARROW.has(dtype)) return node.refuse('arithmetic of narrow integers', 'float32, int32 or int64', dtype);
  if (dtype !== 'int64') return compute;
  const { tf } = node;
  return (...tensors) => {
    const result = compute(...tensors);
    const extent = result.size === 0 ? 0 : tf.max(tf.abs(compute(...tensors.map((x) => (x.dtype === 'int32' ? tf.cast(x, 'float32') : x))))).dataSync()[0] ?? 0;
    if (!(extent <= LARGEST)) throw new PipelineError('E_RUNTIME', `'${node.name}' (${node.op}) gives integers that TensorFlow.js cannot hold`, { facts: { expected: `at most ${LARGEST}`, found: extent }, hint: 'Run this model on the onnxruntime runtime.' });
    return result;
  };
}

const arithmetic = (compute: (tf: Tf, x: T, y: T) => T): Kernel => broadcasting((node) => growing(node, (x, y) => compute(node.tf, x, y)));

/** bool has no order and no arithmetic in TensorFlow */
const comparable = (tf: Tf, x: T): T => (x.dtype === 'bool' ? tf.cast(x, 'int32') : x);
const comparison = (compute: (tf: Tf, x: T, y: T) => T): Kernel => broadcasting(({ tf }) => (x, y) => compute(tf, comparable(tf, x), comparable(tf, y)));
const logical = (compute: (tf: Tf, x: T, y: T) => T): Kernel => broadcasting(({ tf }) => (x, y) => compute(tf, x, y));
const folded = (compute: (tf: Tf, x: T, y: T) => T): Kernel => broadcasting(({ tf }) => (first, ...others) => others.reduce((x, y) => compute(tf, x, y), first as T));

/** Towards zero, as C divides. */
function integerQuotient(tf: Tf, x: T, y: T): T {
  return tf.mul(tf.mul(tf.sign(x), tf.sign(y)), tf.floorDiv(tf.abs(x), tf.abs(y)));
}

export const arithmeticKernels = {
  Add: arithmetic((tf, x, y) => tf.add(x, y)),
  Sub: arithmetic((tf, x, y) => tf.sub(x, y)),
  Mul: arithmetic((tf, x, y) => tf.mul(x, y)),
  Div: arithmetic((tf, x, y) => (x.dtype === 'int32' ? integerQuotient(tf, x, y) : tf.div(x, y))),
  Pow: arithmetic((tf, x, y) => (x.dtype === y.dtype ? tf.pow(x, y) : tf.cast(tf.pow(tf.cast(x, 'float32'), tf.cast(y, 'float32')), x.dtype))),
  Max: folded((tf, x, y) => tf.maximum(x, y)),
  Min: folded((tf, x, y) => tf.minimum(x, y)),
  Where: logical3(),
  Greater: comparison((tf, x, y) => tf.greater(x, y)),
  GreaterOrEqual: comparison((tf, x, y) => tf.greaterEqual(x, y)),
  Less: comparison((tf, x, y) => tf.less(x, y)),
  LessOrEqual: comparison((tf, x, y) => tf.lessEqual(x, y)),
  Equal: comparison((tf, x, y) => tf.equal(x, y)),
  And: logical((tf, x, y) => tf.logicalAnd(x, y)),
  Or: logical((tf, x, y) => tf.logicalOr(x, y)),
  Xor: comparison((tf, x, y) => tf.notEqual(x, y)),

  /** fmod = 1 takes the sign of the dividend (C), 0 that of the divisor (Python). */
  Mod: broadcasting((node) => {
    const { tf } = node;
    if (node.int('fmod', 0) === 0) return (x, y) => tf.mod(x, y);
    return (x, y) => tf.mul(tf.sign(x), tf.mod(tf.abs(x), tf.abs(y)));
  }),

  PRelu: broadcasting((node) => {
    const zero = node.keep(() => node.tf.scalar(0, node.input(0).dtype === 'float32' ? 'float32' : 'int32'));
    return (x, slope) => node.tf.where(node.tf.less(x, zero), node.tf.mul(slope, x), x);
  }),

  Clip: (node) => (inputs) => {
    const { tensor, last } = operandAt(inputs, 0).either();
    return [{ tensor: clip(node.tf, tensor, inputs[1]?.plain(), inputs[2]?.plain()), last }];
  },
} satisfies Record<string, Kernel>;

/** The branch that is not taken may hold NaN. */
function logical3(): Kernel {
  return broadcasting(({ tf }) => (condition, x, y) => {
    if (x.dtype !== 'bool') return tf.where(condition, x, y);
    return tf.cast(tf.where(condition, tf.cast(x, 'int32'), tf.cast(y, 'int32')), 'bool');
  });
}
