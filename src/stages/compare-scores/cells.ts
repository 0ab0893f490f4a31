/** Many scores as cells of one table: each score with the coordinates of the pipeline it came from, region by region. */
import { PipelineError } from '../../core/errors.js';
import type { LabelledArtifact, Labels } from '../../engine/stage.js';
import { readReplicates, readScores, type RegionEntry, type ScoresFile, type SummaryEntry } from '../artifacts/scores.js';
import { requireAlike, type Fact } from './alike.js';

export const METRICS = ['r', 'r2', 'r2_over_nc'] as const;
export type Metric = (typeof METRICS)[number];
export const MEASUREMENTS = ['repeat-mean', 'single-trial'] as const;
export type Measurement = (typeof MEASUREMENTS)[number];

export interface Roles {
  /** label along the x axis; empty: none */
  readonly x: string;
  /** label that tells curves or bars apart */
  readonly series: string;
  /** labels over which median and range are taken */
  readonly over: readonly string[];
}

/** Bootstrap of a score in a region. */
export interface Drawn {
  /** float64 [replicate] */
  readonly values: Float64Array;
  /** those of equal ones are paired: drawn from the same test images */
  readonly resampling: string;
  readonly level: number;
}

export interface Cell {
  readonly labels: Labels;
  readonly region: RegionEntry;
  readonly file: ScoresFile;
  /** of the metric; undefined for scores without a bootstrap, and against single trials, whose replicates are not kept */
  readonly drawn: Drawn | undefined;
}

export interface Selection {
  /** names; none: the wholes of the first scores */
  readonly regions: readonly string[];
  readonly metric: Metric;
  readonly measurement: Measurement;
  readonly mayDiffer: readonly Fact[];
}

/** A region without a `/` in its name is a whole: all voxels, or the union of a set. */
const isWhole = (name: string): boolean => !name.includes('/');

/** Errors: E_DATA for scores without a region that was asked for, or without single trials, or that are not alike; E_OUT_OF_RANGE for labels whose role is unclear. */
export function readCells(scores: readonly LabelledArtifact[], roles: Roles, { regions, metric, measurement, mayDiffer }: Selection): { readonly cells: readonly Cell[]; readonly regions: readonly string[] } {
  checkRoles(scores.map(({ labels }) => labels), roles);
  const files = scores.map(({ labels, artifact }) => ({ labels, artifact, file: readScores(artifact), point: JSON.stringify([roles.x === '' ? null : labels[roles.x], summarised(labels, roles)]) }));
  requireAlike(files, mayDiffer, describe);
  const entries = (file: ScoresFile): readonly RegionEntry[] => (measurement === 'repeat-mean' ? file.repeatMean : file.singleTrial);
  const first = files[0];
  const chosen = regions.length > 0 ? regions : first === undefined ? [] : entries(first.file).map((entry) => entry.name).filter(isWhole);
  const cells = files.flatMap(({ labels, artifact, file }) => {
    const at = chosen.map((name) => entries(file).findIndex((entry) => entry.name === name));
    const missing = at.indexOf(-1);
    if (missing >= 0) {
      throw new PipelineError('E_DATA', `the scores ${describe(labels)} have no region "${String(chosen[missing])}"`, {
        facts: { expected: String(chosen[missing]), found: entries(file).map((entry) => entry.name).join(', ') || `no ${measurement} scores` },
        hint: 'Change the parameter regions, or measurement, or take scores of the same voxels.',
      });
    }
    const replicates = measurement === 'repeat-mean' ? readReplicates(artifact, file, metric, at) : undefined;
    return at.map((position, k): Cell => {
      const values = replicates?.[k];
      const { resampling, interval } = file;
      return { labels, region: entries(file)[position] as RegionEntry, file, drawn: values === undefined || resampling === null || interval === null ? undefined : { values, resampling, level: interval } };
    });
  });
  return { cells, regions: chosen };
}

/** Values of the labels that are summarised: one text for scores of the same ones. */
export const summarised = (labels: Labels, { over }: Roles): string => JSON.stringify(over.map((label) => labels[label]));

export function describe(labels: Labels): string {
  const named = Object.keys(labels).sort().map((label) => `${label} ${String(labels[label])}`);
  return named.length === 0 ? 'without labels' : `"${named.join(', ')}"`;
}

/**
 * Every label has one role, or one value: otherwise scores that differ in it would be mixed unseen.
 * Errors: E_OUT_OF_RANGE naming the label.
 */
function checkRoles(all: readonly Labels[], { x, series, over }: Roles): void {
  const roles = [...(x === '' ? [] : [x]), series, ...over];
  const twice = roles.find((label, i) => roles.indexOf(label) !== i);
  if (twice !== undefined) {
    throw new PipelineError('E_OUT_OF_RANGE', `the label "${twice}" has two roles`, { facts: { expected: 'each label as x, series or in over, once', found: roles.join(', ') }, hint: 'Name it once among x, series and over.' });
  }
  const present = [...new Set(all.flatMap((labels) => Object.keys(labels)))].sort();
  for (const label of roles) {
    // Without a series label all scores form one series.
    if (present.includes(label) ? all.every((labels) => label in labels) : label === series) continue;
    throw new PipelineError('E_OUT_OF_RANGE', `not all scores have the label "${label}"`, { facts: { expected: `one of ${present.join(', ') || 'no labels'}`, found: label }, hint: 'Name axes of the matrix of the compared stages, or "name" for a map of references.' });
  }
  for (const label of present) {
    if (roles.includes(label)) continue;
    const values = [...new Set(all.map((labels) => String(labels[label])))];
    if (values.length > 1) {
      throw new PipelineError('E_OUT_OF_RANGE', `the scores differ in the label "${label}", which has no role`, {
        facts: { expected: `"${label}" as x, as series or in over`, found: values.slice(0, 5).join(', ') }, hint: `Add "${label}" to over to take the median over it, or compare fewer scores.`,
      });
    }
  }
}

export const summaryOf = (region: RegionEntry, metric: Metric): SummaryEntry => (metric === 'r' ? region.r : metric === 'r2' ? region.r2 : region.normalised);

/** The largest value that the noise allows, in the units of the metric. NaN if it is not known. */
export function ceilingOf(region: RegionEntry, metric: Metric): number {
  if (metric === 'r2_over_nc') return 1;
  const ceiling = region.ceiling ?? NaN;
  return metric === 'r' ? Math.sqrt(ceiling) : ceiling;
}
