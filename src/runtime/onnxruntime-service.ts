/**
 * The tensor service on ONNX Runtime: its CPU, WebGPU or CUDA provider. Nodes that a GPU provider has no kernel for (float64, some int64 arithmetic) run
 * on the CPU provider inside the same session; a provider that is missing or does not start is an error, never a CPU run. The package is loaded when the first model is compiled, so commands that compute nothing
 * do not pay for it.
 *
 * Invariants: feeds are checked against the model's static shapes before they reach native code; results are fresh arrays; the same model and
 * feeds give the same bits with any number of threads (tested on the CPU, and the reason why threads are not in the identity; a GPU promises tolerances only). NaN is a value, not an error.
 */
import type * as Ort from 'onnxruntime-node';
import { PipelineError } from '../core/errors.js';
import type { CompileOptions, TensorPort, TensorProgram, TensorService } from '../core/tensor-service.js';
import type { DType, Tensor } from '../core/tensor.js';
import { allocate, sizeOf } from '../core/tensor.js';
import { identityOf, type Device } from './targets.js';

export interface OnnxRuntimeOptions {
  /** threads inside one operator */
  readonly threads: number;
  /** default: cpu */
  readonly device?: Device;
}

export function createOnnxRuntimeService({ threads, device = 'cpu' }: OnnxRuntimeOptions): TensorService {
  const programs = new Set<TensorProgram>();
  return {
    identity: () => identityOf({ runtime: 'onnxruntime', device }),
    // WebGPU refuses them, and only when the program runs
    poolIndices: device !== 'webgpu',

    async compile(model: Uint8Array, options: CompileOptions = {}): Promise<TensorProgram> {
      const label = options.label ?? 'model';
      // cuDNN and cuBLAS would otherwise round the factors of float32 products to 10 bits
      if (device === 'cuda') process.env['NVIDIA_TF32_OVERRIDE'] ??= '0';
      const ort = await loadPackage();
      let session: Ort.InferenceSession;
      try {
        session = await ort.InferenceSession.create(model, {
          executionProviders: [device],
          intraOpNumThreads: threads,
          interOpNumThreads: 1,
          executionMode: 'sequential',
          graphOptimizationLevel: 'all',
          // a gradient graph with it held 687 MB, without it 536 MB, at equal speed
          enableMemPattern: false,
          // Threads that spin after a run take the cores from JavaScript and from other sessions (two sessions in turn: 43 ms instead of 20 for ResNet-50);
          // threads that sleep within a run wake too late (after a pause 37 ms instead of 20). So they spin during runs, and stop with them.
          extra: { session: { intra_op: { allow_spinning: '1' }, force_spinning_stop: '1' } },
          logSeverityLevel: 3,
        });
      } catch (cause) {
        const words = cause instanceof Error ? cause.message : String(cause);
        if (device !== 'cpu' && NO_DEVICE[device].test(words)) throw deviceMissing(device, words, cause);
        throw runtimeError(`'${label}' could not be loaded by ONNX Runtime`, cause);
      }
      const program = new OnnxRuntimeProgram(ort, session, label, () => programs.delete(program));
      programs.add(program);
      return program;
    },

    async dispose(): Promise<void> {
      await Promise.all([...programs].map((program) => program.dispose()));
    },
  };
}

class OnnxRuntimeProgram implements TensorProgram {
  readonly inputs: readonly TensorPort[];
  readonly outputs: readonly TensorPort[];
  #session: Ort.InferenceSession | undefined;

  constructor(private readonly ort: typeof Ort, session: Ort.InferenceSession, private readonly label: string, private readonly onDispose: () => void) {
    this.#session = session;
    this.inputs = session.inputMetadata.map((port) => this.#port(port));
    this.outputs = session.outputMetadata.map((port) => this.#port(port));
  }

  async run(feeds: Readonly<Record<string, Tensor>>, fetch?: readonly string[]): Promise<Record<string, Tensor>> {
    const session = this.#session;
    if (session === undefined) throw new PipelineError('E_RUNTIME', `'${this.label}' was run after it was disposed`);
    const tensors: Record<string, Ort.Tensor> = {};
    for (const port of this.inputs) tensors[port.name] = this.#feed(port, feeds[port.name]);
    for (const name of Object.keys(feeds)) {
      if (!(name in tensors)) throw this.#mismatch(`'${name}' is not an input of '${this.label}'`, this.inputs.map((port) => port.name).join(', '), name);
    }
    const wanted = fetch ?? this.outputs.map((port) => port.name);
    for (const name of wanted) {
      if (!this.outputs.some((port) => port.name === name)) throw this.#mismatch(`'${name}' is not an output of '${this.label}'`, this.outputs.map((port) => port.name).join(', '), name);
    }
    let results: Ort.InferenceSession.OnnxValueMapType;
    try {
      results = await session.run(tensors, [...wanted]);
    } catch (cause) {
      throw runtimeError(`'${this.label}' failed while it ran`, cause);
    }
    return Object.fromEntries(wanted.map((name) => [name, fromRuntime(results[name] as Ort.Tensor)]));
  }

  async dispose(): Promise<void> {
    const session = this.#session;
    this.#session = undefined;
    this.onDispose();
    await session?.release();
  }

  #feed(port: TensorPort, given: Tensor | undefined): Ort.Tensor {
    const expected = `${port.dtype}[${port.shape.join(', ')}]`;
    if (given === undefined) throw this.#mismatch(`input '${port.name}' of '${this.label}' is not fed`, expected, 'nothing');
    if (given.dtype !== port.dtype || given.shape.join() !== port.shape.join() || given.data.length !== sizeOf(given.shape)) {
      throw this.#mismatch(`input '${port.name}' of '${this.label}' is fed a tensor that does not fit`, expected, `${given.dtype}[${given.shape.join(', ')}] with ${given.data.length} elements`);
    }
    return new this.ort.Tensor(given.dtype, given.data as Float32Array, given.shape) as Ort.Tensor;
  }

  #mismatch(message: string, expected: string, found: string): PipelineError {
    return new PipelineError('E_RUNTIME', message, { facts: { expected, found }, hint: 'Feed every input with exactly its dtype and shape.' });
  }

  #port(port: Ort.InferenceSession.ValueMetadata): TensorPort {
    if (!port.isTensor || !isDType(port.type) || port.shape.some((extent) => typeof extent !== 'number')) {
      const found = port.isTensor ? `${port.type}[${port.shape.join(', ')}]` : 'not a tensor';
      throw new PipelineError('E_RUNTIME', `'${port.name}' of '${this.label}' has no static shape that we can run`, { facts: { expected: 'a tensor with known extents', found }, hint: 'Decode the model and bind its symbolic dimensions first.' });
    }
    return { name: port.name, dtype: port.type, shape: port.shape as readonly number[] };
  }
}

const DTYPES: Readonly<Record<DType, true>> = { float32: true, float64: true, int8: true, uint8: true, int16: true, uint16: true, int32: true, uint32: true, int64: true, bool: true };

function isDType(name: string): name is DType {
  return Object.hasOwn(DTYPES, name);
}

/** The runtime hands over arrays that nobody else holds; they are passed on without a copy. */
function fromRuntime(result: Ort.Tensor): Tensor {
  const dtype = result.type as DType;
  const empty = result.dims.includes(0);
  return { dtype, shape: [...result.dims], data: empty ? allocate(dtype, 0) : (result.data as Tensor['data']) };
}

/** How the providers say that there is nothing to run on. */
const NO_DEVICE: Readonly<Record<Exclude<Device, 'cpu'>, RegExp>> = { webgpu: /WebGPU adapter|webgpu.*not (available|supported|found)|WebGpuContext::Initialize/i, cuda: /Failed to load shared library|CUDA (failure|error)|not supported|no CUDA-capable|cudaSetDevice|cudaGetDevice/i };

function deviceMissing(device: Exclude<Device, 'cpu'>, words: string, cause: unknown): PipelineError {
  const hint = device === 'webgpu' ? 'Install a graphics driver with Vulkan (Linux), Metal (macOS) or Direct3D 12 (Windows), or choose --device cpu.' : 'Install the CUDA provider (ONNXRUNTIME_NODE_INSTALL=v12 npm rebuild onnxruntime-node) with CUDA 12 and cuDNN 9, or choose --device cpu.';
  return new PipelineError('E_DEVICE', `"${device}" does not work on this machine`, { facts: { expected: `a ${device === 'webgpu' ? 'WebGPU adapter' : 'CUDA device and provider'}`, found: (/Failed to .*/.exec(words)?.[0] ?? words).slice(0, LONGEST_WORDS) }, hint, cause });
}
const LONGEST_WORDS = 200;

function runtimeError(message: string, cause: unknown): PipelineError {
  const words = cause instanceof Error ? cause.message : String(cause);
  return new PipelineError('E_RUNTIME', message, { facts: { found: words }, hint: 'Check the model and the shapes; the line above is what the runtime said.', cause });
}

async function loadPackage(): Promise<typeof Ort> {
  try {
    return await import('onnxruntime-node');
  } catch (cause) {
    throw new PipelineError('E_SERVICE_MISSING', 'the package "onnxruntime-node" cannot be loaded', {
      facts: { expected: 'onnxruntime-node, which package.json lists', found: cause instanceof Error ? cause.message : String(cause) },
      hint: 'Run `npm ci` in the project folder (with ONNXRUNTIME_NODE_INSTALL=skip where only the npm registry can be reached).',
      cause,
    });
  }
}
