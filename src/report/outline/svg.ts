/**
 * An outline as a self-contained SVG picture: no scripts, no fonts, nothing fetched. Labels carry the full name as a title where they had to
 * be cut. Loads the layout library, so load this module only to draw.
 */
import { markup, type Markup } from '../markup.js';
import { answerLine, bundleLabel, bundles, mainAnswer, typeLine, visible } from './labels.js';
import { OUTLINE_ANSWERS, type Outline, type OutlineAnswer, type OutlineNode } from './model.js';
import { place, type Point } from './placement.js';

const FONT = 13;
const SMALL = 11;
const PADDING = 12;
const LINE = 17;
const HEADING = 34;
const LONGEST = 44;
const LONGEST_EDGE = 36;
/** Widths of characters in parts of the font size: generous, because the reader's font is not known. */
const NARROW = 0.62;
const WIDE = 1.05;

interface Look {
  readonly fill: string;
  readonly stroke: string;
  readonly dash?: string;
}
const PLAIN: Look = { fill: '#ffffff', stroke: '#6b7280' };
const LOOKS: Readonly<Record<OutlineAnswer, Look>> = {
  hit: { fill: '#dbeafe', stroke: '#1d4ed8' },
  run: { fill: '#dcfce7', stroke: '#15803d' },
  maybe: { fill: '#fef9c3', stroke: '#a16207', dash: '6 3' },
  skipped: { fill: '#f3f4f6', stroke: '#9ca3af', dash: '2 3' },
};

export function svgPicture(outline: Outline): string {
  const boxes = outline.nodes.map((node) => {
    const lines = [cut(node.name, LONGEST), cut(typeLine(node), LONGEST), answerLine(node)].filter((line) => line !== '');
    return { node, lines, width: Math.max(...lines.map((line, i) => textWidth(line, i === 0 ? FONT : SMALL))) + 2 * PADDING, height: lines.length * LINE + PADDING };
  });
  const indexOf = new Map(outline.nodes.map(({ name }, i) => [name, i]));
  const lines = bundles(outline).map((bundle) => {
    const label = cut(bundleLabel(bundle), LONGEST_EDGE);
    return { bundle, text: label, from: indexOf.get(bundle.from) as number, to: indexOf.get(bundle.to) as number, label: { width: textWidth(label, SMALL) + 8, height: SMALL + 6 } };
  });
  const placed = place(boxes, lines);
  const title = `${outline.pipeline}: ${outline.nodes.length} ${outline.nodes.length === 1 ? 'stage' : 'stages'}${legend(outline)}`;
  const [width, height] = [Math.ceil(Math.max(placed.width, textWidth(title, FONT) + 2 * PADDING)), Math.ceil(placed.height + HEADING)];
  const paths = lines.map(({ bundle }, i) => markup`<path d="${curve(placed.lines[i]?.points ?? [])}" marker-end="url(#arrow)"><title>${visible(bundle.edges.map(({ from, output, to, input, artifact }) => `${from}.${output} → ${to}.${input}: ${artifact}`).join('\n').replaceAll('\n', ' · '))}</title></path>`);
  const labels = lines.map(({ text, label }, i) => {
    const { x, y } = placed.lines[i]?.label ?? { x: 0, y: 0 };
    return markup`<rect x="${round(x - label.width / 2)}" y="${round(y - label.height / 2)}" width="${round(label.width)}" height="${label.height}" rx="3" fill="#ffffff" stroke="none"/><text x="${round(x)}" y="${round(y + SMALL * 0.35)}" text-anchor="middle">${visible(text)}</text>`;
  });
  const drawn = boxes.map((box, i) => drawBox(box, placed.boxes[i] ?? { x: 0, y: 0 }));
  return markup`<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img" aria-label="${visible(title)}" font-family="ui-sans-serif, system-ui, 'Helvetica Neue', Arial, sans-serif">
<defs><marker id="arrow" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto"><path d="M0 0L8 4L0 8z" fill="#6b7280"/></marker></defs>
<rect width="${width}" height="${height}" fill="#ffffff"/>
<text x="${PADDING}" y="22" font-size="${FONT}" fill="#111827">${visible(title)}</text>
<g transform="translate(0 ${HEADING})">
<g fill="none" stroke="#6b7280" stroke-width="1.2">${paths}</g>
<g font-size="${SMALL}" fill="#374151">${labels}</g>
${drawn}
</g>
</svg>
`.text;
}

function drawBox({ node, lines, width, height }: { readonly node: OutlineNode; readonly lines: readonly string[]; readonly width: number; readonly height: number }, { x, y }: Point): Markup {
  const answer = mainAnswer(node);
  const { fill, stroke, dash } = answer === undefined ? PLAIN : LOOKS[answer];
  const [left, top] = [round(x - width / 2), round(y - height / 2)];
  const stacked = node.instances === undefined || node.instances < 2 ? undefined : markup`<rect x="4" y="-4" width="${round(width)}" height="${height}" rx="7" fill="${fill}" stroke="${stroke}"/>`;
  const texts = lines.map((line, i) => markup`<text x="${PADDING}" y="${LINE * (i + 1) + 1}" font-size="${i === 0 ? FONT : SMALL}"${i === 0 ? markup` font-weight="600"` : undefined} fill="${i === 0 ? '#111827' : '#374151'}">${visible(line)}</text>`);
  return markup`<g transform="translate(${left} ${top})"><title>${visible([node.name, typeLine(node), answerLine(node)].filter((line) => line !== '').join(' · '))}</title>${stacked}<rect width="${round(width)}" height="${height}" rx="7" fill="${fill}" stroke="${stroke}" stroke-width="1.4"${dash === undefined ? undefined : markup` stroke-dasharray="${dash}"`}/>${texts}</g>
`;
}

/** How many boxes' instances get which answer, in words. */
function legend({ nodes }: Outline): string {
  const parts = OUTLINE_ANSWERS.flatMap((answer) => {
    const count = nodes.reduce((sum, { answers }) => sum + (answers[answer] ?? 0), 0);
    return count === 0 ? [] : [`${count} ${answer}`];
  });
  return parts.length === 0 ? '' : ` · ${parts.join(', ')}`;
}

/** Straight pieces with rounded corners: it stays close to every given point, so that it passes below its label. */
function curve(points: readonly Point[]): string {
  const [first, ...rest] = points;
  if (first === undefined) return '';
  let text = `M${pair(first)}`;
  rest.forEach((corner, i) => {
    const [before, behind] = [points[i] as Point, rest[i + 1]];
    text += behind === undefined ? `L${pair(corner)}` : `L${pair(towards(corner, before))}Q${pair(corner)} ${pair(towards(corner, behind))}`;
  });
  return text;
}

const CORNER = 40;

/** From the corner on the way to another point: at most half of it. */
function towards(corner: Point, to: Point): Point {
  const length = Math.hypot(to.x - corner.x, to.y - corner.y);
  const part = length === 0 ? 0 : Math.min(CORNER / length, 0.5);
  return { x: corner.x + (to.x - corner.x) * part, y: corner.y + (to.y - corner.y) * part };
}

function pair({ x, y }: Point): string {
  return `${round(x)} ${round(y)}`;
}

function cut(text: string, longest: number): string {
  const characters = [...text];
  return characters.length > longest ? `${characters.slice(0, longest - 1).join('')}…` : text;
}

function textWidth(text: string, size: number): number {
  let width = 0;
  for (const character of text) width += (character.codePointAt(0) as number) < 0x1100 ? NARROW : WIDE;
  return width * size;
}

function round(value: number): number {
  return Math.round(value * 10) / 10 + 0;
}
