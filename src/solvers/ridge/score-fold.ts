/**
 * Scores of all penalties on one held-out fold, tile by tile of targets. Predictions exist only inside the tensor graph: what comes back are a
 * few sums per target.
 */
import { tensor } from '../../core/tensor.js';
import { factorFeeds, factorShifted } from './band-form.js';
import { centredTile, columnMeans, transposed, type Scaling } from './design.js';
import { float32Output, float64Output, type ProgramCache } from './program-cache.js';
import { product, scoreTargets } from './programs.js';
import { buildSystem, evaluationRows, type RidgeSystem, type SystemShape } from './system.js';

export type ScoreKind = 'negative-mse' | 'r2' | 'correlation';

export interface FoldTask {
  readonly x: Float32Array;
  readonly y: Float32Array;
  readonly targets: number;
  /** rows held out */
  readonly held: Int32Array;
  /** rows of every fold, the held-out one among them */
  readonly folds: readonly Int32Array[];
  readonly shape: SystemShape;
  readonly scaling: Scaling;
  readonly alphas: Float64Array;
  readonly kind: ScoreKind;
  readonly tile: number;
  /** float64 [alpha, target]: this fold's scores are added */
  readonly scores: Float64Array;
  /** int32 [target]: counts the folds whose scores are defined */
  readonly counts: Int32Array;
  readonly advance: () => void;
}

export async function scoreFold(programs: ProgramCache, task: FoldTask): Promise<void> {
  const { x, y, targets, held, folds, shape, scaling, alphas, kind } = task;
  const training = Int32Array.from(folds.filter((fold) => fold !== held).flatMap((fold) => [...fold])).sort();
  const heldRows = folds.reduce((most, fold) => Math.max(most, fold.length), 0);
  const system = await buildSystem(programs, x, training, shape, scaling);
  const rows = tensor('float64', [heldRows, shape.size], await evaluationRows(programs, system, x, held, heldRows));
  const factors = Array.from(alphas, (alpha) => factorFeeds(system.band, factorShifted(system.band, alpha)));
  const width = tileWidth(targets, task.tile);
  const rightSides = rightSideMaker(programs, system, width);
  const family = kind === 'correlation' ? 'correlation' : 'squared-error';
  for (let from = 0; from < targets; from += width) {
    const to = Math.min(targets, from + width);
    const means = scaling.centre ? columnMeans(y, targets, training, from, to) : new Float64Array(to - from);
    const c = tensor('float32', [shape.size, width], await rightSides(centredTile(y, targets, training, from, to, means, shape.rows, width)));
    const heldTargets = centredTile(y, targets, held, from, to, means, heldRows, width);
    const spread = targetSums(heldTargets, held.length, width);
    const feeds = { rows, c, y: tensor('float32', [heldRows, width], heldTargets) };
    for (let a = 0; a < alphas.length; a += 1) {
      const model = () => scoreTargets(heldRows, system.band.blocks, width, family);
      const sums = await programs.run('score', model, { ...feeds, ...factors[a] });
      const score = scoreOf(kind, held.length, spread, (name) => float64Output(sums, name));
      for (let t = from; t < to; t += 1) {
        const value = score(t - from);
        task.scores[a * targets + t] = (task.scores[a * targets + t] as number) + (Number.isNaN(value) ? 0 : value);
        if (a === 0 && !Number.isNaN(value)) task.counts[t] = (task.counts[t] as number) + 1;
      }
      task.advance();
    }
  }
}

/** Equal tiles of at most `limit` targets, all padded to one width. */
export function tileWidth(targets: number, limit: number): number {
  return Math.ceil(targets / Math.ceil(targets / limit));
}

/** Qᵀ C of a tile of centred training targets. @shape in: float32 [rows, width]; out: float32 [size, width] */
function rightSideMaker(programs: ProgramCache, { shape, design, band }: RidgeSystem, width: number): (tile: Float32Array) => Promise<Float32Array> {
  const { size, rows } = shape;
  const qTransposed = tensor('float32', [size, size], Float32Array.from(transposed(band.q, size, size)));
  const designTransposed = shape.form === 'dual' ? undefined : tensor('float32', [size, rows], Float32Array.from(transposed(design, rows, size)));
  return async (tile) => {
    let c = tensor('float32', [rows, width], tile);
    if (designTransposed !== undefined) {
      const outputs = await programs.run('features by targets', () => product('float32', size, rows, width), { a: designTransposed, b: c });
      c = tensor('float32', [size, width], float32Output(outputs, 'c'));
    }
    return float32Output(await programs.run('targets in the band basis', () => product('float32', size, size, width), { a: qTransposed, b: c }), 'c');
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
