/**
 * What the oracle's penalties are scored on, a range at a time: each voxel is two targets that share their training rows, its noiseless signal (in the
 * first half of the columns) and its measured means (in the second).
 */
import type { TargetColumns } from '../../solvers/index.js';

export interface OracleTargets {
  /** means of the training images */
  readonly training: TargetColumns;
  /** means of the test images; as many voxels */
  readonly measured: TargetColumns;
  /** noiseless signals of the test images, by number of planted voxel. float32 [image, planted voxel] */
  readonly signals: Float32Array;
  /** int32 [voxel]: number of the planted voxel behind it */
  readonly numbers: Int32Array;
}

/** @shape float32 [training image, then test image; 2 × voxel] */
export function signalAndMeans({ training, measured, signals, numbers }: OracleTargets): TargetColumns {
  const voxels = training.targets;
  const planted = signals.length / measured.rows;
  const rows = training.rows + measured.rows;
  return {
    rows,
    targets: 2 * voxels,
    read: (from, to) => {
      const width = to - from;
      const out = new Float32Array(rows * width);
      const place = (values: Float32Array, first: number, at: number, count: number): void => {
        for (let i = 0; i < values.length / count; i += 1) out.set(values.subarray(i * count, (i + 1) * count), (first + i) * width + at);
      };
      // A range may reach from the first half into the second.
      for (const [half, start] of [[0, 0], [1, voxels]] as const) {
        const [first, last] = [Math.max(from, start) - start, Math.min(to, start + voxels) - start];
        const count = last - first;
        if (count <= 0) continue;
        place(training.read(first, last), 0, first + start - from, count);
        const held = half === 1 ? measured.read(first, last) : Float32Array.from({ length: measured.rows * count }, (_, at) => signals[Math.floor(at / count) * planted + (numbers[first + (at % count)] as number)] as number);
        place(held, training.rows, first + start - from, count);
      }
      return out;
    },
  };
}
