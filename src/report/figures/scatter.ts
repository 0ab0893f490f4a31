/**
 * One value against another, with a unity line where both are in the same unit. Up to 5,000 points are drawn one by one; more are drawn as
 * a density of square bins (15,000 voxels as single dots would be a blot, and a megabyte).
 */
import { scaleLinear } from 'd3-scale';
import { markup, type Markup } from '../markup.js';
import { axisX, axisY, colourOf, drawableRange, INK, isDrawable, legend, missingNote, pixel, plotArea, svgDocument, type Area, type FigureText, type NumberScale } from './frame.js';

export interface ScatterSeries {
  readonly label: string;
  readonly x: ArrayLike<number>;
  readonly y: ArrayLike<number>;
}

export interface Scatter extends FigureText {
  readonly xLabel: string;
  readonly yLabel: string;
  readonly series: readonly ScatterSeries[];
  /** draws y = x and gives both axes the same range */
  readonly unity?: boolean;
  readonly xDomain?: readonly [number, number];
  readonly yDomain?: readonly [number, number];
}

const SINGLE_POINTS = 5000;
const DENSITY_BINS = 72;

interface Range {
  low: number;
  high: number;
}

export function scatter(chart: Scatter): string {
  const area = plotArea(chart, { legend: chart.series.length > 1 });
  const [rangeX, rangeY]: [Range, Range] = [{ low: Infinity, high: -Infinity }, { low: Infinity, high: -Infinity }];
  let missing = 0;
  let drawn = 0;
  for (const { x, y } of chart.series) {
    for (let i = 0; i < x.length; i += 1) {
      if (!isDrawable(x[i] as number) || !isDrawable(y[i] as number)) {
        missing += 1;
        continue;
      }
      drawn += 1;
      widen(rangeX, x[i] as number);
      widen(rangeY, y[i] as number);
    }
  }
  if (chart.unity === true && drawn > 0) {
    widen(rangeX, rangeY.low);
    widen(rangeX, rangeY.high);
    rangeY.low = rangeX.low;
    rangeY.high = rangeX.high;
  }
  const scaleX = scaleLinear().domain(chart.xDomain ?? drawableRange(rangeX.low, rangeX.high)).range([area.left, area.right]);
  const scaleY = scaleLinear().domain(chart.yDomain ?? drawableRange(rangeY.low, rangeY.high)).range([area.bottom, area.top]);
  if (chart.xDomain === undefined) scaleX.nice();
  if (chart.yDomain === undefined) scaleY.nice();
  const marks = drawn > SINGLE_POINTS ? density(chart.series, scaleX, scaleY, area) : chart.series.map((series, i) => dots(series, scaleX, scaleY, colourOf(i)));
  return svgDocument(chart, [
    axisY(area, scaleY, chart.yLabel),
    axisX(area, scaleX, chart.xLabel),
    markup`<g>${marks}</g>`,
    chart.unity === true ? unityLine(scaleX, scaleY) : markup``,
    chart.series.length > 1 && drawn <= SINGLE_POINTS ? legend(area, chart.series.map(({ label }) => label)) : markup``,
    missingNote(chart, missing, missing === 1 ? 'point' : 'points'),
  ]);
}

function widen(range: Range, value: number): void {
  if (value < range.low) range.low = value;
  if (value > range.high) range.high = value;
}

function dots({ x, y }: ScatterSeries, scaleX: NumberScale, scaleY: NumberScale, colour: string): Markup {
  const circles: Markup[] = [];
  for (let i = 0; i < x.length; i += 1) {
    if (!isDrawable(x[i] as number) || !isDrawable(y[i] as number)) continue;
    circles.push(markup`<circle cx="${pixel(scaleX(x[i] as number))}" cy="${pixel(scaleY(y[i] as number))}" r="2.4"/>`);
  }
  return markup`<g fill="${colour}" fill-opacity="0.5">${circles}</g>`;
}

function density(series: readonly ScatterSeries[], scaleX: NumberScale, scaleY: NumberScale, area: Area): Markup[] {
  const side = (area.right - area.left) / DENSITY_BINS;
  const counts = new Map<string, number>();
  let highest = 1;
  for (const { x, y } of series) {
    for (let i = 0; i < x.length; i += 1) {
      if (!isDrawable(x[i] as number) || !isDrawable(y[i] as number)) continue;
      const cell = `${Math.floor((scaleX(x[i] as number) - area.left) / side)} ${Math.floor((scaleY(y[i] as number) - area.top) / side)}`;
      const count = (counts.get(cell) ?? 0) + 1;
      counts.set(cell, count);
      if (count > highest) highest = count;
    }
  }
  return [...counts].map(([cell, count]) => {
    const [column, row] = cell.split(' ').map(Number) as [number, number];
    const opacity = pixel(0.12 + (0.88 * Math.log1p(count)) / Math.log1p(highest));
    return markup`<rect x="${pixel(area.left + column * side)}" y="${pixel(area.top + row * side)}" width="${pixel(side)}" height="${pixel(side)}" fill="${colourOf(0)}" fill-opacity="${opacity}"><title>${count}</title></rect>`;
  });
}

function unityLine(scaleX: NumberScale, scaleY: NumberScale): Markup {
  const [xLow, xHigh] = scaleX.domain() as [number, number];
  const [yLow, yHigh] = scaleY.domain() as [number, number];
  const [from, to] = [Math.max(xLow, yLow), Math.min(xHigh, yHigh)];
  if (from >= to) return markup``;
  return markup`<line x1="${pixel(scaleX(from))}" y1="${pixel(scaleY(from))}" x2="${pixel(scaleX(to))}" y2="${pixel(scaleY(to))}" stroke="${INK}" stroke-dasharray="5 4" stroke-opacity="0.7"/>`;
}
