/**
 * The validation curve of a ridge regression: scores of all penalties on rows that are named, fitted on all others. Nothing is chosen and nothing
 * is refitted here.
 */
import { tensor, type Tensor } from '../../core/tensor.js';
import type { TensorService } from '../../core/tensor-service.js';
import { checkedAlphas, requireFinite } from './check-input.js';
import { ProgramCache } from './program-cache.js';
import { scoreFold, type ScoreKind } from './score-fold.js';
import { systemShape } from './system.js';
import { evenWidth, type TargetColumns } from './targets.js';

export interface PenaltyOptions {
  readonly alphas: readonly number[];
  /** int32: rows to score on, ascending; all others are fitted on */
  readonly held: Int32Array;
  readonly standardize: boolean;
  readonly scaleFloor: number;
  readonly score: ScoreKind;
  /** targets scored at a time */
  readonly tile: number;
  readonly signal?: AbortSignal;
}

/**
 * Objective, scaling and scores as in `crossValidatedRidge`, with one split instead of folds.
 * @shape x: float32 [row, feature]; y: float32 [row, target], read twice by ranges of at most `tile` targets; scores: float64 [alpha, target], NaN where undefined
 * Errors: E_DATA for NaN or infinities and for unusable penalties.
 */
export async function scorePenalties(service: TensorService, x: Tensor<'float32'>, y: TargetColumns, options: PenaltyOptions): Promise<{ readonly alphas: Float64Array; readonly scores: Float64Array }> {
  const [rows, features] = x.shape as readonly [number, number];
  const { targets } = y;
  const alphas = checkedAlphas(options.alphas);
  requireFinite('features', x, ['row', 'feature']);
  const width = evenWidth(targets, options.tile);
  for (let from = 0; from < targets; from += width) {
    const to = Math.min(targets, from + width);
    requireFinite('targets', tensor('float32', [rows, to - from], y.read(from, to)), ['row', 'target'], from);
  }
  const isHeld = new Set(options.held);
  const training = Int32Array.from({ length: rows }, (_, i) => i).filter((row) => !isHeld.has(row));
  // Held-out rows are padded to the longest fold: training rows go in pieces no longer than they are.
  const step = options.held.length;
  const pieces = Array.from({ length: Math.ceil(training.length / step) }, (_, i) => training.subarray(i * step, (i + 1) * step));
  const programs = new ProgramCache(service, options.signal);
  const scores = new Float64Array(alphas.length * targets);
  const counts = new Int32Array(alphas.length * targets);
  try {
    await scoreFold(programs, {
      x: x.data, y, held: options.held, folds: [...pieces, options.held], shape: systemShape(training.length < features ? 'dual' : 'primal', training.length, features),
      scaling: { centre: true, scale: options.standardize, floor: options.scaleFloor }, alphas, kind: options.score, tile: options.tile, scores, counts, advance: () => undefined,
    });
  } finally {
    await programs.dispose();
  }
  for (let at = 0; at < counts.length; at += 1) if (counts[at] === 0) scores[at] = NaN;
  return { alphas, scores };
}
