/** Targets of a fit as columns that are read a range at a time: in memory, or wherever the caller keeps them. */
import type { Tensor } from '../../core/tensor.js';

export interface TargetColumns {
  readonly rows: number;
  readonly targets: number;
  /** Targets from … to−1 of all rows. @shape float32 [row, to − from] */
  read(from: number, to: number): Float32Array;
}

/** @shape y: float32 [row, target] */
export function columnsOf({ shape, data }: Tensor<'float32'>): TargetColumns {
  const [rows, targets] = shape as readonly [number, number];
  return {
    rows,
    targets,
    read: (from, to) => {
      if (from === 0 && to === targets) return data;
      const width = to - from;
      const out = new Float32Array(rows * width);
      for (let i = 0; i < rows; i += 1) out.set(data.subarray(i * targets + from, i * targets + to), i * width);
      return out;
    },
  };
}

/** Equal ranges of at most `limit`, the last one possibly shorter: their common width. */
export function evenWidth(total: number, limit: number): number {
  return Math.ceil(total / Math.ceil(total / limit));
}
