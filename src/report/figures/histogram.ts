/** Counts of values in equal bins, one outline per series, with vertical marks (a median, a noise ceiling, chance). */
import { bin } from 'd3-array';
import { scaleLinear } from 'd3-scale';
import { markup, type Markup } from '../markup.js';
import { axisX, axisY, colourOf, drawableRange, INK, isDrawable, legend, missingNote, pixel, plotArea, svgDocument, type FigureText } from './frame.js';

export interface Histogram extends FigureText {
  readonly xLabel: string;
  readonly yLabel?: string;
  readonly series: readonly { readonly label: string; readonly values: ArrayLike<number> }[];
  /** how many bins the range is cut into, about (edges are round numbers); default 40 */
  readonly bins?: number;
  readonly domain?: readonly [number, number];
  readonly marks?: readonly { readonly value: number; readonly label: string }[];
}

const DEFAULT_BINS = 40;

export function histogram(chart: Histogram): string {
  const area = plotArea(chart, { legend: chart.series.length > 1 });
  let [low, high] = [Infinity, -Infinity];
  let missing = 0;
  const finite = chart.series.map(({ values }) => {
    const kept: number[] = [];
    for (let i = 0; i < values.length; i += 1) {
      const value = values[i] as number;
      if (!isDrawable(value)) {
        missing += 1;
        continue;
      }
      kept.push(value);
      if (value < low) low = value;
      if (value > high) high = value;
    }
    return kept;
  });
  const [from, to] = chart.domain ?? drawableRange(low, high);
  const x = scaleLinear().domain([from, to]).range([area.left, area.right]);
  if (chart.domain === undefined) x.nice(chart.bins ?? DEFAULT_BINS);
  const [left, right] = x.domain() as [number, number];
  const binner = bin<number, number>().domain([left, right]).thresholds(x.ticks(chart.bins ?? DEFAULT_BINS));
  const binned = finite.map((values) => binner(values));
  const highest = Math.max(1, ...binned.flatMap((bins) => bins.map((one) => one.length)));
  const y = scaleLinear().domain([0, highest]).range([area.bottom, area.top]).nice(5);
  const outlines: Markup[] = binned.map((bins, i) => {
    const path = bins.map((one) => `H${pixel(x(one.x0 ?? left))}V${pixel(y(one.length))}H${pixel(x(one.x1 ?? right))}`).join('');
    return markup`<path d="M${area.left} ${area.bottom}${path}V${area.bottom}Z" fill="${colourOf(i)}" fill-opacity="${chart.series.length > 1 ? 0.35 : 0.7}" stroke="${colourOf(i)}" stroke-width="1.2"/>`;
  });
  const marks = (chart.marks ?? []).filter(({ value }) => isDrawable(value)).map(({ value, label }, i) => {
    const at = pixel(x(value));
    const onRight = at < (area.left + area.right) / 2;
    return markup`<line x1="${at}" x2="${at}" y1="${area.top}" y2="${area.bottom}" stroke="${INK}" stroke-dasharray="5 4"/><text x="${onRight ? at + 6 : at - 6}" y="${area.top + 12 + i * 15}" text-anchor="${onRight ? 'start' : 'end'}" font-size="11">${label}</text>`;
  });
  return svgDocument(chart, [
    axisY(area, y, chart.yLabel ?? 'count'),
    markup`<g>${outlines}</g>`,
    axisX(area, x, chart.xLabel),
    markup`<g>${marks}</g>`,
    chart.series.length > 1 ? legend(area, chart.series.map(({ label }) => label)) : markup``,
    missingNote(chart, missing, missing === 1 ? 'value' : 'values'),
  ]);
}
