/**
 * MATLAB Level 5 files (save -v6 and -v7), numeric arrays only: compressed or not, small elements packed into their tag, storage narrower than
 * the class (a double kept as uint16), either byte order. Arrays stay column-major, as MATLAB has them. Structs, cells, text, sparse and complex arrays are
 * refused by name, so are Level 4 and v7.3 (HDF5) files. Every length is checked against what contains it.
 */
import { inflateSync } from 'node:zlib';
import type { PipelineError } from '../core/errors.js';
import { allocate, BYTES_PER_ELEMENT, viewAs, type DType, type Shape, type TypedArrayOf } from '../core/tensor.js';
import { formatError, holds, readExactly, swapBytes, withFile } from './bytes.js';
import { CLASSES, ENDIAN_OFFSET, FLAG_COMPLEX, FLAG_LOGICAL, HEADER_BYTES, MI, OTHER_CLASSES, STORAGE, VERSION } from './mat5-codes.js';

export { writeMat5 } from './mat5-writer.js';

export interface MatArray {
  readonly dtype: DType;
  /** MATLAB's size(): at least two extents */
  readonly shape: Shape;
  /** column-major: element (i, j) of an m × n matrix stands at i + m·j; a logical array has dtype bool */
  readonly data: TypedArrayOf[DType];
}

/** A file, and what one compressed variable may grow to: far above any table of trials, far below what fills a machine. */
const LARGEST = 1 << 30;

/**
 * The variables of a file by name.
 * @param wanted read only these and skip the others, of whatever kind they are; default: all, and one that cannot be read is an error
 * Errors: E_FORMAT naming the variable; E_EXTERNAL_MISSING if the file cannot be opened.
 */
export function readMat5(path: string, wanted?: readonly string[]): Record<string, MatArray> {
  const bytes = withFile(path, ({ fd, size }) => {
    if (size > LARGEST) throw formatError(path, 'is too large for a table of trials', { expected: `at most ${LARGEST} bytes`, found: size });
    const all = new Uint8Array(size);
    readExactly(fd, path, all, 0);
    return all;
  });
  const little = checkHeader(path, bytes);
  const variables: [string, MatArray][] = [];
  const seen = new Set<string>();
  const elements = new Elements(path, bytes.subarray(HEADER_BYTES), little, false);
  while (!elements.done) {
    let element = elements.next('a variable');
    if (element.type === MI.COMPRESSED) {
      const inflated = new Elements(path, inflate(path, element.bytes), little, true);
      element = inflated.next('a compressed variable');
      if (!inflated.done) throw formatError(path, 'has bytes behind a compressed variable', { expected: 'one variable', found: 'more' });
    }
    if (element.type !== MI.MATRIX) throw formatError(path, 'has an element that is not a variable', { expected: 'miMATRIX (14)', found: `type ${element.type}` });
    const variable = readVariable(path, element.bytes, little, wanted);
    if (variable === undefined) continue;
    if (seen.has(variable[0])) throw formatError(path, `has two variables "${variable[0]}"`, { expected: 'one of each name', found: variable[0] });
    seen.add(variable[0]);
    variables.push(variable);
  }
  return Object.fromEntries(variables);
}

/** @returns whether the file is little-endian */
function checkHeader(path: string, bytes: Uint8Array): boolean {
  const text = Buffer.from(bytes.subarray(0, 116)).toString('latin1');
  const isHdf5 = text.startsWith('MATLAB 7.3') || Buffer.from(bytes.subarray(0, 8)).toString('latin1') === '\x89HDF\r\n\x1a\n';
  if (isHdf5) throw formatError(path, 'is a MATLAB 7.3 file', { expected: 'MATLAB Level 5', found: 'HDF5', hint: 'Save it with -v7, or read it as HDF5.' });
  if (bytes.byteLength < HEADER_BYTES) throw formatError(path, 'is too short for a MATLAB Level 5 file', { expected: `${HEADER_BYTES} bytes`, found: bytes.byteLength });
  const mark = Buffer.from(bytes.subarray(ENDIAN_OFFSET, HEADER_BYTES)).toString('latin1');
  const little = mark === 'IM';
  const version = new DataView(bytes.buffer, bytes.byteOffset).getUint16(124, little);
  if ((!little && mark !== 'MI') || version !== VERSION) {
    const isLevel4 = bytes.subarray(0, 4).includes(0);
    throw formatError(path, isLevel4 ? 'is a MATLAB Level 4 file, or none' : 'is not a MATLAB Level 5 file', {
      expected: 'version 1.0 and the mark IM or MI',
      found: `version ${version}, mark ${JSON.stringify(mark)}`,
      hint: 'Save it with -v7.',
    });
  }
  return little;
}

function inflate(path: string, bytes: Uint8Array): Uint8Array {
  try {
    return inflateSync(bytes, { maxOutputLength: LARGEST });
  } catch (cause) {
    throw formatError(path, 'has a damaged compressed variable', { expected: `a complete zlib stream of at most ${LARGEST} bytes`, found: cause instanceof Error ? cause.message : String(cause), cause });
  }
}

interface Element {
  readonly type: number;
  readonly bytes: Uint8Array;
}

/** Walks over tagged elements; none may reach beyond what contains it. */
class Elements {
  readonly #path: string;
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #little: boolean;
  readonly #padded: boolean;
  #at = 0;

  /** @param padded elements are followed by zeros up to a multiple of 8 bytes (not so between variables, whose length includes them) */
  constructor(path: string, bytes: Uint8Array, little: boolean, padded: boolean) {
    this.#path = path;
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#little = little;
    this.#padded = padded;
  }

  get done(): boolean {
    return this.#at >= this.#bytes.byteLength;
  }

  next(what: string): Element {
    const left = this.#bytes.byteLength - this.#at;
    if (left < 8) throw this.#overrun(what, 8, left);
    const first = this.#view.getUint32(this.#at, this.#little);
    const small = first >>> 16;
    if (small !== 0) {
      if (small > 4) throw this.#overrun(what, 4, small);
      const start = this.#at + 4;
      this.#at += 8;
      return { type: first & 0xffff, bytes: this.#bytes.subarray(start, start + small) };
    }
    const length = this.#view.getUint32(this.#at + 4, this.#little);
    if (length > left - 8) throw this.#overrun(what, length, left - 8);
    const start = this.#at + 8;
    this.#at = start + (this.#padded ? Math.ceil(length / 8) * 8 : length);
    return { type: first, bytes: this.#bytes.subarray(start, start + length) };
  }

  #overrun(what: string, expected: number, found: number): PipelineError {
    return formatError(this.#path, `is truncated or damaged in ${what}`, { expected: `${expected} bytes`, found: `${found} bytes` });
  }
}

/** @returns undefined for a variable that is not wanted */
function readVariable(path: string, bytes: Uint8Array, little: boolean, wanted: readonly string[] | undefined): [string, MatArray] | undefined {
  const parts = new Elements(path, bytes, little, true);
  const flags = numbersOf(path, parts.next('array flags'), little, 'uint32', 'array flags');
  const code = (flags[0] ?? 0) & 0xff;
  const flagBits = ((flags[0] ?? 0) >>> 8) & 0xff;
  if (flags.length !== 2) throw formatError(path, 'has malformed array flags', { expected: '2 numbers', found: flags.length });
  if (code === 17) {
    // An opaque object has no extents; its name comes first and it can only be skipped or refused.
    if (wanted !== undefined) return undefined;
    throw formatError(path, 'holds an opaque object', { expected: 'numeric arrays', found: 'class 17', hint: 'Convert it to numbers and save again.' });
  }
  const shape = Array.from(numbersOf(path, parts.next('the extents'), little, 'int32', 'the extents'));
  const label = parts.next('the name');
  if (label.type !== MI.INT8 && label.type !== MI.UTF8) throw formatError(path, 'has a malformed name', { expected: 'text', found: `type ${label.type}` });
  const name = Buffer.from(label.bytes).toString('latin1');
  if (wanted !== undefined && !wanted.includes(name)) return undefined;

  const dtype = CLASSES[code];
  if (dtype === undefined || (flagBits & FLAG_COMPLEX) !== 0) {
    const found = dtype === undefined ? (OTHER_CLASSES[code] ?? `class ${code}`) : 'a complex array';
    throw formatError(path, `has "${name}" as ${found}`, { expected: 'a real numeric array', found, hint: 'Convert it to full numeric arrays and save again.' });
  }
  const count = shape.reduce((product, extent) => product * extent, 1);
  if (shape.length < 2 || shape.some((extent) => extent < 0) || !Number.isSafeInteger(count)) {
    throw formatError(path, `has "${name}" of an impossible shape`, { expected: 'two extents or more, none negative', found: shape.join(' × ') });
  }
  const stored = parts.next(`the numbers of "${name}"`);
  const storage = STORAGE[stored.type];
  if (storage === undefined || stored.bytes.byteLength !== count * BYTES_PER_ELEMENT[storage]) {
    throw formatError(path, `has another amount of numbers in "${name}" than its shape`, {
      expected: `${count} numbers for ${shape.join(' × ')}`,
      found: storage === undefined ? `storage type ${stored.type}` : `${stored.bytes.byteLength} bytes of ${storage}`,
    });
  }
  const logical = (flagBits & FLAG_LOGICAL) !== 0;
  if (logical && dtype !== 'uint8') throw formatError(path, `has "${name}" as a logical array of ${dtype}`, { expected: 'uint8', found: dtype });
  const values = widen(path, name, dtype, elementsOf(stored.bytes, little, storage));
  return [name, { dtype: logical ? 'bool' : dtype, shape, data: values }];
}

function numbersOf(path: string, element: Element, little: boolean, dtype: 'uint32' | 'int32', what: string): Uint32Array | Int32Array {
  if (STORAGE[element.type] !== dtype || element.bytes.byteLength % 4 !== 0) throw formatError(path, `has malformed ${what}`, { expected: dtype, found: `type ${element.type}, ${element.bytes.byteLength} bytes` });
  return elementsOf(element.bytes, little, dtype) as Uint32Array | Int32Array;
}

function elementsOf(bytes: Uint8Array, little: boolean, dtype: DType): TypedArrayOf[DType] {
  const own = bytes.slice();
  if (!little) swapBytes(own, BYTES_PER_ELEMENT[dtype]);
  return viewAs(dtype, own);
}

/** From the storage type to the class; a value that the class cannot hold means that the file is damaged. */
function widen(path: string, name: string, dtype: DType, stored: TypedArrayOf[DType]): TypedArrayOf[DType] {
  if (holds(dtype, stored)) return stored;
  const out = allocate(dtype, stored.length);
  const isFloat = dtype === 'float32' || dtype === 'float64';
  for (let i = 0; i < stored.length; i += 1) {
    const value = stored[i] as number | bigint;
    if (dtype === 'int64') {
      if (!Number.isSafeInteger(Number(value))) throw notHeld(path, name, dtype, value, i);
      out[i] = BigInt(value);
    } else {
      const number = Number(value);
      out[i] = number;
      if (isFloat ? typeof value === 'bigint' && BigInt(number) !== value : out[i] !== number) throw notHeld(path, name, dtype, value, i);
    }
  }
  return out;
}

function notHeld(path: string, name: string, dtype: DType, value: number | bigint, at: number): PipelineError {
  return formatError(path, `has a number in "${name}" that its class cannot hold`, { expected: dtype, found: `${value} at element ${at}` });
}
