/**
 * The tensor service on TensorFlow.js: the same serialized ONNX models as on ONNX Runtime, operator by operator as TensorFlow kernels. For
 * machines with CUDA, and as a second, independent implementation.
 *
 * The package is loaded when the first model is compiled. Models are read by the decoder that the composition root injects. Values are float32,
 * int32 and bool: int64 is checked to fit into 32 bits, models in float64 go to a service that has it. docs/runtimes.md says what is equal between runtimes and what is not.
 */
import { PipelineError } from '../../core/errors.js';
import type { CompileOptions, TensorProgram, TensorService } from '../../core/tensor-service.js';
import type { DecodeModel } from './model.js';
import { loadTensorflow } from './package.js';
import type { LoadedTensorflow, TensorflowDevice } from './package.js';
import { TensorflowProgram } from './program.js';

export interface TensorflowOptions {
  /** reads a serialized ModelProto into plain nodes with static shapes */
  readonly decode: DecodeModel;
  /** whether a serialized model computes in float64 anywhere */
  usesDouble(model: Uint8Array): boolean;
  /** runs those that do; without it they are refused */
  readonly doubles?: TensorService;
  readonly device?: TensorflowDevice;
  /** threads inside one operator; the first service of a process decides */
  readonly threads?: number;
  /** a TensorFlow.js that is loaded already, with the name of its backend: another package, or a backend in JavaScript or WebAssembly */
  readonly loaded?: LoadedTensorflow;
}

export function createTensorflowService({ decode, usesDouble, doubles, device = 'cpu', threads = 1, loaded }: TensorflowOptions): TensorService {
  const programs = new Set<TensorProgram>();
  let loading: Promise<LoadedTensorflow> | undefined = loaded === undefined ? undefined : Promise.resolve(loaded);
  return {
    identity: () => (loaded === undefined || loaded.backend === 'tensorflow' ? `tensorflow-${device}` : `tensorflow-js-${loaded.backend}`),

    poolIndices: true,

    async compile(model: Uint8Array, options: CompileOptions = {}): Promise<TensorProgram> {
      const label = options.label ?? 'model';
      if (usesDouble(model)) {
        if (doubles !== undefined) return doubles.compile(model, options);
        throw new PipelineError('E_OPERATOR', `'${label}' holds float64, which TensorFlow.js does not have`, { facts: { expected: 'float32, integers and bool', found: 'float64' }, hint: 'Run it on onnxruntime.' });
      }
      loading ??= loadTensorflow(device, threads);
      const { tf, backend } = await loading;
      const ready = async (): Promise<void> => {
        if (tf.getBackend() === backend) return;
        if (!(await tf.setBackend(backend))) throw new PipelineError('E_RUNTIME', `TensorFlow.js has no backend '${backend}'`, { hint: 'Load the backend before the service is made.' });
      };
      await ready();
      const program: TensorProgram = new TensorflowProgram(tf, decode(model, label), label, ready, () => programs.delete(program));
      programs.add(program);
      return program;
    },

    async dispose(): Promise<void> {
      await Promise.all([...[...programs].map((program) => program.dispose()), doubles?.dispose()]);
    },
  };
}
