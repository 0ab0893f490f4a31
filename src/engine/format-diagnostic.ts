/**
 * Prints an error as people read it: place and code, what happened, the lines of the source with a caret, facts, and what to do next.
 * Text from outside (names, values, source lines) may hold control characters: they are shown as pictures, never sent to the terminal.
 */
import type { PipelineError } from '../core/errors.js';
import type { SourceSpan } from '../core/source-span.js';
import { isOverrideSpan } from './diagnostics.js';

export interface FormatOptions {
  readonly color?: boolean;
}

const TAB_WIDTH = 4;
/** Columns of source shown of one line; longer lines are cut around the place. */
const WIDEST_LINE = 110;
const CONTEXT_BEFORE = 40;

/**
 * The whole message, without a line break at the end.
 *
 * @param sourceText text of the file that `error.span` names; without it no source lines are shown
 */
export function formatDiagnostic(error: PipelineError, sourceText?: string, options: FormatOptions = {}): string {
  const paint = options.color === true ? ansi : plain;
  const { span } = error;
  const place = span === undefined ? '' : `${paint.bold(visible(tabless(placeText(span))))}  `;
  const lines = [`${place}${paint.red(error.code)}  ${visible(tabless(error.message))}`];
  if (span !== undefined && sourceText !== undefined && !isOverrideSpan(span)) lines.push(...excerpt(sourceText, span, paint));
  for (const [name, value] of Object.entries(error.facts)) lines.push(`  ${paint.dim(`${visible(name)}:`)} ${shown(String(value))}`);
  if (error.hint !== undefined) lines.push(`  ${paint.green(visible(tabless(error.hint)))}`);
  return lines.join('\n');
}

/** In a name that a message quotes, a tab is shown for what it is. */
function tabless(text: string): string {
  return text.replaceAll('\t', '\u2409');
}

function placeText(span: SourceSpan): string {
  return isOverrideSpan(span) ? span.file : `${span.file}:${span.line}:${span.column}`;
}

/** The line of the place, the line before it, and the caret. */
function excerpt(sourceText: string, span: SourceSpan, paint: Paint): string[] {
  const all = sourceText.replace(/^\uFEFF/, '').split(/\r?\n/);
  const text = all[span.line - 1];
  if (text === undefined) return [];
  const gutter = String(span.line).length;
  const start = Math.min(span.column - 1, text.length);
  const from = start > WIDEST_LINE - CONTEXT_BEFORE ? start - CONTEXT_BEFORE : 0;
  const cut = (line: string): string => (from > 0 ? '…' : '') + shown(line.slice(from, from + WIDEST_LINE)) + (line.length > from + WIDEST_LINE ? '…' : '');
  const row = (number: number, line: string): string => paint.dim(`  ${String(number).padStart(gutter)} | `) + line;
  const lines: string[] = [];
  const before = all[span.line - 2];
  if (before !== undefined && before.trim() !== '' && from === 0) lines.push(row(span.line - 1, cut(before)));
  lines.push(row(span.line, cut(text)));
  const end = Math.min(start + Math.max(1, span.length), from + WIDEST_LINE);
  const lead = displayWidth(shown(text.slice(from, start))) + (from > 0 ? 1 : 0);
  const width = Math.max(1, displayWidth(shown(text.slice(start, end))));
  lines.push(paint.dim(`  ${' '.repeat(gutter)} | `) + ' '.repeat(lead) + paint.red('^'.repeat(width)));
  return lines;
}

function shown(text: string): string {
  return visible(text.replaceAll('\t', ' '.repeat(TAB_WIDTH)));
}

/** C0, DEL, C1 and the invisible characters that turn the direction of text: none of them reaches the terminal. */
export function visible(text: string): string {
  // eslint-disable-next-line no-control-regex -- control characters are what this looks for
  return text.replace(/[\u0000-\u0008\u000B-\u001F\u007F-\u009F\u200E\u200F\u202A-\u202E\u2066-\u2069]/g, (character) => {
    const code = character.charCodeAt(0);
    return code < 0x20 ? String.fromCharCode(0x2400 + code) : '\uFFFD';
  });
}

/** Terminal columns: 2 for East Asian wide characters and emoji, 0 for combining marks and joiners. */
function displayWidth(text: string): number {
  let width = 0;
  for (const character of text) {
    if (/^[\p{Mn}\p{Me}\u200B-\u200D\uFE0F]$/u.test(character)) continue;
    width += WIDE.test(character) ? 2 : 1;
  }
  return width;
}

const WIDE = /^[\u1100-\u115F\u2E80-\u303E\u3041-\u33FF\u3400-\u4DBF\u4E00-\u9FFF\uA000-\uA4CF\uAC00-\uD7A3\uF900-\uFAFF\uFE30-\uFE4F\uFF00-\uFF60\uFFE0-\uFFE6\u{1F300}-\u{1F64F}\u{1F680}-\u{1F6FF}\u{1F900}-\u{1F9FF}\u{20000}-\u{3FFFD}]$/u;

type Paint = Readonly<Record<'bold' | 'red' | 'green' | 'dim', (text: string) => string>>;

const plain: Paint = { bold: (text) => text, red: (text) => text, green: (text) => text, dim: (text) => text };
const ansi: Paint = {
  bold: (text) => `\u001B[1m${text}\u001B[22m`,
  red: (text) => `\u001B[31m${text}\u001B[39m`,
  green: (text) => `\u001B[32m${text}\u001B[39m`,
  dim: (text) => `\u001B[2m${text}\u001B[22m`,
};
