/** The one Checkpoint of all readers: entries by name, each read when it is asked for. */
import type { Checkpoint, CheckpointEntry } from '../../core/checkpoint.js';
import { PipelineError } from '../../core/errors.js';
import type { Tensor } from '../../core/tensor.js';
import { readStored, type StoredTensor } from './stored-tensor.js';

export interface LazyEntry extends CheckpointEntry {
  read(): Tensor<'float32'>;
}

export class LazyCheckpoint implements Checkpoint {
  readonly label: string;
  readonly format: string;
  readonly entries: ReadonlyMap<string, LazyEntry>;
  readonly #close: () => void;

  constructor(label: string, format: string, entries: ReadonlyMap<string, LazyEntry>, close: () => void) {
    this.label = label;
    this.format = format;
    this.entries = entries;
    this.#close = close;
  }

  read(name: string): Tensor<'float32'> {
    const entry = this.entries.get(name);
    if (entry === undefined) {
      throw new PipelineError('E_DATA', `"${name}" is not in "${this.label}"`, { facts: { expected: `${[...this.entries.keys()].slice(0, 10).join(', ')}${this.entries.size > 10 ? ', …' : ''}`, found: name } });
    }
    return entry.read();
  }

  close(): void {
    this.#close();
  }
}

export function lazyEntry(label: string, name: string, stored: StoredTensor): LazyEntry {
  return { shape: stored.shape, dtype: stored.element.name, read: () => readStored(label, name, stored) };
}
