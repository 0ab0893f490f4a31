/**
 * The TensorFlow runtime under test. By default TensorFlow.js computes in JavaScript (its cpu backend, which needs nothing but npm); with
 * TFJS_PACKAGE=<folder of @tensorflow/tfjs-node> the same tests run on TensorFlow itself (docs/runtimes.md).
 */
import { createRequire } from 'node:module';
import { MODEL_READER } from '../../src/cli/model-reader.js';
import type { LoadedTensorflow } from '../../src/runtime/tensorflow/package.js';
import { createTensorflowService } from '../../src/runtime/tensorflow/service.js';
import type { TensorService } from '../../src/core/tensor-service.js';
import type { Tf } from '../../src/runtime/tensorflow/tf.js';

/** @param folder of @tensorflow/tfjs-node; without it the backend in JavaScript */
export async function loadTensorflow(folder?: string): Promise<LoadedTensorflow> {
  if (folder !== undefined) {
    process.env['TF_NUM_INTRAOP_THREADS'] ??= '1';
    process.env['TF_NUM_INTEROP_THREADS'] ??= '1';
    process.env['TF_CPP_MIN_LOG_LEVEL'] ??= '2';
    return { tf: createRequire(import.meta.url)(folder) as Tf, backend: 'tensorflow' };
  }
  const tf = await import('@tensorflow/tfjs-core');
  await import('@tensorflow/tfjs-backend-cpu');
  // otherwise the backend prints an advertisement
  tf.env().set('PROD', true);
  await tf.setBackend('cpu');
  return { tf, backend: 'cpu' };
}

export const loaded = await loadTensorflow(process.env['TFJS_PACKAGE']);
export const { tf } = loaded;

export function tensorflowService(which = loaded): TensorService {
  return createTensorflowService({ ...MODEL_READER, loaded: which });
}
