/**
 * What a ridge fit holds in memory at its peak, from its sizes alone, so that a fit that cannot succeed is refused before hours of work. An estimate
 * from the arrays that live together: two processes with targets and weights in memory (3000 × 1000 × 8192 and 8000 × 4000 × 2048) peaked at 0.96 and
 * 1.05 times this plus those and their own 60 MB.
 */
import { BAND } from './programs.js';
import { REFIT_TILE } from './refit.js';
import { systemShape, type RidgeForm } from './system.js';

export interface RidgeSizes {
  readonly rows: number;
  readonly features: number;
  readonly targets: number;
  readonly alphas: number;
  readonly tile: number;
}

const FLOAT = 4;
const DOUBLE = 8;

/**
 * Bytes, n rows, p features, v targets, a penalties, s = min(n, p), t = min(tile, v), u = min(t, 1024):
 *   4np features · 4np (primal: standardised rows transposed) or 8sp (dual: standardised rows) · 24s² the symmetric problem and its reduction
 *   1024as factors · 6ns held-out rows and their solves, of two folds or more · 12av scores · 4t(2n + s + p) a tile of targets, right sides and weights
 *   8u(n + 3s + p) a batch of the refit
 * with s padded to whole blocks.
 */
export function ridgeBytes({ rows, features, targets, alphas, tile }: RidgeSizes): number {
  const form: RidgeForm = rows < features ? 'dual' : 'primal';
  const { size } = systemShape(form, rows, features);
  const held = Math.min(tile, targets);
  const refitted = Math.min(held, REFIT_TILE);
  return (
    FLOAT * rows * features +
    (form === 'dual' ? DOUBLE * size * features : FLOAT * rows * features) +
    3 * DOUBLE * size * size +
    2 * DOUBLE * BAND * alphas * size +
    ((FLOAT + DOUBLE) / 2) * rows * size +
    (FLOAT + DOUBLE) * alphas * targets +
    FLOAT * held * (2 * rows + size + features) +
    DOUBLE * refitted * (rows + 3 * size + features)
  );
}
