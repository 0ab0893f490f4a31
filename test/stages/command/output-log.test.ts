import fc from 'fast-check';
import { expect, test } from 'vitest';
import { OutputLog } from '../../../src/stages/command/output-log.js';

function linesOf(chunks: readonly Buffer[], secrets: readonly string[] = []): string[] {
  const lines: string[] = [];
  const log = new OutputLog(secrets, (line) => lines.push(line));
  const stream = log.stream();
  for (const chunk of chunks) stream.push(chunk);
  stream.end();
  log.close();
  return lines;
}

/** The same bytes in pieces of any size. */
function pieces(bytes: Buffer, sizes: readonly number[]): Buffer[] {
  const found: Buffer[] = [];
  for (let at = 0, i = 0; at < bytes.length; i += 1) {
    const size = sizes[i % sizes.length] as number;
    found.push(bytes.subarray(at, at + size));
    at += size;
  }
  return found;
}

test('lines do not depend on the pieces in which they arrive, whatever the bytes', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 5 }), (bytes, sizes) => {
      // a lone carriage return at the end of a piece may belong to a line end, so it is left out here
      const text = Buffer.from(bytes).map((byte) => (byte === 13 ? 32 : byte));
      expect(linesOf(pieces(Buffer.from(text), sizes))).toEqual(linesOf([Buffer.from(text)]));
    }),
    { seed: 7, numRuns: 300 },
  );
});

test('a secret is covered wherever it stands and however it arrives, also across the place where a line is cut', () => {
  const secret = 'correct horse battery';
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 9000 }), fc.integer({ min: 0, max: 40 }), fc.integer({ min: 1, max: 700 }), (before, after, size) => {
      const shown = linesOf(pieces(Buffer.from(`${'x'.repeat(before)}${secret}${'y'.repeat(after)}\nnext\n`), [size]), [secret]).join('\n');
      for (let length = 4; length <= secret.length; length += 1) expect(shown).not.toContain(secret.slice(0, length));
      expect(shown).toContain('next');
    }),
    { seed: 7, numRuns: 200 },
  );
});

test('each line of a secret of several lines is covered', () => {
  expect(linesOf([Buffer.from('a PRIVATE1 b\nPRIVATE2\n')], ['PRIVATE1\nPRIVATE2'])).toEqual(['a *** b', '***']);
});

test('what is too long says how much was cut', () => {
  const [line] = linesOf([Buffer.from(`${'x'.repeat(10_000)}\n`)]);
  expect(line).toBe(`${'x'.repeat(4000)} … (6000 more characters)`);
});

test('the last lines are kept for a message, those of a flood too', () => {
  const log = new OutputLog([], () => undefined);
  const stream = log.stream();
  for (let i = 0; i < 60_000; i += 1) stream.push(Buffer.from(`line ${i}\n`));
  stream.push(Buffer.from('the very last\n'));
  stream.end();
  expect(log.last().split('\n').at(-1)).toBe('the very last');
});
