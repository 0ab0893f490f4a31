/**
 * A tensor that has not been read: where its elements lie in a storage. Several tensors may share one storage (tied weights, views), with any strides. Reading one
 * takes the bytes between its first and its last element and nothing else, so a large checkpoint never stands in memory as a whole.
 */
import { PipelineError } from '../../core/errors.js';
import { sizeOf, tensor, type Shape, type Tensor } from '../../core/tensor.js';
import { bytesOf, formatError, stridesOf, swapBytes } from '../bytes.js';
import type { ByteSource } from './byte-cursor.js';
import type { ElementType } from './elements.js';

export interface StoredTensor {
  readonly shape: Shape;
  readonly element: ElementType;
  readonly source: ByteSource;
  /** first byte of the storage in the source */
  readonly start: number;
  /** first element in the storage */
  readonly offset: number;
  /** elements from one index to the next, by axis */
  readonly strides: readonly number[];
  readonly bigEndian: boolean;
}

/** A tensor may repeat elements of its storage (stride 0) up to so many; a longer one out of a short storage is no weight. */
const MOST_REPEATED = 2 ** 24;
const MOST_ELEMENTS = 2 ** 31 - 1;
/** converted at once where the types differ */
const PIECE = 1 << 20;

/** Errors: E_FORMAT unless every element lies in the storage. @param elements of the storage */
export function checkPlace(name: string, stored: StoredTensor, elements: number): StoredTensor {
  const { shape, offset, strides, source } = stored;
  const natural = (value: unknown): boolean => Number.isSafeInteger(value) && (value as number) >= 0;
  const described = `offset ${offset}, shape [${shape.join(', ')}], strides [${strides.join(', ')}]`;
  if (shape.length !== strides.length || ![offset, ...shape, ...strides].every(natural)) throw formatError(source.path, `describes the tensor "${name}" wrongly`, { expected: 'natural numbers, one stride for each axis', found: described });
  const count = shape.reduce((product, extent) => product * extent, 1);
  const last = shape.reduce((sum, extent, axis) => sum + (extent - 1) * (strides[axis] as number), offset);
  if (count > 0 && !(last < elements)) throw formatError(source.path, `has a tensor "${name}" that reaches beyond its storage`, { expected: `at most ${elements} elements`, found: described });
  if (count > MOST_ELEMENTS || count > Math.max(elements, MOST_REPEATED)) throw formatError(source.path, `has a tensor "${name}" of too many elements`, { expected: `at most ${Math.min(MOST_ELEMENTS, Math.max(elements, MOST_REPEATED))}`, found: described });
  return stored;
}

/** @shape as stored, row-major. Errors: E_DATA for a type that is not real, E_FORMAT for a damaged file. */
export function readStored(label: string, name: string, stored: StoredTensor): Tensor<'float32'> {
  const { shape, element, strides } = stored;
  if (element.widen === undefined) {
    throw new PipelineError('E_DATA', `"${name}" in "${label}" is of type ${element.name}, which is not read`, { facts: { expected: 'real numbers', found: element.name }, hint: 'Convert it where the checkpoint was made, and save it again.' });
  }
  const count = sizeOf(shape);
  const out = new Float32Array(count);
  if (count === 0) return tensor('float32', shape, out);
  const natural = stridesOf(shape);
  if (shape.every((extent, axis) => extent === 1 || strides[axis] === natural[axis])) {
    fill(stored, stored.offset, out);
    return tensor('float32', shape, out);
  }
  const span = shape.reduce((sum, extent, axis) => sum + (extent - 1) * (strides[axis] as number), 1);
  const values = new Float32Array(span);
  fill(stored, stored.offset, values);
  gather(values, shape, strides, out);
  return tensor('float32', shape, out);
}

/** Elements of the storage from `first` on, as float32. */
function fill({ source, element, start, bigEndian }: StoredTensor, first: number, out: Float32Array): void {
  const at = (index: number): number => start + (first + index) * element.width;
  if (element.name === 'float32') {
    source.read(bytesOf(out), at(0));
    if (bigEndian) swapBytes(bytesOf(out), element.width);
    return;
  }
  for (let from = 0; from < out.length; from += PIECE) {
    const bytes = new Uint8Array(Math.min(PIECE, out.length - from) * element.width);
    source.read(bytes, at(from));
    if (bigEndian) swapBytes(bytes, element.width);
    out.set((element.widen as NonNullable<ElementType['widen']>)(bytes), from);
  }
}

/** out[i0, …, ik] = values[Σ i·stride] */
function gather(values: Float32Array, shape: Shape, strides: readonly number[], out: Float32Array): void {
  const last = shape.length - 1;
  const inner = shape[last] as number;
  const step = strides[last] as number;
  const index = new Array<number>(shape.length).fill(0);
  let base = 0;
  for (let to = 0; to < out.length; to += inner) {
    for (let i = 0; i < inner; i += 1) out[to + i] = values[base + i * step] as number;
    for (let axis = last - 1; axis >= 0; axis -= 1) {
      index[axis] = (index[axis] as number) + 1;
      base += strides[axis] as number;
      if ((index[axis] as number) < (shape[axis] as number)) break;
      base -= (shape[axis] as number) * (strides[axis] as number);
      index[axis] = 0;
    }
  }
}
