/** The tensor service of an identity: what a worker makes for the stages that declare it, and what `pipeline doctor` tries. */
import { PipelineError } from '../core/errors.js';
import type { TensorService } from '../core/tensor-service.js';
import { targetOfIdentity } from './targets.js';

export async function createTensorService(identity: string, threads: number): Promise<TensorService> {
  const { runtime, device } = targetOfIdentity(identity);
  if (runtime === 'onnxruntime') return (await import('./onnxruntime-service.js')).createOnnxRuntimeService({ threads, device });
  throw new PipelineError('E_SERVICE_MISSING', `"${identity}" is not there yet`);
}
