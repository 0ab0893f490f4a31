/** `Attributions`: signed maps of which pixels drove a predicted response, with the completeness of each. */
import type { ArtifactReader, ArtifactWriter } from '../../engine/stage.js';
import type { Objective } from '../response/objective.js';

export interface AttributionEntry {
  readonly nsdId: number;
  /** row of maps.npy: float32 [map, 3, size, size], signed, z units of the voxels */
  readonly row: number;
  readonly overlay: string;
  /** predicted response to the image and to its baseline */
  readonly response: number;
  readonly baselineResponse: number;
  /** quadrature nodes that were needed */
  readonly nodes: number;
  /** |Σ map − (response − baseline)| / |response − baseline| */
  readonly completenessGap: number;
}

/** With the objective that the maps explain. */
export interface AttributionsFile extends Objective {
  /** side of the maps, pixels */
  readonly size: number;
  readonly baseline: string;
  readonly entries: readonly AttributionEntry[];
}

export const ATTRIBUTION_MAPS = 'maps.npy';
const INDEX = 'attributions.json';

export function writeAttributions(writer: ArtifactWriter, file: AttributionsFile): void {
  writer.json(INDEX, file);
}

export function readAttributions(reader: ArtifactReader): AttributionsFile {
  return reader.json<AttributionsFile>(INDEX);
}
