/**
 * An orthogonal matrix as a product of block reflectors, Q = H₀H₁⋯ with H_g = I − V_g T_g V_gᵀ, and its products with rows and columns. Q itself
 * is never formed: applying the reflectors costs no more than multiplying by Q, and saves making it.
 */
import { tensor, type Tensor } from '../../core/tensor.js';
import { GraphBuilder } from '../../graph/builder.js';
import { encodeModel } from '../../graph/encode.js';
import type { Value } from '../../graph/ir.js';
import { cast, concat, matMul, slice } from '../../graph/layers.js';

export interface Reflector {
  /** first row that it changes; rises from reflector to reflector */
  readonly row: number;
  /** reflected directions at once */
  readonly width: number;
  /** float64 [size − row, width] */
  readonly v: Float64Array;
  /** float64 [width, width], upper triangular */
  readonly t: Float64Array;
}

/** Which product: E·Q, E·Qᵀ (rows of E) or Qᵀ·C (columns of C). */
export type Product = 'rows by Q' | 'rows by Q transposed' | 'Q transposed by columns';

/**
 * T of H₀H₁⋯ as one block reflector with V = [V₀ V₁ …]: T[0:j, j] = −T[0:j, 0:j]·(Vᵀ V_j)·T_j.
 * @shape products: Vᵀ V, float64 [parts × width, parts × width]; parts: float64 [width, width] each; result: [parts × width, parts × width]
 * @source LAPACK dlarft (forward, columnwise), by blocks
 */
export function joinTriangles(products: Float64Array, parts: readonly Float64Array[], width: number): Float64Array {
  const n = parts.length * width;
  const t = new Float64Array(n * n);
  parts.forEach((part, j) => {
    const at = j * width;
    // (VᵀV_j)·T_j, then T[0:j, 0:j] times that; both small.
    const right = new Float64Array(at * width);
    for (let i = 0; i < at; i += 1) {
      for (let k = 0; k < width; k += 1) {
        const x = products[i * n + at + k] as number;
        for (let c = k; c < width; c += 1) right[i * width + c] = (right[i * width + c] as number) + x * (part[k * width + c] as number);
      }
    }
    for (let i = 0; i < at; i += 1) {
      for (let k = i; k < at; k += 1) {
        const x = t[i * n + k] as number;
        for (let c = 0; c < width; c += 1) t[i * n + at + c] = (t[i * n + at + c] as number) - x * (right[k * width + c] as number);
      }
    }
    for (let i = 0; i < width; i += 1) t.set(part.subarray(i * width, (i + 1) * width), (at + i) * n + at);
  });
  return t;
}

/** Feeds of `applyReflectors` besides `e`. */
export function reflectorFeeds(reflectors: readonly Reflector[], size: number): Record<string, Tensor> {
  const feeds: Record<string, Tensor> = {};
  reflectors.forEach(({ row, width, v, t }, g) => {
    feeds[`v${g}`] = tensor('float64', [size - row, width], v);
    feeds[`t${g}`] = tensor('float64', [width, width], t);
  });
  return feeds;
}

/**
 * The product as one graph, from input `e` to output `c`, both of `dtype`. Computed in float64 whatever that is: in float32 a chain of reflectors lost a
 * decimal that small penalties need (scores of badly scaled features wrong by 2e-5, one part in 10⁶ with this).
 * @shape e, c: [extent, size] for rows, [size, extent] for columns; v of reflector g: [size − row, width]
 */
export function applyReflectors(product: Product, dtype: 'float32' | 'float64', extent: number, size: number, shapes: readonly Pick<Reflector, 'row' | 'width'>[]): Uint8Array {
  const g = new GraphBuilder();
  const columns = product === 'Q transposed by columns';
  const axis = columns ? 0 : 1;
  const given = g.input('e', dtype, columns ? [size, extent] : [extent, size]);
  const e = dtype === 'float64' ? given : cast(g, given, 'float64');
  const part = (x: Value, from: number, to: number): Value => slice(g, x, [from], [to], [axis]);
  const reflect = (x: Value, at: number): Value => {
    const { row, width } = shapes[at] as Reflector;
    const v = g.input(`v${at}`, 'float64', [size - row, width]);
    const t = g.input(`t${at}`, 'float64', [width, width]);
    // HᵀX = X − V·(Tᵀ·(VᵀX)); XH = X − ((X·V)·T)·Vᵀ, with Tᵀ for Hᵀ
    if (columns) return g.op('Gemm', [v, g.op('Gemm', [t, g.op('Gemm', [v, x], { transA: 1 })], { transA: 1 }), x], { alpha: -1, beta: 1 });
    return g.op('Gemm', [g.op('Gemm', [matMul(g, x, v), t], product === 'rows by Q' ? {} : { transB: 1 }), v, x], { transB: 1, alpha: -1, beta: 1 });
  };
  const start = (at: number): number => (shapes[at] as Reflector).row;
  let result = e;
  if (product === 'rows by Q transposed') {
    // innermost first: what a reflector does not touch is taken from the input as the range grows
    let tail: Value | undefined;
    for (let at = shapes.length - 1; at >= 0; at -= 1) {
      const whole = tail === undefined ? part(e, start(at), size) : concat(g, [part(e, start(at), start(at + 1)), tail], axis);
      tail = reflect(whole, at);
    }
    if (tail !== undefined) result = concat(g, [part(e, 0, start(0)), tail], axis);
  } else {
    const done: Value[] = [];
    let [rest, from] = [e, 0];
    for (let at = 0; at < shapes.length; at += 1) {
      done.push(part(rest, 0, start(at) - from));
      rest = reflect(part(rest, start(at) - from, size - from), at);
      from = start(at);
    }
    if (done.length > 0) result = concat(g, [...done, rest], axis);
  }
  const stored = dtype === 'float64' ? result : cast(g, result, dtype);
  g.output('c', stored === given ? g.op('Identity', [given]) : stored);
  return encodeModel(g.build());
}
