/** The tensor service of an identity: what a worker makes for the stages that declare it, and what `pipeline doctor` tries. */
import type { TensorService } from '../core/tensor-service.js';
import { targetOfIdentity } from './targets.js';
import type { Device } from './targets.js';
import type { DecodeModel } from './tensorflow/model.js';

/** @param loadDecoder how ONNX models are read for a runtime that does not read them itself; called only for such a one */
export async function createTensorService(identity: string, threads: number, loadDecoder: () => Promise<DecodeModel>): Promise<TensorService> {
  const { runtime, device } = targetOfIdentity(identity);
  const onnxRuntime = async (on: Device): Promise<TensorService> => (await import('./onnxruntime-service.js')).createOnnxRuntimeService({ threads, device: on });
  if (runtime === 'onnxruntime') return onnxRuntime(device);
  const [{ createTensorflowService }, decode] = await Promise.all([import('./tensorflow/service.js'), loadDecoder()]);
  return createTensorflowService({ decode, threads, device: device === 'cuda' ? 'cuda' : 'cpu', float64: () => onnxRuntime('cpu') });
}
