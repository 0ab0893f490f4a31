/** Field numbers and codes of onnx.proto3 (https://github.com/onnx/onnx/blob/main/onnx/onnx.proto3) that we read or write. */
import type { DType } from '../../core/tensor.js';

export const MODEL = { irVersion: 1, producerName: 2, graph: 7, opsetImport: 8, functions: 25 } as const;
export const OPSET = { domain: 1, version: 2 } as const;
export const GRAPH = { node: 1, name: 2, initializer: 5, input: 11, output: 12, sparseInitializer: 15 } as const;
export const NODE = { input: 1, output: 2, name: 3, opType: 4, attribute: 5, domain: 7 } as const;
export const ATTRIBUTE = { name: 1, f: 2, i: 3, s: 4, t: 5, floats: 7, ints: 8, strings: 9, type: 20 } as const;
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
/** Types that ONNX has and we do not, for messages. */
export const OTHER_DATA_TYPES: Readonly<Record<number, string>> = { 8: 'string', 10: 'float16', 13: 'uint64', 14: 'complex64', 15: 'complex128', 16: 'bfloat16' };
