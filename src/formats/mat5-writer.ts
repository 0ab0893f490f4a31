/**
 * Writes numeric arrays as MATLAB's own `save -v7` does: little-endian, each variable compressed, doubles that are all whole numbers kept in the
 * narrowest integers. The header names no time and no machine, so the same variables give the same bytes.
 */
import { closeSync, openSync } from 'node:fs';
import { deflateSync } from 'node:zlib';
import { PipelineError } from '../core/errors.js';
import { allocate, sizeOf, type DType, type Shape, type TypedArrayOf } from '../core/tensor.js';
import { bytesOf, writeFully } from './bytes.js';
import { CLASSES, codeOf, ENDIAN_OFFSET, FLAG_LOGICAL, HEADER_BYTES, MI, STORAGE, VERSION } from './mat5-codes.js';

const TEXT = 'MATLAB 5.0 MAT-file, Platform: GLNXA64';
const TEXT_BYTES = 116;
const NAME = /^[A-Za-z]\w{0,62}$/;
/** MATLAB's own choice for whole numbers */
const NARROW: readonly DType[] = ['uint8', 'int16', 'uint16', 'int32'];

export interface MatVariable {
  readonly dtype: DType;
  /** at least two extents, as MATLAB has it */
  readonly shape: Shape;
  /** column-major */
  readonly data: TypedArrayOf[DType];
}

/** Variables in the order given. Errors: E_DATA for a name that MATLAB cannot have or data that do not fill their shape. */
export function writeMat5(path: string, variables: Readonly<Record<string, MatVariable>>): void {
  const header = Buffer.alloc(HEADER_BYTES, ' ');
  header.write(TEXT, 0, 'latin1');
  header.fill(0, TEXT_BYTES, 124);
  header.writeUInt16LE(VERSION, 124);
  header.write('IM', ENDIAN_OFFSET, 'latin1');
  const parts: Uint8Array[] = [header];
  for (const [name, variable] of Object.entries(variables)) {
    const packed = deflateSync(encodeVariable(name, variable));
    parts.push(tag(MI.COMPRESSED, packed.byteLength), packed);
  }
  const fd = openSync(path, 'w');
  try {
    for (const part of parts) writeFully(fd, part);
  } finally {
    closeSync(fd);
  }
}

function encodeVariable(name: string, { dtype, shape, data }: MatVariable): Uint8Array {
  if (!NAME.test(name) || shape.length < 2 || sizeOf(shape) !== data.length || data.byteLength >= 2 ** 31) {
    throw new PipelineError('E_DATA', `"${name}" cannot be saved for MATLAB`, {
      facts: { expected: 'a letter, then letters, digits or _; two extents or more that the data fill; below 2 GiB', found: `[${shape.join(', ')}] with ${data.length} elements` },
    });
  }
  const logical = dtype === 'bool';
  const classCode = codeOf(CLASSES, logical ? 'uint8' : dtype);
  const flags = new Uint32Array([classCode | (logical ? FLAG_LOGICAL << 8 : 0), 0]);
  const [storage, stored] = dtype === 'float64' ? narrow(data as Float64Array) : ([logical ? 'uint8' : dtype, data] as const);
  const body = Buffer.concat([
    element(MI.UINT32, bytesOf(flags)),
    element(MI.INT32, bytesOf(Int32Array.from(shape))),
    element(MI.INT8, Buffer.from(name, 'latin1')),
    element(codeOf(STORAGE, storage), bytesOf(stored)),
  ]);
  return Buffer.concat([tag(MI.MATRIX, body.byteLength), body]);
}

/** Negative zero is not a whole number here: an integer would lose its sign. */
function narrow(data: Float64Array): readonly [DType, TypedArrayOf[DType]] {
  for (const dtype of NARROW) {
    const out = allocate(dtype, data.length);
    out.set(data as never);
    if (data.every((value, i) => Object.is(out[i], value))) return [dtype, out];
  }
  return ['float64', data];
}

function tag(type: number, length: number): Uint8Array {
  const bytes = Buffer.alloc(8);
  bytes.writeUInt32LE(type, 0);
  bytes.writeUInt32LE(length, 4);
  return bytes;
}

/** Up to four bytes stand in the tag itself; longer data are padded to eight. */
function element(type: number, bytes: Uint8Array): Uint8Array {
  if (bytes.byteLength >= 1 && bytes.byteLength <= 4) {
    const small = Buffer.alloc(8);
    small.writeUInt16LE(type, 0);
    small.writeUInt16LE(bytes.byteLength, 2);
    small.set(bytes, 4);
    return small;
  }
  return Buffer.concat([tag(type, bytes.byteLength), bytes, Buffer.alloc((8 - (bytes.byteLength % 8)) % 8)]);
}
