/** The reader of ONNX models for runtimes that have none of their own: runtimes know no graphs, so it is handed to them here. */
import type { DecodeModel } from '../runtime/tensorflow/model.js';

export async function modelDecoder(): Promise<DecodeModel> {
  const [{ decodeModel }, { holdsFloat64 }] = await Promise.all([import('../graph/decode.js'), import('../graph/onnx/precision.js')]);
  return (bytes, label) => ({ ...decodeModel(bytes, { label }), float64: holdsFloat64(bytes) });
}
