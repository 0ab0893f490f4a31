/** Cells gathered into curves: per region and series, at each x the median and the range over the labels that are summarised. */
import { PipelineError } from '../../core/errors.js';
import { median } from '../../math/statistics.js';
import { ceilingOf, describe, summaryOf, type Cell, type Metric, type Roles } from './cells.js';

export interface CurvePoint {
  /** number on the x axis; NaN where there is no axis */
  readonly x: number;
  readonly value: number;
  /** smallest and largest of the scores summarised; the bootstrap interval of the one score where nothing is summarised */
  readonly low: number;
  readonly high: number;
  /** median over the scores of the noise ceiling, in units of the metric */
  readonly ceiling: number;
  /** scores behind the point, and each value */
  readonly values: readonly number[];
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

function pointOf(members: readonly Cell[], x: number, { over }: Roles, metric: Metric): CurvePoint {
  const seen = new Set<string>();
  for (const { labels } of members) {
    const at = JSON.stringify(over.map((label) => labels[label]));
    if (seen.has(at)) throw new PipelineError('E_DATA', `two of the scores are both ${describe(labels)}`, { facts: { expected: 'scores that differ in some label', found: members.length }, hint: 'Give the references of the input names: a map instead of a list.' });
    seen.add(at);
  }
  const values = members.map((cell) => summaryOf(cell.region, metric).median ?? NaN);
  const ceiling = median(members.map((cell) => ceilingOf(cell.region, metric)));
  const only = members.length === 1 && members[0] !== undefined ? summaryOf(members[0].region, metric) : undefined;
  const defined = values.filter((value) => !Number.isNaN(value));
  const [low, high] = only === undefined ? [Math.min(...defined), Math.max(...defined)] : [only.low ?? NaN, only.high ?? NaN];
  return { x, value: median(values), low: Number.isFinite(low) ? low : NaN, high: Number.isFinite(high) ? high : NaN, ceiling, values };
}
