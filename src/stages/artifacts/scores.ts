/**
 * `Scores`: how well predictions agree with measured responses, summarised by region. A score that is not defined is null. Per-voxel tables and
 * predictions lie beside the index; who compares scores needs the index only.
 */
import type { ArtifactReader, ArtifactWriter } from '../../engine/stage.js';

export interface SummaryEntry {
  /** over the voxels of the region */
  readonly median: number | null;
  /** bootstrap interval over images; null without a bootstrap */
  readonly low: number | null;
  readonly high: number | null;
  /** voxels whose value is not defined */
  readonly undefined: number;
}

export interface EstimateEntry {
  readonly value: number | null;
  /** bootstrap interval over images; null without a bootstrap */
  readonly low: number | null;
  readonly high: number | null;
}

export interface RegionEntry {
  /** `all voxels`, the name of a set (its union), or set/label */
  readonly name: string;
  readonly voxels: number;
  readonly r: SummaryEntry;
  /** sign(r)·r² */
  readonly r2: SummaryEntry;
  /** r2 over the noise ceiling, over the voxels whose ceiling is high enough */
  readonly normalised: SummaryEntry;
  /** mean over voxels of r */
  readonly meanR: EstimateEntry;
  /** (Σ r/Σ √NC)² over all voxels with a ceiling */
  readonly pooled: EstimateEntry;
  /** voxels whose ceiling is too low or unknown */
  readonly belowCeiling: number;
  /** share of the normalised voxels above 1 */
  readonly aboveOne: number | null;
  /** median noise ceiling in r² units, and its quartiles */
  readonly ceiling: number | null;
  readonly ceilingQuartiles: readonly [number | null, number | null];
  readonly determination: number | null;
  readonly baseline: number | null;
  readonly significant: number | null;
}

export interface ScoresFile {
  /** test images */
  readonly images: number;
  /** single trials of them */
  readonly trials: number;
  readonly voxels: number;
  /** images the readout was fitted on, and its features */
  readonly trainingImages: number;
  readonly features: number;
  readonly repeatMean: readonly RegionEntry[];
  /** empty where single trials were not scored */
  readonly singleTrial: readonly RegionEntry[];
}

export const SCORES_INDEX = 'scores.json';

/** More facts may stand beside those that every reader relies on. */
export function writeScores<T extends ScoresFile>(writer: ArtifactWriter, file: T): void {
  writer.json(SCORES_INDEX, file);
}

export function readScores(reader: ArtifactReader): ScoresFile {
  return reader.json<ScoresFile>(SCORES_INDEX);
}
