/** The reader of ONNX models for runtimes that have none: what `runtime/` is handed, because it knows no graphs. */
import { decodeModel } from '../graph/decode.js';
import { usesDouble } from '../graph/onnx/uses-double.js';
import type { ModelReader } from '../runtime/create-service.js';

export const MODEL_READER: ModelReader = { decode: (bytes, label) => decodeModel(bytes, { label }), usesDouble };
