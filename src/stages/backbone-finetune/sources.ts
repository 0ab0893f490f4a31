/**
 * Where the seams of a fine-tuning come from, batch by batch: images that a thread reads while the model works, the features of an artifact, or what the
 * frozen part of the backbone made of each image, computed once and kept with the store. All give an image the same bits whatever batch it is in.
 */
import { tensor, sizeOf, type Tensor } from '../../core/tensor.js';
import type { TensorProgram, TensorService } from '../../core/tensor-service.js';
import type { MemoEntry, StageContext } from '../../engine/stage.js';
import { NpyFile, writeNpy } from '../../formats/npy.js';
import { encodeModel } from '../../graph/encode.js';
import type { Graph, Value } from '../../graph/ir.js';
import { optimise } from '../../graph/optimise/index.js';
import { IMAGE, type Backbone } from '../artifacts/backbone.js';
import { positionsOf, type FeatureLayer, type Features } from '../artifacts/features.js';
import type { Stimuli } from '../artifacts/stimuli.js';
import { ImageReader } from '../images/image-reader.js';
import { pooledName } from './pooled-graph.js';

export type SeamFeeds = Readonly<Record<string, Tensor>>;

export interface Source {
  /** Feeds for batches of images (nsdIds); what is beyond the images of a batch that is not full means nothing. */
  batches(batches: readonly Int32Array[]): AsyncIterable<SeamFeeds> | Iterable<SeamFeeds>;
  close(): Promise<void>;
}

/** The seam is the image itself. */
export function imageSource(backbone: Backbone, stimuli: Stimuli, batch: number): Source {
  const { size } = backbone.preprocessing;
  const reader = new ImageReader({ path: stimuli.brick, dataset: stimuli.dataset, preprocessing: backbone.preprocessing }, batch);
  return {
    async *batches(batches) {
      // A batch that is not full can only be the last: the reader cuts the list into full ones.
      for await (const images of reader.batches(batches.flatMap((nsdIds) => [...nsdIds]))) yield { [IMAGE]: tensor('float32', [batch, 3, size, size], images) };
    },
    close: () => reader.close(),
  };
}

/** The seams are features of an artifact. */
export function featureSource(features: Features, layers: readonly FeatureLayer[], batch: number): Source {
  return {
    *batches(batches) {
      for (const nsdIds of batches) {
        const rows = features.rows(positionsOf(features.nsdIds, nsdIds, 'features'));
        yield Object.fromEntries(layers.map(({ name, channels, grid, offset }) => {
          const width = channels.length * grid[0] * grid[1];
          const data = new Float32Array(batch * width);
          for (let i = 0; i < nsdIds.length; i += 1) data.set(rows.subarray(i * features.width + offset, i * features.width + offset + width), i * width);
          return [pooledName(name), tensor('float32', [batch, channels.length, grid[0] * grid[1]], data)];
        }));
      }
    },
    close: () => Promise.resolve(),
  };
}

/** images in one memo entry */
const CHUNK = 256;
const seamFile = (seam: number): string => `${String(seam).padStart(2, '0')}.npy`;

/** float32 bytes of the seams of one image; undefined where a seam does not stand in rows of images, so that it cannot be kept. */
export function seamBytes(seams: readonly Value[], batch: number): number | undefined {
  if (seams.some((seam) => seam.dtype !== 'float32' || seam.shape[0] !== batch)) return undefined;
  return seams.reduce((sum, seam) => sum + (sizeOf(seam.shape) / batch) * Float32Array.BYTES_PER_ELEMENT, 0);
}

export interface FrozenPart {
  readonly graph: Graph;
  readonly seams: readonly Value[];
  /** what else its values depend on: layers, grids */
  readonly what: { readonly layers: readonly string[]; readonly grids: readonly (readonly number[])[] };
}

/** @param nsdIds all images that will be asked for, ascending */
export async function cachedSource(
  context: Pick<StageContext, 'memo' | 'signal' | 'progress'>, service: TensorService, backbone: Backbone, stimuli: Stimuli, { graph, seams, what }: FrozenPart, nsdIds: readonly number[], batch: number,
): Promise<Source> {
  const images = imageSource(backbone, stimuli, batch);
  const chunks: MemoEntry[] = [];
  let program: TensorProgram | undefined;
  try {
    for (let start = 0; start < nsdIds.length; start += CHUNK) {
      context.signal.throwIfAborted();
      const ids = nsdIds.slice(start, start + CHUNK);
      const struct = { what: 'frozen part', backbone: backbone.digest, batch, layers: what.layers, grids: what.grids.map((grid) => [...grid]), seams: seams.map((seam) => seam.name), brick: stimuli.brickFile.digest, images: ids };
      chunks.push(await context.memo(struct, async (writer) => {
        program ??= await service.compile(encodeModel(optimise(graph, [])), { label: `frozen part of ${backbone.name}` });
        const kept = seams.map((seam) => new Float32Array((sizeOf(seam.shape) / batch) * ids.length));
        let done = 0;
        for await (const feeds of images.batches(batched(ids, batch))) {
          const count = Math.min(batch, ids.length - done);
          const result = await program.run(feeds);
          seams.forEach((seam, s) => {
            const stride = sizeOf(seam.shape) / batch;
            kept[s]?.set((result[seam.name]?.data as Float32Array).subarray(0, count * stride), done * stride);
          });
          done += count;
        }
        seams.forEach((seam, s) => writeNpy(writer.path(seamFile(s)), tensor('float32', [ids.length, ...seam.shape.slice(1)], kept[s] as Float32Array)));
      }));
      context.progress(Math.min(start + CHUNK, nsdIds.length), nsdIds.length, 'images');
    }
  } finally {
    await images.close();
    await program?.dispose();
  }
  const files = chunks.map((chunk) => seams.map((_, s) => new NpyFile(chunk.path(seamFile(s)))));
  const rowOf = new Map(nsdIds.map((nsdId, row) => [nsdId, row]));
  return {
    *batches(batches) {
      for (const ids of batches) {
        yield Object.fromEntries(seams.map((seam, s) => {
          const stride = sizeOf(seam.shape) / batch;
          const data = new Float32Array(batch * stride);
          ids.forEach((nsdId, i) => {
            const row = rowOf.get(nsdId) as number;
            data.set(files[Math.floor(row / CHUNK)]?.[s]?.rows(row % CHUNK, 1).data as Float32Array, i * stride);
          });
          return [seam.name, tensor('float32', seam.shape, data)];
        }));
      }
    },
    close: () => {
      for (const file of files.flat()) file.close();
      return Promise.resolve();
    },
  };
}

/** A list cut into batches; the last may be shorter. */
export function batched(ids: ArrayLike<number>, batch: number): Int32Array[] {
  return Array.from({ length: Math.ceil(ids.length / batch) }, (_, i) => Int32Array.from({ length: Math.min(batch, ids.length - i * batch) }, (__, k) => ids[i * batch + k] as number));
}
