/**
 * NumPy arrays on disk: whole, by rows, and written as a stream. Always row-major in memory: a Fortran-ordered file is reordered when it is
 * read whole and refused when it is read by rows (its rows are not contiguous). The file must be exactly as long as its header says.
 */
import { closeSync, openSync } from 'node:fs';
import { PipelineError } from '../core/errors.js';
import { allocate, BYTES_PER_ELEMENT, sizeOf, tensor, type DType, type Shape, type Tensor } from '../core/tensor.js';
import { bytesOf, formatError, fortranToC, holds, openForReading, readExactly, swapBytes, withFile, writeFully, type OpenFile, type TypedArray } from './bytes.js';
import { encodeHeader, parseDict, parsePrefix, PREFIX_BYTES, type NpyHeader } from './npy-header.js';

export type { NpyHeader } from './npy-header.js';

/** Errors: E_FORMAT for anything but a complete .npy file of plain numbers; E_EXTERNAL_MISSING if it cannot be opened. */
export function readNpyHeader(path: string): NpyHeader {
  return withFile(path, (file) => headerOf(path, file));
}

function headerOf(path: string, { fd, size }: OpenFile): NpyHeader {
  const prefix = new Uint8Array(PREFIX_BYTES);
  readExactly(fd, path, prefix.subarray(0, Math.min(size, PREFIX_BYTES)), 0);
  const { start, length, version } = parsePrefix(path, prefix);
  const dict = new Uint8Array(length);
  readExactly(fd, path, dict, start);
  const header = { ...parseDict(path, dict, version), dataOffset: start + length };
  const expected = header.dataOffset + sizeOf(header.shape) * BYTES_PER_ELEMENT[header.dtype];
  if (size !== expected) {
    throw formatError(path, size < expected ? 'is truncated' : 'is longer than its array', {
      expected: `${expected} bytes for ${header.dtype} (${header.shape.join(', ')})`,
      found: `${size} bytes`,
    });
  }
  return header;
}

function readElements<D extends DType>(path: string, fd: number, header: NpyHeader & { readonly dtype: D }, start: number, count: number): Tensor<D>['data'] {
  const width = BYTES_PER_ELEMENT[header.dtype];
  const data = allocate(header.dtype, count);
  const bytes = bytesOf(data);
  readExactly(fd, path, bytes, header.dataOffset + start * width);
  if (header.bigEndian) swapBytes(bytes, width);
  if (header.dtype === 'bool') {
    const wrong = bytes.findIndex((byte) => byte > 1);
    if (wrong >= 0) throw formatError(path, 'holds a boolean that is neither 0 nor 1', { expected: '0 or 1', found: `${bytes[wrong] as number} at element ${start + wrong}` });
  }
  return data;
}

/** The whole array, row-major. Errors as for `readNpyHeader`. */
export function readNpy(path: string): Tensor {
  return withFile(path, (file) => {
    const header = headerOf(path, file);
    const data = readElements(path, file.fd, header, 0, sizeOf(header.shape));
    if (!header.fortranOrder) return tensor(header.dtype, header.shape, data);
    return tensor(header.dtype, header.shape, fortranToC(data, header.shape, allocate(header.dtype, data.length)));
  });
}

/** Rows start … start+count-1 of the first axis. @shape [count, …rest] */
export function readNpyRows(path: string, start: number, count: number): Tensor {
  const file = new NpyFile(path);
  try {
    return file.rows(start, count);
  } finally {
    file.close();
  }
}

/** An array of at least one axis, opened once and read by rows at random; only the rows asked for are in memory. */
export class NpyFile {
  readonly dtype: DType;
  readonly shape: Shape;
  readonly #path: string;
  readonly #header: NpyHeader;
  readonly #fd: number;
  readonly #rowSize: number;

  /** Errors: E_FORMAT as for `readNpyHeader`, and for a Fortran-ordered array of two or more axes. */
  constructor(path: string) {
    const file = openForReading(path);
    try {
      const header = headerOf(path, file);
      if (header.shape.length === 0) throw formatError(path, 'is a single number', { expected: 'at least one axis', found: 'shape ()' });
      if (header.fortranOrder && header.shape.length > 1) {
        throw formatError(path, 'is in Fortran order', {
          expected: 'C order, so that a row is contiguous',
          found: 'fortran_order: True',
          hint: 'Save it again with numpy.ascontiguousarray().',
        });
      }
      this.#header = header;
    } catch (error) {
      closeSync(file.fd);
      throw error;
    }
    this.#path = path;
    this.#fd = file.fd;
    this.dtype = this.#header.dtype;
    this.shape = this.#header.shape;
    this.#rowSize = sizeOf(this.shape.slice(1));
  }

  /** Rows start … start+count-1. @shape [count, …rest]. Errors: E_DATA outside the array. */
  rows(start: number, count: number): Tensor {
    const total = this.shape[0] as number;
    if (!Number.isInteger(start) || !Number.isInteger(count) || start < 0 || count < 0 || start + count > total) {
      throw new PipelineError('E_DATA', `rows ${start} … ${start + count} are not in "${this.#path}"`, { facts: { expected: `rows 0 … ${total}`, found: `${start} … ${start + count}` } });
    }
    const data = readElements(this.#path, this.#fd, this.#header, start * this.#rowSize, count * this.#rowSize);
    return tensor(this.dtype, [count, ...this.shape.slice(1)], data);
  }

  /**
   * Columns from … to−1 of the rows named, in their order, of an array of two axes. Neighbouring rows are one read where the columns are all of them.
   * @shape [rows.length, to − from]. Errors: E_DATA outside the array, or for another number of axes.
   */
  columns(rows: ArrayLike<number>, from: number, to: number): Tensor {
    const [total, width] = this.shape as readonly [number, number];
    if (this.shape.length !== 2 || !Number.isInteger(from) || !Number.isInteger(to) || from < 0 || from >= to || to > width) {
      throw new PipelineError('E_DATA', `columns ${from} … ${to} are not in "${this.#path}"`, { facts: { expected: `two axes, and columns within 0 … ${width}`, found: `${from} … ${to} of [${this.shape.join(', ')}]` } });
    }
    const out = allocate(this.dtype, rows.length * (to - from));
    for (let i = 0, run = 1; i < rows.length; i += run, run = 1) {
      const row = rows[i] as number;
      if (to - from === width) while (i + run < rows.length && rows[i + run] === row + run) run += 1;
      if (!Number.isInteger(row) || row < 0 || row + run > total) throw new PipelineError('E_DATA', `row ${row < 0 ? row : Math.max(row, total)} is not in "${this.#path}"`, { facts: { expected: `rows 0 … ${total - 1}`, found: `${row} … ${row + run - 1}` } });
      const data = readElements(this.#path, this.#fd, this.#header, row * width + from, (run - 1) * width + (to - from));
      (out as Float32Array).set(data as Float32Array, i * (to - from));
    }
    return tensor(this.dtype, [rows.length, to - from], out);
  }

  close(): void {
    closeSync(this.#fd);
  }
}

/** Writes an array piece by piece in row-major order; the shape is stated first and `close` holds the caller to it. */
export class NpyWriter {
  readonly #path: string;
  readonly #dtype: DType;
  readonly #shape: Shape;
  readonly #size: number;
  readonly #headerBytes: number;
  readonly #fd: number;
  #written = 0;
  #open = true;

  constructor(path: string, dtype: DType, shape: Shape) {
    const header = encodeHeader(dtype, shape);
    this.#path = path;
    this.#dtype = dtype;
    this.#shape = shape;
    this.#size = sizeOf(shape);
    this.#headerBytes = header.byteLength;
    this.#fd = openSync(path, 'w');
    writeFully(this.#fd, header);
  }

  /** The next elements; the array must be of the dtype's own class. Not to be mixed with `writeColumns`. Errors: E_DATA. */
  append(data: TypedArray): void {
    this.#take(data);
    writeFully(this.#fd, bytesOf(data));
  }

  /**
   * Columns from … to−1 of all rows, of an array of two axes; each column once, in any order.
   * @shape data: [rows, to − from]. Errors: E_DATA if the columns or the elements do not fit.
   */
  writeColumns(from: number, to: number, data: TypedArray): void {
    const [rows, width] = this.#shape as readonly [number, number];
    const count = to - from;
    if (this.#shape.length !== 2 || from < 0 || from >= to || to > width || data.length !== rows * count) {
      throw new PipelineError('E_DATA', `columns ${from} … ${to} do not fit "${this.#path}"`, { facts: { expected: `columns of [${this.#shape.join(', ')}]`, found: `${data.length} elements` } });
    }
    this.#take(data);
    const bytes = bytesOf(data);
    const element = BYTES_PER_ELEMENT[this.#dtype];
    // whole rows are one write
    const pieces = count === width ? 1 : rows;
    const length = bytes.byteLength / pieces;
    for (let i = 0; i < pieces; i += 1) writeFully(this.#fd, bytes.subarray(i * length, (i + 1) * length), this.#headerBytes + (i * width + from) * element);
  }

  #take(data: TypedArray): void {
    if (!holds(this.#dtype, data)) {
      throw new PipelineError('E_DATA', `"${this.#path}" takes another type of element`, { facts: { expected: this.#dtype, found: data.constructor.name } });
    }
    if (this.#written + data.length > this.#size) {
      throw new PipelineError('E_DATA', `"${this.#path}" is given more than its shape holds`, {
        facts: { expected: `${this.#size} elements for [${this.#shape.join(', ')}]`, found: this.#written + data.length },
      });
    }
    this.#written += data.length;
  }

  /** Errors: E_DATA if elements are missing. */
  close(): void {
    this.abandon();
    if (this.#written !== this.#size) {
      throw new PipelineError('E_DATA', `"${this.#path}" was closed before it was full`, {
        facts: { expected: `${this.#size} elements for [${this.#shape.join(', ')}]`, found: this.#written },
      });
    }
  }

  /** Lets go of the file without asking whether it is full: for `finally`, so that an error on the way is not hidden by another. Does nothing after `close`. */
  abandon(): void {
    if (!this.#open) return;
    this.#open = false;
    closeSync(this.#fd);
  }
}

export function writeNpy(path: string, { dtype, shape, data }: Tensor): void {
  const writer = new NpyWriter(path, dtype, shape);
  writer.append(data);
  writer.close();
}
