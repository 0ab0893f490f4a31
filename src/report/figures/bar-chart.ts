/** Bars in groups, from zero, with intervals and single observations (a bar is never shown without what it summarises, when that is given). */
import { scaleBand, scaleLinear } from 'd3-scale';
import { markup, type Markup } from '../markup.js';
import { axisBand, axisLabelX, axisY, bandMargin, colourOf, drawableRange, INK, isDrawable, legend, missingNote, MUTED, pixel, plotArea, sizeOfFigure, svgDocument, type FigureText } from './frame.js';

export interface Bar {
  /** bars with the same label share a colour and a legend entry */
  readonly label: string;
  /** null or NaN: no bar is drawn and the figure says so */
  readonly value: number | null;
  /** interval around the value, drawn as a whisker */
  readonly low?: number;
  readonly high?: number;
  /** single observations (e.g. one per subject), drawn as dots */
  readonly dots?: readonly number[];
}

export interface BarChart extends FigureText {
  readonly xLabel?: string;
  readonly yLabel: string;
  readonly groups: readonly { readonly label: string; readonly bars: readonly Bar[] }[];
  /** horizontal lines such as a noise ceiling or chance */
  readonly lines?: readonly { readonly value: number; readonly label: string }[];
  /** range of the y axis; by default 0 and all values, widened to round numbers */
  readonly domain?: readonly [number, number];
}

const DOT_SPREAD = 0.6;
/** fractional golden ratio: dots spread evenly whatever their number, without random numbers */
const GOLDEN = 0.6180339887498949;

export function barChart(chart: BarChart): string {
  const series = [...new Set(chart.groups.flatMap((group) => group.bars.map((bar) => bar.label)))];
  const { width } = sizeOfFigure(chart);
  const groupLabels = chart.groups.map((group) => group.label);
  const step = (width - 84) / Math.max(1, chart.groups.length);
  const area = plotArea(chart, { legend: series.length > 1, bottom: bandMargin(groupLabels, step) + (chart.xLabel === undefined ? 0 : 18) });
  const values = chart.groups.flatMap((group) => group.bars.flatMap((bar) => [bar.value ?? NaN, bar.low ?? NaN, bar.high ?? NaN, ...(bar.dots ?? [])]));
  const finite = [0, ...[...values, ...(chart.lines ?? []).map((line) => line.value)].filter(isDrawable)];
  const y = scaleLinear().domain(chart.domain ?? drawableRange(Math.min(...finite), Math.max(...finite))).range([area.bottom, area.top]);
  if (chart.domain === undefined) y.nice(6);
  const outer = scaleBand<string>().domain(chart.groups.map((_, i) => String(i))).range([area.left, area.right]).paddingInner(0.28).paddingOuter(0.18);
  const inner = scaleBand<string>().domain(series).range([0, outer.bandwidth()]).padding(series.length > 1 ? 0.12 : 0);
  let missing = 0;

  const bars: Markup[] = [];
  chart.groups.forEach((group, g) => {
    for (const bar of group.bars) {
      const value = bar.value;
      if (value === null || !isDrawable(value)) {
        missing += 1;
        continue;
      }
      const x = (outer(String(g)) ?? 0) + (inner(bar.label) ?? 0);
      const centre = pixel(x + inner.bandwidth() / 2);
      const top = Math.min(y(value), y(0));
      bars.push(markup`<rect x="${pixel(x)}" y="${pixel(top)}" width="${pixel(inner.bandwidth())}" height="${pixel(Math.abs(y(value) - y(0)))}" fill="${colourOf(series.indexOf(bar.label))}" fill-opacity="0.85"><title>${group.label}${series.length > 1 ? ` · ${bar.label}` : ''}: ${value.toPrecision(4)}</title></rect>`);
      if (bar.low !== undefined && bar.high !== undefined && isDrawable(bar.low) && isDrawable(bar.high)) {
        const [low, high] = [pixel(y(bar.low)), pixel(y(bar.high))];
        bars.push(markup`<path d="M${centre} ${low}V${high}M${pixel(centre - 4)} ${low}h8M${pixel(centre - 4)} ${high}h8" stroke="${INK}" stroke-width="1.4" fill="none"/>`);
      }
      (bar.dots ?? []).forEach((dot, i) => {
        if (!isDrawable(dot)) return;
        const offset = (((i + 1) * GOLDEN) % 1) - 0.5;
        bars.push(markup`<circle cx="${pixel(centre + offset * DOT_SPREAD * inner.bandwidth())}" cy="${pixel(y(dot))}" r="2.6" fill="#ffffff" stroke="${INK}" stroke-width="1"/>`);
      });
    }
  });
  const lines = (chart.lines ?? []).map(
    ({ value, label }) => markup`<line x1="${area.left}" x2="${area.right}" y1="${pixel(y(value))}" y2="${pixel(y(value))}" stroke="${INK}" stroke-dasharray="5 4"/><text x="${area.right}" y="${pixel(y(value) - 5)}" text-anchor="end" font-size="11" fill="${MUTED}">${label}</text>`,
  );
  const zero = pixel(y(0));
  return svgDocument(chart, [
    axisY(area, y, chart.yLabel),
    markup`<g>${bars}</g>`,
    markup`<line x1="${area.left}" x2="${area.right}" y1="${zero}" y2="${zero}" stroke="${MUTED}"/>`,
    markup`<g>${lines}</g>`,
    axisBand(area, outer, groupLabels.map((label, i) => ({ id: String(i), label }))),
    chart.xLabel === undefined ? markup`` : axisLabelX({ ...area, bottom: sizeOfFigure(chart).height - 50 }, chart.xLabel),
    series.length > 1 ? legend(area, series) : markup``,
    missingNote(chart, missing, missing === 1 ? 'value' : 'values'),
  ]);
}
