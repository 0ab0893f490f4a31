/** Cells gathered into curves: per region and series, at each x the median and the range over the labels that are summarised. */
import { PipelineError } from '../../core/errors.js';
import { median } from '../../math/statistics.js';
import { ceilingOf, describe, summarised, summaryOf, type Cell, type Drawn, type Metric, type Roles } from './cells.js';

/** One of the scores behind a point. */
export interface Member {
  /** its values of the summarised labels, as `summarised` writes them */
  readonly over: string;
  readonly value: number;
  readonly drawn: Drawn | undefined;
}

export interface CurvePoint {
  /** number on the x axis; NaN where there is no axis */
  readonly x: number;
  /** median over the scores; NaN if one of them is not defined, as the median of those that happen to be is of something else */
  readonly value: number;
  /** smallest and largest of the scores summarised; the bootstrap interval of the one score where nothing is summarised; NaN as above */
  readonly low: number;
  readonly high: number;
  /** median over the scores of the noise ceiling, in units of the metric */
  readonly ceiling: number;
  /** scores behind the point, in ascending order of `over` */
  readonly members: readonly Member[];
}

export interface Curve {
  readonly region: string;
  readonly series: string;
  /** ascending x */
  readonly points: readonly CurvePoint[];
}

const ALONE = 'scores';

/**
 * Errors: E_DATA if an x is not a number, or if two scores have the same x, series and summarised labels.
 */
export function curvesOf(cells: readonly Cell[], regions: readonly string[], roles: Roles, metric: Metric): readonly Curve[] {
  const seriesOf = (cell: Cell): string => String(cell.labels[roles.series] ?? ALONE);
  const series = [...new Set(cells.map(seriesOf))];
  return regions.flatMap((region) => series.map((name): Curve => {
    const members = cells.filter((cell) => cell.region.name === region && seriesOf(cell) === name);
    const xs = [...new Set(members.map((cell) => xOf(cell, roles)))].sort((a, b) => a - b);
    // NaN, which stands for no axis, equals itself here.
    return { region, series: name, points: xs.map((x) => pointOf(members.filter((cell) => Object.is(xOf(cell, roles), x)), x, roles, metric)) };
  }));
}

function xOf(cell: Cell, { x }: Roles): number {
  if (x === '') return NaN;
  const value = cell.labels[x];
  if (typeof value === 'number') return value;
  throw new PipelineError('E_DATA', `the label "${x}" of the scores ${describe(cell.labels)} is no number`, { facts: { expected: 'a number', found: String(value) }, hint: 'Take another label as x, or none and this one as series.' });
}

function pointOf(cells: readonly Cell[], x: number, roles: Roles, metric: Metric): CurvePoint {
  const seen = new Set<string>();
  for (const { labels } of cells) {
    const at = summarised(labels, roles);
    if (seen.has(at)) throw new PipelineError('E_DATA', `two of the scores are both ${describe(labels)}`, { facts: { expected: 'scores that differ in some label', found: cells.length }, hint: 'Give the references of the input names: a map instead of a list.' });
    seen.add(at);
  }
  const members = cells.map((cell): Member => ({ over: summarised(cell.labels, roles), value: summaryOf(cell.region, metric).median ?? NaN, drawn: cell.drawn })).sort((a, b) => (a.over < b.over ? -1 : 1));
  const values = members.map(({ value }) => value);
  const only = cells.length === 1 && cells[0] !== undefined ? summaryOf(cells[0].region, metric) : undefined;
  // Math.min and Math.max of a NaN are NaN.
  const [low, high] = only === undefined ? [Math.min(...values), Math.max(...values)] : [only.low ?? NaN, only.high ?? NaN];
  return { x, value: medianOfAll(values), low, high, ceiling: medianOfAll(cells.map((cell) => ceilingOf(cell.region, metric))), members };
}

const medianOfAll = (values: readonly number[]): number => (values.some(Number.isNaN) ? NaN : median(values));
