/**
 * What a tokenizer of CLIP is made of, in the layout of Hugging Face's `tokenizer.json`: made from OpenAI's list of merges, and checked before it is
 * handed to a library that would take a broken one for a tokenizer that knows few words. Loads no package.
 */
import { formatError } from './bytes.js';

export const START_OF_TEXT = '<|startoftext|>';
export const END_OF_TEXT = '<|endoftext|>';
const END_OF_WORD = '</w>';
/** OpenAI's vocabulary: 256 bytes, 256 bytes that end a word, merges, two marks. @source openai/CLIP clip/simple_tokenizer.py */
const MERGES = 49152 - 256 - 2;
/** contractions, words, single digits, anything else that is no space. @source openai/CLIP clip/simple_tokenizer.py */
const WORDS = "'s|'t|'re|'ve|'m|'ll|'d|[\\p{L}]+|[\\p{N}]|[^\\s\\p{L}\\p{N}]+";

export interface TokenizerDefinition {
  readonly added_tokens?: readonly { readonly id?: unknown; readonly content?: unknown }[];
  readonly normalizer?: unknown;
  readonly pre_tokenizer?: unknown;
  readonly post_processor?: unknown;
  readonly decoder?: unknown;
  readonly model?: { readonly type?: unknown; readonly vocab?: unknown; readonly merges?: unknown; readonly end_of_word_suffix?: unknown };
}

/** Printable characters that stand for the 256 bytes, bytes that are printable themselves first. @source openai/gpt-2 encoder.py, bytes_to_unicode */
function byteCharacters(): string[] {
  const printable = [...span(0x21, 0x7e), ...span(0xa1, 0xac), ...span(0xae, 0xff)];
  const others = span(0, 0xff).filter((byte) => !printable.includes(byte));
  return [...printable.map((byte) => String.fromCharCode(byte)), ...others.map((_, i) => String.fromCharCode(0x100 + i))];
}

const span = (first: number, last: number): number[] => Array.from({ length: last - first + 1 }, (_, i) => first + i);

/** From the text of bpe_simple_vocab_16e6.txt: a header line, then one merge a line, of which the first 48,894 are used. Errors: E_FORMAT. */
export function clipDefinition(path: string, text: string): TokenizerDefinition {
  const lines = text.split('\n').slice(1, 1 + MERGES);
  const merges = lines.map((line) => line.split(' '));
  if (merges.length < MERGES || merges.some((pair) => pair.length !== 2 || pair.includes(''))) {
    throw formatError(path, 'is no list of merges', { expected: `a header and ${MERGES} lines of two parts`, found: merges.length < MERGES ? `${merges.length} lines` : (lines.find((line) => line.split(' ').length !== 2) ?? 'an empty part') });
  }
  const characters = byteCharacters();
  const words = [...characters, ...characters.map((character) => character + END_OF_WORD), ...merges.map((pair) => pair.join('')), START_OF_TEXT, END_OF_TEXT];
  const mark = (content: string): object => ({ id: words.indexOf(content), content, single_word: false, lstrip: false, rstrip: false, normalized: false, special: true });
  return {
    added_tokens: [mark(START_OF_TEXT), mark(END_OF_TEXT)],
    normalizer: { type: 'Lowercase' },
    pre_tokenizer: {
      type: 'Sequence',
      pretokenizers: [{ type: 'Split', pattern: { Regex: WORDS }, behavior: 'Removed', invert: true }, { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: false }],
    },
    post_processor: null,
    decoder: null,
    model: { type: 'BPE', unk_token: END_OF_TEXT, continuing_subword_prefix: '', end_of_word_suffix: END_OF_WORD, vocab: Object.fromEntries(words.map((word, id) => [word, id])), merges } as TokenizerDefinition['model'] & object,
  };
}

/**
 * Bytes, marks and merges must be there: then no text has a part without a number. Returns the size of the vocabulary.
 * Errors: E_FORMAT saying what is missing.
 */
export function requireClip(path: string, { model, added_tokens: added }: TokenizerDefinition): number {
  const fail = (what: string, expected: string, found: string | number): never => {
    throw formatError(path, what, { expected, found, hint: 'Give the tokenizer.json of a CLIP model, or bpe_simple_vocab_16e6.txt.gz.' });
  };
  if (model === undefined || model.type !== 'BPE' || model.end_of_word_suffix !== END_OF_WORD) {
    return fail('is not a tokenizer of CLIP', `model.type "BPE" with end_of_word_suffix "${END_OF_WORD}"`, model === undefined ? 'no model' : `${String(model.type)}, ${JSON.stringify(model.end_of_word_suffix ?? null)}`);
  }
  const { vocab, merges } = model;
  if (typeof vocab !== 'object' || vocab === null || Array.isArray(vocab) || !Array.isArray(merges)) return fail('has no vocabulary or no merges', 'model.vocab, an object, and model.merges, a list', `${typeof vocab}, ${typeof merges}`);
  const numbers = new Map(Object.entries(vocab as Record<string, unknown>));
  for (const { id, content } of Array.isArray(added) ? added : []) if (typeof content === 'string') numbers.set(content, id);
  for (const [token, id] of numbers) if (!Number.isInteger(id) || (id as number) < 0) fail('numbers a token by something else than a number', 'integers from 0 on', `${token}: ${JSON.stringify(id)}`);
  const used = new Set(numbers.values());
  if (used.size !== numbers.size) fail('gives one number to two tokens', `${numbers.size} different numbers`, used.size);
  const needed = [...byteCharacters().flatMap((character) => [character, character + END_OF_WORD]), START_OF_TEXT, END_OF_TEXT];
  const missing = needed.find((token) => !numbers.has(token));
  if (missing !== undefined) fail('lacks a token that texts need', missing, `${numbers.size} tokens without it`);
  const most = largest(used as ReadonlySet<number>);
  // towers find the end of a text by it
  if (numbers.get(END_OF_TEXT) !== most) fail(`has a token with a larger number than ${END_OF_TEXT}`, String(most), String(numbers.get(END_OF_TEXT)));
  for (const merge of merges as readonly unknown[]) {
    const pair = typeof merge === 'string' ? merge.split(' ') : merge;
    const whole = Array.isArray(pair) && pair.length === 2 ? [...(pair as string[]), (pair as string[]).join('')] : undefined;
    if (whole === undefined || !whole.every((part) => numbers.has(part))) fail('has a merge that does not fit its vocabulary', 'two tokens whose join is a token', JSON.stringify(merge));
  }
  return most + 1;
}

function largest(numbers: ReadonlySet<number>): number {
  let most = 0;
  for (const number of numbers) most = Math.max(most, number);
  return most;
}
