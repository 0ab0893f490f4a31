/**
 * A graph under construction together with where its weights come from: every weight becomes an initializer under its own name, so that a graph can
 * be fine-tuned and written back by the names of the original. Nothing here depends on the batch: axis 0 of every value is it.
 */
import type { Shape } from '../../core/tensor.js';
import type { GraphBuilder } from '../../graph/builder.js';
import type { Value } from '../../graph/ir.js';
import type { Weights } from '../architecture.js';

export class Tower {
  constructor(
    readonly b: GraphBuilder,
    readonly weights: Weights,
  ) {}

  weight(name: string, shape: Shape): Value {
    return this.b.constant(this.weights.take(name, shape), name);
  }

  /** Like `reshape`, but one extent may be −1, which is then the batch or a multiple of it: it is not written down as a number. */
  arrange(x: Value, shape: Shape, name?: string): Value {
    return this.b.op('Reshape', [x, this.b.ints(shape)], {}, name);
  }

  /** LayerNorm over the last axis, weights `<path>.weight` and `<path>.bias`; the value is called as its module. */
  norm(x: Value, path: string, epsilon: number, name = path): Value {
    const width = x.shape.at(-1) as number;
    return this.b.op('LayerNormalization', [x, this.weight(`${path}.weight`, [width]), this.weight(`${path}.bias`, [width])], { epsilon }, name);
  }

  /** x Wᵀ + c over the last axis as one matrix product. @shape x [..., in] → [rows, out]; the caller arranges the rows */
  linear(x: Value, weight: string, bias: string, outputs: number, name?: string): Value {
    const inputs = x.shape.at(-1) as number;
    const rows = x.shape.length === 2 ? x : this.arrange(x, [-1, inputs]);
    return this.b.op('Gemm', [rows, this.weight(weight, [outputs, inputs]), this.weight(bias, [outputs])], { transB: 1 }, name);
  }
}
