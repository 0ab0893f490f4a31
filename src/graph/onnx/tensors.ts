/**
 * Tensors of an ONNX file. What a tensor is (name, type, shape, where its bytes lie) is read at once and checked against the bytes that are there;
 * its elements are read when somebody asks for them. All real types are held as float32: half precision exactly, float64 rounded.
 */
import { PipelineError } from '../../core/errors.js';
import { allocate, BYTES_PER_ELEMENT, sizeOf, viewAs } from '../../core/tensor.js';
import type { DType, Shape, Tensor } from '../../core/tensor.js';
import { readLocation } from './external-data.js';
import type { ExternalData, ExternalLocation } from './external-data.js';
import { BFLOAT16, FLOAT16, FLOAT64, heldAs, DTYPE_OF, TENSOR, typeName } from './schema.js';
import { FIXED64, floatsOf, integersOf, signed, stringOf, wireFields } from './wire.js';
import type { WireField } from './wire.js';

const MOST_AXES = 64;

export interface StoredTensor {
  readonly name: string;
  readonly shape: Shape;
  /** what its elements become; undefined for a type that is not held */
  readonly dtype: DType | undefined;
  /** type in the file */
  readonly stored: string;
  /** bytes in the file, also where another type is held */
  readonly bytes: number;
  /** another file holds the elements */
  readonly location?: ExternalLocation;
  /** The elements; read once. Errors: E_GRAPH for a type that is not held, and those of the external file. */
  read(): Tensor;
}

/** A constant that the import itself made. */
export function storedOf(name: string, tensor: Tensor): StoredTensor {
  return { name, shape: tensor.shape, dtype: tensor.dtype, stored: tensor.dtype, bytes: tensor.data.byteLength, read: () => tensor };
}

/** Errors: E_GRAPH if the data do not fill the shape, E_DATA for a shape that no tensor can have. `external` is asked for the bytes of other files. */
export function readTensor(message: Uint8Array, external: ExternalData | undefined): StoredTensor {
  let name = '';
  let code = 0;
  let raw: Uint8Array | undefined;
  let elsewhere = false;
  const dims: number[] = [];
  const lists: WireField[] = [];
  const entries: Uint8Array[] = [];
  for (const field of wireFields(message)) {
    if (field.number === TENSOR.name) name = stringOf(field);
    else if (field.number === TENSOR.dims) for (const extent of integersOf(field)) dims.push(safeInteger(extent));
    else if (field.number === TENSOR.dataType) code = Number(signed(field));
    else if (field.number === TENSOR.rawData) raw = field.bytes;
    else if (field.number === TENSOR.externalData) entries.push(field.bytes);
    else if (field.number === TENSOR.dataLocation) elsewhere = field.bits !== 0n;
    else lists.push(field);
  }
  if (dims.length > MOST_AXES) throw unfilled(name, [], `${dims.length} axes`, `at most ${MOST_AXES} axes`);
  const size = sizeOf(dims);
  const dtype = heldAs(code);
  const width = widthOf(code);
  const about = { name, shape: dims, dtype, stored: typeName(code) };
  const once = (make: () => Tensor): (() => Tensor) => {
    let made: Tensor | undefined;
    return () => (made ??= make());
  };
  if (dtype === undefined || width === undefined) {
    return { ...about, bytes: raw?.length ?? 0, read: () => { throw notHeld(name, typeName(code)); } };
  }
  if (elsewhere) {
    const location = readLocation(entries, name, size * width);
    return { ...about, bytes: size * width, location, read: once(() => ({ dtype, shape: dims, data: elementsOf(code, dtype, bytesOf(external, location, name)) })) };
  }
  if (raw !== undefined) {
    const bytes = raw;
    if (bytes.length !== size * width) throw unfilled(name, dims, `${bytes.length} bytes`, `${size * width} bytes`);
    return { ...about, bytes: bytes.length, read: once(() => ({ dtype, shape: dims, data: elementsOf(code, dtype, bytes) })) };
  }
  const values = lists.flatMap((field) => typedValues(field));
  if (values.length !== size) throw unfilled(name, dims, `${values.length} elements`, `${size} elements`);
  return { ...about, bytes: size * width, read: once(() => ({ dtype, shape: dims, data: fromList(code, dtype, values) })) };
}

/** Name and place of a tensor whose bytes are in another file; undefined for one that is inside. */
export function readStored(message: Uint8Array): { readonly name: string; readonly location: ExternalLocation } | undefined {
  for (const field of wireFields(message)) {
    if (field.number !== TENSOR.dataLocation || field.bits === 0n) continue;
    const { name, location } = readTensor(message, undefined);
    return location === undefined ? undefined : { name, location };
  }
  return undefined;
}

function bytesOf(external: ExternalData | undefined, location: ExternalLocation, name: string): Uint8Array {
  if (external === undefined) {
    throw new PipelineError('E_GRAPH', `the weights '${name}' are in another file`, { facts: { expected: 'a model with its weights inside', found: `'${location.path}'` }, hint: 'Open the model as a file, so that the files beside it can be found.' });
  }
  return external.read(location, name);
}

function widthOf(code: number): number | undefined {
  if (code === FLOAT16 || code === BFLOAT16) return 2;
  const dtype = DTYPE_OF.get(code);
  return dtype === undefined ? undefined : BYTES_PER_ELEMENT[dtype];
}

function elementsOf(code: number, dtype: DType, bytes: Uint8Array): Tensor['data'] {
  if (code === FLOAT16 || code === BFLOAT16) return widened(code, viewAs('uint16', bytes));
  if (code === FLOAT64) return Float32Array.from(viewAs('float64', bytes));
  return viewAs(dtype, bytes);
}

/** Half precision to single, exactly. */
function widened(code: number, halves: Uint16Array): Float32Array {
  const bits = new Uint32Array(halves.length);
  const convert = code === BFLOAT16 ? (half: number): number => half << 16 : float16Bits;
  for (let i = 0; i < halves.length; i += 1) bits[i] = convert(halves[i] as number);
  return new Float32Array(bits.buffer);
}

/** The bits of a float32 of the same value. @source IEEE 754-2008, binary16 and binary32 */
function float16Bits(half: number): number {
  const sign = (half & 0x8000) << 16;
  const exponent = (half >> 10) & 31;
  let fraction = half & 1023;
  if (exponent === 31) return sign | 0x7f800000 | (fraction << 13);
  if (exponent > 0) return sign | ((exponent + 112) << 23) | (fraction << 13);
  if (fraction === 0) return sign;
  // subnormal: shift until the leading one stands where a normal number has it
  let shifted = 113;
  while ((fraction & 1024) === 0) {
    fraction <<= 1;
    shifted -= 1;
  }
  return sign | (shifted << 23) | ((fraction & 1023) << 13);
}

/** The typed lists of TensorProto, which small tensors use in place of raw bytes. */
function typedValues(field: WireField): (number | bigint)[] {
  switch (field.number) {
    case TENSOR.floatData:
      return floatsOf(field);
    case TENSOR.int32Data:
    case TENSOR.int64Data:
    case TENSOR.uint64Data:
      return integersOf(field);
    case TENSOR.doubleData: {
      if (field.wireType === FIXED64) return [new Float64Array(BigUint64Array.of(field.bits).buffer)[0] as number];
      return field.bytes.length % 8 === 0 ? Array.from(viewAs('float64', field.bytes)) : [];
    }
    default:
      return [];
  }
}

/** Half precision stands in such a list as the integer of its bits. */
function fromList(code: number, dtype: DType, values: readonly (number | bigint)[]): Tensor['data'] {
  if (code === FLOAT16 || code === BFLOAT16) return widened(code, Uint16Array.from(values, Number));
  const data = allocate(dtype, values.length);
  values.forEach((value, i) => (data[i] = data instanceof BigInt64Array ? BigInt(value) : Number(value)));
  return data;
}

/** Extents, axes and sizes; "to the end" is written as 2^63-1 and becomes the largest safe integer. */
export function safeInteger(value: bigint): number {
  if (value > BigInt(Number.MAX_SAFE_INTEGER)) return Number.MAX_SAFE_INTEGER;
  if (value < BigInt(Number.MIN_SAFE_INTEGER)) return Number.MIN_SAFE_INTEGER;
  return Number(value);
}

export function notHeld(name: string, found: string): PipelineError {
  return new PipelineError('E_GRAPH', `'${name}' has an element type that we do not hold`, { facts: { expected: `${[...DTYPE_OF.values()].join(', ')}, float16, bfloat16`, found }, hint: 'Export the model in float32 or float16.' });
}

function unfilled(name: string, dims: readonly number[], found: string, expected: string): PipelineError {
  return new PipelineError('E_GRAPH', `the data of tensor '${name}' does not fill its shape [${dims.join(', ')}]`, { facts: { expected, found }, hint: 'Check that the file was copied completely.' });
}
