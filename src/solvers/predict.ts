/** Predictions of a linear readout, in batches of rows padded to one size: the same row gives the same bits in every batch. */
import { PipelineError } from '../core/errors.js';
import { tensor } from '../core/tensor.js';
import type { TensorService } from '../core/tensor-service.js';
import { GraphBuilder } from '../graph/builder.js';
import { encodeModel } from '../graph/encode.js';

export interface LinearReadout {
  /** float32 [feature, target] */
  readonly weights: Float32Array;
  /** float32 [target] */
  readonly intercept: Float32Array;
  readonly featureCount: number;
}

const BATCH = 256;

/**
 * ŷ = X W + b.
 * @shape rows(from, count): float32 [count, feature]; result: float32 [n, target]
 * Errors: E_DATA if weights or rows have another width than the readout.
 */
export async function predictTargets(service: TensorService, readout: LinearReadout, n: number, rows: (from: number, count: number) => Float32Array, signal?: AbortSignal): Promise<Float32Array> {
  const { featureCount } = readout;
  const targetCount = readout.intercept.length;
  requireLength('weights', readout.weights.length, featureCount, targetCount);
  const g = new GraphBuilder();
  const [x, w, b] = [g.input('x', 'float32', [BATCH, featureCount]), g.input('w', 'float32', [featureCount, targetCount]), g.input('b', 'float32', [targetCount])];
  g.output('y', g.op('Add', [g.op('MatMul', [x, w]), b]));
  const program = await service.compile(encodeModel(g.build()), { label: 'predictions of a readout' });
  const out = new Float32Array(n * targetCount);
  try {
    const fixed = { w: tensor('float32', [featureCount, targetCount], readout.weights), b: tensor('float32', [targetCount], readout.intercept) };
    for (let from = 0; from < n; from += BATCH) {
      signal?.throwIfAborted();
      const count = Math.min(BATCH, n - from);
      const batch = new Float32Array(BATCH * featureCount);
      const given = rows(from, count);
      requireLength('rows of features', given.length, count, featureCount);
      batch.set(given);
      const y = (await program.run({ x: tensor('float32', [BATCH, featureCount], batch), ...fixed }))['y']?.data as Float32Array;
      out.set(y.subarray(0, count * targetCount), from * targetCount);
    }
  } finally {
    await program.dispose();
  }
  return out;
}

function requireLength(what: string, found: number, rows: number, columns: number): void {
  if (found === rows * columns) return;
  throw new PipelineError('E_DATA', `the ${what} do not fit the readout`, {
    facts: { expected: `[${rows}, ${columns}], ${rows * columns} values`, found: `${found} values` },
    hint: 'Use the features and the readout of one pipeline.',
  });
}
