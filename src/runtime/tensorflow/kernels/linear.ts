/** Matrix products. MatMul follows NumPy: leading axes broadcast, a rank-1 operand is a row or a column that leaves no axis behind. */
import { plainKernel } from '../kernel.js';
import type { Kernel } from '../kernel.js';
import type { T } from '../tf.js';

export const linearKernels = {
  MatMul: plainKernel((node) => {
    const { tf } = node;
    const { dtype, shape } = node.output();
    if (dtype !== 'float32') node.refuse('products of integer matrices', 'float32', dtype);
    const [left, right] = [node.input(0).shape, node.input(1).shape];
    const rows = left.length === 1 ? [1, ...left] : [...left];
    const columns = right.length === 1 ? [...right, 1] : [...right];
    const [inner, width] = columns.slice(-2) as [number, number];
    // one matrix on the right: one big product instead of a batch
    if (columns.length === 2) return (x, y) => tf.reshape(tf.matMul(tf.reshape(x, [-1, inner]) as never, tf.reshape(y, [inner, width]) as never), [...shape]);
    const rank = Math.max(rows.length, columns.length);
    const widened = (own: readonly number[]): number[] => [...new Array<number>(rank - own.length).fill(1), ...own];
    const [wideLeft, wideRight] = [widened(rows), widened(columns)];
    // leading axes that are repeated on both sides are spread out first: the backend in JavaScript takes the wrong matrices
    const lead = wideLeft.slice(0, -2).map((extent, i) => Math.max(extent, wideRight[i] as number));
    const spread = (x: T, own: readonly number[]): T => tf.broadcastTo(tf.reshape(x, [...own]), [...lead, ...own.slice(-2)]);
    const crossed = [wideLeft, wideRight].every((own) => own.slice(0, -2).some((extent, i) => extent !== lead[i]));
    if (crossed) return (x, y) => tf.reshape(tf.matMul(spread(x, wideLeft), spread(y, wideRight)), [...shape]);
    return (x, y) => tf.reshape(tf.matMul(tf.reshape(x, wideLeft), tf.reshape(y, wideRight)), [...shape]);
  }),

  /** alpha · A' B' + beta · C */
  Gemm: plainKernel((node) => {
    const { tf } = node;
    const { dtype } = node.output();
    if (dtype !== 'float32') node.refuse('products of integer matrices', 'float32', dtype);
    const [transA, transB] = [node.int('transA', 0) === 1, node.int('transB', 0) === 1];
    const scaled = (factor: number): ((x: T) => T) => {
      if (factor === 1) return (x) => x;
      const held = node.keep(() => tf.scalar(factor));
      return (x) => tf.mul(x, held);
    };
    const [alpha, beta] = [scaled(node.int('alpha', 1)), scaled(node.int('beta', 1))];
    return (a, b, c) => {
      const product = alpha(tf.matMul(a as never, b as never, transA, transB));
      return (c as T | undefined) === undefined ? product : tf.add(product, beta(c as T));
    };
  }),
} satisfies Record<string, Kernel>;
