/**
 * The tensor graphs of ridge regression, each a pure function of its shapes. Symmetric problems are float64; targets and their scores are
 * float32, because float32 decides a penalty as well as float64 does and costs half. Knows no fold, no file and no feature.
 */
import { GraphBuilder } from '../../graph/builder.js';
import { encodeModel } from '../../graph/encode.js';
import type { Value } from '../../graph/ir.js';
import { add, cast, concat, matMul, mul, reduceSum, reshape, slice, sub } from '../../graph/layers.js';
import type { DType } from '../../core/tensor.js';

/** Rows and columns of a block of the band form: wide enough for fast products, narrow enough that factoring a block in JavaScript stays cheap. */
export const BAND = 64;

const gemm = (g: GraphBuilder, a: Value, b: Value, c: Value | undefined, attributes: { transA?: 1; transB?: 1; alpha?: number; beta?: number }): Value =>
  g.op('Gemm', c === undefined ? [a, b] : [a, b, c], attributes);

const rowsOf = (g: GraphBuilder, x: Value, from: number, to: number): Value => slice(g, x, [from], [to], [0]);
const columnsOf = (g: GraphBuilder, x: Value, from: number, to: number): Value => slice(g, x, [from], [to], [1]);

/** c = a·bᵀ. @shape a: [rows, inner]; b: [columns, inner]; c: [rows, columns] */
export function productTransposed(dtype: DType, rows: number, inner: number, columns: number): Uint8Array {
  const g = new GraphBuilder();
  g.output('c', gemm(g, g.input('a', dtype, [rows, inner]), g.input('b', dtype, [columns, inner]), undefined, { transB: 1 }));
  return encodeModel(g.build());
}

/** c = a·b. @shape a: [rows, inner]; b: [inner, columns]; c: [rows, columns] */
export function product(dtype: DType, rows: number, inner: number, columns: number): Uint8Array {
  const g = new GraphBuilder();
  g.output('c', matMul(g, g.input('a', dtype, [rows, inner]), g.input('b', dtype, [inner, columns])));
  return encodeModel(g.build());
}

/**
 * Columns of a symmetric matrix under reduction, brought up to date: columns − V·W[own rows]ᵀ − W·V[own rows]ᵀ.
 * @shape columns, corrected: float64 [m, band]; vw: [V W], [m, pair]; own: rows of [W V] that belong to the columns, [band, pair]
 */
export function correctedPanel(m: number, pair: number): Uint8Array {
  const g = new GraphBuilder();
  const columns = g.input('columns', 'float64', [m, BAND]);
  g.output('corrected', gemm(g, g.input('vw', 'float64', [m, pair]), g.input('own', 'float64', [BAND, pair]), columns, { transB: 1, alpha: -1, beta: 1 }));
  return encodeModel(g.build());
}

/**
 * W of the next reflector H = I − V T Vᵀ of A = S − V₀W₀ᵀ − W₀V₀ᵀ, so that HᵀAH = A − V Wᵀ − W Vᵀ: W = A V T − ½ V Tᵀ Vᵀ A V T.
 * @shape s: float64 [m, m]; vw, wv: [V₀ W₀] and [W₀ V₀], [m, pair]; v, w: [m, band]; t: [band, band]
 * @source Dongarra, Hammarling & Sorensen 1989, "Block reduction of matrices to condensed forms for eigenvalue computations"
 */
export function reflectedPanel(m: number, pair: number): Uint8Array {
  const g = new GraphBuilder();
  const v = g.input('v', 'float64', [m, BAND]);
  const t = g.input('t', 'float64', [BAND, BAND]);
  const vt = matMul(g, v, t);
  const inner = gemm(g, g.input('wv', 'float64', [m, pair]), vt, undefined, { transA: 1 });
  const avt = gemm(g, g.input('vw', 'float64', [m, pair]), inner, matMul(g, g.input('s', 'float64', [m, m]), vt), { alpha: -1, beta: 1 });
  const half = gemm(g, t, gemm(g, v, avt, undefined, { transA: 1 }), undefined, { transA: 1 });
  g.output('w', gemm(g, v, half, avt, { alpha: -0.5, beta: 1 }));
  return encodeModel(g.build());
}

/**
 * What is left of S − V Wᵀ − W Vᵀ after its first `width` rows and columns, and Vᵀ V.
 * @shape s: float64 [m, m]; vw, wv: [V W] and [W V], [m, 2·width]; trailing: [m − width, m − width]; products: [width, width]
 */
export function reflectedTrailing(m: number, width: number): Uint8Array {
  const g = new GraphBuilder();
  const s = g.input('s', 'float64', [m, m]);
  const vw = g.input('vw', 'float64', [m, 2 * width]);
  const wv = g.input('wv', 'float64', [m, 2 * width]);
  const rest = slice(g, s, [width, width], [m, m], [0, 1]);
  g.output('trailing', gemm(g, rowsOf(g, vw, width, m), rowsOf(g, wv, width, m), rest, { transB: 1, alpha: -1, beta: 1 }));
  const v = columnsOf(g, vw, 0, width);
  g.output('products', gemm(g, v, v, undefined, { transA: 1 }));
  return encodeModel(g.build());
}

/**
 * rows·(B + αI)⁻¹ by blocks, from the block Cholesky factor of B + αI: forward F_i = (R_i − F_{i−1}·link_{i−1}ᵀ)·inverse_iᵀ, then backward
 * Z_i = (F_i − Z_{i+1}·link_i)·inverse_i.
 * @shape rows: float64 [n, blocks × band]; inverses: [blocks × band, band]; links: [(blocks − 1) × band, band] (absent for one block)
 */
function solveRows(g: GraphBuilder, rows: Value, inverses: Value, links: Value | undefined, blocks: number): Value {
  const inverse = (i: number): Value => rowsOf(g, inverses, i * BAND, (i + 1) * BAND);
  const link = (i: number): Value => rowsOf(g, links as Value, i * BAND, (i + 1) * BAND);
  const block = (i: number): Value => columnsOf(g, rows, i * BAND, (i + 1) * BAND);
  const forward: Value[] = [];
  for (let i = 0; i < blocks; i += 1) {
    const right = i === 0 ? block(0) : gemm(g, forward[i - 1] as Value, link(i - 1), block(i), { transB: 1, alpha: -1, beta: 1 });
    forward.push(gemm(g, right, inverse(i), undefined, { transB: 1 }));
  }
  const solved: Value[] = [];
  for (let i = blocks - 1; i >= 0; i -= 1) {
    const right = i === blocks - 1 ? (forward[i] as Value) : gemm(g, solved[0] as Value, link(i), forward[i], { alpha: -1, beta: 1 });
    solved.unshift(matMul(g, right, inverse(i)));
  }
  return concat(g, solved, 1);
}

const factorInputs = (g: GraphBuilder, blocks: number): [Value, Value | undefined] => [
  g.input('inverses', 'float64', [blocks * BAND, BAND]),
  blocks === 1 ? undefined : g.input('links', 'float64', [(blocks - 1) * BAND, BAND]),
];

/** z = rows·(B + αI)⁻¹, computed in float64 whatever it is stored as. @shape rows: float64 [n, blocks × band]; z: [n, blocks × band] */
export function bandSolve(n: number, blocks: number, stored: 'float32' | 'float64'): Uint8Array {
  const g = new GraphBuilder();
  const rows = g.input('rows', 'float64', [n, blocks * BAND]);
  const z = solveRows(g, rows, ...factorInputs(g, blocks), blocks);
  g.output('z', stored === 'float64' ? z : cast(g, z, stored));
  return encodeModel(g.build());
}

/** Rows added up in float32 before float64 takes over: few enough that the sum is as exact as what it sums. */
export const SUMMED_ROWS = 16;

/** Column sums of n rows, n a multiple of SUMMED_ROWS. @shape x: float32 [n, v]; result: float64 [v] */
function columnSums(g: GraphBuilder, x: Value, n: number, v: number): Value {
  const partial = reduceSum(g, reshape(g, x, [n / SUMMED_ROWS, SUMMED_ROWS, v]), [1]);
  return reduceSum(g, cast(g, partial, 'float64'), [0]);
}

/**
 * Predictions P = Z·C of held-out rows, and their sums over rows against the targets Y: predictions never leave the graph. Rows come in chunks,
 * so that what is compared is still in the processor's cache.
 * @shape z0, z1, …: float32 [n, q]; c: float32 [q, v]; y0, y1, …: float32 [n, v]; n a multiple of SUMMED_ROWS; outputs float64 [v]: `sse` Σ(P−Y)² or,
 *   for correlation, `sp` ΣP, `spp` ΣP², `spy` ΣPY
 */
export function scoreTargets(chunks: number, n: number, size: number, targets: number, kind: 'squared-error' | 'correlation'): Uint8Array {
  const g = new GraphBuilder();
  const c = g.input('c', 'float32', [size, targets]);
  const sums = new Map<string, Value>();
  const collect = (name: string, x: Value): void => {
    const sum = columnSums(g, x, n, targets);
    const before = sums.get(name);
    sums.set(name, before === undefined ? sum : add(g, before, sum));
  };
  for (let i = 0; i < chunks; i += 1) {
    const p = matMul(g, g.input(`z${i}`, 'float32', [n, size]), c);
    const y = g.input(`y${i}`, 'float32', [n, targets]);
    if (kind === 'squared-error') {
      const error = sub(g, p, y);
      collect('sse', mul(g, error, error));
    } else {
      collect('sp', p);
      collect('spp', mul(g, p, p));
      collect('spy', mul(g, p, y));
    }
  }
  for (const [name, sum] of sums) g.output(name, sum);
  return encodeModel(g.build());
}

/** sums + yᵀ·x with x read as float32. @shape y: float64 [rows, targets]; x: float32 [rows, features]; sums, added: float64 [targets, features] */
export function addedProducts(targets: number, rows: number, features: number): Uint8Array {
  const g = new GraphBuilder();
  const x = cast(g, g.input('x', 'float32', [rows, features]), 'float64');
  g.output('added', gemm(g, g.input('y', 'float64', [rows, targets]), x, g.input('sums', 'float64', [targets, features]), { transA: 1 }));
  return encodeModel(g.build());
}

/** sums + a·bᵀ. @shape a: float64 [rows, inner]; b: [columns, inner]; sums, added: [rows, columns] */
export function addedTransposed(rows: number, inner: number, columns: number): Uint8Array {
  const g = new GraphBuilder();
  const sums = g.input('sums', 'float64', [rows, columns]);
  g.output('added', gemm(g, g.input('a', 'float64', [rows, inner]), g.input('b', 'float64', [columns, inner]), sums, { transB: 1 }));
  return encodeModel(g.build());
}
