/** Curves over a common axis (loss over steps, score over the number of channels), with an optional band between low and high. */
import { scaleLinear, scaleLog } from 'd3-scale';
import { area as areaShape, line as lineShape } from 'd3-shape';
import { markup, type Markup } from '../markup.js';
import { axisX, axisY, colourOf, drawableRange, INK, isDrawable, legend, missingNote, MUTED, pixel, plotArea, svgDocument, type FigureText } from './frame.js';

export interface LineSeries {
  readonly label: string;
  readonly x: ArrayLike<number>;
  readonly y: ArrayLike<number>;
  /** band around the curve, one value per x */
  readonly low?: ArrayLike<number>;
  readonly high?: ArrayLike<number>;
}

export interface LineChart extends FigureText {
  readonly xLabel: string;
  readonly yLabel: string;
  readonly series: readonly LineSeries[];
  /** logarithmic x axis: every x must be positive, others are counted as not drawn */
  readonly logX?: boolean;
  readonly lines?: readonly { readonly value: number; readonly label: string }[];
  readonly yDomain?: readonly [number, number];
}

interface CurvePoint {
  readonly x: number;
  readonly y: number;
  readonly low: number;
  readonly high: number;
}

const DIGITS = 2;
/** Curves of this many points or fewer show them: with few of them it matters where something was measured. */
const MOST_MARKED = 20;

export function lineChart(chart: LineChart): string {
  const area = plotArea(chart, { legend: chart.series.length > 1 });
  const drawable = (value: number): boolean => isDrawable(value) && (chart.logX !== true || value > 0);
  const curves: CurvePoint[][] = chart.series.map(({ x, y, low, high }) =>
    Array.from({ length: x.length }, (_, i) => ({ x: x[i] as number, y: y[i] as number, low: low?.[i] ?? NaN, high: high?.[i] ?? NaN })),
  );
  const points = curves.flat();
  const missing = points.filter((point) => !drawable(point.x) || !isDrawable(point.y)).length;
  const [lowX, highX] = range(points.map((point) => point.x).filter(drawable));
  const [lowY, highY] = range([...points.flatMap((point) => [point.y, point.low, point.high]), ...(chart.lines ?? []).map(({ value }) => value)].filter(isDrawable));
  const x = (chart.logX === true ? scaleLog() : scaleLinear()).domain([lowX, highX]).range([area.left, area.right]);
  const y = scaleLinear().domain(chart.yDomain ?? [lowY, highY]).range([area.bottom, area.top]);
  if (chart.yDomain === undefined) y.nice(6);

  const hasPoint = (point: CurvePoint): boolean => drawable(point.x) && isDrawable(point.y);
  const hasBand = (point: CurvePoint): boolean => drawable(point.x) && isDrawable(point.low) && isDrawable(point.high);
  const toLine = lineShape<CurvePoint>().defined(hasPoint).x((point) => x(point.x)).y((point) => y(point.y)).digits(DIGITS);
  const toBand = areaShape<CurvePoint>().defined(hasBand).x((point) => x(point.x)).y0((point) => y(point.low)).y1((point) => y(point.high)).digits(DIGITS);
  const drawn: Markup[] = curves.map((curve, i) => {
    const band = curve.some(hasBand) ? markup`<path d="${toBand(curve) ?? ''}" fill="${colourOf(i)}" fill-opacity="0.16"/>` : markup``;
    const marks = curve.length > MOST_MARKED ? [] : curve.filter(hasPoint).map((point) => markup`<circle cx="${pixel(x(point.x))}" cy="${pixel(y(point.y))}" r="3" fill="${colourOf(i)}"/>`);
    return markup`${band}<path d="${toLine(curve) ?? ''}" fill="none" stroke="${colourOf(i)}" stroke-width="2" stroke-linejoin="round" stroke-linecap="round"/>${marks}`;
  });
  const lines = (chart.lines ?? []).map(
    ({ value, label }) => markup`<line x1="${area.left}" x2="${area.right}" y1="${pixel(y(value))}" y2="${pixel(y(value))}" stroke="${INK}" stroke-dasharray="5 4"/><text x="${area.right}" y="${pixel(y(value) - 5)}" text-anchor="end" font-size="11" fill="${MUTED}">${label}</text>`,
  );
  return svgDocument(chart, [
    axisY(area, y, chart.yLabel),
    axisX(area, x, chart.xLabel),
    markup`<g>${drawn}</g>`,
    markup`<g>${lines}</g>`,
    chart.series.length > 1 ? legend(area, chart.series.map(({ label }) => label)) : markup``,
    missingNote(chart, missing, missing === 1 ? 'point' : 'points'),
  ]);
}

function range(values: readonly number[]): [number, number] {
  let [low, high] = [Infinity, -Infinity];
  for (const value of values) {
    if (value < low) low = value;
    if (value > high) high = value;
  }
  return drawableRange(low, high);
}
