/**
 * What every format shares: exact reads and writes at a place in a file, byte order, and the one way to say that a file is not what it should
 * be. A read is complete or an error: no format ever sees a short buffer. Knows no format.
 */
import { closeSync, fstatSync, openSync, readSync, writeSync, constants } from 'node:fs';
import { basename } from 'node:path';
import { PipelineError } from '../core/errors.js';
import { allocate, type DType, type TypedArrayOf } from '../core/tensor.js';

export type TypedArray = TypedArrayOf[DType];

/** One system call moves at most 2^31-1 bytes on Linux. */
const LARGEST_TRANSFER = 1 << 30;

/** @returns E_FORMAT with the file's name first; throw it. */
export function formatError(path: string, what: string, details: { expected: string; found: string | number; hint?: string; cause?: unknown }): PipelineError {
  return new PipelineError('E_FORMAT', `"${basename(path)}" ${what}`, {
    facts: { expected: details.expected, found: details.found, path },
    hint: details.hint ?? 'Check the file: fetch or write it again.',
    ...(details.cause === undefined ? {} : { cause: details.cause }),
  });
}

if (new Uint8Array(Uint16Array.of(1).buffer)[0] !== 1) {
  throw new PipelineError('E_ENVIRONMENT', 'this machine is big-endian', { facts: { expected: 'a little-endian machine', found: process.arch }, hint: 'Run on x86-64 or arm64.' });
}

export interface OpenFile {
  readonly fd: number;
  readonly size: number;
}

/** Opens a regular file. Errors: E_EXTERNAL_MISSING if there is none, E_FORMAT for a folder, a pipe or a device. */
export function openForReading(path: string): OpenFile {
  let fd: number;
  try {
    // Without O_NONBLOCK the open itself would wait for ever on a named pipe.
    fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (cause) {
    throw new PipelineError('E_EXTERNAL_MISSING', `"${path}" cannot be opened`, {
      facts: { expected: 'a readable file', found: cause instanceof Error ? cause.message : String(cause) },
      hint: 'Check the path and its permissions.',
      cause,
    });
  }
  const stat = fstatSync(fd);
  if (!stat.isFile()) {
    closeSync(fd);
    throw formatError(path, 'is not a regular file', { expected: 'a regular file', found: stat.isDirectory() ? 'a folder' : 'a special file' });
  }
  return { fd, size: stat.size };
}

export function withFile<T>(path: string, use: (file: OpenFile) => T): T {
  const file = openForReading(path);
  try {
    return use(file);
  } finally {
    closeSync(file.fd);
  }
}

/** Fills `target` from `position`. Errors: E_FORMAT if the file ends before. */
export function readExactly(fd: number, path: string, target: Uint8Array, position: number): void {
  let done = 0;
  while (done < target.byteLength) {
    const got = readSync(fd, target, done, Math.min(LARGEST_TRANSFER, target.byteLength - done), position + done);
    if (got === 0) {
      throw formatError(path, 'ends too early', { expected: `${target.byteLength} bytes from byte ${position}`, found: `${done} bytes` });
    }
    done += got;
  }
}

/** Writes all of `bytes` at `position` (null: where the file stands). */
export function writeFully(fd: number, bytes: Uint8Array, position: number | null = null): void {
  let done = 0;
  while (done < bytes.byteLength) {
    done += writeSync(fd, bytes, done, Math.min(LARGEST_TRANSFER, bytes.byteLength - done), position === null ? null : position + done);
  }
}

export function bytesOf(data: TypedArray): Uint8Array {
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}

/** Reverses the bytes of each element in place. @param width bytes per element: 1, 2, 4 or 8 */
export function swapBytes(bytes: Uint8Array, width: number): void {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (width === 2) buffer.swap16();
  else if (width === 4) buffer.swap32();
  else if (width === 8) buffer.swap64();
}

/** Whether a typed array holds elements of a dtype (`bool` and `uint8` are both bytes). */
export function holds(dtype: DType, data: TypedArray): boolean {
  return allocate(dtype, 0).constructor === data.constructor;
}

/** Row-major strides in elements. @shape [rank] */
export function stridesOf(shape: readonly number[]): number[] {
  const strides = new Array<number>(shape.length).fill(1);
  for (let i = shape.length - 2; i >= 0; i -= 1) strides[i] = (strides[i + 1] as number) * (shape[i + 1] as number);
  return strides;
}

/**
 * Reorders Fortran (first axis fastest) to C order (last axis fastest): out[i0, …, ik] = data[i0 + n0·(i1 + n1·(…))].
 * @param shape extents of the named axes; the same before and after, only the order in memory changes
 */
export function fortranToC<A extends TypedArray>(data: A, shape: readonly number[], out: A): A {
  const rank = shape.length;
  if (rank <= 1) {
    out.set(data as never);
    return out;
  }
  const strides = stridesOf(shape);
  const index = new Array<number>(rank).fill(0);
  const first = shape[0] as number;
  const firstStride = strides[0] as number;
  let base = 0;
  for (let from = 0; from < data.length; from += first) {
    let to = base;
    for (let i = 0; i < first; i += 1) {
      out[to] = data[from + i] as never;
      to += firstStride;
    }
    for (let axis = 1; axis < rank; axis += 1) {
      index[axis] = (index[axis] as number) + 1;
      base += strides[axis] as number;
      if ((index[axis] as number) < (shape[axis] as number)) break;
      base -= (shape[axis] as number) * (strides[axis] as number);
      index[axis] = 0;
    }
  }
  return out;
}
