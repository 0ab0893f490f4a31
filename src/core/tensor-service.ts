/**
 * What a stage that declares `needs: ['tensor']` is handed: something that runs ONNX models. Implemented in `runtime/`; stages, solvers and graphs know only this interface.
 */
import type { DownloadService } from './download-service.js';
import type { Tensor, Shape, DType } from './tensor.js';

export interface TensorPort {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: Shape;
}

export interface CompileOptions {
  /** for error messages and logs: what this program is */
  readonly label?: string;
}

/** One compiled model. Shapes are static: a caller pads its batches to one fixed size, so that the same row gives the same bits in every batch. */
export interface TensorProgram {
  readonly inputs: readonly TensorPort[];
  readonly outputs: readonly TensorPort[];
  /** Runs the model. `fetch` names the outputs wanted (default: all). Feeds are not changed; results are fresh arrays owned by the caller. */
  run(feeds: Readonly<Record<string, Tensor>>, fetch?: readonly string[]): Promise<Record<string, Tensor>>;
  dispose(): Promise<void>;
}

export interface TensorService {
  /** Numeric back-end family, e.g. `onnxruntime-cpu`. Enters the key of every stage that declares the service. */
  identity(): string;
  /** Whether MaxPool can give its Indices here; a gradient graph is made accordingly (GradientSpec.poolIndices). */
  readonly poolIndices: boolean;
  /** Loads a serialized ONNX ModelProto (no external data). Errors: E_RUNTIME with the runtime's own words. */
  compile(model: Uint8Array, options?: CompileOptions): Promise<TensorProgram>;
  dispose(): Promise<void>;
}

export interface Services {
  readonly tensor: TensorService;
  readonly downloads: DownloadService;
}
