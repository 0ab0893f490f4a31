/**
 * Ridge regression with a penalty of its own for every target, chosen by cross-validation over given folds and refitted on all rows. Scaling is
 * fitted inside each fold. Targets are read and weights handed over in tiles, so neither need stand in memory whole. Knows no image, voxel or file.
 */
import { PipelineError } from '../../core/errors.js';
import { tensor, type Shape, type Tensor } from '../../core/tensor.js';
import type { TensorService } from '../../core/tensor-service.js';
import { checkedAlphas, checkedFolds, constantColumns, requireFinite, requireScorable } from './check-input.js';
import { ProgramCache } from './program-cache.js';
import { refit } from './refit.js';
import { scoreFold, type ScoreKind } from './score-fold.js';
import { chooseAlphas } from './choose-alphas.js';
import { systemShape, type RidgeForm } from './system.js';
import { columnsOf, evenWidth, type TargetColumns } from './targets.js';

export type { ScoreKind } from './score-fold.js';

export interface RidgeOptions {
  /** penalties; the objective is ‖y − Xw − b‖² + α‖w‖² over standardised features, as scikit-learn's */
  readonly alphas: readonly number[];
  /** int32 [row]: number of the fold that holds the row out, 0 … F−1. Rows of one image must share a fold. */
  readonly folds: Int32Array;
  /** divide features by their standard deviation over the training rows (default true) */
  readonly standardize?: boolean;
  /** share of the root mean square of all features' deviations added to each before dividing (default 0): keeps features that hardly vary small */
  readonly scaleFloor?: number;
  /** subtract training means of features and targets (default true) */
  readonly intercept?: boolean;
  /** what is compared between penalties, as a mean over folds: negative mean squared error (default), r² about the held-out mean, or Pearson's r */
  readonly score?: ScoreKind;
  /** `auto` (default): dual where rows are fewer than features */
  readonly form?: 'auto' | RidgeForm;
  /** most targets in memory at a time (default 8192): bounds the work space (`ridgeBytes`); a penalty's solves are done once a tile */
  readonly tile?: number;
  readonly progress?: (done: number, total: number) => void;
  readonly signal?: AbortSignal;
}

/** Is handed the weights of targets from … to−1, in units of the raw features. @shape float32 [feature, to − from] */
export type StoreWeights = (from: number, to: number, weights: Float32Array) => void;

/** A fit without its weights. */
export interface RidgeChoice {
  /** float32 [target] */
  readonly intercept: Float32Array;
  /** float64 [target]: chosen penalty; NaN where none could be (constant targets, and those without a score) */
  readonly alpha: Float64Array;
  /** float32 [target]: score of the chosen penalty; NaN where none could be chosen */
  readonly cvScore: Float32Array;
  /** float32 [alpha, target] */
  readonly cvScores: Float32Array;
  /** ascending */
  readonly alphas: Float64Array;
  /** float64 [feature], over all rows */
  readonly featureMean: Float64Array;
  /** float64 [feature], over all rows; 0 for constant features, whose weights are 0 */
  readonly featureScale: Float64Array;
  /** targets that chose the smallest or the largest of several penalties: the grid may be too narrow for them */
  readonly edgeCount: { readonly lowest: number; readonly highest: number };
  readonly constantFeatures: number;
  /** targets without variance: weights 0, intercept their value */
  readonly constantTargets: number;
  /** targets that vary, but have no score in any fold (say, constant among the held-out rows of each): weights 0, intercept their mean */
  readonly unscoredTargets: number;
  readonly form: RidgeForm;
}

export interface RidgeFit extends RidgeChoice {
  /** float32 [feature, target], in units of the raw features */
  readonly weights: Float32Array;
}

export const DEFAULT_TILE = 8192;

/**
 * w_v = argmin ‖ỹ_v − X̃ w‖² + α_v ‖w‖² with α_v = argmax over the grid of the mean over folds of the held-out score; the larger penalty wins an exact tie.
 * @shape x: float32 [row, feature]; y: float32 [row, target], read by ranges of targets, once a fold and twice more; `store` is handed all weights, a range at a time
 * Constant features get weight 0; constant targets get weight 0 and a NaN score, and are counted.
 * Targets that vary but have no score in any fold get weight 0, and are counted; if all that vary are such, nothing was fitted and it is an error.
 * Errors: E_DATA for NaN or infinities (first place and count), shapes that do not match, unusable folds or penalties, folds of fewer than 10 rows with
 * r² or Pearson's r, scores that are defined for no target; E_CANCELLED through `signal`.
 * @source scikit-learn 1.5 `Ridge` for the objective; himalaya `RidgeCV` for the choice per target
 */
export async function crossValidatedRidgeByColumns(service: TensorService, x: Tensor<'float32'>, y: TargetColumns, store: StoreWeights, options: RidgeOptions): Promise<RidgeChoice> {
  const [rows, features, targets] = checkedShapes(x, [y.rows, y.targets]);
  const alphas = checkedAlphas(options.alphas);
  const folds = checkedFolds(options.folds, rows);
  requireFinite('features', x, ['row', 'feature']);
  const intercept = options.intercept ?? true;
  const scaling = { centre: intercept, scale: options.standardize ?? true, floor: options.scaleFloor ?? 0 };
  const kind = options.score ?? 'negative-mse';
  requireScorable(folds, kind);
  const tile = Math.max(1, options.tile ?? DEFAULT_TILE);
  const constant = checkedTargets(y, tile);
  const longestTraining = rows - folds.reduce((least, fold) => Math.min(least, fold.length), rows);
  const formFor = (training: number): RidgeForm => (options.form === undefined || options.form === 'auto' ? (training < features ? 'dual' : 'primal') : options.form);

  const programs = new ProgramCache(service, options.signal);
  try {
    const total = folds.length * Math.ceil(targets / tile) * alphas.length + targets;
    let done = 0;
    const advance = (by: number): void => {
      done += by;
      options.progress?.(done, total);
    };
    const scores = new Float64Array(alphas.length * targets);
    const counts = new Int32Array(alphas.length * targets);
    const shape = systemShape(formFor(longestTraining), longestTraining, features);
    for (const held of folds) {
      await scoreFold(programs, { x: x.data, y, held, folds, shape, scaling, alphas, kind, tile, scores, counts, advance: () => advance(1) });
    }
    await programs.dispose();

    const choice = chooseAlphas(scores, counts, alphas, constant);
    requireScored(choice.unscored, targets - constant.reduce((sum, one) => sum + one, 0), kind);
    const form = formFor(rows);
    const fit = await refit(programs, { x: x.data, y, shape: systemShape(form, rows, features), scaling, alphas, choice: choice.index, tile, store, advance });
    const { mean, scale } = fit.moments;
    return {
      intercept: fit.intercept, alpha: choice.alpha, cvScore: choice.score, cvScores: Float32Array.from(scores), alphas,
      featureMean: mean, featureScale: scale, edgeCount: choice.edgeCount, unscoredTargets: choice.unscored, form,
      constantFeatures: constantColumns(x).reduce((sum, one) => sum + one, 0),
      constantTargets: constant.reduce((sum, one) => sum + one, 0),
    };
  } finally {
    await programs.dispose();
  }
}

/** `crossValidatedRidgeByColumns` with targets and weights in memory. @shape y: float32 [row, target] */
export async function crossValidatedRidge(service: TensorService, x: Tensor<'float32'>, y: Tensor<'float32'>, options: RidgeOptions): Promise<RidgeFit> {
  const [, features, targets] = checkedShapes(x, y.shape);
  const weights = new Float32Array(features * targets);
  const store: StoreWeights = (from, to, part) => {
    for (let j = 0; j < features; j += 1) weights.set(part.subarray(j * (to - from), (j + 1) * (to - from)), j * targets + from);
  };
  return { ...(await crossValidatedRidgeByColumns(service, x, columnsOf(y), store, options)), weights };
}

/** Which targets are constant. @shape uint8 [target]. Errors: E_DATA for a target that is not finite. */
function checkedTargets(y: TargetColumns, tile: number): Uint8Array {
  const constant = new Uint8Array(y.targets);
  const width = evenWidth(y.targets, tile);
  for (let from = 0; from < y.targets; from += width) {
    const to = Math.min(y.targets, from + width);
    const values = tensor('float32', [y.rows, to - from], y.read(from, to));
    requireFinite('targets', values, ['row', 'target'], from);
    constant.set(constantColumns(values), from);
  }
  return constant;
}

/** Errors: E_DATA if nothing that varies has a score. */
function requireScored(unscored: number, varying: number, kind: ScoreKind): void {
  if (unscored === 0 || unscored < varying) return;
  throw new PipelineError('E_DATA', `no penalty can be chosen by ${kind}`, {
    facts: { expected: 'held-out targets and predictions that vary in at least one fold', found: `none for all ${varying} targets that vary` },
    hint: 'Score by negative-mse, use fewer folds, or look for features that do not vary.',
  });
}

function checkedShapes(x: Tensor<'float32'>, y: Shape): [rows: number, features: number, targets: number] {
  const [rows, features] = x.shape;
  const [targetRows, targets] = y;
  if (x.shape.length !== 2 || y.length !== 2 || rows !== targetRows || !rows || !features || !targets) {
    throw new PipelineError('E_DATA', 'features and targets of a ridge fit do not match', {
      facts: { expected: 'features [rows, p] and targets [rows, v], none of them 0', found: `[${x.shape.join(', ')}] and [${y.join(', ')}]` },
      hint: 'Give both the same rows in the same order.',
    });
  }
  return [rows, features, targets];
}
