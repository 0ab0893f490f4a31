/** How pickles spell texts and long integers. */
import { formatError } from '../bytes.js';

const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Errors: E_FORMAT for bytes that are not UTF-8. */
export function utf8(path: string, bytes: Uint8Array): string {
  try {
    return strict.decode(bytes);
  } catch (cause) {
    throw formatError(path, 'holds a text that is not UTF-8', { expected: 'UTF-8', found: Buffer.from(bytes.subarray(0, 20)).toString('hex'), cause });
  }
}

/** Texts of Python 2 are bytes: read as UTF-8 where they are that, else kept. */
export function bytesText(bytes: Uint8Array): string | Uint8Array {
  try {
    return strict.decode(bytes);
  } catch {
    return bytes;
  }
}

/** Protocol 0: Latin-1 with \uXXXX for what is beyond. */
export function rawUnicode(path: string, bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('latin1').replace(/\\u([0-9a-fA-F]{4})|\\U([0-9a-fA-F]{8})/g, (_, short: string | undefined, long: string | undefined) => {
    const point = parseInt(short ?? (long as string), 16);
    if (point > 0x10ffff) throw formatError(path, 'holds a text that is not Unicode', { expected: 'at most U+10FFFF', found: point });
    return String.fromCodePoint(point);
  });
}

const ESCAPES: Readonly<Record<string, string>> = { '\\': '\\', "'": "'", '"': '"', n: '\n', t: '\t', r: '\r', a: '\x07', b: '\b', f: '\f', v: '\v' };

/** Protocol 0: a text in quotes as Python prints it. */
export function quotedText(path: string, bytes: Uint8Array): string | Uint8Array {
  const text = Buffer.from(bytes).toString('latin1').trim();
  const quote = text[0];
  if (text.length < 2 || (quote !== "'" && quote !== '"') || !text.endsWith(quote)) throw formatError(path, 'holds a malformed pickle', { expected: 'a text in quotes', found: text.slice(0, 40) });
  const plain = text.slice(1, -1).replace(/\\(?:x([0-9a-fA-F]{2})|([0-7]{1,3})|(.))/g, (whole, hex: string | undefined, octal: string | undefined, letter: string | undefined) => {
    if (hex !== undefined) return String.fromCharCode(parseInt(hex, 16));
    if (octal !== undefined) return String.fromCharCode(parseInt(octal, 8) & 0xff);
    return ESCAPES[letter as string] ?? whole;
  });
  return bytesText(Buffer.from(plain, 'latin1'));
}

/** Little-endian two's complement of any length. */
export function decodeLong(bytes: Uint8Array): number | bigint {
  if (bytes.length === 0) return 0;
  const magnitude = BigInt(`0x${Buffer.from(bytes).reverse().toString('hex')}`);
  const value = BigInt.asIntN(8 * bytes.length, magnitude);
  return Number.isSafeInteger(Number(value)) ? Number(value) : value;
}
