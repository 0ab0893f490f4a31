/** The tensor service of an identity: what a worker makes for the stages that declare it, and what `pipeline doctor` tries. */
import type { TensorService } from '../core/tensor-service.js';
import { createOnnxRuntimeService } from './onnxruntime-service.js';
import { targetOfIdentity } from './targets.js';
import { threadMemory } from './thread-memory.js';
import { createTunedService, FEWEST_THREADS } from './tuned-service.js';
import type { TensorflowOptions } from './tensorflow/service.js';

/** What this folder may not import itself: the reader of ONNX models. */
export type ModelReader = Pick<TensorflowOptions, 'decode' | 'usesDouble'>;

/** Where choices of threads are remembered. */
export interface Tuning {
  readonly folder: string;
  readonly isWritable: boolean;
}

/** @param reader loaded only for a runtime that cannot read ONNX. @param tuning absent: programs run with all threads, unmeasured. Errors: E_SERVICE_MISSING for an identity that no runtime here has. */
export async function createTensorService(identity: string, threads: number, reader: () => Promise<ModelReader>, tuning?: Tuning): Promise<TensorService> {
  const { runtime, device } = targetOfIdentity(identity);
  if (runtime === 'onnxruntime') {
    if (device !== 'cpu' || tuning === undefined || threads < FEWEST_THREADS) return createOnnxRuntimeService({ threads, device });
    return createTunedService({ threads, make: (count) => createOnnxRuntimeService({ threads: count }), memory: threadMemory(tuning.folder, threads, tuning.isWritable) });
  }
  const { createTensorflowService } = await import('./tensorflow/service.js');
  return createTensorflowService({ ...(await reader()), doubles: createOnnxRuntimeService({ threads }), threads, device: device === 'cuda' ? 'cuda' : 'cpu' });
}
