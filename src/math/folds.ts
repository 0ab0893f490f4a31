/** Cross-validation folds by group: all rows of one image fall into one fold, so a repeat can never be predicted from its twin. */
import { PipelineError } from '../core/errors.js';
import type { Random } from '../core/random.js';

/**
 * Groups in random order, dealt to the folds in turn: folds differ by at most one group.
 * @shape groups: int [row] (e.g. nsdId); result: int32 [row] in 0 … folds−1. Depends on the set of groups, not on the order of the rows.
 * Errors: E_DATA for fewer than two folds or fewer groups than folds.
 */
export function groupedFolds(groups: ArrayLike<number>, folds: number, random: Random): Int32Array {
  const distinct = [...new Set(Array.from(groups))].sort((a, b) => a - b);
  if (folds < 2 || distinct.length < folds) {
    throw new PipelineError('E_DATA', `${distinct.length} images cannot be dealt to ${folds} folds`, {
      facts: { expected: 'at least 2 folds and one image for each', found: `${distinct.length} images, ${folds} folds` },
      hint: 'Use fewer folds, or more training images.',
    });
  }
  const order = random.permutation(distinct.length);
  const foldOf = new Map<number, number>();
  order.forEach((position, turn) => foldOf.set(distinct[position] as number, turn % folds));
  return Int32Array.from({ length: groups.length }, (_, row) => foldOf.get(groups[row] as number) as number);
}
