/** Operators of one input that act on each element. NaN goes through all of them. */
import { anyOrder } from '../kernel.js';
import type { Kernel, NodePlan } from '../kernel.js';
import type { T, Tf } from '../tf.js';

const unary = (compute: (tf: Tf, x: T) => T): Kernel => anyOrder(({ tf }) => (x) => compute(tf, x));
/** With constants that are prepared once. */
const shaped = (make: (node: NodePlan) => (x: T) => T): Kernel => anyOrder(make);

/** min(max(x, low), high), as ONNX defines it also where low > high; both are tensors, so that NaN in x stays. */
export function clip(tf: Tf, x: T, low: T | undefined, high: T | undefined): T {
  const raised = low === undefined ? x : tf.maximum(x, low);
  return high === undefined ? raised : tf.minimum(raised, high);
}

/** Rounds x towards zero. */
export function truncated(tf: Tf, x: T): T {
  return tf.mul(tf.sign(x), tf.floor(tf.abs(x)));
}

export const elementwiseKernels = {
  Relu: shaped((node) => {
    const zero = node.keep(() => node.tf.scalar(0));
    return (x) => node.tf.maximum(x, zero);
  }),
  LeakyRelu: shaped((node) => {
    const alpha = node.int('alpha', 0.01);
    return (x) => node.tf.leakyRelu(x, alpha);
  }),
  Sigmoid: unary((tf, x) => tf.sigmoid(x)),
  HardSigmoid: shaped((node) => {
    const { tf } = node;
    const [slope, offset, zero, one] = [node.int('alpha', 0.2), node.int('beta', 0.5), 0, 1].map((value) => node.keep(() => tf.scalar(value))) as [T, T, T, T];
    return (x) => clip(tf, tf.add(tf.mul(x, slope), offset), zero, one);
  }),
  Tanh: unary((tf, x) => tf.tanh(x)),
  Softplus: unary((tf, x) => tf.softplus(x)),
  Exp: unary((tf, x) => tf.exp(x)),
  Log: unary((tf, x) => tf.log(x)),
  Sqrt: unary((tf, x) => tf.sqrt(x)),
  Erf: unary((tf, x) => tf.erf(x)),
  Abs: unary((tf, x) => tf.abs(x)),
  Neg: unary((tf, x) => tf.neg(x)),
  Reciprocal: unary((tf, x) => tf.reciprocal(x)),
  // the backend in JavaScript says 0 for NaN
  Sign: unary((tf, x) => (x.dtype === 'int32' ? tf.sign(x) : tf.where(tf.isNaN(x), x, tf.sign(x)))),
  Sin: unary((tf, x) => tf.sin(x)),
  Cos: unary((tf, x) => tf.cos(x)),
  Tan: unary((tf, x) => tf.tan(x)),
  Asin: unary((tf, x) => tf.asin(x)),
  Acos: unary((tf, x) => tf.acos(x)),
  Atan: unary((tf, x) => tf.atan(x)),
  Sinh: unary((tf, x) => tf.sinh(x)),
  Cosh: unary((tf, x) => tf.cosh(x)),
  Asinh: unary((tf, x) => tf.asinh(x)),
  Acosh: unary((tf, x) => tf.acosh(x)),
  Atanh: unary((tf, x) => tf.atanh(x)),
  Floor: unary((tf, x) => tf.floor(x)),
  Ceil: unary((tf, x) => tf.ceil(x)),
  Round: unary((tf, x) => tf.round(x)),
  IsNaN: unary((tf, x) => tf.isNaN(x)),
  IsInf: shaped((node) => {
    const { tf } = node;
    const [negative, positive] = [node.int('detect_negative', 1), node.int('detect_positive', 1)];
    const zero = node.keep(() => tf.scalar(0));
    return (x) => {
      const infinite = tf.isInf(x);
      if (negative === 1 && positive === 1) return infinite;
      if (negative === 0 && positive === 0) return tf.logicalAnd(infinite, tf.logicalNot(infinite));
      return tf.logicalAnd(infinite, positive === 1 ? tf.greater(x, zero) : tf.less(x, zero));
    };
  }),
  Elu: shaped((node) => {
    const { tf } = node;
    const [alpha, zero] = [node.int('alpha', 1), 0].map((value) => node.keep(() => tf.scalar(value))) as [T, T];
    return (x) => tf.where(tf.lessEqual(x, zero), tf.mul(alpha, tf.expm1(tf.minimum(x, zero))), x);
  }),
  /** x Φ(x), with the error function or with its tanh approximation. */
  Gelu: shaped((node) => {
    const { tf } = node;
    const [half, one, root, cubic, slope] = [0.5, 1, Math.SQRT1_2, 0.044715, Math.sqrt(2 / Math.PI)].map((value) => node.keep(() => tf.scalar(value))) as [T, T, T, T, T];
    const exact = node.text('approximate', 'none') === 'none';
    return (x) => {
      const bent = exact ? tf.erf(tf.mul(x, root)) : tf.tanh(tf.mul(slope, tf.add(x, tf.mul(cubic, tf.mul(x, tf.mul(x, x))))));
      return tf.mul(tf.mul(x, half), tf.add(one, bent));
    };
  }),
  Not: unary((tf, x) => tf.logicalNot(x)),
  Identity: unary((tf, x) => tf.clone(x)),
} satisfies Record<string, Kernel>;
