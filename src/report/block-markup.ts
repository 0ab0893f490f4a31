/** Report blocks as HTML. Files that a block names must have been embedded by whoever built the model; a missing one is said, not hidden. */
import { unreachable } from '../core/unreachable.js';
import type { ReportBlock } from '../core/report-block.js';
import { formatCell } from './format.js';
import { markup, type Markup } from './markup.js';
import { IMAGE_MIMES, type EmbeddedFile, type ReportOutput } from './model.js';

/** Longer tables scroll in their own box. */
const ROWS_WITHOUT_SCROLLING = 16;
const FEW_IMAGES = 4;

/** Consecutive figures share a row where the page is wide enough. */
export function blocksMarkup(output: ReportOutput): Markup[] {
  const parts: Markup[] = [];
  let figures: Markup[] = [];
  const flush = (): void => {
    if (figures.length > 0) parts.push(markup`<div class="${figures.length === 1 ? 'plots single' : 'plots'}">${figures}</div>`);
    figures = [];
  };
  for (const block of output.blocks) {
    const drawn = blockMarkup(block, output);
    if (block.kind === 'figure') figures.push(drawn);
    else {
      flush();
      parts.push(drawn);
    }
  }
  flush();
  return parts;
}

function blockMarkup(block: ReportBlock, output: ReportOutput): Markup {
  switch (block.kind) {
    case 'text':
      return markup`<p class="text">${block.text}</p>`;
    case 'metrics':
      return markup`<h3>${block.title}</h3><div class="tiles">${Object.entries(block.values).map(([name, value]) => markup`<div class="tile"><b>${formatCell(value)}</b><span>${name}</span></div>`)}</div>`;
    case 'table':
      return markup`<h3>${block.title}</h3>${tableMarkup(block.columns, block.rows)}`;
    case 'figure':
      return markup`<figure class="plot">${picture(output.files.get(block.file), block.file, block.title)}<figcaption><b>${block.title}.</b>${block.caption === undefined ? '' : ` ${block.caption}`}</figcaption></figure>`;
    case 'images': {
      const kind = block.items.length === 1 ? 'gallery single' : block.items.length <= FEW_IMAGES ? 'gallery few' : 'gallery';
      return markup`<h3>${block.title}</h3><div class="${kind}">${block.items.map((item) => markup`<figure>${picture(output.files.get(item.file), item.file, item.caption ?? block.title)}${captionMarkup(item.caption)}</figure>`)}</div>`;
    }
    default:
      return unreachable(block);
  }
}

export function tableMarkup(columns: readonly string[], rows: readonly (readonly (string | number | null)[])[]): Markup {
  const numeric = columns.map((_, i) => rows.length > 0 && rows.every((row) => row[i] === null || row[i] === undefined || typeof row[i] === 'number'));
  const kind = (i: number): Markup => (numeric[i] === true ? markup` class="number"` : markup``);
  const head = columns.map((column, i) => markup`<th${kind(i)}>${column}</th>`);
  const body = rows.map((row) => markup`<tr>${columns.map((_, i) => markup`<td${kind(i)}>${formatCell(row[i] ?? null)}</td>`)}</tr>\n`);
  return markup`<div class="${rows.length > ROWS_WITHOUT_SCROLLING ? 'scroll tall' : 'scroll'}"><table><thead><tr>${head}</tr></thead><tbody>${body}</tbody></table></div>`;
}

function captionMarkup(caption: string | undefined): Markup {
  return caption === undefined ? markup`` : markup`<figcaption>${caption}</figcaption>`;
}

const BASE64 = /^[A-Za-z0-9+/]*={0,2}$/;

/** An SVG inside an `img` runs no script and loads nothing, whatever it holds. */
function picture(file: EmbeddedFile | undefined, name: string, alt: string): Markup {
  if (file === undefined) return markup`<p class="muted">${name} is not shown: it is not among the files of this output, or too large to embed.</p>`;
  if (!IMAGE_MIMES.includes(file.mime) || !BASE64.test(file.base64)) return markup`<p class="muted">${name} is not a picture.</p>`;
  return markup`<img src="data:${file.mime};base64,${file.base64}" alt="${alt}" loading="lazy">`;
}
