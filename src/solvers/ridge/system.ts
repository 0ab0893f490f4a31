/**
 * The symmetric problem behind a ridge fit, in the smaller of its two forms. With A the standardised training rows (dual) or their transpose
 * (primal), both are S = A Aᵀ with a right side C and an evaluation E such that predictions are E (S + αI)⁻¹ C:
 *   dual    S = X Xᵀ [rows, rows],  C = Y,    E = X_held Xᵀ        primal  S = Xᵀ X [features, features],  C = Xᵀ Y,  E = X_held
 */
import { tensor } from '../../core/tensor.js';
import { reduceToBand, type BandForm } from './band-form.js';
import { columnMoments, standardise, transposed, type ColumnMoments, type Scaling } from './design.js';
import { BAND, product, productTransposed } from './programs.js';
import { float64Output, type ProgramCache } from './program-cache.js';

export type RidgeForm = 'dual' | 'primal';

/** Shapes after padding: `size` of the symmetric problem (a multiple of BAND) and the number of training rows that every fold is padded to. */
export interface SystemShape {
  readonly form: RidgeForm;
  readonly size: number;
  readonly rows: number;
  readonly features: number;
}

export interface RidgeSystem {
  readonly shape: SystemShape;
  readonly moments: ColumnMoments;
  readonly band: BandForm;
  /** standardised training rows, float64: dual [size, feature], primal [rows, size] */
  readonly design: Float64Array;
}

const PANELS = 8;

export function systemShape(form: RidgeForm, rows: number, features: number): SystemShape {
  const padded = (n: number): number => Math.ceil(n / BAND) * BAND;
  return { form, features, size: padded(form === 'dual' ? rows : features), rows: form === 'dual' ? padded(rows) : rows };
}

export async function buildSystem(programs: ProgramCache, x: Float32Array, rows: Int32Array, shape: SystemShape, scaling: Scaling): Promise<RidgeSystem> {
  const moments = columnMoments(x, shape.features, rows, scaling);
  const dual = shape.form === 'dual';
  const width = dual ? shape.features : shape.size;
  const design = standardise(x, shape.features, rows, moments, shape.rows, width);
  const a = dual ? design : transposed(design, shape.rows, width);
  const s = await gram(programs, a, shape.size, dual ? shape.features : shape.rows);
  return { shape, moments, design, band: await reduceToBand(programs, s, shape.size) };
}

/** A Aᵀ by panels of rows, each against the rows up to its own last one; the rest by symmetry. @shape a: float64 [size, inner]; result: [size, size] */
async function gram(programs: ProgramCache, a: Float64Array, size: number, inner: number): Promise<Float64Array> {
  const s = new Float64Array(size * size);
  const step = Math.ceil(size / PANELS / BAND) * BAND;
  for (let from = 0; from < size; from += step) {
    const to = Math.min(size, from + step);
    const feeds = { a: tensor('float64', [to - from, inner], a.subarray(from * inner, to * inner)), b: tensor('float64', [to, inner], a.subarray(0, to * inner)) };
    const panel = float64Output(await programs.runOnce(`gram ${from}`, () => productTransposed('float64', to - from, inner, to), feeds), 'c');
    for (let i = from; i < to; i += 1) s.set(panel.subarray((i - from) * to, (i - from) * to + to), i * size);
    for (let i = 0; i < from; i += 1) for (let j = from; j < to; j += 1) s[i * size + j] = panel[(j - from) * to + i] as number;
  }
  return s;
}

/**
 * E Q for held-out rows, ready for solves in the band basis.
 * @shape float64 [paddedRows, size]
 */
export async function evaluationRows(programs: ProgramCache, system: RidgeSystem, x: Float32Array, rows: Int32Array, paddedRows: number): Promise<Float64Array> {
  const { shape, moments, design, band } = system;
  const dual = shape.form === 'dual';
  const width = dual ? shape.features : shape.size;
  let e = standardise(x, shape.features, rows, moments, paddedRows, width);
  if (dual) {
    const feeds = { a: tensor('float64', [paddedRows, width], e), b: tensor('float64', [shape.size, width], design) };
    e = float64Output(await programs.runOnce('held-out kernel', () => productTransposed('float64', paddedRows, width, shape.size), feeds), 'c');
  }
  const feeds = { a: tensor('float64', [paddedRows, shape.size], e), b: tensor('float64', [shape.size, shape.size], band.q) };
  return float64Output(await programs.runOnce('held-out rows', () => product('float64', paddedRows, shape.size, shape.size), feeds), 'c');
}
