/** CLIP's tokenizer against transformers' CLIPTokenizer (fixtures of tools/oracles/tokenizer.py); tools/slow/tokenizer.mjs does it with CLIP's own vocabulary. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, describe, expect, it } from 'vitest';
import { readTokenizer } from '../../src/formats/tokenizer.js';

const FOLDER = new URL('../fixtures/formats/tokenizer/', import.meta.url);
const path = new URL('tokenizer.json', FOLDER).pathname;
const texts = JSON.parse(readFileSync(new URL('texts.json', FOLDER), 'utf8')) as readonly (readonly [string, readonly number[]])[];
const definition = JSON.parse(readFileSync(path, 'utf8')) as { added_tokens: { id: number; content: string }[]; model: { vocab: Record<string, number>; merges: (string | string[])[] } & Record<string, unknown> } & Record<string, unknown>;

const scratch = mkdtempSync(join(tmpdir(), 'tokenizer-'));
afterAll(() => rmSync(scratch, { recursive: true }));

const written = (content: string | Uint8Array): string => {
  const file = join(scratch, 'file');
  writeFileSync(file, content);
  return file;
};

describe('a tokenizer.json', () => {
  it.each(texts.map(([text, expected]) => [JSON.stringify(text).slice(0, 60), text, expected] as const))('gives the tokens of CLIPTokenizer for %s', async (_title, text, expected) => {
    expect((await readTokenizer(path)).tokens(text)).toEqual(expected);
  });

  it('fills a row with zeros behind the end, and knows its vocabulary', async () => {
    const tokenizer = await readTokenizer(path);
    const tokens = tokenizer.tokens('two faces');
    const row = tokenizer.row('two faces', 77);
    expect(row).toHaveLength(77);
    expect([...row.subarray(0, tokens.length)].map(Number)).toEqual(tokens);
    expect([...row.subarray(tokens.length)].every((token) => token === 0n)).toBe(true);
    expect(tokens.at(-1)).toBe(tokenizer.vocabulary - 1);
  });

  it('refuses a text that is too long by its words, or cuts it and keeps the end', async () => {
    const tokenizer = await readTokenizer(path);
    expect(() => tokenizer.row('face '.repeat(80), 77)).toThrow(expect.objectContaining({ code: 'E_DATA', message: expect.stringContaining('"face face face') as string }));
    const cut = tokenizer.row('face '.repeat(80), 77, { truncate: true });
    expect(Number(cut[76])).toBe(tokenizer.vocabulary - 1);
    expect([...cut.subarray(0, 76)].map(Number)).toEqual(tokenizer.tokens('face '.repeat(80)).slice(0, 76));
    expect(tokenizer.row('face '.repeat(75).trim(), 77)).toHaveLength(77);
  });
});

describe('a file that is no tokenizer of CLIP is refused with what it lacks', () => {
  const { model } = definition;
  const changed = (part: Record<string, unknown>): string => JSON.stringify({ ...definition, model: { ...model, ...part } });
  const without = Object.fromEntries(Object.entries(model.vocab).filter(([token]) => token !== 'a</w>'));
  it.each([
    ['text', 'not json', 'is no list of merges'],
    ['broken JSON', '{"model":', 'is not JSON'],
    ['no model', '{}', 'is not a tokenizer of CLIP'],
    ['a list', '[]', 'is no list of merges'],
    ['another kind', changed({ type: 'WordPiece' }), 'is not a tokenizer of CLIP'],
    ['another BPE', changed({ end_of_word_suffix: null }), 'is not a tokenizer of CLIP'],
    ['a list as vocabulary', changed({ vocab: [] }), 'has no vocabulary or no merges'],
    ['a word as a number', changed({ vocab: { ...model.vocab, 'a</w>': 'x' } }), 'numbers a token by something else than a number'],
    ['two tokens of one number', changed({ vocab: { ...model.vocab, 'a</w>': 1 } }), 'gives one number to two tokens'],
    ['a byte less', changed({ vocab: without }), 'lacks a token that texts need'],
    ['a merge of three', changed({ merges: [...model.merges, ['a', 'b', 'c']] }), 'has a merge that does not fit its vocabulary'],
    ['a merge to nothing', changed({ merges: [...model.merges, ['q', 'q']] }), 'has a merge that does not fit its vocabulary'],
    ['a normalizer that nobody knows', JSON.stringify({ ...definition, normalizer: { type: 'Nope' } }), 'is not a tokenizer that can be used'],
    ['gzip that ends early', gzipSync('x'.repeat(1000)).subarray(0, 20), 'cannot be unzipped'],
    ['gzip of something else', gzipSync('a b\nc d\n'), 'is no list of merges'],
  ])('%s', async (_title, content, message) => {
    await expect(readTokenizer(written(content))).rejects.toThrow(expect.objectContaining({ code: 'E_FORMAT', message: expect.stringContaining(message) as string }));
  });

  it('a file that is not there', async () => {
    await expect(readTokenizer(join(scratch, 'absent'))).rejects.toMatchObject({ code: 'E_EXTERNAL_MISSING' });
  });
});
