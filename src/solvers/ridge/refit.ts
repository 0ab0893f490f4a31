/**
 * The final fit on all rows, with the penalty that each target chose. Targets are taken in the order of their penalties, so that a batch of
 * solves shares one factor. Float64 throughout: these are the weights that are kept.
 */
import { tensor } from '../../core/tensor.js';
import { factorFeeds, factorShifted, type BandForm } from './band-form.js';
import { columnMeans, type ColumnMoments, type Scaling } from './design.js';
import { float64Output, type ProgramCache } from './program-cache.js';
import { bandSolve, product, productTransposed } from './programs.js';
import { buildSystem, type SystemShape } from './system.js';

export interface RefitTask {
  readonly x: Float32Array;
  readonly y: Float32Array;
  readonly targets: number;
  readonly rows: number;
  readonly shape: SystemShape;
  readonly scaling: Scaling;
  readonly alphas: Float64Array;
  /** int32 [target]: position in `alphas`, or −1 for a target that cannot be fitted */
  readonly choice: Int32Array;
  readonly tile: number;
  readonly advance: (targets: number) => void;
}

export interface Refit {
  readonly moments: ColumnMoments;
  /** float32 [feature, target], raw units */
  readonly weights: Float32Array;
  readonly intercept: Float32Array;
}

/** targets solved at a time with one penalty: few enough that a rare penalty wastes little */
const SOLVE_ROWS = 64;
/** at most this many targets in float64 at a time, whatever the tile */
export const REFIT_TILE = 1024;

export async function refit(programs: ProgramCache, task: RefitTask): Promise<Refit> {
  const { x, y, targets, shape, choice, alphas } = task;
  const all = Int32Array.from({ length: task.rows }, (_, i) => i);
  const { moments, design, band } = await buildSystem(programs, x, all, shape, task.scaling);
  const means = task.scaling.centre ? columnMeans(y, targets, all, 0, targets) : new Float64Array(targets);
  const order = Int32Array.from({ length: targets }, (_, v) => v).sort((a, b) => (choice[a] as number) - (choice[b] as number) || a - b);
  const weights = new Float32Array(shape.features * targets);
  const intercept = Float32Array.from(means);

  const firstUsable = order.findIndex((v) => (choice[v] as number) >= 0);
  const usable = order.subarray(firstUsable < 0 ? targets : firstUsable);
  const width = Math.min(REFIT_TILE, task.tile, Math.max(1, usable.length));
  const q = tensor('float64', [shape.size, shape.size], band.q);
  const x64 = tensor('float64', shape.form === 'dual' ? [shape.size, shape.features] : [shape.rows, shape.size], design);
  for (let from = 0; from < usable.length; from += width) {
    const members = usable.subarray(from, Math.min(usable.length, from + width));
    let rows = tensor('float64', [width, shape.rows], targetsAsRows(y, targets, task.rows, members, means, width, shape.rows));
    if (shape.form === 'primal') {
      const made = await programs.run('targets by features', () => product('float64', width, shape.rows, shape.size), { a: rows, b: x64 });
      rows = tensor('float64', [width, shape.size], float64Output(made, 'c'));
    }
    const projected = float64Output(await programs.run('into the band basis', () => product('float64', width, shape.size, shape.size), { a: rows, b: q }), 'c');
    const solved = await solveByAlpha(programs, band, projected, members, choice, alphas, width);
    const feeds = { a: tensor('float64', [width, shape.size], solved), b: q };
    let w = float64Output(await programs.run('out of the band basis', () => productTransposed('float64', width, shape.size, shape.size), feeds), 'c');
    if (shape.form === 'dual') {
      const dual = tensor('float64', [width, shape.size], w);
      w = float64Output(await programs.run('weights from rows', () => product('float64', width, shape.size, shape.features), { a: dual, b: x64 }), 'c');
    }
    storeWeights(w, shape.form === 'dual' ? shape.features : shape.size, members, moments, weights, intercept, targets);
    task.advance(members.length);
  }
  if (usable.length < targets) task.advance(targets - usable.length);
  return { moments, weights, intercept };
}

/** @shape y: float32 [row, target]; result: float64 [width, paddedRows], a target per row */
function targetsAsRows(y: Float32Array, targets: number, rows: number, members: Int32Array, means: Float64Array, width: number, paddedRows: number): Float64Array {
  const out = new Float64Array(width * paddedRows);
  for (let i = 0; i < rows; i += 1) {
    for (let m = 0; m < members.length; m += 1) {
      const v = members[m] as number;
      out[m * paddedRows + i] = (y[i * targets + v] as number) - (means[v] as number);
    }
  }
  return out;
}

/** Each row times (B + αI)⁻¹ with its own α; `members` is sorted by penalty. @shape rows, result: float64 [width, size] */
async function solveByAlpha(programs: ProgramCache, band: BandForm, rows: Float64Array, members: Int32Array, choice: Int32Array, alphas: Float64Array, width: number): Promise<Float64Array> {
  const { size, blocks } = band;
  const out = new Float64Array(width * size);
  const alphaAt = (m: number): number => choice[members[m] as number] as number;
  for (let from = 0; from < members.length; ) {
    const alpha = alphaAt(from);
    const factor = factorFeeds(band, factorShifted(band, alphas[alpha] as number));
    while (from < members.length && alphaAt(from) === alpha) {
      let to = from + 1;
      while (to < members.length && to - from < SOLVE_ROWS && alphaAt(to) === alpha) to += 1;
      const padded = new Float64Array(SOLVE_ROWS * size);
      padded.set(rows.subarray(from * size, to * size));
      const feeds = { rows: tensor('float64', [SOLVE_ROWS, size], padded), ...factor };
      const solved = float64Output(await programs.run('solve', () => bandSolve(SOLVE_ROWS, blocks), feeds), 'z');
      out.set(solved.subarray(0, (to - from) * size), from * size);
      from = to;
    }
  }
  return out;
}

/**
 * Standardised weights to raw units, w_j/scale_j, and b = mean(y) − Σ_j mean_j w_j with the weights as they are stored.
 * @shape w: float64 [target of the tile, stride]; weights: float32 [feature, target]
 */
function storeWeights(w: Float64Array, stride: number, members: Int32Array, { mean, scale }: ColumnMoments, weights: Float32Array, intercept: Float32Array, targets: number): void {
  const shift = new Float64Array(members.length);
  for (let j = 0; j < mean.length; j += 1) {
    const factor = scale[j] === 0 ? 0 : 1 / (scale[j] as number);
    for (let m = 0; m < members.length; m += 1) {
      const at = j * targets + (members[m] as number);
      weights[at] = (w[m * stride + j] as number) * factor;
      shift[m] = (shift[m] as number) + (weights[at] as number) * (mean[j] as number);
    }
  }
  for (let m = 0; m < members.length; m += 1) {
    const v = members[m] as number;
    intercept[v] = (intercept[v] as number) - (shift[m] as number);
  }
}
