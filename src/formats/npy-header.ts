/**
 * Header of a NumPy .npy file, versions 1.0 to 3.0: magic, version, length, and a Python dict literal. The literal is read by a tokenizer
 * for exactly that dict; nothing is evaluated, and structured or object types are refused by name. The writer gives the bytes that NumPy gives.
 * Source: numpy.lib.format (NumPy 1.26).
 */
import { BYTES_PER_ELEMENT, sizeOf, type DType, type Shape } from '../core/tensor.js';
import type { PipelineError } from '../core/errors.js';
import { formatError } from './bytes.js';

export interface NpyHeader {
  readonly dtype: DType;
  readonly shape: Shape;
  readonly fortranOrder: boolean;
  readonly bigEndian: boolean;
  /** byte at which the elements start */
  readonly dataOffset: number;
}

export const MAGIC = '\x93NUMPY';
/** magic, two version bytes, and the longest length field (4 bytes, versions 2 and 3) */
export const PREFIX_BYTES = 12;
/** NumPy itself refuses headers above 10,000 characters unless told to trust the file */
export const LARGEST_HEADER = 65536;
const LARGEST_RANK = 32; // NumPy's NPY_MAXDIMS
const ALIGNMENT = 64;
/** NumPy leaves room to rewrite the growing axis in place: digits of 2^64 */
const GROWTH_DIGITS = 21;

const CODES: Readonly<Record<string, DType>> = {
  f4: 'float32', f8: 'float64', i1: 'int8', u1: 'uint8', i2: 'int16', u2: 'uint16', i4: 'int32', u4: 'uint32', i8: 'int64', b1: 'bool',
};

type Token = { readonly kind: 'string' | 'integer' | 'name' | 'mark'; readonly text: string };

/** Version and length of the dict. Errors: E_FORMAT. */
export function parsePrefix(path: string, prefix: Uint8Array): { readonly start: number; readonly length: number; readonly version: number } {
  const magic = Buffer.from(prefix.subarray(0, 6)).toString('latin1');
  if (magic !== MAGIC || prefix.length < PREFIX_BYTES) {
    throw formatError(path, 'is not a .npy file', { expected: 'the magic \\x93NUMPY', found: JSON.stringify(magic) });
  }
  const version = prefix[6] as number;
  if (version < 1 || version > 3 || prefix[7] !== 0) {
    throw formatError(path, 'has an unknown .npy version', { expected: '1.0, 2.0 or 3.0', found: `${version}.${prefix[7] as number}` });
  }
  const view = new DataView(prefix.buffer, prefix.byteOffset, prefix.byteLength);
  const length = version === 1 ? view.getUint16(8, true) : view.getUint32(8, true);
  if (length > LARGEST_HEADER) {
    throw formatError(path, 'has an oversized .npy header', { expected: `at most ${LARGEST_HEADER} bytes`, found: length });
  }
  return { start: version === 1 ? 10 : 12, length, version };
}

/** Reads the dict literal. Errors: E_FORMAT naming the key that is wrong. */
export function parseDict(path: string, bytes: Uint8Array, version: number): Omit<NpyHeader, 'dataOffset'> {
  const text = Buffer.from(bytes).toString(version === 3 ? 'utf8' : 'latin1');
  const tokens = tokenize(path, text);
  let at = 0;
  const fail = (expected: string): PipelineError =>
    formatError(path, 'has a malformed .npy header', { expected, found: tokens[at]?.text ?? 'end of the header' });
  const take = (kind: Token['kind'], expected: string, text?: string): string => {
    const token = tokens[at];
    if (token === undefined || token.kind !== kind || (text !== undefined && token.text !== text)) throw fail(expected);
    at += 1;
    return token.text;
  };
  const isMark = (text: string): boolean => tokens[at]?.kind === 'mark' && tokens[at]?.text === text;

  let descr: string | undefined;
  let fortranOrder: boolean | undefined;
  let shape: number[] | undefined;
  take('mark', '{', '{');
  while (!isMark('}')) {
    const key = take('string', 'a key in quotes');
    take('mark', ':', ':');
    if (key === 'descr' && descr === undefined) {
      if (isMark('[') || isMark('(')) {
        throw formatError(path, 'has a structured dtype', { expected: 'one numeric type', found: 'a list of fields', hint: 'Save each field as an array of its own.' });
      }
      descr = take('string', 'a dtype in quotes');
    } else if (key === 'fortran_order' && fortranOrder === undefined) {
      const name = take('name', 'True or False');
      if (name !== 'True' && name !== 'False') {
        at -= 1;
        throw fail('True or False');
      }
      fortranOrder = name === 'True';
    } else if (key === 'shape' && shape === undefined) {
      shape = [];
      take('mark', '(', '(');
      while (!isMark(')')) {
        shape.push(Number(take('integer', 'an extent')));
        if (!isMark(')')) take('mark', ', or )', ',');
      }
      at += 1;
    } else {
      throw formatError(path, 'has a malformed .npy header', { expected: 'descr, fortran_order and shape, once each', found: `key ${JSON.stringify(key)}` });
    }
    if (!isMark('}')) take('mark', ', or }', ',');
  }
  at += 1;
  if (at !== tokens.length) throw fail('the end of the header');
  if (descr === undefined || fortranOrder === undefined || shape === undefined) {
    throw formatError(path, 'has an incomplete .npy header', { expected: 'descr, fortran_order and shape', found: text.trim().slice(0, 80) });
  }
  return { ...parseDescr(path, descr), shape: checkedShape(path, shape), fortranOrder };
}

function parseDescr(path: string, descr: string): { readonly dtype: DType; readonly bigEndian: boolean } {
  const dtype = /^[<>|]/.test(descr) ? CODES[descr.slice(1)] : undefined;
  if (dtype === undefined || (descr.startsWith('|') && BYTES_PER_ELEMENT[dtype] > 1)) {
    const isObject = descr.includes('O');
    throw formatError(path, isObject ? 'holds Python objects' : `has dtype ${JSON.stringify(descr)}`, {
      expected: 'float32, float64, int8 … int64, uint8 … uint32 or bool',
      found: JSON.stringify(descr),
      hint: isObject ? 'Save plain numbers: object arrays are pickles, which are never loaded.' : 'Convert the array with .astype() and save it again.',
    });
  }
  return { dtype, bigEndian: descr.startsWith('>') };
}

function checkedShape(path: string, shape: readonly number[]): Shape {
  const size = shape.reduce((product, extent) => product * extent, 1);
  // One zero extent makes the product 0 whatever the others are, so each is looked at too.
  if (shape.length > LARGEST_RANK || !Number.isSafeInteger(size) || shape.some((extent) => !Number.isSafeInteger(extent))) {
    throw formatError(path, 'has an impossible shape', { expected: `at most ${LARGEST_RANK} axes and 2^53 elements`, found: `(${shape.join(', ')})` });
  }
  return shape;
}

function tokenize(path: string, text: string): Token[] {
  const tokens: Token[] = [];
  let at = 0;
  while (at < text.length) {
    const char = text[at] as string;
    if (/\s/.test(char)) {
      at += 1;
    } else if ('{}()[]:,'.includes(char)) {
      tokens.push({ kind: 'mark', text: char });
      at += 1;
    } else if (char === "'" || char === '"') {
      const end = text.indexOf(char, at + 1);
      const body = end < 0 ? '\\' : text.slice(at + 1, end);
      if (body.includes('\\')) throw formatError(path, 'has a malformed .npy header', { expected: 'a plain string', found: text.slice(at, at + 20) });
      tokens.push({ kind: 'string', text: body });
      at = end + 1;
    } else {
      const word = /^(?:[0-9]+|[A-Za-z]+)/.exec(text.slice(at, at + 40))?.[0];
      if (word === undefined) throw formatError(path, 'has a malformed .npy header', { expected: 'a Python dict', found: text.slice(at, at + 20) });
      tokens.push({ kind: /[0-9]/.test(word) ? 'integer' : 'name', text: word });
      at += word.length;
    }
  }
  return tokens;
}

/** Bytes of a version 1.0 header in C order, identical to NumPy's. */
export function encodeHeader(dtype: DType, shape: Shape): Uint8Array {
  sizeOf(shape);
  const code = Object.keys(CODES).find((key) => CODES[key] === dtype) as string;
  const order = BYTES_PER_ELEMENT[dtype] === 1 ? '|' : '<';
  const tuple = shape.length === 1 ? `(${shape[0] as number},)` : `(${shape.join(', ')})`;
  let dict = `{'descr': '${order}${code}', 'fortran_order': False, 'shape': ${tuple}, }`;
  if (shape.length > 0) dict += ' '.repeat(GROWTH_DIGITS - String(shape[0]).length);
  const padding = ALIGNMENT - ((10 + dict.length + 1) % ALIGNMENT);
  const length = dict.length + padding + 1;
  const prefix = Buffer.from(`${MAGIC}\x01\x00\x00\x00`, 'latin1');
  prefix.writeUInt16LE(length, 8);
  return Buffer.concat([prefix, Buffer.from(`${dict}${' '.repeat(padding)}\n`, 'latin1')]);
}
