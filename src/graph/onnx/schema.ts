/** Field numbers and codes of onnx.proto3 (https://github.com/onnx/onnx/blob/main/onnx/onnx.proto3) that we read or write. */
import type { DType } from '../../core/tensor.js';

export const MODEL = { irVersion: 1, producerName: 2, producerVersion: 3, graph: 7, opsetImport: 8, functions: 25 } as const;
export const OPSET = { domain: 1, version: 2 } as const;
export const GRAPH = { node: 1, name: 2, initializer: 5, input: 11, output: 12, sparseInitializer: 15 } as const;
export const NODE = { input: 1, output: 2, name: 3, opType: 4, attribute: 5, domain: 7, overload: 8, metadata: 9 } as const;
export const FUNCTION = { name: 1, input: 4, output: 5, attribute: 6, node: 7, opsetImport: 9, domain: 10, attributeDefault: 11, overload: 13 } as const;
/** a key and a value: metadata of nodes, and where external data lie */
export const ENTRY = { key: 1, value: 2 } as const;
export const ATTRIBUTE = { name: 1, f: 2, i: 3, s: 4, t: 5, g: 6, floats: 7, ints: 8, strings: 9, type: 20, reference: 21 } as const;
export const ATTRIBUTE_TYPE = { float: 1, int: 2, string: 3, tensor: 4, graph: 5, floats: 6, ints: 7, strings: 8 } as const;
export const TENSOR = { dims: 1, dataType: 2, floatData: 4, int32Data: 5, int64Data: 7, name: 8, rawData: 9, doubleData: 10, uint64Data: 11, externalData: 13, dataLocation: 14 } as const;
export const VALUE_INFO = { name: 1, type: 2 } as const;
export const TYPE = { tensorType: 1 } as const;
export const TENSOR_TYPE = { elemType: 1, shape: 2 } as const;
export const SHAPE = { dim: 1 } as const;
export const DIMENSION = { value: 1, parameter: 2 } as const;

/** TensorProto.DataType */
export const DATA_TYPE: Readonly<Record<DType, number>> = { float32: 1, uint8: 2, int8: 3, uint16: 4, int16: 5, int32: 6, int64: 7, bool: 9, float64: 11, uint32: 12 };
export const DTYPE_OF: ReadonlyMap<number, DType> = new Map(Object.entries(DATA_TYPE).map(([dtype, code]) => [code, dtype as DType]));
/** Real types that become float32 when a model is read: everything is computed in that. */
export const FLOAT16 = 10;
export const BFLOAT16 = 16;
export const FLOAT64 = 11;
export const REAL_CODES: ReadonlySet<number> = new Set([1, FLOAT16, FLOAT64, BFLOAT16]);
/** Names of the types that ONNX has and we do not hold. */
export const OTHER_DATA_TYPES: Readonly<Record<number, string>> = {
  8: 'string', 10: 'float16', 13: 'uint64', 14: 'complex64', 15: 'complex128', 16: 'bfloat16', 17: 'float8e4m3fn', 18: 'float8e4m3fnuz', 19: 'float8e5m2', 20: 'float8e5m2fnuz',
  21: 'uint4', 22: 'int4', 23: 'float4e2m1', 24: 'float8e8m0', 25: 'uint2', 26: 'int2',
};

/** What a value of that type is held as here; undefined for a type that is refused. */
export function heldAs(code: number): DType | undefined {
  return REAL_CODES.has(code) ? 'float32' : DTYPE_OF.get(code);
}

export function typeName(code: number): string {
  return DTYPE_OF.get(code) ?? OTHER_DATA_TYPES[code] ?? `data type ${code}`;
}
