/**
 * A symmetric matrix as Q B Qᵀ with B block tridiagonal, and (B + αI)⁻¹ from its block Cholesky factor. The reduction is done once; each penalty
 * then costs a factorisation that is linear in the size, where a dense Cholesky would be cubic and an eigendecomposition needs LAPACK.
 * Sizes are multiples of BAND (callers pad with zeros, which stay zeros). Everything is float64: a float32 reduction is wrong at small penalties.
 */
import { choleskyInverse, downdate, panelQr, upperTimesLowerTransposed } from '../../math/linear-algebra.js';
import { tensor } from '../../core/tensor.js';
import { BAND, correctedPanel, reflectedPanel, reflectedTrailing } from './programs.js';
import { float64Output, type ProgramCache } from './program-cache.js';
import { joinTriangles, type Reflector } from './reflectors.js';

export interface BandForm {
  readonly size: number;
  readonly blocks: number;
  /** diagonal blocks of B, each float64 [BAND, BAND] */
  readonly diagonal: readonly Float64Array[];
  /** blocks below the diagonal, upper triangular, float64 [BAND, BAND] */
  readonly below: readonly Float64Array[];
  /** Q as a product of block reflectors */
  readonly reflectors: readonly Reflector[];
}

/**
 * Panels reduced before the rest of the matrix is brought up to date: one wide update runs at the speed of a matrix product, where one a panel
 * would only move memory (17 against 45 GMAC/s seen at size 4000).
 */
const PANELS_AT_ONCE = 4;

/**
 * S = Q B Qᵀ by blocked Householder reduction. Within a group of panels the matrix stays as it was and what is to be subtracted, V Wᵀ + W Vᵀ, grows;
 * columns are corrected as they are needed.
 * @shape s: float64 [size, size] symmetric, size a multiple of BAND
 * @source Bischof, Lang & Sun 2000, "A framework for symmetric band reduction", section 2 (full to band); Dongarra, Hammarling & Sorensen 1989,
 *   "Block reduction of matrices to condensed forms for eigenvalue computations" (delayed updates)
 */
export async function reduceToBand(programs: ProgramCache, s: Float64Array, size: number): Promise<BandForm> {
  const blocks = size / BAND;
  const diagonal: Float64Array[] = [];
  const below: Float64Array[] = [];
  const reflectors: Reflector[] = [];
  let matrix = s;
  let working = size;
  while (working > BAND) {
    const group = await reduceGroup(programs, matrix, working, Math.min(PANELS_AT_ONCE, working / BAND - 1));
    diagonal.push(...group.diagonal);
    below.push(...group.below);
    reflectors.push({ ...group.reflector, row: size - working + BAND });
    matrix = group.trailing;
    working -= group.diagonal.length * BAND;
  }
  diagonal.push(matrix.slice());
  return { size, blocks, diagonal, below, reflectors };
}

interface Group {
  readonly diagonal: readonly Float64Array[];
  readonly below: readonly Float64Array[];
  readonly reflector: Omit<Reflector, 'row'>;
  /** what is still to be reduced: float64, smaller by the panels of the group */
  readonly trailing: Float64Array;
}

/** The first `panels` block columns. @shape matrix: float64 [m, m] */
async function reduceGroup(programs: ProgramCache, matrix: Float64Array, m: number, panels: number): Promise<Group> {
  const width = panels * BAND;
  const pair = 2 * width;
  const diagonal: Float64Array[] = [];
  const below: Float64Array[] = [];
  const triangles: Float64Array[] = [];
  const s = tensor('float64', [m, m], matrix);
  // V and W side by side in both orders, so that V Wᵀ + W Vᵀ is one product. Columns of panels still to come are zeros. [m, 2·width]
  const vw = new Float64Array(m * pair);
  const wv = new Float64Array(m * pair);
  const feeds = { vw: tensor('float64', [m, pair], vw), wv: tensor('float64', [m, pair], wv) };
  const put = (block: Float64Array, rowOffset: number, column: number, into: Float64Array): void => {
    for (let i = 0; i * BAND < block.length; i += 1) into.set(block.subarray(i * BAND, (i + 1) * BAND), (rowOffset + i) * pair + column);
  };
  for (let k = 0; k < panels; k += 1) {
    const first = k * BAND;
    let columns = subBlock(matrix, m, 0, first, m, BAND);
    if (k > 0) {
      const own = tensor('float64', [BAND, pair], wv.subarray(first * pair, (first + BAND) * pair));
      const corrected = await programs.run(`panel at ${m}`, () => correctedPanel(m, pair), { columns: tensor('float64', [m, BAND], columns), vw: feeds.vw, own });
      columns = float64Output(corrected, 'corrected');
    }
    diagonal.push(columns.slice(first * BAND, (first + BAND) * BAND));
    const next = first + BAND;
    const { v, t, r } = panelQr(columns.subarray(next * BAND), m - next, BAND);
    below.push(r);
    triangles.push(t);
    const padded = new Float64Array(m * BAND);
    padded.set(v, next * BAND);
    const given = { s, ...feeds, v: tensor('float64', [m, BAND], padded), t: tensor('float64', [BAND, BAND], t) };
    const w = float64Output(await programs.run(`reduction at ${m}`, () => reflectedPanel(m, pair), given), 'w');
    put(v, next, first, vw);
    put(v, next, width + first, wv);
    put(w, 0, width + first, vw);
    put(w, 0, first, wv);
  }
  const update = await programs.runOnce(`update at ${m}`, () => reflectedTrailing(m, width), { s, ...feeds });
  await programs.release(`panel at ${m}`);
  await programs.release(`reduction at ${m}`);
  const t = joinTriangles(float64Output(update, 'products'), triangles, BAND);
  return { diagonal, below, reflector: { width, v: subBlock(vw, pair, BAND, 0, m - BAND, width), t }, trailing: float64Output(update, 'trailing') };
}

function subBlock(s: Float64Array, stride: number, row: number, column: number, rows: number, columns: number): Float64Array {
  const out = new Float64Array(rows * columns);
  for (let i = 0; i < rows; i += 1) out.set(s.subarray((row + i) * stride + column, (row + i) * stride + column + columns), i * columns);
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
