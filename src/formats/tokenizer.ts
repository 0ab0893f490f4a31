/**
 * From a text to the token numbers of CLIP: Unicode NFC, whitespace runs to one space, lower case, words cut by a pattern, byte-pair encoding, start and end
 * token, zeros up to the context length. The encoding itself is that of @huggingface/tokenizers, loaded only when a tokenizer is read; it takes
 * nearly anything for a tokenizer and leaves out what it does not know, so a file is checked here first.
 *
 * Not done, as in Hugging Face's CLIPTokenizer and unlike OpenAI's own: HTML entities stay as they are and broken encodings are not repaired (ftfy). A capital sigma
 * at the end of a word becomes ς, as in Python and OpenAI's.
 */
import { closeSync, readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import type { Tokenizer } from '@huggingface/tokenizers';
import { PipelineError } from '../core/errors.js';
import { formatError, openForReading } from './bytes.js';
import { clipDefinition, requireClip, END_OF_TEXT, START_OF_TEXT, type TokenizerDefinition } from './tokenizer-definition.js';

export interface TextTokenizer {
  /** numbers of tokens are below this */
  readonly vocabulary: number;
  /** Start, text and end, without padding. */
  tokens(text: string): number[];
  /**
   * One row of a text tower's input. A text that is too long is an error (E_DATA, naming the text) unless `truncate`: then it is cut and keeps its end token.
   * @shape int64 [contextLength], zeros behind the end
   */
  row(text: string, contextLength: number, options?: { readonly truncate?: boolean }): BigInt64Array;
}

/** Files above this are no tokenizer; that of CLIP has 3.6 MB. */
const LARGEST_FILE = 1 << 27;
const GZIP = [0x1f, 0x8b] as const;
const SHOWN = 60;

/**
 * Reads Hugging Face's `tokenizer.json`, or OpenAI's list of merges `bpe_simple_vocab_16e6.txt.gz`; which of them is told by the content.
 * Errors: E_EXTERNAL_MISSING, E_FORMAT.
 */
export async function readTokenizer(path: string): Promise<TextTokenizer> {
  const bytes = readSmall(path);
  const text = (bytes[0] === GZIP[0] && bytes[1] === GZIP[1] ? unzipped(path, bytes) : bytes).toString('utf8');
  const definition = text.trimStart().startsWith('{') ? parsed(path, text) : clipDefinition(path, text);
  const vocabulary = requireClip(path, definition);
  const { Tokenizer } = await import('@huggingface/tokenizers');
  let library: Tokenizer;
  try {
    library = new Tokenizer(definition, {});
  } catch (cause) {
    throw formatError(path, 'is not a tokenizer that can be used', { expected: 'the tokenizer.json of a CLIP model', found: cause instanceof Error ? cause.message : String(cause), cause });
  }
  return new ClipTokenizer(library, vocabulary);
}

class ClipTokenizer implements TextTokenizer {
  readonly vocabulary: number;
  readonly #library: Tokenizer;
  readonly #start: number;
  readonly #end: number;

  constructor(library: Tokenizer, vocabulary: number) {
    this.#library = library;
    this.vocabulary = vocabulary;
    this.#start = library.token_to_id(START_OF_TEXT) as number;
    this.#end = library.token_to_id(END_OF_TEXT) as number;
  }

  tokens(text: string): number[] {
    const cleaned = text.normalize('NFC').replace(/\s+/gu, ' ').trim();
    return [this.#start, ...(cleaned === '' ? [] : (this.#library.encode(cleaned, { add_special_tokens: false }) as { readonly ids: number[] }).ids), this.#end];
  }

  row(text: string, contextLength: number, { truncate = false }: { readonly truncate?: boolean } = {}): BigInt64Array {
    const tokens = this.tokens(text);
    if (tokens.length > contextLength && !truncate) {
      throw new PipelineError('E_DATA', `a text is too long for the model: "${text.length > SHOWN ? `${text.slice(0, SHOWN)}…` : text}"`, {
        facts: { expected: `at most ${contextLength} tokens with start and end`, found: tokens.length },
        hint: 'Shorten the text, or set truncate: true to cut it.',
      });
    }
    const row = new BigInt64Array(contextLength);
    tokens.slice(0, contextLength).forEach((token, place) => (row[place] = BigInt(token)));
    if (tokens.length > contextLength) row[contextLength - 1] = BigInt(this.#end);
    return row;
  }
}

function readSmall(path: string): Buffer {
  const { fd, size } = openForReading(path);
  try {
    if (size > LARGEST_FILE) throw formatError(path, 'is too large for a tokenizer', { expected: `at most ${LARGEST_FILE} bytes`, found: size });
    const bytes: Buffer = readFileSync(fd);
    return bytes;
  } finally {
    closeSync(fd);
  }
}

function unzipped(path: string, bytes: Buffer): Buffer {
  try {
    return gunzipSync(bytes, { maxOutputLength: LARGEST_FILE });
  } catch (cause) {
    throw formatError(path, 'cannot be unzipped', { expected: `gzip of at most ${LARGEST_FILE} bytes`, found: cause instanceof Error ? cause.message : String(cause), cause });
  }
}

function parsed(path: string, text: string): TokenizerDefinition {
  try {
    return JSON.parse(text) as TokenizerDefinition;
  } catch (cause) {
    throw formatError(path, 'is not JSON', { expected: 'a tokenizer.json', found: text.slice(0, SHOWN), cause });
  }
}
