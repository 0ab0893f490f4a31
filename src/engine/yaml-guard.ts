/**
 * What stands between a file and the YAML parser. Refuses, before anything recursive looks at the text: what is no regular file, more than
 * 1 MiB, bytes that are no UTF-8, control characters, more than 64 levels, directives other than `%YAML 1.2`, and tags beyond the core
 * ones. The scan uses the parser's own lexer, which is iterative: some 900 nested brackets parsed twice abort a Node 20
 * process from inside V8's regular expressions, and no try/catch stops that.
 */
import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import { Lexer } from 'yaml';
import { PipelineError } from '../core/errors.js';
import type { SourceSpan } from '../core/source-span.js';
import type { Diagnostics } from './diagnostics.js';

export const MAX_FILE_BYTES = 1024 * 1024;
export const MAX_DEPTH = 64;

/** Offsets of a text as places. `firstColumn` shifts line 1, for a text that is the tail of a command-line argument. */
export class Places {
  readonly #starts: number[] = [0];

  constructor(readonly text: string, readonly file: string, readonly firstColumn = 1) {
    for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) this.#starts.push(at + 1);
  }

  /** From `start` to `end`, or to the end of the line that `start` is on. */
  span(start: number, end: number): SourceSpan {
    let low = 0;
    let high = this.#starts.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((this.#starts[middle] as number) <= start) low = middle;
      else high = middle - 1;
    }
    const lineStart = this.#starts[low] as number;
    const nextLine = this.#starts[low + 1];
    let stop = Math.min(end, nextLine === undefined ? this.text.length : nextLine - 1);
    if (stop > start && this.text[stop - 1] === '\r') stop -= 1;
    const shift = low === 0 ? this.firstColumn : 1;
    return { file: this.file, line: low + 1, column: start - lineStart + shift, length: Math.max(1, stop - start) };
  }
}

/** The text of a pipeline file, without its byte order mark. Errors: E_FILE_NOT_FOUND, E_YAML_TOO_LARGE, E_YAML_SYNTAX (not UTF-8). */
export function readPipelineText(file: string): string {
  const bytes = readBounded(file);
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw new PipelineError('E_YAML_SYNTAX', `"${file}" is not UTF-8 text`, {
      facts: { expected: 'UTF-8', found: 'bytes that are no character' },
      hint: 'save the file as UTF-8',
      span: firstBadCharacter(bytes, file),
    });
  }
}

function readBounded(file: string): Uint8Array {
  let descriptor: number;
  try {
    // O_NONBLOCK: opening a pipe that nobody writes to must not hang
    descriptor = openSync(file, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    throw new PipelineError('E_FILE_NOT_FOUND', `"${file}" cannot be opened`, {
      facts: { expected: 'a pipeline file', found: code === 'ENOENT' ? 'no such file' : String(code) },
      hint: 'check the path of the pipeline file',
      cause,
    });
  }
  try {
    const stats = fstatSync(descriptor);
    if (!stats.isFile()) {
      throw new PipelineError('E_FILE_NOT_FOUND', `"${file}" is not a file`, {
        facts: { expected: 'a regular file', found: stats.isDirectory() ? 'a folder' : 'a device, pipe or socket' },
        hint: 'give the path of a pipeline file, e.g. pipelines/face-rois.yaml',
      });
    }
    const bytes = Buffer.alloc(Math.min(stats.size, MAX_FILE_BYTES) + 1);
    let length = 0;
    for (let read = -1; read !== 0 && length < bytes.length; length += read) read = readSync(descriptor, bytes, length, bytes.length - length, null);
    if (length > MAX_FILE_BYTES) {
      throw new PipelineError('E_YAML_TOO_LARGE', `"${file}" is too large for a pipeline file`, {
        facts: { expected: `at most ${MAX_FILE_BYTES} bytes`, found: `${stats.size} bytes` },
        hint: 'move the data into a file of its own that a stage reads',
      });
    }
    return bytes.subarray(0, length);
  } finally {
    closeSync(descriptor);
  }
}

function firstBadCharacter(bytes: Uint8Array, file: string): SourceSpan {
  const strict = new TextDecoder('utf-8', { fatal: true });
  let line = 1;
  for (let start = 0; start < bytes.length; line += 1) {
    const newline = bytes.indexOf(0x0a, start);
    const end = newline < 0 ? bytes.length : newline;
    try {
      strict.decode(bytes.subarray(start, end));
    } catch {
      const column = new TextDecoder('utf-8').decode(bytes.subarray(start, end)).indexOf('\uFFFD') + 1;
      return { file, line, column: Math.max(1, column), length: 1 };
    }
    start = end + 1;
  }
  return { file, line: 1, column: 1, length: 1 };
}

// eslint-disable-next-line no-control-regex -- control characters are what this looks for
const CONTROL = /[\u0000-\u0008\u000B\u000C\u000E-\u001F\u007F-\u0084\u0086-\u009F\uFFFE\uFFFF]/;
const CORE_TAGS = new Set(['!', '!!str', '!!int', '!!float', '!!bool', '!!null', '!!map', '!!seq']);

// what the lexer emits between the source tokens
const DOCUMENT_START = '\u0002';
const FLOW_ERROR_END = '\u0018';
const SCALAR_FOLLOWS = '\u001F';

/** Looks over the tokens of a text. Returns false if it must not be parsed; what is wrong is then among the diagnostics. */
export function scanYaml(places: Places, diagnostics: Diagnostics): boolean {
  const { text } = places;
  const control = CONTROL.exec(text);
  if (control !== null) {
    const code = (control[0].codePointAt(0) as number).toString(16).toUpperCase().padStart(4, '0');
    diagnostics.error('E_YAML_FORBIDDEN', `control character U+${code} is not allowed in a pipeline file`, {
      hint: 'remove it, or write it as an escape in double quotes',
      span: places.span(control.index, control.index + 1),
    });
    return false;
  }

  let sound = true;
  const refuse = (code: 'E_YAML_FORBIDDEN' | 'E_YAML_SYNTAX', message: string, hint: string, start: number, end: number): void => {
    sound = false;
    diagnostics.error(code, message, { hint, span: places.span(start, end) });
  };
  const depth = new DepthMeter();
  let offset = 0;
  let scalar = false;
  let previous = '';
  for (const token of new Lexer().lex(text)) {
    if (!scalar && (token === SCALAR_FOLLOWS || token === DOCUMENT_START || token === FLOW_ERROR_END)) {
      scalar = token === SCALAR_FOLLOWS;
      continue;
    }
    const end = offset + token.length;
    if (!scalar) {
      if (token === '{' && depth.inFlow && previous.endsWith('$')) {
        const close = text.indexOf('}', end);
        const start = offset - previous.length;
        refuse('E_YAML_SYNTAX', 'a reference inside { } or [ ] needs quotes', `write "${text.slice(start, close < 0 ? end : close + 1).split('\n', 1)[0] as string}"`, start, close < 0 ? end : close + 1);
      } else if (token.startsWith('%') && !/^%YAML\s+1\.2\s*$/.test(token)) {
        refuse('E_YAML_FORBIDDEN', `directive "${token.trim()}" is not allowed`, 'remove the line: pipeline files are YAML 1.2', offset, end);
      } else if (token.startsWith('!') && !CORE_TAGS.has(token)) {
        refuse('E_YAML_FORBIDDEN', `tag "${token}" is not allowed`, 'remove the tag: pipeline files hold plain values', offset, end);
      }
    }
    if (depth.see(token, scalar) > MAX_DEPTH) {
      diagnostics.error('E_YAML_TOO_DEEP', 'the file is nested too deeply', {
        facts: { expected: `at most ${MAX_DEPTH} levels` },
        hint: 'flatten the nesting',
        span: places.span(offset, end),
      });
      return false;
    }
    previous = token;
    scalar = false;
    offset = end;
  }
  return sound;
}

const INDICATORS = new Set(['-', '?', ':']);

/** An upper bound of how deep the parser would nest: open brackets, plus block collections counted by the columns at which they stand. */
class DepthMeter {
  #flow = 0;
  #column = 0;
  #lineIsEmpty = true;
  #afterKey = false;
  readonly #columns: number[] = [];

  get inFlow(): boolean {
    return this.#flow > 0;
  }

  see(token: string, scalar: boolean): number {
    const newline = token.lastIndexOf('\n');
    const blank = !scalar && (token.trim() === '' || token.startsWith('#'));
    // the ":" behind a key opens nothing; one at the start of a line, or behind another indicator, is an entry with an empty key
    if (!blank && this.#flow === 0 && !(token === ':' && !scalar && this.#afterKey)) this.#enterColumn();
    if (!blank) this.#afterKey = scalar || !INDICATORS.has(token);
    if (!scalar && (token === '[' || token === '{')) this.#flow += 1;
    if (!scalar && (token === ']' || token === '}')) this.#flow = Math.max(0, this.#flow - 1);
    if (newline >= 0) {
      this.#column = token.length - newline - 1;
      this.#lineIsEmpty = true;
      this.#afterKey = false;
    } else {
      this.#column += token.length;
      if (!blank) this.#lineIsEmpty = false;
    }
    return this.#flow + this.#columns.length;
  }

  #enterColumn(): void {
    if (this.#lineIsEmpty) while ((this.#columns.at(-1) ?? -1) >= this.#column) this.#columns.pop();
    this.#columns.push(this.#column);
  }
}
