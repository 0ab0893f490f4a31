/** `Attributions`: signed maps of which pixels drove a response, with what tells how far each may be trusted. */
import type { ArtifactReader, ArtifactWriter } from '../../engine/stage.js';
import type { Objective } from '../response/objective.js';

export interface AttributionEntry {
  readonly nsdId: number;
  /** row of maps.npy: float32 [map, 3, size, size], signed, z units of the voxels */
  readonly row: number;
  readonly overlay: string;
  /** response to the image */
  readonly response: number;
  /** mean response to its baselines; null for methods without one */
  readonly baselineResponse: number | null;
  /** quadrature nodes that were needed; null for methods without quadrature */
  readonly nodes: number | null;
  /** |Σ map − (response − baseline)| / |response − baseline|; null for methods that promise no completeness */
  readonly completenessGap: number | null;
  /** where the boxes of the image are known */
  readonly inside: InsideBoxes | null;
  /** areas under the deletion and insertion curves, where they were asked for; null within: not defined */
  readonly curves: { readonly deletion: number | null; readonly insertion: number | null } | null;
}

export interface InsideBoxes {
  /** share of the positive attribution inside, smoothed and as it is; null: no pixel is positive */
  readonly smoothed: number | null;
  readonly raw: number | null;
  /** the smoothed share less that of the negative attribution: 0 for maps whose sign knows nothing of the boxes, wherever their strength lies */
  readonly contrast: number | null;
  /** share of |image − baseline| inside: what a map without a model reaches */
  readonly difference: number | null;
  /** share of the image that the boxes cover: chance */
  readonly covered: number;
}

/** `shuffled-readout`: the weights were permuted, so the maps show what the picture and the method do without the readout. */
export const CONTROLS = ['none', 'shuffled-readout'] as const;
export type Control = (typeof CONTROLS)[number];

/** With the objective that the maps explain. */
export interface AttributionsFile extends Objective {
  /** whose response is explained */
  readonly of: 'model' | 'true brain';
  readonly method: string;
  readonly control: Control;
  readonly baseline: string;
  /** largest completeness gap that was accepted */
  readonly tolerance: number;
  /** standard deviation of the smoothing of displayed maps, pixels */
  readonly smoothing: number;
  /** side of the maps, pixels */
  readonly size: number;
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
