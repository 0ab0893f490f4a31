/**
 * Finds and loads TensorFlow.js for Node. Nobody installs it unless they want it: @tensorflow/tfjs-node-gpu (CUDA) and @tensorflow/tfjs-node are
 * optional peers. One of them is loaded into a process, once; a device that was asked for and is not there is an error, never another device.
 *
 * TensorFlow reads its settings from the environment when it is loaded, so the first service of a process decides the number of threads.
 */
import { PipelineError } from '../../core/errors.js';
import type { Tf } from './tf.js';

export type TensorflowDevice = 'cpu' | 'cuda';

export interface LoadedTensorflow {
  readonly tf: Tf;
  /** name of the backend registered with it */
  readonly backend: string;
}

const GPU_PACKAGE = '@tensorflow/tfjs-node-gpu';
const CPU_PACKAGE = '@tensorflow/tfjs-node';
const PACKAGES: Readonly<Record<TensorflowDevice, readonly string[]>> = { cuda: [GPU_PACKAGE], cpu: [CPU_PACKAGE, GPU_PACKAGE] };

/** Errors: E_SERVICE_MISSING where no package fits, E_DEVICE where the package is there and the device is not. */
export async function loadTensorflow(device: TensorflowDevice, threads: number, importPackage: (name: string) => Promise<unknown> = (name) => import(name)): Promise<LoadedTensorflow> {
  prepareEnvironment(device, threads);
  const failures: string[] = [];
  for (const name of PACKAGES[device]) {
    try {
      const loaded = (await importPackage(name)) as Tf & { readonly default?: Tf };
      const tf = loaded.default ?? loaded;
      checkDevice(tf, device, name);
      return { tf, backend: 'tensorflow' };
    } catch (cause) {
      if (cause instanceof PipelineError) throw cause;
      failures.push(`${name}: ${cause instanceof Error ? (cause.message.split('\n')[0] ?? '') : String(cause)}`);
    }
  }
  if (device === 'cuda' && (await isThere(CPU_PACKAGE, importPackage))) {
    throw new PipelineError('E_DEVICE', `CUDA was asked for, and ${CPU_PACKAGE} has none`, { facts: { expected: GPU_PACKAGE, found: CPU_PACKAGE }, hint: `Install it: \`npm install ${GPU_PACKAGE}\`, on a machine with CUDA 11 and cuDNN 8.` });
  }
  const wanted = device === 'cuda' ? GPU_PACKAGE : CPU_PACKAGE;
  throw new PipelineError('E_SERVICE_MISSING', `the runtime tensorflow needs the package "${wanted}", which cannot be loaded`, { facts: { expected: wanted, found: failures.join('; ') }, hint: `Install it: \`npm install ${wanted}\` (it downloads TensorFlow's library), or choose the runtime onnxruntime.` });
}

function prepareEnvironment(device: TensorflowDevice, threads: number): void {
  const { env } = process;
  env['TF_NUM_INTRAOP_THREADS'] ??= String(threads);
  env['TF_NUM_INTEROP_THREADS'] ??= '1';
  env['TF_CPP_MIN_LOG_LEVEL'] ??= '2';
  // the package with CUDA takes a GPU that it sees
  if (device === 'cpu') env['CUDA_VISIBLE_DEVICES'] = '-1';
  // the same bytes in every run, or an error from an operator that has no such kernel
  else env['TF_DETERMINISTIC_OPS'] ??= '1';
}

function checkDevice(tf: Tf, device: TensorflowDevice, name: string): void {
  const backend = tf.findBackend('tensorflow') as { readonly isUsingGpuDevice?: boolean } | null;
  const gpu = backend?.isUsingGpuDevice === true;
  if (gpu === (device === 'cuda')) return;
  throw device === 'cuda'
    ? new PipelineError('E_DEVICE', `CUDA was asked for, and ${name} finds no GPU`, { facts: { expected: 'a CUDA device', found: 'cpu only' }, hint: 'Check `nvidia-smi`, CUDA 11 and cuDNN 8, or choose the device cpu.' })
    : new PipelineError('E_DEVICE', `the CPU was asked for, and ${name} was loaded with a GPU before`, { facts: { expected: 'cpu', found: 'cuda' }, hint: 'Use one device in one process.' });
}

async function isThere(name: string, importPackage: (name: string) => Promise<unknown>): Promise<boolean> {
  try {
    await importPackage(name);
    return true;
  } catch {
    return false;
  }
}
