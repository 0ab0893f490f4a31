/**
 * Comma-separated values as RFC 4180 has them: quoted fields with commas, quotes and line breaks. Read as a stream of rows (NSD's
 * stimulus table has 73,000) and written deterministically with \n. Every row must have as many fields as the header; empty lines are
 * skipped. Values stay text: what they mean is the caller's matter.
 */
import { closeSync, openSync, readSync } from 'node:fs';
import { PipelineError } from '../core/errors.js';
import { formatError, openForReading, writeFully } from './bytes.js';

const BLOCK_BYTES = 1 << 20;
/** A field longer than this means an unclosed quote, not data. */
const LARGEST_FIELD = 1 << 20;

type OnRow = (fields: string[], row: number) => void;

/**
 * Calls `onRow` for every row after the header, with its fields in the order of the file (an array of the caller's own) and its 0-based number.
 * @param onHeader called before the first row
 * Errors: E_FORMAT for an unclosed or misplaced quote, another number of fields than the header has, text that is not UTF-8, or no header.
 */
export async function readCsv(path: string, onRow: OnRow, onHeader?: (names: readonly string[]) => void): Promise<void> {
  let width: number | undefined;
  let row = 0;
  const parser = new CsvParser(path, (fields) => {
    if (width === undefined) {
      width = fields.length;
      onHeader?.(fields);
      return;
    }
    if (fields.length !== width) {
      throw formatError(path, `has another number of fields in row ${row + 1}`, { expected: `${width} as the header has`, found: fields.length });
    }
    onRow(fields, row);
    row += 1;
  });
  const decoder = new TextDecoder('utf-8', { fatal: true });
  const decode = (bytes: Uint8Array, more: boolean): string => {
    try {
      return decoder.decode(bytes, { stream: more });
    } catch (cause) {
      throw formatError(path, 'is not UTF-8 text', { expected: 'UTF-8', found: 'other bytes', cause });
    }
  };
  const { fd } = openForReading(path);
  try {
    const block = new Uint8Array(BLOCK_BYTES);
    for (let got = readSync(fd, block); got > 0; got = readSync(fd, block)) {
      parser.push(decode(block.subarray(0, got), true));
      // Between blocks others get their turn: progress, an abort.
      await new Promise((resolve) => setImmediate(resolve));
    }
    parser.push(decode(new Uint8Array(0), false));
    parser.end();
  } finally {
    closeSync(fd);
  }
  if (width === undefined) throw formatError(path, 'has no header', { expected: 'names of columns in the first row', found: 'an empty file' });
}

/** As `readCsv`, with the named columns only, in the order asked for. Errors: also E_FORMAT for a missing or repeated column. */
export async function readCsvColumns(path: string, columns: readonly string[], onRow: OnRow): Promise<void> {
  let positions: readonly number[] = [];
  await readCsv(
    path,
    (fields, row) => onRow(positions.map((position) => fields[position] as string), row),
    (names) => {
      positions = columns.map((column) => {
        const position = names.indexOf(column);
        if (position < 0 || names.includes(column, position + 1)) {
          const what = position < 0 ? `has no column "${column}"` : `has two columns "${column}"`;
          throw formatError(path, what, { expected: column, found: names.join(', ').slice(0, 400) });
        }
        return position;
      });
    },
  );
}

/** Pushed pieces of text in, rows out. */
class CsvParser {
  readonly #path: string;
  readonly #onRow: (fields: string[]) => void;
  #fields: string[] = [];
  #field = '';
  /** start: nothing of the field read yet · plain · quoted: inside quotes · closed: after a closing quote, or the first of a doubled one */
  #state: 'start' | 'plain' | 'quoted' | 'closed' = 'start';
  #afterReturn = false;
  /** the row holds one field and nothing was written in it, not even quotes */
  #blank = false;

  constructor(path: string, onRow: (fields: string[]) => void) {
    this.#path = path;
    this.#onRow = onRow;
  }

  push(text: string): void {
    let from = 0;
    for (let at = 0; at < text.length; at += 1) {
      const char = text[at] as string;
      if (this.#afterReturn && char !== '\n') throw this.#error('a line feed after a carriage return', char);
      if (this.#state === 'quoted') {
        if (char !== '"') continue;
        this.#field += text.slice(from, at);
        from = at + 1;
        this.#state = 'closed';
      } else if (char === ',' || char === '\n') {
        this.#endField(text.slice(from, this.#afterReturn ? from : at));
        this.#afterReturn = false;
        if (char === '\n') this.#endRow();
        from = at + 1;
      } else if (char === '\r') {
        this.#field += text.slice(from, at);
        from = at + 1;
        this.#afterReturn = true;
      } else if (char === '"') {
        if (this.#state === 'plain') throw this.#error('quotes around the whole field', 'a quote inside it');
        // Right after a closing quote it stands for one quote and the field goes on.
        if (this.#state === 'closed') this.#field += '"';
        from = at + 1;
        this.#state = 'quoted';
      } else {
        if (this.#state === 'closed') throw this.#error('a comma or the end of the line after a closing quote', char);
        this.#state = 'plain';
      }
    }
    this.#field += text.slice(from);
    if (this.#field.length > LARGEST_FIELD) throw this.#error(`fields of at most ${LARGEST_FIELD} characters`, 'a longer one: is a quote left open?');
  }

  end(): void {
    if (this.#state === 'quoted') throw this.#error('a closing quote', 'the end of the file');
    if (this.#afterReturn) throw this.#error('a line feed after a carriage return', 'the end of the file');
    if (this.#state !== 'start' || this.#fields.length > 0) {
      this.#endField('');
      this.#endRow();
    }
  }

  #endField(rest: string): void {
    this.#fields.push(this.#state === 'closed' ? this.#field : this.#field + rest);
    this.#field = '';
    this.#blank = this.#state === 'start' && this.#fields.length === 1;
    this.#state = 'start';
  }

  #endRow(): void {
    const fields = this.#fields;
    this.#fields = [];
    if (!(fields.length === 1 && this.#blank)) this.#onRow(fields);
  }

  #error(expected: string, found: string): PipelineError {
    return formatError(this.#path, `is malformed near ${JSON.stringify([...this.#fields, this.#field].join(',').slice(-60))}`, { expected, found });
  }
}

/** A value as a field: quoted only where it must be. Numbers as JavaScript writes them (shortest that reads back the same), null as nothing. */
function toField(value: string | number | boolean | null, alone: boolean): string {
  const text = value === null ? '' : String(value);
  return /[",\r\n]/.test(text) || (alone && text === '') ? `"${text.replaceAll('"', '""')}"` : text;
}

/** Writes row by row with \n; every row is held to the width of the header. */
export class CsvWriter {
  readonly #path: string;
  readonly #width: number;
  readonly #fd: number;
  #pending: string[] = [];
  #pendingLength = 0;

  constructor(path: string, columns: readonly string[]) {
    this.#path = path;
    this.#width = columns.length;
    this.#fd = openSync(path, 'w');
    this.row(columns);
  }

  /** Errors: E_DATA for another number of values than there are columns. */
  row(values: readonly (string | number | boolean | null)[]): void {
    if (values.length !== this.#width) {
      throw new PipelineError('E_DATA', `a row does not fit "${this.#path}"`, { facts: { expected: `${this.#width} values`, found: values.length } });
    }
    const line = `${values.map((value) => toField(value, values.length === 1)).join(',')}\n`;
    this.#pending.push(line);
    this.#pendingLength += line.length;
    if (this.#pendingLength >= BLOCK_BYTES) this.#flush();
  }

  #flush(): void {
    writeFully(this.#fd, Buffer.from(this.#pending.join(''), 'utf8'));
    this.#pending = [];
    this.#pendingLength = 0;
  }

  close(): void {
    this.#flush();
    closeSync(this.#fd);
  }
}

export function writeCsv(path: string, columns: readonly string[], rows: Iterable<readonly (string | number | boolean | null)[]>): void {
  const writer = new CsvWriter(path, columns);
  for (const row of rows) writer.row(row);
  writer.close();
}
