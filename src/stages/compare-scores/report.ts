/** The comparison for a reader: a figure a region, a table of medians, what was claimed, and what stands behind every score. */
import type { ReportBlock } from '../../core/report-block.js';
import { median } from '../../math/statistics.js';
import { barChart, lineChart } from '../../report/figures/index.js';
import type { Cell, Metric, Roles } from './cells.js';
import type { Verdict } from './claims.js';
import type { Curve } from './curves.js';

const METRIC_NAMES: Readonly<Record<Metric, string>> = { r: 'r', r2: 'r²', r2_over_nc: 'r²/NC' };
const DIGITS = 4;
const round = (value: number): number | null => (Number.isFinite(value) ? Number(value.toPrecision(DIGITS)) : null);
const CEILING = 'noise ceiling';

export interface Comparison {
  readonly metric: Metric;
  readonly roles: Roles;
  readonly logX: boolean;
  readonly regions: readonly string[];
  readonly cells: readonly Cell[];
  readonly curves: readonly Curve[];
  readonly verdicts: readonly Verdict[];
}

export const figureOf = (region: string): string => `${region.replace(/[^A-Za-z0-9.-]+/g, '-')}.svg`;

/** What the band or whisker around a value is. */
function spread({ roles, curves }: Comparison): string {
  return curves.some(({ points }) => points.some(({ members }) => members.length > 1))
    ? `median and range over ${roles.over.join(' and ')}`
    : 'bootstrap interval over images';
}

export function regionFigure(comparison: Comparison, region: string): string {
  const { metric, roles, logX } = comparison;
  const curves = comparison.curves.filter((curve) => curve.region === region);
  const text = { title: region, description: `Median ${METRIC_NAMES[metric]} over the voxels of ${region}: ${spread(comparison)}.`, yLabel: `median ${METRIC_NAMES[metric]} over voxels` };
  const fixed = metric === 'r2_over_nc' ? { lines: [{ value: 1, label: CEILING }] } : {};
  if (roles.x === '') {
    const bars = curves.map(({ series, points: [point] }) => ({ label: series, bars: [{ label: METRIC_NAMES[metric], value: point?.value ?? null, ...(point === undefined ? {} : { low: point.low, high: point.high, dots: point.members.map(({ value: dot }) => dot) }) }] }));
    const ceiling = metric === 'r2_over_nc' ? 1 : Math.max(...curves.flatMap(({ points }) => points.map((point) => point.ceiling)));
    return barChart({ ...text, groups: bars, lines: Number.isFinite(ceiling) ? [{ value: ceiling, label: CEILING }] : [] });
  }
  const series = curves.map(({ series: label, points }) => ({ label, x: points.map(({ x }) => x), y: points.map(({ value }) => value), low: points.map(({ low }) => low), high: points.map(({ high }) => high) }));
  const longest = curves.reduce<Curve | undefined>((most, curve) => (most === undefined || curve.points.length > most.points.length ? curve : most), undefined);
  const ceilings = metric === 'r2_over_nc' || longest === undefined ? [] : [{ label: CEILING, x: longest.points.map(({ x }) => x), y: longest.points.map(({ ceiling }) => ceiling) }];
  return lineChart({ ...text, xLabel: roles.x, series: [...series, ...ceilings], logX, ...fixed });
}

export function comparisonReport(comparison: Comparison): readonly ReportBlock[] {
  const { metric, roles, regions, cells, curves, verdicts } = comparison;
  const name = METRIC_NAMES[metric];
  const xs = [...new Set(curves.flatMap(({ points }) => points.map(({ x }) => x)))].sort((a, b) => a - b);
  const columns = roles.x === '' ? [name] : xs.map((x) => `${roles.x} ${x}`);
  return [
    ...(verdicts.length === 0 ? [] : [claimTable(verdicts, roles.x)]),
    ...regions.map((region): ReportBlock => ({ kind: 'figure', title: `${name} in ${region}`, file: figureOf(region), caption: `Median over the voxels: ${spread(comparison)}.` })),
    {
      kind: 'table', title: `Median ${name}${roles.over.length > 0 ? `, median over ${roles.over.join(' and ')}` : ''}`, columns: ['region', roles.series, ...columns],
      rows: curves.map(({ region, series, points }) => [region, series, ...xs.map((x) => round(points.find((point) => Object.is(point.x, x))?.value ?? NaN))]),
    },
    originTable(comparison),
    ceilingTable(cells, regions),
  ];
}

/** n, p and test images of each point: one number, or the range over the scores behind it. */
function originTable({ roles, cells, regions }: Comparison): ReportBlock {
  const first = cells.filter((cell) => cell.region.name === regions[0]);
  const named = roles.x === '' ? [roles.series] : [roles.series, roles.x];
  const points = new Map<string, Cell[]>();
  for (const cell of first) {
    const at = JSON.stringify(named.map((label) => cell.labels[label] ?? ''));
    points.set(at, [...(points.get(at) ?? []), cell]);
  }
  const range = (members: readonly Cell[], of: (cell: Cell) => number): string => [...new Set([Math.min(...members.map(of)), Math.max(...members.map(of))])].join(' … ');
  return {
    kind: 'table', title: 'What stands behind each point', columns: [...named, 'scores', 'training images (n)', 'features (p)', 'test images'],
    rows: [...points].map(([at, members]) => [...(JSON.parse(at) as (string | number)[]), members.length, range(members, ({ file }) => file.trainingImages), range(members, ({ file }) => file.features), range(members, ({ file }) => file.images)]),
  };
}

function ceilingTable(cells: readonly Cell[], regions: readonly string[]): ReportBlock {
  return {
    kind: 'table', title: 'Noise ceilings of the voxels (r² units; medians over the scores)', columns: ['region', 'voxels', 'lower quartile', 'median', 'upper quartile'],
    rows: regions.map((name) => {
      const members = cells.filter((cell) => cell.region.name === name).map((cell) => cell.region);
      const middle = (of: (entry: Cell['region']) => number | null): number | null => round(median(members.map((entry) => of(entry) ?? NaN)));
      return [name, members[0]?.voxels ?? 0, middle((entry) => entry.ceilingQuartiles[0]), middle((entry) => entry.ceiling), middle((entry) => entry.ceilingQuartiles[1])];
    }),
  };
}

export function labelNames(cells: readonly Cell[]): readonly string[] {
  return [...new Set(cells.flatMap(({ labels }) => Object.keys(labels)))].sort();
}

function claimTable(verdicts: readonly Verdict[], x: string): ReportBlock {
  const places = ({ failures }: Verdict): string => [...new Set(failures.map(({ why }) => why))].map((why) => {
    const xs = [...new Set(failures.filter((failure) => failure.why === why).map((failure) => failure.x))];
    return `${xs.some(Number.isNaN) ? '' : `${x} ${xs.join(', ')}: `}${why}`;
  }).join('; ');
  return {
    kind: 'table', title: 'Claims', columns: ['claim', 'region', 'held', 'comparisons', 'fails at', 'smallest margin', 'pairs with an interval above 0', 'lowest end of an interval', 'largest p'],
    rows: verdicts.map((verdict) => {
      const { differences } = verdict;
      const significant = differences.filter(({ low }) => low > 0).length;
      return [
        verdict.claim, verdict.region, verdict.held ? 'yes' : 'no', verdict.checked, places(verdict), round(verdict.margin),
        differences.length === 0 ? '' : `${significant} of ${differences.length}`, round(Math.min(...differences.map(({ low }) => low))), round(Math.max(...differences.map(({ p }) => p))),
      ];
    }),
  };
}
