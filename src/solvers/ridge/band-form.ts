/**
 * A symmetric matrix as Q B Qᵀ with B block tridiagonal, and (B + αI)⁻¹ from its block Cholesky factor. The reduction is done once; each penalty
 * then costs a factorisation that is linear in the size, where a dense Cholesky would be cubic and an eigendecomposition needs LAPACK.
 * Sizes are multiples of BAND (callers pad with zeros, which stay zeros). Everything is float64: a float32 reduction is wrong at small penalties.
 */
import { choleskyInverse, downdate, panelQr, upperTimesLowerTransposed } from '../../math/linear-algebra.js';
import { tensor } from '../../core/tensor.js';
import { BAND, reflectBothSides, reflectFromLeft } from './programs.js';
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

/** Working sizes of a reduction. The unreduced part shrinks by a block a step; a program for every size would cost more to load than to run. */
const WORKING_SIZES = 8;

interface Step {
  /** rows and columns of the working matrix: the last ones of the whole */
  readonly working: number;
  /** reflectors padded to the working matrix: zero rows where nothing is to change. float64 [working, BAND] */
  readonly v: Float64Array;
  readonly t: Float64Array;
}

/**
 * S = Q B Qᵀ by blocked Householder reduction.
 * @shape s: float64 [size, size] symmetric, size a multiple of BAND
 * @source Bischof, Lang & Sun 2000, "A framework for symmetric band reduction", section 2 (full to band)
 */
export async function reduceToBand(programs: ProgramCache, s: Float64Array, size: number): Promise<BandForm> {
  const blocks = size / BAND;
  const stepsPerSize = Math.ceil((blocks - 1) / WORKING_SIZES);
  const diagonal = [subBlock(s, size, 0, 0, BAND, BAND)];
  const below: Float64Array[] = [];
  const steps: Step[] = [];
  let matrix = s;
  let working = size;
  for (let k = 0; k + 1 < blocks; k += 1) {
    if (k > 0 && k % stepsPerSize === 0) {
      await programs.release(`reduction at ${working}`);
      const dropped = stepsPerSize * BAND;
      matrix = subBlock(matrix, working, dropped, dropped, working - dropped, working - dropped);
      working -= dropped;
    }
    const origin = size - working;
    const row = (k + 1) * BAND - origin;
    const { v, t, r } = panelQr(subBlock(matrix, working, row, row - BAND, working - row, BAND), working - row, BAND);
    const padded = new Float64Array(working * BAND);
    padded.set(v, row * BAND);
    const step: Step = { working, v: padded, t };
    steps.push(step);
    below.push(r);
    const model = () => reflectBothSides(step.working);
    matrix = float64Output(await programs.run(`reduction at ${working}`, model, { s: tensor('float64', [working, working], matrix), ...reflectorFeeds(step) }), 'reflected');
    diagonal.push(subBlock(matrix, working, row, row, BAND, BAND));
  }
  await programs.release(`reduction at ${working}`);
  return { size, blocks, diagonal, below, q: await orthogonalFactor(programs, steps, size) };
}

/** Q = H₁H₂⋯ from the innermost reflector outwards, in a working matrix that grows. @shape float64 [size, size] */
async function orthogonalFactor(programs: ProgramCache, steps: readonly Step[], size: number): Promise<Float64Array> {
  let working = steps.at(-1)?.working ?? size;
  let q = identityAround(new Float64Array(0), 0, working);
  for (const step of [...steps].reverse()) {
    if (step.working !== working) {
      await programs.release(`orthogonal factor at ${working}`);
      q = identityAround(q, working, step.working);
      working = step.working;
    }
    const model = () => reflectFromLeft(step.working);
    q = float64Output(await programs.run(`orthogonal factor at ${working}`, model, { q: tensor('float64', [working, working], q), ...reflectorFeeds(step) }), 'reflected');
  }
  await programs.release(`orthogonal factor at ${working}`);
  return q;
}

const reflectorFeeds = ({ working, v, t }: Step) => ({ v: tensor('float64', [working, BAND], v), t: tensor('float64', [BAND, BAND], t) });

/** blockdiag(I, inner). @shape inner: float64 [from, from]; result: [to, to] */
function identityAround(inner: Float64Array, from: number, to: number): Float64Array {
  const out = new Float64Array(to * to);
  const shift = to - from;
  for (let i = 0; i < shift; i += 1) out[i * to + i] = 1;
  for (let i = 0; i < from; i += 1) out.set(inner.subarray(i * from, (i + 1) * from), (shift + i) * to + shift);
  return out;
}

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
