/**
 * Reads the `report.json` of an output. It comes out of a stage, perhaps a user's own, so its shape is checked block by block; a block that
 * is not understood is an error that names its place, never dropped silently.
 */
import { PipelineError } from '../core/errors.js';
import type { ReportBlock } from '../core/report-block.js';

/** @throws PipelineError E_FORMAT with the index of the block and what was expected there */
export function parseReportBlocks(text: string): readonly ReportBlock[] {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (cause) {
    throw new PipelineError('E_FORMAT', '"report.json" is not JSON', { facts: { expected: 'a list of report blocks', found: text.slice(0, 60) }, hint: 'write it with the output writer of the stage', cause });
  }
  if (!Array.isArray(parsed)) throw wrong('report.json', 'a list of report blocks', parsed);
  return parsed.map((block: unknown, i) => checkBlock(block, `block ${i}`));
}

function checkBlock(value: unknown, place: string): ReportBlock {
  const block = record(value, place);
  switch (block['kind']) {
    case 'text':
      return { kind: 'text', text: string(block['text'], `${place}.text`) };
    case 'metrics':
      return { kind: 'metrics', title: string(block['title'], `${place}.title`), values: Object.fromEntries(Object.entries(record(block['values'], `${place}.values`)).map(([name, cell]) => [name, scalar(cell, `${place}.values.${name}`)])) };
    case 'table':
      return {
        kind: 'table',
        title: string(block['title'], `${place}.title`),
        columns: list(block['columns'], `${place}.columns`).map((column, i) => string(column, `${place}.columns[${i}]`)),
        rows: list(block['rows'], `${place}.rows`).map((row, i) => list(row, `${place}.rows[${i}]`).map((cell, j) => scalar(cell, `${place}.rows[${i}][${j}]`))),
      };
    case 'figure':
      return { kind: 'figure', title: string(block['title'], `${place}.title`), file: string(block['file'], `${place}.file`), ...caption(block, place) };
    case 'images':
      return {
        kind: 'images',
        title: string(block['title'], `${place}.title`),
        items: list(block['items'], `${place}.items`).map((value2, i) => {
          const item = record(value2, `${place}.items[${i}]`);
          return { file: string(item['file'], `${place}.items[${i}].file`), ...caption(item, `${place}.items[${i}]`) };
        }),
      };
    default:
      throw wrong(`${place}.kind`, 'text, metrics, table, figure or images', block['kind']);
  }
}

function caption(block: Record<string, unknown>, place: string): { caption?: string } {
  return block['caption'] === undefined ? {} : { caption: string(block['caption'], `${place}.caption`) };
}

function record(value: unknown, place: string): Record<string, unknown> {
  if (value === null || typeof value !== 'object' || Array.isArray(value)) throw wrong(place, 'an object', value);
  return value as Record<string, unknown>;
}

function list(value: unknown, place: string): readonly unknown[] {
  if (!Array.isArray(value)) throw wrong(place, 'a list', value);
  return value;
}

function string(value: unknown, place: string): string {
  if (typeof value !== 'string') throw wrong(place, 'a text', value);
  return value;
}

function scalar(value: unknown, place: string): string | number | null {
  if (value === null || typeof value === 'string' || typeof value === 'number') return value;
  throw wrong(place, 'a number, a text or null', value);
}

function wrong(place: string, expected: string, found: unknown): PipelineError {
  return new PipelineError('E_FORMAT', `"${place}" of the report is not what it should be`, { facts: { expected, found: String(JSON.stringify(found)).slice(0, 80) }, hint: 'fix what the stage writes to report.json' });
}
