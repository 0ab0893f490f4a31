/**
 * The final fit on all rows, with the penalty that each target chose. Targets are taken in the order of their penalties, so that a batch of
 * solves shares one factor. Float64 throughout: these are the weights that are kept.
 */
import { tensor } from '../../core/tensor.js';
import { factorFeeds, factorShifted, type BandForm } from './band-form.js';
import { columnMeans, transposed, type ColumnMoments, type Scaling } from './design.js';
import { float64Output, type ProgramCache } from './program-cache.js';
import { addedProducts, bandSolve, product } from './programs.js';
import { applyReflectors, reflectorFeeds } from './reflectors.js';
import { buildSystem, type RidgeSystem, type SystemShape } from './system.js';
import { evenWidth, type TargetColumns } from './targets.js';

export interface RefitTask {
  readonly x: Float32Array;
  readonly y: TargetColumns;
  readonly shape: SystemShape;
  readonly scaling: Scaling;
  readonly alphas: Float64Array;
  /** int32 [target]: position in `alphas`, or −1 for a target that cannot be fitted */
  readonly choice: Int32Array;
  readonly tile: number;
  /** is handed the weights of targets from … to−1, in raw units. float32 [feature, to − from] */
  readonly store: (from: number, to: number, weights: Float32Array) => void;
  readonly advance: (targets: number) => void;
}

export interface Refit {
  readonly moments: ColumnMoments;
  readonly intercept: Float32Array;
}

/** targets solved at a time with one penalty: few enough that a rare penalty wastes little */
const SOLVE_ROWS = 64;
/** at most this many targets in float64 at a time, whatever the tile */
export const REFIT_TILE = 1024;
/** rows of features turned to float64 at a time */
const ROWS_AT_ONCE = 1024;

export async function refit(programs: ProgramCache, task: RefitTask): Promise<Refit> {
  const { x, y, shape, choice, scaling } = task;
  const all = Int32Array.from({ length: y.rows }, (_, i) => i);
  const system = await buildSystem(programs, x, all, shape, scaling, false);
  const solve = weightSolver(programs, system, task, Math.min(REFIT_TILE, evenWidth(y.targets, task.tile)));
  const intercept = new Float32Array(y.targets);
  const tile = evenWidth(y.targets, task.tile);
  for (let first = 0; first < y.targets; first += tile) {
    const last = Math.min(y.targets, first + tile);
    const count = last - first;
    const values = y.read(first, last);
    const means = scaling.centre ? columnMeans(values, count, all, 0, count) : new Float64Array(count);
    const weights = new Float32Array(shape.features * count);
    intercept.set(means, first);
    const chosen = choice.subarray(first, last);
    const order = Int32Array.from(chosen.keys()).sort((a, b) => (chosen[a] as number) - (chosen[b] as number) || a - b);
    const usable = order.filter((t) => (chosen[t] as number) >= 0);
    if (usable.length < count) task.advance(count - usable.length);
    for (let from = 0; from < usable.length; from += REFIT_TILE) {
      const members = usable.subarray(from, Math.min(usable.length, from + REFIT_TILE));
      const { w, stride } = await solve(values, count, members, means, chosen);
      storeWeights(w, stride, members, system.moments, weights, intercept.subarray(first, last), count);
      task.advance(members.length);
    }
    task.store(first, last, weights);
  }
  return { moments: system.moments, intercept };
}

/** Weights over standardised features of some targets of a tile, sorted by penalty. @shape w: float64 [width, stride] */
type Solve = (values: Float32Array, count: number, members: Int32Array, means: Float64Array, chosen: Int32Array) => Promise<{ readonly w: Float64Array; readonly stride: number }>;

function weightSolver(programs: ProgramCache, { shape, moments, design, band }: RidgeSystem, { x, y, alphas }: RefitTask, width: number): Solve {
  const { size, features } = shape;
  const reflectors = reflectorFeeds(band.reflectors, size);
  const rotate = async (rows: Float64Array, direction: 'rows by Q' | 'rows by Q transposed'): Promise<Float64Array> => {
    const model = () => applyReflectors(direction, 'float64', width, size, band.reflectors);
    return float64Output(await programs.run(`targets, ${direction}`, model, { e: tensor('float64', [width, size], rows), ...reflectors }), 'c');
  };
  if (design !== undefined) {
    const a = tensor('float64', [size, features], design);
    return async (values, count, members, means, chosen) => {
      const projected = await rotate(transposed(centredMembers(values, count, members, means, 0, y.rows, width, size), size, width), 'rows by Q');
      const dual = await rotate(await solveByAlpha(programs, band, projected, members, chosen, alphas, width), 'rows by Q transposed');
      const feeds = { a: tensor('float64', [width, size], dual), b: a };
      return { w: float64Output(await programs.run('weights from rows', () => product('float64', width, size, features), feeds), 'c'), stride: features };
    };
  }
  const chunk = Math.min(ROWS_AT_ONCE, y.rows);
  return async (values, count, members, means, chosen) => {
    // Targets are centred, so Σ (x − mean)·y = Σ x·y: raw features serve, and are divided by their scales once they are summed.
    let sums: Float64Array = new Float64Array(width * features);
    for (let from = 0; from < y.rows; from += chunk) {
      const to = Math.min(y.rows, from + chunk);
      const given = x.subarray(from * features, to * features);
      const padded = to - from === chunk ? given : new Float32Array(chunk * features);
      if (padded !== given) padded.set(given);
      const feeds = {
        y: tensor('float64', [chunk, width], centredMembers(values, count, members, means, from, to, width, chunk)),
        x: tensor('float32', [chunk, features], padded),
        sums: tensor('float64', [width, features], sums),
      };
      sums = float64Output(await programs.run('targets by features', () => addedProducts(width, chunk, features), feeds), 'added');
    }
    const projected = await rotate(scaledRows(sums, width, moments, size), 'rows by Q');
    return { w: await rotate(await solveByAlpha(programs, band, projected, members, chosen, alphas, width), 'rows by Q transposed'), stride: size };
  };
}

/** Columns divided by the scales, 0 where the scale is 0. @shape sums: float64 [width, feature]; result: float64 [width, size] */
function scaledRows(sums: Float64Array, width: number, { scale }: ColumnMoments, size: number): Float64Array {
  const features = scale.length;
  const factor = scale.map((s) => (s === 0 ? 0 : 1 / s));
  const out = new Float64Array(width * size);
  for (let m = 0; m < width; m += 1) for (let j = 0; j < features; j += 1) out[m * size + j] = (sums[m * features + j] as number) * (factor[j] as number);
  return out;
}

/** Rows from … to−1 of some targets, centred. @shape values: float32 [row, count]; result: float64 [paddedRows, width] */
function centredMembers(values: Float32Array, count: number, members: Int32Array, means: Float64Array, from: number, to: number, width: number, paddedRows: number): Float64Array {
  const out = new Float64Array(paddedRows * width);
  const mean = Float64Array.from(members, (t) => means[t] as number);
  for (let i = from; i < to; i += 1) {
    const [source, at] = [i * count, (i - from) * width];
    for (let m = 0; m < members.length; m += 1) out[at + m] = (values[source + (members[m] as number)] as number) - (mean[m] as number);
  }
  return out;
}

/** Each row times (B + αI)⁻¹ with its own α; `members` is sorted by penalty. @shape rows, result: float64 [width, size] */
async function solveByAlpha(programs: ProgramCache, band: BandForm, rows: Float64Array, members: Int32Array, chosen: Int32Array, alphas: Float64Array, width: number): Promise<Float64Array> {
  const { size, blocks } = band;
  const out = new Float64Array(width * size);
  const alphaAt = (m: number): number => chosen[members[m] as number] as number;
  for (let from = 0; from < members.length; ) {
    const alpha = alphaAt(from);
    const factor = factorFeeds(band, factorShifted(band, alphas[alpha] as number));
    while (from < members.length && alphaAt(from) === alpha) {
      let to = from + 1;
      while (to < members.length && to - from < SOLVE_ROWS && alphaAt(to) === alpha) to += 1;
      const padded = new Float64Array(SOLVE_ROWS * size);
      padded.set(rows.subarray(from * size, to * size));
      const feeds = { rows: tensor('float64', [SOLVE_ROWS, size], padded), ...factor };
      const solved = float64Output(await programs.run('solve', () => bandSolve(SOLVE_ROWS, blocks, 'float64'), feeds), 'z');
      out.set(solved.subarray(0, (to - from) * size), from * size);
      from = to;
    }
  }
  return out;
}

/**
 * Standardised weights to raw units, w_j/scale_j, and b = mean(y) − Σ_j mean_j w_j with the weights as they are stored.
 * @shape w: float64 [target of the tile, stride]; weights: float32 [feature, count]
 */
function storeWeights(w: Float64Array, stride: number, members: Int32Array, { mean, scale }: ColumnMoments, weights: Float32Array, intercept: Float32Array, count: number): void {
  const shift = new Float64Array(members.length);
  for (let j = 0; j < mean.length; j += 1) {
    const factor = scale[j] === 0 ? 0 : 1 / (scale[j] as number);
    for (let m = 0; m < members.length; m += 1) {
      const at = j * count + (members[m] as number);
      weights[at] = (w[m * stride + j] as number) * factor;
      shift[m] = (shift[m] as number) + (weights[at] as number) * (mean[j] as number);
    }
  }
  for (let m = 0; m < members.length; m += 1) {
    const v = members[m] as number;
    intercept[v] = (intercept[v] as number) - (shift[m] as number);
  }
}
