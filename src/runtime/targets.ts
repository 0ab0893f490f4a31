/**
 * Where tensor programs can run: a runtime and a device, and the identity that their results carry in keys. What is present is seen from files
 * alone, so that planning loads no native package; whether it works is tried by `pipeline doctor` and by the first program.
 *
 * `auto` means: CUDA where its parts and a driver are installed, otherwise the CPU. WebGPU has to be named: its speed and its last bits depend on
 * the graphics driver, which files cannot tell.
 */
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { PipelineError } from '../core/errors.js';

export const RUNTIMES = ['onnxruntime', 'tensorflow'] as const;
export const DEVICES = ['cpu', 'webgpu', 'cuda'] as const;
export type Runtime = (typeof RUNTIMES)[number];
export type Device = (typeof DEVICES)[number];

export interface TensorTarget {
  readonly runtime: Runtime;
  readonly device: Device;
  /** why this device, for people */
  readonly why: string;
}

/** In the key of every stage that declares the tensor service. */
export function identityOf({ runtime, device }: Pick<TensorTarget, 'runtime' | 'device'>): string {
  return `${runtime}-${device}`;
}

/** Errors: E_SERVICE_MISSING for an identity that no runtime here has. */
export function targetOfIdentity(identity: string): Pick<TensorTarget, 'runtime' | 'device'> {
  for (const runtime of RUNTIMES) for (const device of DEVICES) if (identityOf({ runtime, device }) === identity) return { runtime, device };
  throw new PipelineError('E_SERVICE_MISSING', `"${identity}" is no tensor service of this program`, { facts: { expected: RUNTIMES.flatMap((runtime) => DEVICES.map((device) => identityOf({ runtime, device }))).join(', '), found: identity }, hint: 'Use the version of pipeline that made the run.' });
}

/** A device that was named is taken at its word: whether it is there, the first program says. Errors: E_DEVICE for a pair that does not exist. */
export function chooseTarget(runtime: Runtime, device: Device | 'auto'): TensorTarget {
  if (runtime === 'tensorflow' && device === 'webgpu') {
    throw new PipelineError('E_DEVICE', '"tensorflow" does not run on WebGPU', { facts: { expected: 'auto, cpu or cuda', found: device }, hint: 'Choose another device, or --runtime onnxruntime.' });
  }
  if (device !== 'auto') return { runtime, device, why: 'was asked for' };
  const cuda = runtime === 'onnxruntime' ? onnxRuntimeCuda() : tensorflowCuda();
  return { runtime, device: cuda.isThere ? 'cuda' : 'cpu', why: `auto: ${cuda.reason}` };
}

export interface Evidence {
  readonly isThere: boolean;
  readonly reason: string;
}

export function onnxRuntimeCuda(): Evidence {
  const folder = packageFolder('onnxruntime-node');
  const library = folder === undefined ? undefined : join(folder, 'bin', 'napi-v6', process.platform, process.arch, process.platform === 'win32' ? 'onnxruntime_providers_cuda.dll' : 'libonnxruntime_providers_cuda.so');
  if (library === undefined || !existsSync(library)) return { isThere: false, reason: 'onnxruntime-node has no CUDA provider installed' };
  return hasNvidiaDriver() ? { isThere: true, reason: 'the CUDA provider and an NVIDIA driver are installed' } : { isThere: false, reason: 'no NVIDIA driver is loaded' };
}

export function tensorflowCuda(): Evidence {
  if (packageFolder('@tensorflow/tfjs-node-gpu') === undefined) return { isThere: false, reason: '@tensorflow/tfjs-node-gpu is not installed' };
  return hasNvidiaDriver() ? { isThere: true, reason: '@tensorflow/tfjs-node-gpu and an NVIDIA driver are installed' } : { isThere: false, reason: 'no NVIDIA driver is loaded' };
}

/** On other systems than Linux the driver's library is not where we could look, and CUDA is not offered by the packages. */
function hasNvidiaDriver(): boolean {
  return process.platform === 'win32' || existsSync('/proc/driver/nvidia/version') || existsSync('/dev/nvidiactl');
}

/** Folder of an installed package, or undefined. Nothing of it is loaded. */
export function packageFolder(name: string): string | undefined {
  const paths = createRequire(import.meta.url).resolve.paths(name) ?? [];
  return paths.map((path) => join(path, name)).find((folder) => existsSync(join(folder, 'package.json')));
}
