/**
 * A small matrix as coloured cells (rows such as ROIs, columns such as layers), with the value written in each cell where it fits.
 * Domains that cross zero get a diverging scale centred on zero, others a sequential one; cells that are not finite are hatched grey.
 */
import { scaleBand } from 'd3-scale';
import { markup, type Markup } from '../markup.js';
import { axisBand, bandMargin, CHARACTER_WIDTH, INK, isDrawable, MUTED, pixel, plotArea, sizeOfFigure, svgDocument, type FigureText } from './frame.js';

export interface HeatStrip extends FigureText {
  readonly rows: readonly { readonly label: string; readonly values: ArrayLike<number> }[];
  readonly columns: readonly string[];
  /** what a cell holds, with its unit; written beside the colour key */
  readonly valueLabel: string;
  readonly domain?: readonly [number, number];
}

type Colour = readonly [number, number, number];
const WHITE: Colour = [250, 250, 250];
const BLUE: Colour = [33, 94, 153];
const RED: Colour = [176, 58, 46];
const ROW_HEIGHT = 30;
const DARK_ENOUGH = 0.55;

export function heatStrip(chart: HeatStrip): string {
  const widest = Math.max(0, ...chart.rows.map(({ label }) => label.length)) * CHARACTER_WIDTH;
  const left = Math.min(220, widest + 28);
  const { width } = sizeOfFigure(chart);
  const below = bandMargin(chart.columns, (width - left - 20) / Math.max(1, chart.columns.length)) + 22;
  const text: FigureText = { ...chart, height: chart.height ?? 42 + below + ROW_HEIGHT * Math.max(1, chart.rows.length) };
  const area = plotArea(text, { left, bottom: below });
  const finite = chart.rows.flatMap(({ values }) => Array.from(values).filter(isDrawable));
  const [low, high] = chart.domain ?? [Math.min(0, ...finite), Math.max(0, ...finite)];
  const limit = Math.max(Math.abs(low), Math.abs(high)) || 1;
  const x = scaleBand<string>().domain(chart.columns.map((_, i) => String(i))).range([area.left, area.right]).paddingInner(0.03);
  const y = scaleBand<string>().domain(chart.rows.map((_, i) => String(i))).range([area.top, area.bottom]).paddingInner(0.06);
  const cells: Markup[] = [];
  chart.rows.forEach(({ label, values }, r) => {
    cells.push(markup`<text x="${area.left - 8}" y="${pixel((y(String(r)) ?? 0) + y.bandwidth() / 2 + 4)}" text-anchor="end">${label}</text>`);
    chart.columns.forEach((column, c) => {
      const value = values[c] ?? NaN;
      const [cellX, cellY] = [x(String(c)) ?? 0, y(String(r)) ?? 0];
      const position = markup`x="${pixel(cellX)}" y="${pixel(cellY)}" width="${pixel(x.bandwidth())}" height="${pixel(y.bandwidth())}" rx="2"`;
      if (!isDrawable(value)) {
        cells.push(markup`<rect ${position} fill="#dcdfe3"><title>${label}, ${column}: not finite</title></rect>`);
        return;
      }
      const strength = Math.max(-1, Math.min(1, value / limit));
      cells.push(markup`<rect ${position} fill="${blend(strength)}"><title>${label}, ${column}: ${value.toPrecision(4)}</title></rect>`);
      const written = value.toPrecision(2);
      if (written.length * CHARACTER_WIDTH < x.bandwidth() - 2) {
        cells.push(markup`<text x="${pixel(cellX + x.bandwidth() / 2)}" y="${pixel(cellY + y.bandwidth() / 2 + 4)}" text-anchor="middle" font-size="11" fill="${Math.abs(strength) > DARK_ENOUGH ? '#ffffff' : INK}">${written}</text>`);
      }
    });
  });
  return svgDocument(text, [
    markup`<g>${cells}</g>`,
    axisBand(area, x, chart.columns.map((label, i) => ({ id: String(i), label }))),
    markup`<text x="${area.right}" y="${sizeOfFigure(text).height - 8}" text-anchor="end" font-size="11" fill="${MUTED}">${chart.valueLabel}</text>`,
  ]);
}

function blend(strength: number): string {
  const target = strength < 0 ? RED : BLUE;
  const share = Math.abs(strength);
  return `#${WHITE.map((from, i) => Math.round(from + ((target[i] as number) - from) * share).toString(16).padStart(2, '0')).join('')}`;
}
