/**
 * A symmetric matrix as Q B Qᵀ with B block tridiagonal, and (B + αI)⁻¹ from its block Cholesky factor. The reduction is done once; each penalty
 * then costs a factorisation that is linear in the size, where a dense Cholesky would be cubic and an eigendecomposition needs LAPACK.
 * Sizes are multiples of BAND (callers pad with zeros, which stay zeros). Everything is float64: a float32 reduction is wrong at small penalties.
 */
import { choleskyInverse, downdate, panelQr, upperTimesLowerTransposed, type PanelFactor } from '../../math/linear-algebra.js';
import { tensor } from '../../core/tensor.js';
import { accumulateReflector, BAND, reflectBothSides } from './programs.js';
import { float64Output, type ProgramCache } from './program-cache.js';

export interface BandForm {
  readonly size: number;
  readonly blocks: number;
  /** diagonal blocks of B, each float64 [BAND, BAND] */
  readonly diagonal: readonly Float64Array[];
  /** blocks below the diagonal, upper triangular, float64 [BAND, BAND] */
  readonly below: readonly Float64Array[];
  /** Q: float64 [size, size], orthogonal */
  readonly q: Float64Array;
}

/**
 * S = Q B Qᵀ by blocked Householder reduction.
 * @shape s: float64 [size, size] symmetric, size a multiple of BAND
 * @source Bischof, Lang & Sun 2000, "A framework for symmetric band reduction", algorithm 1 (full to band)
 */
export async function reduceToBand(programs: ProgramCache, s: Float64Array, size: number): Promise<BandForm> {
  const blocks = size / BAND;
  const diagonal = [subBlock(s, size, 0, 0, BAND, BAND)];
  const below: Float64Array[] = [];
  const panels: { m: number; factor: PanelFactor }[] = [];
  let m = size - BAND;
  let panel = subBlock(s, size, BAND, 0, m, BAND);
  let rest = subBlock(s, size, BAND, BAND, m, m);
  while (m > 0) {
    const factor = panelQr(panel, m, BAND);
    const feeds = { s: tensor('float64', [m, m], rest), ...reflectorFeeds(m, factor) };
    const width = m;
    const reduced = await programs.runOnce(`reduction step ${m}`, () => reflectBothSides(width), feeds);
    panels.push({ m, factor });
    below.push(factor.r);
    diagonal.push(float64Output(reduced, 'diagonal'));
    m -= BAND;
    if (m > 0) {
      panel = float64Output(reduced, 'panel');
      rest = float64Output(reduced, 'rest');
    }
  }
  return { size, blocks, diagonal, below, q: await orthogonalFactor(programs, panels, size) };
}

/** Q = blockdiag(I, H₁·blockdiag(I, H₂·…)), from the innermost reflector outwards. @shape float64 [size, size] */
async function orthogonalFactor(programs: ProgramCache, panels: readonly { m: number; factor: PanelFactor }[], size: number): Promise<Float64Array> {
  let inner: Float64Array | undefined;
  for (const { m, factor } of [...panels].reverse()) {
    const feeds = { ...(inner === undefined ? {} : { inner: tensor('float64', [m - BAND, m - BAND], inner) }), ...reflectorFeeds(m, factor) };
    const next = float64Output(await programs.runOnce(`orthogonal factor ${m}`, () => accumulateReflector(m), feeds), 'q');
    const ones = inner === undefined ? m : BAND;
    for (let i = 0; i < ones; i += 1) next[i * m + i] = (next[i * m + i] as number) + 1;
    inner = next;
  }
  const q = new Float64Array(size * size);
  for (let i = 0; i < BAND; i += 1) q[i * size + i] = 1;
  const m = size - BAND;
  for (let i = 0; i < m; i += 1) q.set((inner as Float64Array).subarray(i * m, (i + 1) * m), (BAND + i) * size + BAND);
  return q;
}

const reflectorFeeds = (m: number, { v, t }: PanelFactor) => ({ v: tensor('float64', [m, BAND], v), t: tensor('float64', [BAND, BAND], t) });

function subBlock(s: Float64Array, size: number, row: number, column: number, rows: number, columns: number): Float64Array {
  const out = new Float64Array(rows * columns);
  for (let i = 0; i < rows; i += 1) out.set(s.subarray((row + i) * size + column, (row + i) * size + column + columns), i * columns);
  return out;
}

export interface ShiftedFactor {
  /** inverses of the diagonal blocks of the Cholesky factor, float64 [blocks × BAND, BAND] */
  readonly inverses: Float64Array;
  /** blocks below its diagonal, float64 [(blocks − 1) × BAND, BAND] */
  readonly links: Float64Array;
}

/**
 * Block Cholesky factor of B + αI: C_i C_iᵀ = D_i + αI − M_{i−1}M_{i−1}ᵀ, M_i = R_i C_i⁻ᵀ.
 * Errors: E_DATA if B + αI is not positive definite in float64 (α is far below the rounding of the largest entries).
 */
export function factorShifted(form: BandForm, alpha: number): ShiftedFactor {
  const area = BAND * BAND;
  const inverses = new Float64Array(form.blocks * area);
  const links = new Float64Array((form.blocks - 1) * area);
  let link: Float64Array | undefined;
  for (let i = 0; i < form.blocks; i += 1) {
    const inverse = choleskyInverse(downdate(form.diagonal[i] as Float64Array, link, alpha, BAND), BAND);
    inverses.set(inverse, i * area);
    if (i + 1 === form.blocks) break;
    link = upperTimesLowerTransposed(form.below[i] as Float64Array, inverse, BAND);
    links.set(link, i * area);
  }
  return { inverses, links };
}

/** Feeds of every program that solves with a shifted factor. */
export function factorFeeds(form: BandForm, { inverses, links }: ShiftedFactor) {
  return {
    inverses: tensor('float64', [form.size, BAND], inverses),
    ...(form.blocks === 1 ? {} : { links: tensor('float64', [form.size - BAND, BAND], links) }),
  };
}
