/** `Dreams`: the pictures of a dream stage with their predicted responses. */
import type { ArtifactReader, ArtifactWriter } from '../../engine/stage.js';
import type { Objective } from '../response/objective.js';

export interface DreamEntry {
  readonly target: string;
  readonly file: string;
  /** row of dreams.npy: float32 [dream, 3, size, size] in (0, 1) */
  readonly row: number;
  /** predicted response of the 8-bit picture, z units of the voxels */
  readonly response: number;
  /** share of natural images predicted below it, percent */
  readonly percentile: number;
  readonly naturalMean: number;
  readonly naturalMax: number;
  /** response of this picture's view at every step */
  readonly curve: readonly number[];
}

/** What the dreams of a name were to raise. */
export interface DreamTarget extends Objective {
  readonly name: string;
}

export interface DreamsFile {
  /** side of the pictures, pixels */
  readonly size: number;
  readonly targets: readonly DreamTarget[];
  readonly entries: readonly DreamEntry[];
}

const INDEX = 'dreams.json';

export function writeDreams(writer: ArtifactWriter, file: DreamsFile): void {
  writer.json(INDEX, file);
}

export function readDreams(reader: ArtifactReader): DreamsFile {
  return reader.json<DreamsFile>(INDEX);
}
