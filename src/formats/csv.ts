/**
 * Comma-separated values as RFC 4180 has them: quoted fields with commas, quotes and line breaks. Read as a stream of rows (NSD's
 * stimulus table has 73,000) and written deterministically with \n. Every row must have as many fields as the header. Values stay text.
 */
import { closeSync, createReadStream, writeFileSync } from 'node:fs';
import { PipelineError } from '../core/errors.js';
import { formatError, openForReading } from './bytes.js';

const QUOTE = 34;
const COMMA = 44;
const LINE_FEED = 10;
const CARRIAGE_RETURN = 13;
/** A field longer than this means an unclosed quote, not data. */
const LARGEST_FIELD = 1 << 20;

/**
 * Calls `onRow` for every row after the header, with the fields in the order of the file. The array is the caller's.
 * @returns the header. Errors: E_FORMAT for an unclosed or misplaced quote, another number of fields than the header has, or no header.
 */
export async function readCsv(path: string, onRow: (fields: string[], row: number) => void): Promise<string[]> {
  let header: string[] | undefined;
  let row = 0;
  const parser = new CsvParser(path, (fields) => {
    if (header === undefined) {
      header = fields;
      return;
    }
    if (fields.length !== header.length) {
      throw formatError(path, `has another number of fields in row ${row + 1}`, { expected: `${header.length} as the header has`, found: fields.length });
    }
    onRow(fields, row);
    row += 1;
  });
  const file = openForReading(path);
  closeSync(file.fd);
  try {
    for await (const chunk of createReadStream(path, { encoding: 'utf8', highWaterMark: 1 << 20 })) parser.push(chunk as string);
  } catch (cause) {
    if (cause instanceof PipelineError || !(cause instanceof Error) || !('syscall' in cause)) throw cause;
    throw formatError(path, 'cannot be read', { expected: 'readable text', found: cause.message, cause });
  }
  parser.end();
  if (header === undefined) throw formatError(path, 'has no header', { expected: 'names of columns in the first row', found: 'an empty file' });
  return header;
}

/** Calls `onRow` with the named columns only, in the order asked for. Errors: E_FORMAT for a missing or repeated column; those of `readCsv`. */
export async function readCsvColumns(path: string, columns: readonly string[], onRow: (fields: string[], row: number) => void): Promise<void> {
  const header = await readHeader(path);
  const at = columns.map((column) => {
    const position = header.indexOf(column);
    if (position < 0 || header.indexOf(column, position + 1) >= 0) {
      throw formatError(path, position < 0 ? `has no column "${column}"` : `has two columns "${column}"`, { expected: column, found: header.join(', ').slice(0, 400) });
    }
    return position;
  });
  await readCsv(path, (fields, row) => onRow(at.map((position) => fields[position] as string), row));
}

class HeaderFound extends Error {}

async function readHeader(path: string): Promise<string[]> {
  let header: string[] = [];
  try {
    return await readCsvUntilHeader(path, (fields) => {
      header = fields;
    });
  } catch (error) {
    if (error instanceof HeaderFound) return header;
    throw error;
  }
}
