/**
 * `Features`: activations of a backbone's layers for a set of images, averaged over the cells of a small grid. The artifact is a manifest of
 * chunk files (one a chunk of images and layer, cached by `memo` with all channels); which channels are used is decided here, after the chunks,
 * so that another choice of channels recomputes nothing.
 */
import { PipelineError } from '../../core/errors.js';
import { NpyFile } from '../../formats/npy.js';
import type { ArtifactReader } from '../../engine/stage.js';

export interface FeatureLayer {
  readonly name: string;
  /** selected channels of the map, ascending */
  readonly channels: readonly number[];
  /** rows and columns of the pooling grid */
  readonly grid: readonly [number, number];
  /** first column of this layer in a row of features */
  readonly offset: number;
  /** channels, height, width of the layer's output */
  readonly map: readonly [number, number, number];
}

export interface FeatureChunk {
  /** first row and number of rows among `nsdIds` */
  readonly start: number;
  readonly count: number;
  /** one file a layer, in the order of `layers`: float32 [image, channel, grid row, grid column], all channels */
  readonly files: readonly string[];
}

export interface FeaturesFile {
  /** digest of the Backbone artifact they came from; null: no backbone made them */
  readonly backbone: string | null;
  readonly layers: readonly FeatureLayer[];
  /** one a row, each once; in the order that the chunks were made */
  readonly nsdIds: readonly number[];
  readonly width: number;
  readonly chunks: readonly FeatureChunk[];
  /** nsdIds of the images whose activations chose the channels, or on which (or on another crop of whose photograph) the backbone was tuned; absent or empty: none */
  readonly selectedOn?: readonly number[];
}

export interface Features {
  readonly backbone: string | null;
  readonly layers: readonly FeatureLayer[];
  readonly nsdIds: Int32Array;
  /** columns: sum over layers of selected channels × grid cells; within a layer the order is channel, grid row, grid column */
  readonly width: number;
  /** as in `FeaturesFile` */
  readonly selectedOn: readonly number[];
  /** float32 [n, width] for positions among `nsdIds` */
  rows(indices: ArrayLike<number>): Float32Array;
}

export const FEATURES_INDEX = 'features.json';

export function readFeatures(reader: ArtifactReader): Features {
  const file = reader.json<FeaturesFile>(FEATURES_INDEX);
  return {
    backbone: file.backbone,
    layers: file.layers,
    nsdIds: Int32Array.from(file.nsdIds),
    width: file.width,
    selectedOn: file.selectedOn ?? [],
    rows: (indices) => gatherFeatures(reader, file, indices),
  };
}

/** @shape [n, width] float32 */
function gatherFeatures(reader: ArtifactReader, file: FeaturesFile, indices: ArrayLike<number>): Float32Array {
  const out = new Float32Array(indices.length * file.width);
  for (const chunk of file.chunks) {
    const wanted: number[] = [];
    for (let i = 0; i < indices.length; i += 1) {
      const row = indices[i] as number;
      if (row < 0 || row >= file.nsdIds.length) {
        throw new PipelineError('E_DATA', `row ${row} is not among the features`, { facts: { expected: `0 … ${file.nsdIds.length - 1}`, found: row } });
      }
      if (row >= chunk.start && row < chunk.start + chunk.count) wanted.push(i);
    }
    if (wanted.length === 0) continue;
    file.layers.forEach((layer, l) => {
      const npy = new NpyFile(reader.path(chunk.files[l] as string));
      try {
        const cells = layer.grid[0] * layer.grid[1];
        const stride = layer.map[0] * cells;
        const all = npy.rows(0, chunk.count).data as Float32Array;
        for (const i of wanted) {
          const from = ((indices[i] as number) - chunk.start) * stride;
          let to = i * file.width + layer.offset;
          for (const channel of layer.channels) {
            for (let cell = 0; cell < cells; cell += 1) out[to + cell] = all[from + channel * cells + cell] as number;
            to += cells;
          }
        }
      } finally {
        npy.close();
      }
    });
  }
  return out;
}

/** Positions of nsdIds in a list; E_DATA naming the first image that is missing. */
export function positionsOf(list: Int32Array, nsdIds: ArrayLike<number>, what: string): Int32Array {
  const at = new Map<number, number>();
  list.forEach((id, i) => at.set(id, i));
  return Int32Array.from({ length: nsdIds.length }, (_, i) => {
    const id = nsdIds[i] as number;
    const position = at.get(id);
    if (position === undefined) {
      throw new PipelineError('E_DATA', `image ${id} (nsdId) is not among the ${what}`, { hint: `Extract ${what} for every image of the split.` });
    }
    return position;
  });
}
