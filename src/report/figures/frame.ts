/**
 * What all figures share: size, margins, colours, axes, legend and the outer SVG element with an accessible title and description.
 * Figures are pure functions from data to SVG text; the same data gives the same bytes (coordinates are rounded to 1/100 pixel).
 * Background is white and fonts are the reader's sans-serif, so that a figure can be pasted into slides as it is.
 */
import type { ScaleBand, ScaleLinear, ScaleLogarithmic } from 'd3-scale';
import { markup, type Markup, NOTHING } from '../markup.js';

/** Colour-blind safe, of similar weight on white (after Okabe and Ito, darkened). */
export const PALETTE = ['#2b6ca3', '#d07a1f', '#2f8f6b', '#b0456b', '#6f61ad', '#8a7430', '#4a9fb8', '#7d7d7d'] as const;
export const INK = '#24292f';
export const MUTED = '#6b7480';
export const GRID = '#e6e8eb';

export interface FigureText {
  readonly title: string;
  /** a sentence for readers who do not see the figure; defaults to the title */
  readonly description?: string;
  /** pixels; 720 × 400 when absent */
  readonly width?: number;
  readonly height?: number;
}

export interface Area {
  readonly left: number;
  readonly right: number;
  readonly top: number;
  readonly bottom: number;
}

export type NumberScale = ScaleLinear<number, number> | ScaleLogarithmic<number, number>;

const DEFAULT_WIDTH = 720;
const DEFAULT_HEIGHT = 400;
const TITLE_HEIGHT = 34;
const LEGEND_HEIGHT = 20;
/** mean advance of a sans-serif digit or letter at 12 px; only used to keep labels apart */
export const CHARACTER_WIDTH = 6.6;

export function colourOf(index: number): string {
  return PALETTE[index % PALETTE.length] as string;
}

/** Rounds to 1/100 pixel, without a negative zero. */
export function pixel(value: number): number {
  return Math.round(value * 100) / 100 + 0;
}

export function sizeOfFigure(text: FigureText): { readonly width: number; readonly height: number } {
  return { width: text.width ?? DEFAULT_WIDTH, height: text.height ?? DEFAULT_HEIGHT };
}

/** Beyond this, differences of two values overflow; no unit of ours comes near. */
const LARGEST_DRAWN = 1e100;
/** Ranges narrower than this share of their values have no distinct ticks in float64. */
const NARROWEST_RANGE = 1e-9;

export function isDrawable(value: number): boolean {
  return Math.abs(value) < LARGEST_DRAWN; // false for NaN
}

/** A range that an axis can show: a single value gets room around it, no value at all gives 0 … 1. */
export function drawableRange(low: number, high: number): [number, number] {
  if (!(low <= high)) return [0, 1];
  const size = Math.max(Math.abs(low), Math.abs(high));
  if (high - low > size * NARROWEST_RANGE && size > 1 / LARGEST_DRAWN) return [low, high];
  const room = size > 1 / LARGEST_DRAWN ? size / 2 : 0.5;
  return [low - room, high + room];
}

export interface AreaMargins {
  readonly legend?: boolean;
  readonly left?: number;
  readonly bottom?: number;
  readonly right?: number;
}

export function plotArea(text: FigureText, margins: AreaMargins = {}): Area {
  const { width, height } = sizeOfFigure(text);
  return {
    left: margins.left ?? 64,
    right: width - (margins.right ?? 20),
    top: TITLE_HEIGHT + (margins.legend === true ? LEGEND_HEIGHT : 8),
    bottom: height - (margins.bottom ?? 52),
  };
}

export function svgDocument(text: FigureText, content: readonly Markup[]): string {
  const { width, height } = sizeOfFigure(text);
  return markup`<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img" font-family="sans-serif" font-size="12" fill="${INK}">
<title>${text.title}</title>
<desc>${text.description ?? text.title}</desc>
<rect width="${width}" height="${height}" fill="#ffffff"/>
<text x="16" y="23" font-size="15" font-weight="600">${text.title}</text>
${content.map((part) => markup`${part}\n`)}</svg>
`.text;
}

export function legend(area: Area, labels: readonly string[]): Markup {
  let x = area.left;
  const entries = labels.map((label, i) => {
    const at = x;
    x += label.length * CHARACTER_WIDTH + 34;
    return markup`<rect x="${pixel(at)}" y="${area.top - 19}" width="11" height="11" rx="2" fill="${colourOf(i)}"/><text x="${pixel(at + 16)}" y="${area.top - 9}" fill="${MUTED}">${label}</text>`;
  });
  return markup`<g>${entries}</g>`;
}

/** Ticks of a logarithmic axis crowd: only powers of ten are kept when there are many. */
function ticksOf(scale: NumberScale, count: number): number[] {
  const ticks = scale.ticks(count);
  if (ticks.length <= count * 2) return ticks;
  return ticks.filter((tick) => Number.isInteger(Math.round(Math.log10(tick) * 1e9) / 1e9));
}

export function axisY(area: Area, scale: NumberScale, label: string): Markup {
  const format = scale.tickFormat(6);
  const rows = ticksOf(scale, 6).map((tick) => {
    const y = pixel(scale(tick));
    return markup`<line x1="${area.left}" x2="${area.right}" y1="${y}" y2="${y}" stroke="${GRID}"/><text x="${area.left - 8}" y="${pixel(y + 4)}" text-anchor="end" fill="${MUTED}">${format(tick)}</text>`;
  });
  const middle = pixel((area.top + area.bottom) / 2);
  return markup`<g>${rows}<text transform="translate(17 ${middle}) rotate(-90)" text-anchor="middle">${label}</text></g>`;
}

export function axisX(area: Area, scale: NumberScale, label: string): Markup {
  const format = scale.tickFormat(7);
  const ticks = ticksOf(scale, 7).map((tick) => {
    const x = pixel(scale(tick));
    return markup`<line x1="${x}" x2="${x}" y1="${area.bottom}" y2="${area.bottom + 5}" stroke="${MUTED}"/><text x="${x}" y="${area.bottom + 19}" text-anchor="middle" fill="${MUTED}">${format(tick)}</text>`;
  });
  return markup`<g><line x1="${area.left}" x2="${area.right}" y1="${area.bottom}" y2="${area.bottom}" stroke="${MUTED}"/>${ticks}${axisLabelX(area, label)}</g>`;
}

export function axisLabelX(area: Area, label: string): Markup {
  if (label === '') return NOTHING;
  return markup`<text x="${pixel((area.left + area.right) / 2)}" y="${area.bottom + 41}" text-anchor="middle">${label}</text>`;
}

/** Names below a band scale; slanted when they would touch. */
export function axisBand(area: Area, scale: ScaleBand<string>, names: readonly { readonly id: string; readonly label: string }[]): Markup {
  const longest = Math.max(0, ...names.map(({ label }) => label.length));
  const slanted = longest * CHARACTER_WIDTH > scale.step() - 4;
  const texts = names.map(({ id, label }) => {
    const x = pixel((scale(id) ?? 0) + scale.bandwidth() / 2);
    if (!slanted) return markup`<text x="${x}" y="${area.bottom + 18}" text-anchor="middle">${label}</text>`;
    return markup`<text transform="translate(${x} ${area.bottom + 14}) rotate(-35)" text-anchor="end">${label}</text>`;
  });
  return markup`<g>${texts}</g>`;
}

/** Room that slanted band names need below the axis. */
export function bandMargin(labels: readonly string[], step: number): number {
  const longest = Math.max(0, ...labels.map((label) => label.length)) * CHARACTER_WIDTH;
  return longest > step - 4 ? Math.min(150, 26 + longest * 0.6) : 34;
}

/** Non-finite values cannot be drawn: they are counted under the figure instead of vanishing. */
export function missingNote(text: FigureText, count: number, what: string): Markup {
  if (count === 0) return NOTHING;
  const { width, height } = sizeOfFigure(text);
  return markup`<text x="${width - 12}" y="${height - 8}" text-anchor="end" font-size="11" fill="${MUTED}">${count} ${what} not finite, not drawn</text>`;
}
