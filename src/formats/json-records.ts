/**
 * Reads big JSON files record by record: `{"images": [{…}, …], "annotations": [{…}, …], …}` as COCO has them, of which `instances_train2017.json`
 * is 450 MB: as one string it would not fit into a string, as one value it would take gigabytes. Only the element at hand is kept. Elements are
 * cut out by brackets and quotes and each is parsed by JSON.parse, so what is handed over is JSON; between elements little is checked.
 */
import { closeSync, readSync } from 'node:fs';
import { formatError, openForReading } from './bytes.js';

const BLOCK_BYTES = 1 << 20;
/** An element longer than this is no record. */
const LARGEST_RECORD = 1 << 26;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPEN_BRACE = 0x7b;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACE = 0x7d;
const CLOSE_BRACKET = 0x5d;
/** depth of an element: inside the file's object and one of its arrays */
const RECORD_DEPTH = 2;

/**
 * Calls the visitor of each named top-level array for every object (or array) in it, in the order of the file. Other members are skipped unread.
 * Errors: E_FORMAT when the file is not one object, ends early, lacks a named array, or an element is not JSON.
 */
export async function readJsonRecords(path: string, visitors: Readonly<Record<string, (record: unknown) => void>>): Promise<void> {
  const scanner = new RecordScanner(path, visitors);
  const { fd } = openForReading(path);
  try {
    const block = Buffer.allocUnsafe(BLOCK_BYTES);
    for (let got = readSync(fd, block); got > 0; got = readSync(fd, block)) {
      scanner.push(block.subarray(0, got));
      // Between blocks others get their turn: progress, an abort.
      await new Promise((resolve) => setImmediate(resolve));
    }
    scanner.end();
  } finally {
    closeSync(fd);
  }
}

class RecordScanner {
  readonly #path: string;
  readonly #visitors: Readonly<Record<string, (record: unknown) => void>>;
  readonly #seen = new Set<string>();
  #depth = 0;
  #quoted = false;
  #escaped = false;
  /** text of the last string at depth 1: a member's name once its value begins */
  #name: Buffer[] = [];
  /** the visitor of the array that is open */
  #visit: ((record: unknown) => void) | undefined;
  /** earlier blocks of the record that is open */
  #record: Buffer[] | undefined;
  #recordBytes = 0;
  #finished = false;

  constructor(path: string, visitors: Readonly<Record<string, (record: unknown) => void>>) {
    this.#path = path;
    this.#visitors = visitors;
  }

  push(block: Buffer): void {
    let nameFrom = this.#quoted && this.#depth === 1 ? 0 : -1;
    let recordFrom = this.#record === undefined ? -1 : 0;
    for (let i = 0; i < block.length; i += 1) {
      const byte = block[i] as number;
      if (this.#quoted) {
        if (this.#escaped) this.#escaped = false;
        else if (byte === BACKSLASH) this.#escaped = true;
        else if (byte === QUOTE) {
          this.#quoted = false;
          if (nameFrom >= 0) this.#name.push(Buffer.from(block.subarray(nameFrom, i)));
          nameFrom = -1;
        }
      } else if (byte === QUOTE) {
        this.#quoted = true;
        if (this.#depth === 1) {
          this.#name = [];
          nameFrom = i + 1;
        }
      } else if (byte === OPEN_BRACE || byte === OPEN_BRACKET) {
        if (this.#depth === 0 && (byte === OPEN_BRACKET || this.#finished)) throw this.#wrong('is not one JSON object', byte === OPEN_BRACKET ? 'an array' : 'more than one value');
        if (this.#depth === 1 && byte === OPEN_BRACKET) {
          const name = Buffer.concat(this.#name).toString('utf8');
          this.#visit = Object.hasOwn(this.#visitors, name) ? this.#visitors[name] : undefined;
          if (this.#visit !== undefined) this.#seen.add(name);
        } else if (this.#depth === RECORD_DEPTH && this.#visit !== undefined) {
          this.#record = [];
          this.#recordBytes = 0;
          recordFrom = i;
        }
        this.#depth += 1;
      } else if (byte === CLOSE_BRACE || byte === CLOSE_BRACKET) {
        this.#depth -= 1;
        if (this.#depth === RECORD_DEPTH && this.#record !== undefined) {
          this.#emit(block.subarray(recordFrom, i + 1));
          recordFrom = -1;
        } else if (this.#depth === 1) this.#visit = undefined;
        else if (this.#depth <= 0) this.#finished = true;
        if (this.#depth < 0) throw this.#wrong('is not JSON', 'a bracket that closes nothing');
      }
    }
    if (nameFrom >= 0) this.#name.push(Buffer.from(block.subarray(nameFrom)));
    if (this.#record !== undefined && recordFrom >= 0) {
      this.#record.push(Buffer.from(block.subarray(recordFrom)));
      this.#recordBytes += block.length - recordFrom;
      if (this.#recordBytes > LARGEST_RECORD) throw this.#wrong('has a record that is too large', `more than ${LARGEST_RECORD} bytes`);
    }
  }

  end(): void {
    if (!this.#finished) throw this.#wrong('ends early', `${this.#depth} open brackets`);
    for (const name of Object.keys(this.#visitors)) if (!this.#seen.has(name)) throw this.#wrong(`has no array "${name}"`, [...this.#seen].join(', ') || 'none of the arrays');
  }

  #emit(last: Buffer): void {
    const text = Buffer.concat([...(this.#record ?? []), last]).toString('utf8');
    this.#record = undefined;
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch (cause) {
      throw formatError(this.#path, 'is not JSON', { expected: 'records that are', found: text.slice(0, 80), cause });
    }
    this.#visit?.(value);
  }

  #wrong(what: string, found: string): Error {
    return formatError(this.#path, what, { expected: `one JSON object with the arrays ${Object.keys(this.#visitors).join(', ')}`, found });
  }
}
