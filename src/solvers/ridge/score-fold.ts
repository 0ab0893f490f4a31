/**
 * Scores of all penalties on one held-out fold, tile by tile of targets. Predictions exist only inside the tensor graph: what comes back are a
 * few sums per target. One penalty's solves serve all targets of a tile; products are in blocks, so that predictions stay in the processor's cache.
 */
import { tensor, type Tensor } from '../../core/tensor.js';
import { factorFeeds, factorShifted } from './band-form.js';
import { centredTile, columnMeans, type Scaling } from './design.js';
import { float32Output, float64Output, type ProgramCache } from './program-cache.js';
import { bandSolve, product, scoreTargets, SUMMED_ROWS } from './programs.js';
import { applyReflectors, reflectorFeeds } from './reflectors.js';
import { buildSystem, evaluationRows, type RidgeSystem, type SystemShape } from './system.js';
import { evenWidth, type TargetColumns } from './targets.js';

export type ScoreKind = 'negative-mse' | 'r2' | 'correlation';

export interface FoldTask {
  readonly x: Float32Array;
  readonly y: TargetColumns;
  /** rows held out */
  readonly held: Int32Array;
  /** rows of every fold, the held-out one among them */
  readonly folds: readonly Int32Array[];
  readonly shape: SystemShape;
  readonly scaling: Scaling;
  readonly alphas: Float64Array;
  readonly kind: ScoreKind;
  /** most targets held at a time */
  readonly tile: number;
  /** float64 [alpha, target]: this fold's scores are added */
  readonly scores: Float64Array;
  /** int32 [alpha, target]: counts the folds whose scores are defined */
  readonly counts: Int32Array;
  readonly advance: () => void;
}

/** Most held-out rows and targets of one product: few enough that predictions are compared while they are still in the processor's cache. */
const BLOCK_ROWS = 1024;
const BLOCK_TARGETS = 1024;

/** Some targets of a tile, ready to be scored. */
interface Block {
  readonly from: number;
  readonly to: number;
  /** right sides in the band basis. float32 [size, width] */
  readonly c: Tensor<'float32'>;
  /** held-out targets by chunk of rows, y0, y1, …: float32 [chunk, width] each */
  readonly y: Readonly<Record<string, Tensor>>;
  readonly spread: TargetSums;
}

export async function scoreFold(programs: ProgramCache, task: FoldTask): Promise<void> {
  const { x, y, held, folds, shape, scaling, alphas, kind } = task;
  const training = Int32Array.from(folds.filter((fold) => fold !== held).flatMap((fold) => [...fold])).sort();
  const longest = folds.reduce((most, fold) => Math.max(most, fold.length), 0);
  const chunk = Math.ceil(evenWidth(longest, BLOCK_ROWS) / SUMMED_ROWS) * SUMMED_ROWS;
  const system = await buildSystem(programs, x, training, shape, scaling, true);
  const { size, blocks } = system.band;
  const rows = await evaluationRows(programs, system, x, held, Math.ceil(longest / chunk), chunk);
  const factors = Array.from(alphas, (alpha) => factorFeeds(system.band, factorShifted(system.band, alpha)));
  const tile = evenWidth(y.targets, task.tile);
  const width = evenWidth(tile, BLOCK_TARGETS);
  const rightSides = rightSideMaker(programs, system, width);
  const family = kind === 'correlation' ? 'correlation' : 'squared-error';
  for (let first = 0; first < y.targets; first += tile) {
    const last = Math.min(y.targets, first + tile);
    const values = y.read(first, last);
    const made: Block[] = [];
    for (let from = first; from < last; from += width) {
      const to = Math.min(last, from + width);
      const [start, end] = [from - first, to - first];
      const means = scaling.centre ? columnMeans(values, last - first, training, start, end) : new Float64Array(to - from);
      const c = await rightSides(centredTile(values, last - first, training, start, end, means, shape.rows, width));
      const heldTargets = centredTile(values, last - first, held, start, end, means, rows.length * chunk, width);
      const parts = Object.fromEntries(rows.map((_, i) => [`y${i}`, tensor('float32', [chunk, width], heldTargets.subarray(i * chunk * width, (i + 1) * chunk * width))]));
      made.push({ from, to, c: tensor('float32', [size, width], c), y: parts, spread: targetSums(heldTargets, held.length, width) });
    }
    for (let a = 0; a < alphas.length; a += 1) {
      const z: Record<string, Tensor> = {};
      for (const [i, e] of rows.entries()) {
        const solved = await programs.run('held-out solve', () => bandSolve(chunk, blocks, 'float32'), { rows: e, ...factors[a] });
        z[`z${i}`] = tensor('float32', [chunk, size], float32Output(solved, 'z'));
      }
      for (const { from, to, c, y: heldTargets, spread } of made) {
        const sums = await programs.run('score', () => scoreTargets(rows.length, chunk, size, width, family), { ...z, c, ...heldTargets });
        const score = scoreOf(kind, held.length, spread, (name) => float64Output(sums, name));
        for (let t = from; t < to; t += 1) {
          const value = score(t - from);
          const at = a * y.targets + t;
          task.scores[at] = (task.scores[at] as number) + (Number.isNaN(value) ? 0 : value);
          if (!Number.isNaN(value)) task.counts[at] = (task.counts[at] as number) + 1;
        }
      }
      task.advance();
    }
  }
}

/** Qᵀ C of centred training targets. @shape in: float32 [rows, width]; out: float32 [size, width] */
function rightSideMaker(programs: ProgramCache, { shape, columns, band }: RidgeSystem, width: number): (targets: Float32Array) => Promise<Float32Array> {
  const { size, rows } = shape;
  const reflectors = reflectorFeeds(band.reflectors, size);
  const designTransposed = columns === undefined ? undefined : tensor('float32', [size, rows], columns);
  return async (targets) => {
    let e = tensor('float32', [rows, width], targets);
    if (designTransposed !== undefined) {
      const outputs = await programs.run('features by targets', () => product('float32', size, rows, width), { a: designTransposed, b: e });
      e = tensor('float32', [size, width], float32Output(outputs, 'c'));
    }
    const model = () => applyReflectors('Q transposed by columns', 'float32', width, size, band.reflectors);
    return float32Output(await programs.run('targets in the band basis', model, { e, ...reflectors }), 'c');
  };
}

interface TargetSums {
  readonly sum: Float64Array;
  readonly squares: Float64Array;
}

/** @shape y: float32 [n, width]; sums: float64 [width] */
function targetSums(y: Float32Array, n: number, width: number): TargetSums {
  const sum = new Float64Array(width);
  const squares = new Float64Array(width);
  for (let i = 0; i < n; i += 1) {
    for (let j = 0, at = i * width; j < width; j += 1, at += 1) {
      const value = y[at] as number;
      sum[j] = (sum[j] as number) + value;
      squares[j] = (squares[j] as number) + value * value;
    }
  }
  return { sum, squares };
}

/** The score of a target from its sums; NaN where it is undefined (no variance in the held-out targets, or in the predictions for a correlation). */
function scoreOf(kind: ScoreKind, n: number, { sum, squares }: TargetSums, output: (name: string) => Float64Array): (t: number) => number {
  const variation = (s: number, ss: number): number => Math.max(0, ss - (s * s) / n);
  const at = (array: Float64Array, t: number): number => array[t] as number;
  switch (kind) {
    case 'negative-mse': {
      const sse = output('sse');
      return (t) => -at(sse, t) / n;
    }
    case 'r2': {
      const sse = output('sse');
      return (t) => {
        const total = variation(at(sum, t), at(squares, t));
        return total > 0 ? 1 - at(sse, t) / total : NaN;
      };
    }
    case 'correlation': {
      const [sp, spp, spy] = [output('sp'), output('spp'), output('spy')];
      return (t) => {
        const scale = Math.sqrt(variation(at(sp, t), at(spp, t)) * variation(at(sum, t), at(squares, t)));
        return scale > 0 ? (at(spy, t) - (at(sp, t) * at(sum, t)) / n) / scale : NaN;
      };
    }
  }
}
