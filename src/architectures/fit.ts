/** Which built-in architectures the weights of a checkpoint fit: each is built on its names and shapes alone, no weight is read. */
import type { Checkpoint } from '../core/checkpoint.js';
import { PipelineError } from '../core/errors.js';
import { tensor } from '../core/tensor.js';
import type { Architecture } from './architecture.js';
import { ARCHITECTURES } from './index.js';
import { buildFromCheckpoint } from './state-dict.js';

/** In the order of the registry. A CLIP checkpoint fits an image tower and a text tower. */
export function fittingArchitectures(checkpoint: Checkpoint): readonly Architecture[] {
  const shapes: Checkpoint = { label: checkpoint.label, format: checkpoint.format, entries: checkpoint.entries, read: (name) => tensor('float32', checkpoint.entries.get(name)?.shape ?? []), close: () => undefined };
  return ARCHITECTURES.filter((architecture) => {
    try {
      buildFromCheckpoint(architecture, shapes, architecture.kind === 'image' ? { batch: 1, size: architecture.preprocessing.size } : { batch: 1 });
      return true;
    } catch (error) {
      if (error instanceof PipelineError) return false;
      throw error;
    }
  });
}
