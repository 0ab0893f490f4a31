/** A .safetensors file as a checkpoint. */
import { tensor, type Tensor } from '../../core/tensor.js';
import { SafetensorsFile } from '../safetensors.js';
import { bytesOf } from '../bytes.js';
import { elementType, type ElementType } from './elements.js';
import { LazyCheckpoint, type LazyEntry } from './lazy-checkpoint.js';

/** Errors: E_FORMAT naming the tensor. */
export function openSafetensors(path: string): LazyCheckpoint {
  const file = new SafetensorsFile(path);
  const read = (name: string): Tensor<'float32'> => {
    const { dtype, shape, data } = file.read(name);
    const widen = (elementType(dtype) as ElementType).widen as NonNullable<ElementType['widen']>;
    return tensor('float32', shape, widen(bytesOf(data)));
  };
  const entries = [...file.entries.values()].map(({ name, shape, dtype }): [string, LazyEntry] => [name, { shape, dtype, read: () => read(name) }]);
  return new LazyCheckpoint(path, 'safetensors', new Map(entries), () => file.close());
}
