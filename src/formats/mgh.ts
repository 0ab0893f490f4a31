/**
 * FreeSurfer volumes and surface maps (.mgh, gzip-compressed .mgz; recognised by content). Big-endian on disk, first axis fastest; kept so.
 * The file must hold at least the data its header claims; what follows (TR, angles, tags) is optional and skipped.
 * Source: FreeSurfer's MGH format description.
 */
import { gunzipSync } from 'node:zlib';
import { BYTES_PER_ELEMENT, sizeOf, tensor, viewAs, type DType, type Shape, type Tensor } from '../core/tensor.js';
import { formatError, readExactly, swapBytes, withFile } from './bytes.js';

export interface MghImage {
  /** (width, height, depth, frames); a surface map is (vertices, 1, 1, frames) */
  readonly shape: Shape;
  readonly dtype: DType;
  /** @shape row-major with the axes reversed, [frame, depth, height, width] */
  readonly data: Tensor;
}

const HEADER_BYTES = 284;
const VERSION = 1;
const LARGEST = 2 ** 32 - 1;
const TYPES: Readonly<Record<number, DType>> = { 0: 'uint8', 1: 'int32', 3: 'float32', 4: 'int16', 10: 'uint16' };

/** Errors: E_FORMAT for anything but a complete MGH file; E_EXTERNAL_MISSING if it cannot be opened. */
export function readMgh(path: string): MghImage {
  const bytes = withFile(path, ({ fd, size }) => {
    if (size > LARGEST) throw formatError(path, 'is too large to read whole', { expected: `at most ${LARGEST} bytes`, found: size });
    const raw = new Uint8Array(size);
    readExactly(fd, path, raw, 0);
    return raw[0] === 0x1f && raw[1] === 0x8b ? gunzip(path, raw) : raw;
  });
  if (bytes.byteLength < HEADER_BYTES) throw formatError(path, 'is too short for an MGH header', { expected: `${HEADER_BYTES} bytes`, found: bytes.byteLength });
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const version = view.getInt32(0, false);
  if (version !== VERSION) throw formatError(path, 'is not an MGH file', { expected: `version ${VERSION}`, found: version });
  const shape = [4, 8, 12, 16].map((offset) => view.getInt32(offset, false));
  const dtype = TYPES[view.getInt32(20, false)];
  if (dtype === undefined) throw formatError(path, 'has a type that is not read', { expected: 'uchar, int, float, short or ushort', found: `type ${view.getInt32(20, false)}` });
  const total = shape.reduce((product, extent) => product * extent, 1) * BYTES_PER_ELEMENT[dtype];
  if (shape.some((extent) => extent < 1) || !(total <= bytes.byteLength - HEADER_BYTES)) {
    throw formatError(path, 'is shorter than its header says', { expected: `${total} bytes for ${dtype} (${shape.join(', ')})`, found: `${bytes.byteLength - HEADER_BYTES} bytes` });
  }
  // A copy, so that the data are aligned and the rest of the file can go.
  const data = bytes.slice(HEADER_BYTES, HEADER_BYTES + total);
  swapBytes(data, BYTES_PER_ELEMENT[dtype]);
  sizeOf(shape);
  return { shape, dtype, data: tensor(dtype, [...shape].reverse(), viewAs(dtype, data)) };
}

function gunzip(path: string, raw: Uint8Array): Uint8Array {
  try {
    return gunzipSync(raw, { maxOutputLength: LARGEST, chunkSize: 1 << 20 });
  } catch (cause) {
    throw formatError(path, 'is a damaged gzip file', { expected: 'a complete gzip stream', found: cause instanceof Error ? cause.message : String(cause), cause });
  }
}
