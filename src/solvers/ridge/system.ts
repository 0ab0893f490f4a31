/**
 * The symmetric problem behind a ridge fit, in the smaller of its two forms. With A the standardised training rows (dual) or their transpose
 * (primal), both are S = A Aᵀ with a right side C and an evaluation E such that predictions are E (S + αI)⁻¹ C:
 *   dual    S = X Xᵀ [rows, rows],  C = Y,    E = X_held Xᵀ        primal  S = Xᵀ X [features, features],  C = Xᵀ Y,  E = X_held
 */
import { tensor, type Tensor } from '../../core/tensor.js';
import { reduceToBand, type BandForm } from './band-form.js';
import { columnMoments, standardise, transposed, type ColumnMoments, type Scaling } from './design.js';
import { addedTransposed, BAND, productTransposed } from './programs.js';
import { float64Output, type ProgramCache } from './program-cache.js';
import { applyReflectors, reflectorFeeds } from './reflectors.js';

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
  /** dual only: standardised training rows, float64 [size, feature] */
  readonly design: Float64Array | undefined;
  /** primal only, and only if asked for: standardised training rows transposed, float32 [size, rows] */
  readonly columns: Float32Array | undefined;
}

const PANELS = 8;
/** Training rows standardised in float64 at a time in the primal form, so that they never stand in memory together. */
const ROWS_AT_ONCE = 1024;

export function systemShape(form: RidgeForm, rows: number, features: number): SystemShape {
  const padded = (n: number): number => Math.ceil(n / BAND) * BAND;
  return { form, features, size: padded(form === 'dual' ? rows : features), rows: form === 'dual' ? padded(rows) : rows };
}

export async function buildSystem(programs: ProgramCache, x: Float32Array, rows: Int32Array, shape: SystemShape, scaling: Scaling, keepColumns: boolean): Promise<RidgeSystem> {
  const moments = columnMoments(x, shape.features, rows, scaling);
  if (shape.form === 'dual') {
    const design = standardise(x, shape.features, rows, moments, shape.size, shape.features);
    const s = await gram(programs, shape.size, shape.features, [design]);
    return { shape, moments, band: await reduceToBand(programs, s, shape.size), design, columns: undefined };
  }
  const columns = keepColumns ? new Float32Array(shape.size * shape.rows) : undefined;
  const s = await gram(programs, shape.size, Math.min(ROWS_AT_ONCE, shape.rows), transposedChunks(x, rows, shape, moments, columns));
  return { shape, moments, band: await reduceToBand(programs, s, shape.size), design: undefined, columns };
}

/** Standardised rows, a chunk at a time as float64 [size, chunk]; what is missing in the last one is zeros. */
function* transposedChunks(x: Float32Array, rows: Int32Array, shape: SystemShape, moments: ColumnMoments, columns: Float32Array | undefined): Generator<Float64Array> {
  const chunk = Math.min(ROWS_AT_ONCE, shape.rows);
  for (let from = 0; from < rows.length; from += chunk) {
    const part = rows.subarray(from, Math.min(rows.length, from + chunk));
    const a = transposed(standardise(x, shape.features, part, moments, chunk, shape.size), chunk, shape.size);
    if (columns !== undefined) for (let j = 0; j < shape.size; j += 1) columns.set(a.subarray(j * chunk, j * chunk + part.length), j * shape.rows + from);
    yield a;
  }
}

/**
 * Σ A Aᵀ over chunks, by panels of rows, each against the rows up to its own last one; the rest by symmetry.
 * @shape chunks: float64 [size, inner] each; result: [size, size]
 */
async function gram(programs: ProgramCache, size: number, inner: number, chunks: Iterable<Float64Array>): Promise<Float64Array> {
  const step = Math.ceil(size / PANELS / BAND) * BAND;
  const panels = Array.from({ length: Math.ceil(size / step) }, (_, i) => {
    const [from, to] = [i * step, Math.min(size, (i + 1) * step)];
    const sums: Float64Array = new Float64Array((to - from) * to);
    return { from, to, sums };
  });
  for (const chunk of chunks) {
    for (const panel of panels) {
      const { from, to } = panel;
      const feeds = {
        a: tensor('float64', [to - from, inner], chunk.subarray(from * inner, to * inner)),
        b: tensor('float64', [to, inner], chunk.subarray(0, to * inner)),
        sums: tensor('float64', [to - from, to], panel.sums),
      };
      panel.sums = float64Output(await programs.run(`gram ${from}`, () => addedTransposed(to - from, inner, to), feeds), 'added');
    }
  }
  const s = new Float64Array(size * size);
  for (const { from, to, sums } of panels) {
    await programs.release(`gram ${from}`);
    for (let i = from; i < to; i += 1) s.set(sums.subarray((i - from) * to, (i - from) * to + to), i * size);
    for (let i = 0; i < from; i += 1) for (let j = from; j < to; j += 1) s[i * size + j] = sums[(j - from) * to + i] as number;
  }
  return s;
}

/**
 * E Q for held-out rows, ready for solves in the band basis, in chunks of one size; what is missing is zeros.
 * @shape float64 [chunkRows, size] each
 */
export async function evaluationRows(programs: ProgramCache, system: RidgeSystem, x: Float32Array, rows: Int32Array, chunkCount: number, chunkRows: number): Promise<readonly Tensor<'float64'>[]> {
  const { shape, moments, design, band } = system;
  const { size, features } = shape;
  const width = design === undefined ? size : features;
  const reflectors = reflectorFeeds(band.reflectors, size);
  const chunks: Tensor<'float64'>[] = [];
  for (let i = 0; i < chunkCount; i += 1) {
    const part = rows.subarray(i * chunkRows, (i + 1) * chunkRows);
    let e = standardise(x, features, part, moments, chunkRows, width);
    if (design !== undefined) {
      const feeds = { a: tensor('float64', [chunkRows, width], e), b: tensor('float64', [size, width], design) };
      e = float64Output(await programs.run('held-out kernel', () => productTransposed('float64', chunkRows, width, size), feeds), 'c');
    }
    const model = () => applyReflectors('rows by Q', 'float64', chunkRows, size, band.reflectors);
    const rotated = await programs.run('held-out rows', model, { e: tensor('float64', [chunkRows, size], e), ...reflectors });
    chunks.push(tensor('float64', [chunkRows, size], float64Output(rotated, 'c')));
  }
  return chunks;
}
