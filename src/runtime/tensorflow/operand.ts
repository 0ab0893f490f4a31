/**
 * A value while it is computed. TensorFlow wants channels in the last axis, ONNX has them in the second: a value is held in the order in which
 * it was made, and in the other order too once a kernel asked for it. So a chain of convolutions, pools and elementwise operators is
 * transposed at its two ends only.
 *
 * `plain` is ONNX's order [N, C, …]; `last` is [N, …, C] and exists for three and more axes. Tensors are kept until `dispose`.
 */
import type { DType, Tensor } from '../../core/tensor.js';
import { sizeOf } from '../../core/tensor.js';
import type { T, Tf } from './tf.js';

/** What a kernel returns: a new tensor and its order. */
export interface Result {
  readonly tensor: T;
  readonly last: boolean;
}

export class Operand {
  readonly rank: number;
  readonly size: number;
  #plain: T | undefined;
  #last: T | undefined;

  constructor(private readonly tf: Tf, { tensor, last }: Result) {
    this.rank = tensor.shape.length;
    this.size = tensor.size;
    tf.keep(tensor);
    if (last) this.#last = tensor;
    else this.#plain = tensor;
  }

  get hasLast(): boolean {
    return this.#last !== undefined;
  }

  plain(): T {
    this.#plain ??= this.tf.keep(permute(this.tf, this.#last as T, plainOrder(this.rank)));
    return this.#plain;
  }

  last(): T {
    this.#last ??= this.tf.keep(permute(this.tf, this.#plain as T, lastOrder(this.rank)));
    return this.#last;
  }

  /** The tensor in whatever order it is in; channels last where both are held. */
  either(): Result {
    return this.#last === undefined ? { tensor: this.#plain as T, last: false } : { tensor: this.#last, last: true };
  }

  holds(tensor: T): boolean {
    return tensor === this.#plain || tensor === this.#last;
  }

  dispose(): void {
    this.#plain?.dispose();
    this.#last?.dispose();
    this.#plain = this.#last = undefined;
  }
}

/** [0, 2, …, 1] */
export function lastOrder(rank: number): number[] {
  return [0, ...Array.from({ length: rank - 2 }, (_, i) => i + 2), 1];
}

/** [0, rank-1, 1, …] */
export function plainOrder(rank: number): number[] {
  return [0, rank - 1, ...Array.from({ length: rank - 2 }, (_, i) => i + 1)];
}

/** Where an axis of ONNX's order lies in a tensor. */
export function placeOf(axis: number, rank: number, last: boolean): number {
  return last ? lastOrder(rank).indexOf(axis) : axis;
}

/** A transposition; a reshape where the axes longer than 1 keep their order. */
export function permute(tf: Tf, x: T, order: readonly number[]): T {
  const moved = order.filter((axis) => x.shape[axis] !== 1);
  const shape = order.map((axis) => x.shape[axis] as number);
  if (moved.every((axis, i) => i === 0 || axis > (moved[i - 1] as number))) return tf.reshape(x, shape);
  return tf.transpose(x, [...order]);
}

/** How dtypes are held: real numbers as float32, integers as int32, truth values as bool. float64 has no counterpart. */
export const HELD_AS: Readonly<Record<Exclude<DType, 'float64'>, 'float32' | 'int32' | 'bool'>> = {
  float32: 'float32', bool: 'bool', int8: 'int32', uint8: 'int32', int16: 'int32', uint16: 'int32', int32: 'int32', uint32: 'int32', int64: 'int32',
};

/** The first element that does not fit into 32 bits. */
export function outOfRange({ dtype, data }: Tensor): number | bigint | undefined {
  if (dtype !== 'int64' && dtype !== 'uint32') return undefined;
  for (const element of data) if (element > 2147483647 || element < -2147483648) return element;
  return undefined;
}

/** Uploads elements that `outOfRange` has let through. The tensor does not share memory with the caller's array. */
export function upload(tf: Tf, { dtype, shape, data }: Tensor): T {
  const extents = [...shape];
  if (dtype === 'float32') return tf.tensor((data as Float32Array).slice(), extents, 'float32');
  if (dtype === 'bool') return tf.tensor((data as Uint8Array).slice(), extents, 'bool');
  return tf.tensor(Int32Array.from(data as ArrayLike<number | bigint>, Number), extents, 'int32');
}

/** Elements of a tensor as a fresh array of the dtype of the value. */
export async function download(tensor: T, dtype: DType): Promise<Tensor['data']> {
  const elements = await tensor.data();
  const length = sizeOf(tensor.shape);
  switch (dtype) {
    case 'float32':
      return Float32Array.from(elements.subarray(0, length) as Float32Array);
    case 'int64':
      return BigInt64Array.from(elements as Int32Array, BigInt);
    case 'bool':
    case 'uint8':
      return Uint8Array.from(elements as Int32Array);
    case 'int8':
      return Int8Array.from(elements as Int32Array);
    case 'int16':
      return Int16Array.from(elements as Int32Array);
    case 'uint16':
      return Uint16Array.from(elements as Int32Array);
    case 'int32':
      return Int32Array.from(elements as Int32Array);
    case 'uint32':
      return Uint32Array.from(elements as Int32Array);
    case 'float64':
      return Float64Array.from(elements as Float32Array);
  }
}
