/**
 * The tensor graphs of ridge regression, each a pure function of its shapes. Symmetric problems are float64; targets and their scores are
 * float32, because float32 decides a penalty as well as float64 does and costs half. Knows no fold, no file and no feature.
 */
import { GraphBuilder } from '../../graph/builder.js';
import { encodeModel } from '../../graph/encode.js';
import type { Value } from '../../graph/ir.js';
import { cast, concat, matMul, mul, reduceSum, slice, sub, sumOfSquares } from '../../graph/layers.js';
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
 * HᵀSH for H = I − V T Vᵀ and S symmetric, as S − V Wᵀ − W Vᵀ with W = S V T − ½ V Tᵀ Vᵀ S V T.
 * @shape s, reflected: float64 [m, m]; v: [m, band]; t: [band, band]
 * @source Dongarra, Hammarling & Sorensen 1989, "Block reduction of matrices to condensed forms for eigenvalue computations"
 */
export function reflectBothSides(m: number): Uint8Array {
  const g = new GraphBuilder();
  const s = g.input('s', 'float64', [m, m]);
  const v = g.input('v', 'float64', [m, BAND]);
  const t = g.input('t', 'float64', [BAND, BAND]);
  const svt = matMul(g, s, matMul(g, v, t));
  const inner = gemm(g, t, gemm(g, v, svt, undefined, { transA: 1 }), undefined, { transA: 1 });
  const w = gemm(g, v, inner, svt, { alpha: -0.5, beta: 1 });
  g.output('reflected', gemm(g, concat(g, [v, w], 1), concat(g, [w, v], 1), s, { transB: 1, alpha: -1, beta: 1 }));
  return encodeModel(g.build());
}

/**
 * H·Q for H = I − V T Vᵀ.
 * @shape q, reflected: float64 [m, m]; v: [m, band]; t: [band, band]
 */
export function reflectFromLeft(m: number): Uint8Array {
  const g = new GraphBuilder();
  const q = g.input('q', 'float64', [m, m]);
  const v = g.input('v', 'float64', [m, BAND]);
  const t = g.input('t', 'float64', [BAND, BAND]);
  g.output('reflected', gemm(g, v, matMul(g, t, gemm(g, v, q, undefined, { transA: 1 })), q, { alpha: -1, beta: 1 }));
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

/** z = rows·(B + αI)⁻¹. @shape rows, z: float64 [n, blocks × band] */
export function bandSolve(n: number, blocks: number): Uint8Array {
  const g = new GraphBuilder();
  const rows = g.input('rows', 'float64', [n, blocks * BAND]);
  g.output('z', solveRows(g, rows, ...factorInputs(g, blocks), blocks));
  return encodeModel(g.build());
}

/**
 * Predictions P = E·(B + αI)⁻¹·C of held-out rows, and their sums over rows against the targets Y: predictions never leave the graph.
 * @shape rows (E): float64 [n, q]; c: float32 [q, v]; y: float32 [n, v]; outputs float64 [v]: `sse` Σ(P−Y)² or, for correlation, `sp` ΣP, `spp` ΣP², `spy` ΣPY
 */
export function scoreTargets(n: number, blocks: number, targets: number, kind: 'squared-error' | 'correlation'): Uint8Array {
  const g = new GraphBuilder();
  const rows = g.input('rows', 'float64', [n, blocks * BAND]);
  const solved = cast(g, solveRows(g, rows, ...factorInputs(g, blocks), blocks), 'float32');
  const predicted = matMul(g, solved, g.input('c', 'float32', [blocks * BAND, targets]));
  const y = g.input('y', 'float32', [n, targets]);
  if (kind === 'squared-error') {
    g.output('sse', sumOfSquares(g, cast(g, sub(g, predicted, y), 'float64'), [0]));
  } else {
    const p = cast(g, predicted, 'float64');
    g.output('sp', reduceSum(g, p, [0]));
    g.output('spp', sumOfSquares(g, p, [0]));
    g.output('spy', reduceSum(g, mul(g, p, cast(g, y, 'float64')), [0]));
  }
  return encodeModel(g.build());
}
