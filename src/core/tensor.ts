/** Dense tensors in row-major (C) order: what graphs, runtimes, solvers and array files exchange. */
import { PipelineError } from './errors.js';

export interface TypedArrayOf {
  float32: Float32Array;
  float64: Float64Array;
  int8: Int8Array;
  uint8: Uint8Array;
  int16: Int16Array;
  uint16: Uint16Array;
  int32: Int32Array;
  uint32: Uint32Array;
  int64: BigInt64Array;
  /** one byte per element, 0 or 1 */
  bool: Uint8Array;
}
export type DType = keyof TypedArrayOf;
export type Shape = readonly number[];

export interface Tensor<D extends DType = DType> {
  readonly dtype: D;
  /** named axes are stated where the tensor is made; row-major */
  readonly shape: Shape;
  readonly data: TypedArrayOf[D];
}

export const BYTES_PER_ELEMENT: Readonly<Record<DType, number>> = {
  float32: 4, float64: 8, int8: 1, uint8: 1, int16: 2, uint16: 2, int32: 4, uint32: 4, int64: 8, bool: 1,
};

const CONSTRUCTORS = {
  float32: Float32Array, float64: Float64Array, int8: Int8Array, uint8: Uint8Array, int16: Int16Array,
  uint16: Uint16Array, int32: Int32Array, uint32: Uint32Array, int64: BigInt64Array, bool: Uint8Array,
} as const;

/** Number of elements; refuses negative, fractional or overflowing shapes. */
export function sizeOf(shape: Shape): number {
  let size = 1;
  for (const extent of shape) {
    if (!Number.isInteger(extent) || extent < 0) throw new PipelineError('E_DATA', `shape [${shape.join(', ')}] is not a list of non-negative integers`);
    size *= extent;
  }
  if (!Number.isSafeInteger(size)) throw new PipelineError('E_DATA', `shape [${shape.join(', ')}] has more than 2^53 elements`);
  return size;
}

export function allocate<D extends DType>(dtype: D, length: number): TypedArrayOf[D] {
  return new CONSTRUCTORS[dtype](length) as TypedArrayOf[D];
}

/** A view of bytes as elements; copies only when the bytes are not aligned. The machine is little-endian (checked by the formats). */
export function viewAs<D extends DType>(dtype: D, bytes: Uint8Array): TypedArrayOf[D] {
  const width = BYTES_PER_ELEMENT[dtype];
  // Not slice(): that of a Buffer is another view of the same misaligned memory.
  const aligned = bytes.byteOffset % width === 0 ? bytes : new Uint8Array(bytes);
  const Constructor = CONSTRUCTORS[dtype] as unknown as new (buffer: ArrayBufferLike, offset: number, length: number) => TypedArrayOf[D];
  return new Constructor(aligned.buffer, aligned.byteOffset, aligned.byteLength / width);
}

export function tensor<D extends DType>(dtype: D, shape: Shape, data?: TypedArrayOf[D]): Tensor<D> {
  const size = sizeOf(shape);
  if (data !== undefined && data.length !== size) {
    throw new PipelineError('E_DATA', `tensor data does not fill its shape`, { facts: { expected: `${size} elements for [${shape.join(', ')}]`, found: data.length } });
  }
  return { dtype, shape, data: data ?? allocate(dtype, size) };
}
