/** Many scores as cells of one table: each score with the coordinates of the pipeline it came from, region by region. */
import { PipelineError } from '../../core/errors.js';
import type { LabelledArtifact, Labels } from '../../engine/stage.js';
import { readScores, type RegionEntry, type ScoresFile, type SummaryEntry } from '../artifacts/scores.js';

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

export interface Cell {
  readonly labels: Labels;
  readonly region: RegionEntry;
  readonly file: ScoresFile;
}

/** A region without a `/` in its name is a whole: all voxels, or the union of a set. */
const isWhole = (name: string): boolean => !name.includes('/');

/**
 * @param regions names; none: the wholes of the first scores
 * Errors: E_DATA for scores without a region that was asked for, or without single trials; E_OUT_OF_RANGE for labels whose role is unclear.
 */
export function readCells(scores: readonly LabelledArtifact[], roles: Roles, regions: readonly string[], measurement: Measurement): { readonly cells: readonly Cell[]; readonly regions: readonly string[] } {
  checkRoles(scores.map(({ labels }) => labels), roles);
  const files = scores.map(({ labels, artifact }) => ({ labels, file: readScores(artifact) }));
  const entries = (file: ScoresFile): readonly RegionEntry[] => (measurement === 'repeat-mean' ? file.repeatMean : file.singleTrial);
  const first = files[0];
  const chosen = regions.length > 0 ? regions : first === undefined ? [] : entries(first.file).map((entry) => entry.name).filter(isWhole);
  const cells = files.flatMap(({ labels, file }) => chosen.map((name): Cell => {
    const region = entries(file).find((entry) => entry.name === name);
    if (region === undefined) {
      throw new PipelineError('E_DATA', `the scores ${describe(labels)} have no region "${name}"`, {
        facts: { expected: name, found: entries(file).map((entry) => entry.name).join(', ') || `no ${measurement} scores` },
        hint: 'Change the parameter regions, or measurement, or take scores of the same voxels.',
      });
    }
    return { labels, region, file };
  }));
  return { cells, regions: chosen };
}

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
