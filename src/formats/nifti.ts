/**
 * NIfTI-1 volumes (.nii, .nii.gz; recognised by content, not by name): read whole, or streamed frame by frame so that a session of betas never
 * stands in memory. Elements keep the order of the disk, x fastest: position x + X·(y + Y·z) in a frame. A file must hold exactly what its
 * header says; scl_slope is applied only on request. NiftiWriter writes frames as they come.
 */
import { closeSync, createReadStream } from 'node:fs';
import type { Readable } from 'node:stream';
import { constants, createGunzip, gunzipSync } from 'node:zlib';
import type { PipelineError } from '../core/errors.js';
import { allocate, BYTES_PER_ELEMENT, sizeOf, tensor, viewAs, type DType, type Shape, type Tensor } from '../core/tensor.js';
import { bytesOf, formatError, openForReading, readExactly, swapBytes, withFile, type OpenFile, type TypedArray } from './bytes.js';
import { HEADER_BYTES, parseHeader, type NiftiHeader } from './nifti-header.js';

export { nsdAffine, type NiftiHeader } from './nifti-header.js';
export { NiftiWriter, writeNifti, type NiftiOptions } from './nifti-writer.js';

export interface NiftiImage extends NiftiHeader {
  /** @shape row-major with the axes reversed, […, t, z, y, x]: the same numbers in the same order as Fortran (x, y, z, t, …) */
  readonly data: Tensor;
}

const BLOCK_BYTES = 1 << 20;
/** Enough compressed bytes to hold the header, whatever extensions follow it. */
const HEAD_BYTES = 1 << 16;
/** deflate cannot do better than this; a header that claims more is wrong. @source zlib technical details: 1032:1 */
const LARGEST_RATIO = 1032;
const LARGEST_IN_MEMORY = 2 ** 32;

/** Errors: E_FORMAT for anything but a NIfTI-1 file whose length fits its header; E_EXTERNAL_MISSING if it cannot be opened. */
export function readNiftiHeader(path: string): NiftiHeader {
  return withFile(path, (file) => headerOf(path, file).header);
}

function headerOf(path: string, { fd, size }: OpenFile): { readonly header: NiftiHeader; readonly compressed: boolean; readonly total: number } {
  const head = new Uint8Array(Math.min(size, HEAD_BYTES));
  readExactly(fd, path, head, 0);
  const compressed = head[0] === 0x1f && head[1] === 0x8b;
  const start = compressed ? gunzipStart(path, head) : head;
  const header = parseHeader(path, start.subarray(0, HEADER_BYTES));
  const total = header.dataOffset + sizeOf(header.shape) * BYTES_PER_ELEMENT[header.dtype];
  if (compressed ? total > size * LARGEST_RATIO : size !== total) throw lengthError(path, header, total, compressed ? `${size} compressed bytes` : `${size} bytes`);
  return { header, compressed, total };
}

function gunzipStart(path: string, head: Uint8Array): Uint8Array {
  try {
    return gunzipSync(head, { finishFlush: constants.Z_SYNC_FLUSH });
  } catch (cause) {
    throw gzipError(path, cause);
  }
}

function gzipError(path: string, cause: unknown): PipelineError {
  return formatError(path, 'is a damaged gzip file', { expected: 'a complete gzip stream', found: cause instanceof Error ? cause.message : String(cause), cause });
}

function lengthError(path: string, { shape, dtype }: NiftiHeader, expected: number, found: string): PipelineError {
  return formatError(path, 'has another length than its header says', { expected: `${expected} bytes for ${dtype} (${shape.join(', ')})`, found });
}

/**
 * The whole volume.
 * @param options.scaled true: stored · scl_slope + scl_inter as float64; default: the numbers as stored
 * Errors: E_FORMAT as for `readNiftiHeader`, for truncated or damaged gzip, and above 4 GiB (stream it instead).
 */
export function readNifti(path: string, options: { readonly scaled?: boolean } = {}): NiftiImage {
  return withFile(path, (file) => {
    const { header, compressed, total } = headerOf(path, file);
    const { shape, dtype, bigEndian, dataOffset } = header;
    if (total > LARGEST_IN_MEMORY) {
      throw formatError(path, 'is too large to read whole', { expected: `at most ${LARGEST_IN_MEMORY} bytes`, found: total, hint: 'Read it frame by frame.' });
    }
    const data = allocate(dtype, sizeOf(shape));
    const bytes = bytesOf(data);
    if (compressed) {
      const packed = new Uint8Array(file.size);
      readExactly(file.fd, path, packed, 0);
      const all = gunzipWhole(path, packed, total);
      if (all.byteLength !== total) throw lengthError(path, header, total, `${all.byteLength} bytes`);
      bytes.set(all.subarray(dataOffset));
    } else {
      readExactly(file.fd, path, bytes, dataOffset);
    }
    if (bigEndian) swapBytes(bytes, BYTES_PER_ELEMENT[dtype]);
    const reversed = [...shape].reverse();
    const stored = tensor(dtype, reversed, data);
    return { ...header, data: options.scaled === true ? applyScale(stored, header) : stored };
  });
}

function gunzipWhole(path: string, packed: Uint8Array, total: number): Uint8Array {
  try {
    // One byte more than allowed, so that a stream that is too long is told from one that fits.
    return gunzipSync(packed, { maxOutputLength: total + 1, chunkSize: BLOCK_BYTES });
  } catch (cause) {
    throw gzipError(path, cause);
  }
}

function applyScale({ shape, data }: Tensor, { slope, intercept }: NiftiHeader): Tensor {
  const out = new Float64Array(data.length);
  for (let i = 0; i < out.length; i += 1) out[i] = Number(data[i]) * slope + intercept;
  return tensor('float64', shape, out);
}

/**
 * Calls `onFrame` with every 3-D frame in order. Memory: one frame and a few blocks of a megabyte, whatever the length of the file.
 * @param onFrame `frame` holds the elements as stored, position x + X·(y + Y·z), and is only valid during the call: the next frame overwrites it
 * Errors: E_FORMAT as for `readNifti`; a length that does not fit is found at the latest at the end, after the last whole frame.
 */
export async function streamNiftiFrames(path: string, onFrame: (index: number, frame: TypedArray) => void): Promise<NiftiHeader> {
  const file = openForReading(path);
  let parsed: ReturnType<typeof headerOf>;
  try {
    parsed = headerOf(path, file);
  } finally {
    closeSync(file.fd);
  }
  const { header, compressed, total } = parsed;
  const assembler = new FrameAssembler(header, onFrame);
  let seen = 0;
  const source = createReadStream(path, { highWaterMark: BLOCK_BYTES });
  const blocks: Readable = compressed ? source.pipe(createGunzip({ chunkSize: BLOCK_BYTES })) : source;
  source.on('error', (error) => blocks.destroy(error));
  try {
    for await (const block of blocks as AsyncIterable<Uint8Array>) {
      seen += block.byteLength;
      if (seen > total) throw lengthError(path, header, total, `more than ${total} bytes`);
      assembler.push(block, seen - block.byteLength);
    }
  } catch (cause) {
    // zlib's own failures have codes Z_…; whatever the caller's function throws goes through as it is.
    if (cause instanceof Error && 'code' in cause && String(cause.code).startsWith('Z_')) throw gzipError(path, cause);
    throw cause;
  } finally {
    source.destroy();
  }
  if (seen !== total) throw lengthError(path, header, total, `${seen} bytes`);
  return header;
}

/** Cuts a stream of blocks into frames, in one buffer. */
class FrameAssembler {
  readonly #dataOffset: number;
  readonly #bytes: Uint8Array;
  readonly #frame: TypedArray;
  readonly #swapWidth: number;
  readonly #onFrame: (index: number, frame: TypedArray) => void;
  #filled = 0;
  #index = 0;

  constructor({ shape, dtype, bigEndian, dataOffset }: NiftiHeader, onFrame: (index: number, frame: TypedArray) => void) {
    this.#dataOffset = dataOffset;
    this.#bytes = new Uint8Array(frameSize(shape) * BYTES_PER_ELEMENT[dtype]);
    this.#frame = viewAs(dtype as DType, this.#bytes);
    this.#swapWidth = bigEndian ? BYTES_PER_ELEMENT[dtype] : 1;
    this.#onFrame = onFrame;
  }

  /** @param position of the block in the (decompressed) file */
  push(block: Uint8Array, position: number): void {
    let from = Math.max(0, Math.min(block.byteLength, this.#dataOffset - position));
    while (from < block.byteLength) {
      const take = Math.min(block.byteLength - from, this.#bytes.byteLength - this.#filled);
      this.#bytes.set(block.subarray(from, from + take), this.#filled);
      from += take;
      this.#filled += take;
      if (this.#filled < this.#bytes.byteLength) return;
      swapBytes(this.#bytes, this.#swapWidth);
      this.#onFrame(this.#index, this.#frame);
      this.#index += 1;
      this.#filled = 0;
    }
  }
}

function frameSize(shape: Shape): number {
  return sizeOf(shape.slice(0, 3));
}
