/** Runs of the prediction graph over many images: features for means and deviations, errors and correlations on rows of responses. */
import type { TensorService } from '../../core/tensor-service.js';
import { encodeModel } from '../../graph/encode.js';
import type { Graph } from '../../graph/ir.js';
import type { FeatureLayer } from '../artifacts/features.js';
import { pooledName } from './pooled-graph.js';
import { batched, type Source } from './sources.js';
import { PREDICTED } from './step.js';
import { featureCount, type Standard } from './readout-model.js';

/** Calls `visit` with the results of each batch of images: what the outputs named hold, and whose rows they are. */
export async function forEachBatch(
  service: TensorService, graph: Graph, source: Source, nsdIds: Int32Array, batch: number, fetch: readonly string[], signal: AbortSignal,
  visit: (results: Readonly<Record<string, Float32Array>>, first: number, count: number) => void,
): Promise<void> {
  const program = await service.compile(encodeModel(graph), { label: 'predictions in training' });
  try {
    let first = 0;
    for await (const feeds of source.batches(batched(nsdIds, batch))) {
      signal.throwIfAborted();
      const count = Math.min(batch, nsdIds.length - first);
      const results = await program.run(feeds, fetch);
      visit(Object.fromEntries(fetch.map((name) => [name, results[name]?.data as Float32Array])), first, count);
      first += count;
    }
  } finally {
    await program.dispose();
  }
}

/** Mean and deviation of every channel over images and cells; a channel that never varies has scale 1. */
export async function standardOf(
  service: TensorService, graph: Graph, layers: readonly FeatureLayer[], source: Source, nsdIds: Int32Array, batch: number, signal: AbortSignal,
): Promise<Standard[]> {
  const sums = layers.map(({ channels }) => ({ sum: new Float64Array(channels.length), squares: new Float64Array(channels.length) }));
  await forEachBatch(service, graph, source, nsdIds, batch, layers.map(({ name }) => `${pooledName(name)}:out`), signal, (results, _, count) => {
    layers.forEach(({ name, channels, grid }, l) => {
      const data = results[`${pooledName(name)}:out`] as Float32Array;
      const cells = grid[0] * grid[1];
      const { sum, squares } = sums[l] as (typeof sums)[number];
      for (let at = 0; at < count * channels.length * cells; at += 1) {
        const c = Math.floor(at / cells) % channels.length;
        const x = data[at] as number;
        sum[c] = (sum[c] as number) + x;
        squares[c] = (squares[c] as number) + x * x;
      }
    });
  });
  return layers.map(({ grid }, l) => {
    const { sum, squares } = sums[l] as (typeof sums)[number];
    const n = nsdIds.length * grid[0] * grid[1];
    const mean = sum.map((total) => total / n);
    const variance = squares.map((total, c) => Math.max(0, total / n - (mean[c] as number) ** 2));
    const floor = RELATIVE_FLOOR * Math.max(...variance);
    return { mean, scale: variance.map((value) => (value > floor ? Math.sqrt(value) : 1)) };
  });
}

/** A variance below this share of the layer's largest is rounding. */
const RELATIVE_FLOOR = 1e-12;

/** Mean of every feature, an image counting as often as it stands in `nsdIds`. @shape float64 [feature], layout of `layers` */
export async function featureMeans(
  service: TensorService, graph: Graph, layers: readonly FeatureLayer[], source: Source, nsdIds: Int32Array, batch: number, signal: AbortSignal,
): Promise<Float64Array> {
  const times = new Map<number, number>();
  for (const nsdId of nsdIds) times.set(nsdId, (times.get(nsdId) ?? 0) + 1);
  const images = Int32Array.from(times.keys());
  const out = new Float64Array(featureCount(layers));
  await forEachBatch(service, graph, source, images, batch, layers.map(({ name }) => `${pooledName(name)}:out`), signal, (results, first, count) => {
    for (const { name, channels, grid, offset } of layers) {
      const data = results[`${pooledName(name)}:out`] as Float32Array;
      const width = channels.length * grid[0] * grid[1];
      for (let i = 0; i < count; i += 1) {
        const share = (times.get(images[first + i] as number) as number) / nsdIds.length;
        for (let j = 0; j < width; j += 1) out[offset + j] = (out[offset + j] as number) + share * (data[i * width + j] as number);
      }
    }
  });
  return out;
}

/** Mean squared error over rows and voxels. `responses(from, count)`: float32 [count, voxel] of those rows. */
export async function meanSquaredError(
  service: TensorService, graph: Graph, source: Source, nsdIds: Int32Array, batch: number, responses: (from: number, count: number) => Float32Array, signal: AbortSignal,
): Promise<number> {
  let sum = 0;
  let elements = 0;
  await forEachBatch(service, graph, source, nsdIds, batch, [PREDICTED], signal, (results, first, count) => {
    const measured = responses(first, count);
    const predicted = results[PREDICTED] as Float32Array;
    measured.forEach((y, i) => (sum += ((predicted[i] as number) - y) ** 2));
    elements += measured.length;
  });
  return sum / elements;
}
