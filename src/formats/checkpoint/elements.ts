/**
 * The element types of stored weights: the framework's word, the width in bytes, and how they become float32. Floating point numbers are rounded (float64) or exact
 * (float16, bfloat16); integers and booleans must be exact, because a rounded index is another index. Complex and 8-bit floating point types are known by name only.
 */
import { PipelineError } from '../../core/errors.js';
import { bfloat16ToFloat32, float16ToFloat32 } from '../../core/half.js';
import { viewAs, type DType } from '../../core/tensor.js';

export interface ElementType {
  readonly name: string;
  /** bytes */
  readonly width: number;
  /** absent: not a real number that is read */
  readonly widen?: (bytes: Uint8Array) => Float32Array;
}

const words16 = (bytes: Uint8Array): Uint16Array => viewAs('uint16', bytes);
const exact = (dtype: Exclude<DType, 'float32' | 'float64'>) => (bytes: Uint8Array): Float32Array => exactly(viewAs(dtype, bytes));

const TYPES: readonly ElementType[] = [
  { name: 'float64', width: 8, widen: (bytes) => Float32Array.from(viewAs('float64', bytes)) },
  { name: 'float32', width: 4, widen: (bytes) => viewAs('float32', bytes) },
  { name: 'float16', width: 2, widen: (bytes) => float16ToFloat32(words16(bytes)) },
  { name: 'bfloat16', width: 2, widen: (bytes) => bfloat16ToFloat32(words16(bytes)) },
  { name: 'int64', width: 8, widen: exact('int64') },
  { name: 'uint64', width: 8, widen: (bytes) => exactly(new BigUint64Array(viewAs('int64', bytes).buffer as ArrayBuffer, viewAs('int64', bytes).byteOffset, bytes.byteLength / 8)) },
  { name: 'int32', width: 4, widen: exact('int32') },
  { name: 'uint32', width: 4, widen: exact('uint32') },
  { name: 'int16', width: 2, widen: exact('int16') },
  { name: 'uint16', width: 2, widen: exact('uint16') },
  { name: 'int8', width: 1, widen: exact('int8') },
  { name: 'uint8', width: 1, widen: exact('uint8') },
  { name: 'bool', width: 1, widen: exact('bool') },
  { name: 'complex32', width: 4 },
  { name: 'complex64', width: 8 },
  { name: 'complex128', width: 16 },
  { name: 'float8_e4m3fn', width: 1 },
  { name: 'float8_e4m3fnuz', width: 1 },
  { name: 'float8_e5m2', width: 1 },
  { name: 'float8_e5m2fnuz', width: 1 },
  { name: 'float8_e8m0fnu', width: 1 },
];
const BY_NAME: ReadonlyMap<string, ElementType> = new Map(TYPES.map((type) => [type.name, type]));

/** PyTorch's classes of storages. @source torch/storage.py, _dtype_to_storage_type_map */
const STORAGES: ReadonlyMap<string, string> = new Map(Object.entries({
  DoubleStorage: 'float64', FloatStorage: 'float32', HalfStorage: 'float16', BFloat16Storage: 'bfloat16', LongStorage: 'int64', IntStorage: 'int32', ShortStorage: 'int16',
  CharStorage: 'int8', ByteStorage: 'uint8', BoolStorage: 'bool', ComplexFloatStorage: 'complex64', ComplexDoubleStorage: 'complex128',
}));
/** Other names that PyTorch prints for the same types. */
const ALIASES: ReadonlyMap<string, string> = new Map(Object.entries({ double: 'float64', float: 'float32', half: 'float16', long: 'int64', int: 'int32', short: 'int16', cfloat: 'complex64', cdouble: 'complex128', chalf: 'complex32' }));

/** Of `torch.<name>`: undefined if it is no element type. */
export function elementType(name: string): ElementType | undefined {
  return BY_NAME.get(ALIASES.get(name) ?? name);
}

export const ELEMENT_NAMES: readonly string[] = [...BY_NAME.keys(), ...ALIASES.keys()];
export const STORAGE_NAMES: readonly string[] = [...STORAGES.keys(), 'UntypedStorage', 'TypedStorage', 'QUInt8Storage', 'QInt8Storage', 'QInt32Storage', 'QUInt4x2Storage', 'QUInt2x4Storage'];

/** 'untyped' for storages that are bytes; undefined for those of quantised numbers. */
export function storageElement(name: string): ElementType | 'untyped' | undefined {
  if (name === 'UntypedStorage') return 'untyped';
  const element = STORAGES.get(name);
  return element === undefined ? undefined : BY_NAME.get(element);
}

/** Errors: E_DATA naming the first integer that float32 does not hold. */
function exactly(values: ArrayLike<number | bigint>): Float32Array {
  const out = new Float32Array(values.length);
  for (let i = 0; i < values.length; i += 1) {
    const value = values[i] as number | bigint;
    const number = Number(value);
    out[i] = number;
    if (out[i] !== number || (typeof value === 'bigint' && BigInt(number) !== value)) {
      throw new PipelineError('E_DATA', `integer ${value} is not a float32 number`, { facts: { expected: 'integers that float32 holds exactly', found: String(value) }, hint: 'Take this tensor out of the checkpoint: weights are floating point numbers.' });
    }
  }
  return out;
}
