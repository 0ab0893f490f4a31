/**
 * Named weights as a training framework saved them, read one tensor at a time so that a large model never stands in memory twice. Implemented
 * by the readers of `formats/checkpoint`; architectures know only this interface.
 */
import type { Shape, Tensor } from './tensor.js';

export interface CheckpointEntry {
  readonly shape: Shape;
  /** as stored, in the framework's word: float32, float16, bfloat16, int64, … */
  readonly dtype: string;
}

export interface Checkpoint {
  /** what messages call it: usually the path */
  readonly label: string;
  /** how it was saved: `torch`, `torch-legacy`, `torchscript`, `safetensors`, … */
  readonly format: string;
  /** by the framework's own names (`layer1.0.conv1.weight`), in the order of the file */
  readonly entries: ReadonlyMap<string, CheckpointEntry>;
  /** Real types of any width arrive as float32 (float64 rounded, float16 and bfloat16 exactly). Errors: E_DATA for an unknown name or a type that is not real. */
  read(name: string): Tensor<'float32'>;
  close(): void;
}
