/** A hyperslab: one half-open range an axis. */
import { PipelineError } from '../../core/errors.js';
import type { Shape } from '../../core/tensor.js';

/** [start, stop) on one axis */
export type Range = readonly [number, number];

export function extentsOf(ranges: readonly Range[]): number[] {
  return ranges.map(([start, stop]) => stop - start);
}

/** Errors: E_DATA unless there is one range an axis and each lies within its axis. */
export function checkRanges(name: string, shape: Shape, ranges: readonly Range[]): void {
  const inside = ranges.every(([start, stop], axis) => Number.isInteger(start) && Number.isInteger(stop) && start >= 0 && start <= stop && stop <= (shape[axis] ?? -1));
  if (ranges.length !== shape.length || !inside) {
    const found = ranges.map((range) => range.join(':')).join(', ');
    throw new PipelineError('E_DATA', `slice [${found}] is not in "${name}"`, { facts: { expected: `ranges within [${shape.join(', ')}]`, found } });
  }
}
