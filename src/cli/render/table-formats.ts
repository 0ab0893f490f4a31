/** Tables as other programs read them: CSV (RFC 4180, one line feed a row) and Markdown. Cells are values, not what a terminal shows of them. */
import type { JsonValue } from '../../core/json.js';

export type Cell = JsonValue | undefined;

/** A spreadsheet takes text that begins with one of these for a formula. */
const FORMULA = /^[=+\-@\t\r]/;

/** Text that a spreadsheet would evaluate gets a leading apostrophe; numbers are left as they are. */
export function csvTable(headings: readonly string[], rows: readonly (readonly Cell[])[]): string {
  const line = (cells: readonly Cell[]): string => cells.map(csvCell).join(',');
  return [line(headings), ...rows.map(line)].join('\n');
}

function csvCell(cell: Cell): string {
  const text = textOf(cell);
  const safe = typeof cell !== 'number' && FORMULA.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

export function markdownTable(headings: readonly string[], rows: readonly (readonly Cell[])[]): string {
  const numeric = headings.map((_, column) => rows.length > 0 && rows.every((row) => row[column] === undefined || row[column] === null || typeof row[column] === 'number'));
  const line = (cells: readonly Cell[]): string => `| ${cells.map(markdownCell).join(' | ')} |`;
  return [line(headings), `| ${numeric.map((right) => (right ? '---:' : '---')).join(' | ')} |`, ...rows.map(line)].join('\n');
}

/** What would end the cell, or be taken for markup. */
function markdownCell(cell: Cell): string {
  return textOf(cell).replace(/[\\|`*_<>[\]~&]/g, '\\$&').replace(/\r\n|\r|\n/g, ' ');
}

function textOf(cell: Cell): string {
  if (cell === undefined || cell === null) return '';
  return typeof cell === 'object' ? JSON.stringify(cell) : String(cell);
}
