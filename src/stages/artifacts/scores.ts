/**
 * `Scores`: how well predictions agree with measured responses, summarised by region. A score that is not defined is null. Per-voxel tables and
 * predictions lie beside the index; who compares scores needs the index only.
 */
import { digestOf, type Digest } from '../../core/digest.js';
import { PipelineError } from '../../core/errors.js';
import type { ArtifactReader, ArtifactWriter } from '../../engine/stage.js';
import { bytesOf } from '../../formats/bytes.js';
import { readNpy } from '../../formats/npy.js';

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
  /** how the noise ceiling was made and used: what r²/NC means depends on all three */
  readonly ncsnr: string;
  readonly minNoiseCeiling: number;
  readonly zscore: string;
  /** which images, and whose voxels (`voxelIdentity`), were scored */
  readonly testImages: Digest;
  readonly voxelIdentity: string;
  /** bootstrap samples; 0: none, and no replicates */
  readonly bootstrap: number;
  /** level of the intervals */
  readonly interval: number | null;
  /** digest of test images and draws: replicates of equal ones are paired; null without a bootstrap */
  readonly resampling: Digest | null;
  /** scores in region_replicates.npy, in their order */
  readonly replicateScores: readonly string[];
  readonly repeatMean: readonly RegionEntry[];
  /** empty where single trials were not scored */
  readonly singleTrial: readonly RegionEntry[];
}

export const SCORES_INDEX = 'scores.json';
/** float32 [replicate, region, score]: regions in the order of `repeatMean`; absent from scores that have no bootstrap to offer */
export const REPLICATES_FILE = 'region_replicates.npy';

/** @param nsdIds int32 [image], ascending */
export const testImagesDigest = (nsdIds: Int32Array): Digest => digestOf(bytesOf(nsdIds));

/** More facts may stand beside those that every reader relies on. */
export function writeScores<T extends ScoresFile>(writer: ArtifactWriter, file: T): void {
  writer.json(SCORES_INDEX, file);
}

export function readScores(reader: ArtifactReader): ScoresFile {
  return reader.json<ScoresFile>(SCORES_INDEX);
}

/**
 * Bootstrap replicates of one score for some regions; undefined for scores without a bootstrap.
 * @shape float64 [replicate] for each of the regions, positions among `repeatMean`. Errors: E_DATA if the table is not that of the index.
 */
export function readReplicates(reader: ArtifactReader, file: ScoresFile, score: string, regions: readonly number[]): readonly Float64Array[] | undefined {
  if (file.bootstrap === 0) return undefined;
  const { shape, data } = readNpy(reader.path(REPLICATES_FILE));
  const expected = [file.bootstrap, file.repeatMean.length, file.replicateScores.length];
  const at = file.replicateScores.indexOf(score);
  if (shape.join() !== expected.join() || at < 0) {
    throw new PipelineError('E_DATA', `"${REPLICATES_FILE}" is not the table that "${SCORES_INDEX}" announces`, {
      facts: { expected: `[${expected.join(', ')}] with the score ${score}`, found: `[${shape.join(', ')}] of ${file.replicateScores.join(', ')}` }, hint: 'Run the evaluation again.',
    });
  }
  const [, width, scores] = expected as [number, number, number];
  return regions.map((region) => Float64Array.from({ length: file.bootstrap }, (_, b) => data[(b * width + region) * scores + at] as number));
}
