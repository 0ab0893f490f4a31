/**
 * Writes HDF5 as a stream: datasets are created at their full shape without allocating it and filled slice by slice straight to disk. Chunks
 * never written stay unallocated, so an imgBrick of 73000 images with 200 drawn takes the room of 200. The same calls give the same bytes whenever
 * they are made.
 */
import { openSync } from 'node:fs';
import { PipelineError } from '../../core/errors.js';
import { BYTES_PER_ELEMENT, sizeOf, type DType, type Shape, type Tensor } from '../../core/tensor.js';
import { bytesOf } from '../bytes.js';
import { hdf5, openVirtual, type VirtualFile } from './library.js';
import { checkRanges, extentsOf, type Range } from './range.js';

export interface DatasetOptions {
  readonly dtype: Exclude<DType, 'bool'>;
  readonly shape: Shape;
  /** extents of a chunk; default: whole rows of the first axis, about a megabyte of them */
  readonly chunks?: Shape;
  /** deflate level 1 … 9; default: not compressed */
  readonly compression?: number;
}

const DEFAULT_CHUNK_BYTES = 1 << 20;
/** HDF5's own limit */
const LARGEST_CHUNK_BYTES = 2 ** 32 - 1;
const DEFLATE = 1;

export class Hdf5Writer {
  readonly #file: VirtualFile;
  readonly #datasets = new Map<string, DatasetOptions>();

  /** Creates the file anew. */
  constructor(path: string) {
    this.#file = openVirtual(path, openSync(path, 'w+'), 0, 'write');
  }

  /** Groups in the name are made. Errors: E_DATA for a shape, chunk or level that HDF5 cannot have. */
  createDataset(name: string, options: DatasetOptions): void {
    const path = name.startsWith('/') ? name : `/${name}`;
    const { dtype, shape } = options;
    const width = BYTES_PER_ELEMENT[dtype];
    const chunks = options.chunks ?? defaultChunks(shape, width);
    const level = options.compression ?? 0;
    const fits = chunks.length === shape.length && chunks.every((extent, axis) => Number.isInteger(extent) && extent >= 1 && extent <= (shape[axis] as number));
    if (shape.length === 0 || sizeOf(shape) === 0 || !fits || sizeOf(chunks) * width > LARGEST_CHUNK_BYTES) {
      throw new PipelineError('E_DATA', `"${name}" cannot have this shape`, {
        facts: { expected: 'at least one axis, no empty axis, chunks within it and below 4 GiB', found: `shape [${shape.join(', ')}], chunks [${chunks.join(', ')}]` },
      });
    }
    if (!Number.isInteger(level) || level < 0 || level > 9 || this.#datasets.has(path)) {
      throw new PipelineError('E_DATA', `"${name}" cannot be created`, { facts: { expected: 'a new name, and a deflate level 0 … 9', found: `level ${level}` } });
    }
    const isFloat = dtype.startsWith('float');
    const { H5T_FLOAT, H5T_INTEGER } = hdf5.H5T_class_t;
    this.#file.call('written', () => {
      this.#makeGroups(path);
      hdf5.create_dataset(this.#file.id, path, 0n, {
        type: isFloat ? H5T_FLOAT.value : H5T_INTEGER.value,
        size: width,
        signed: isFloat || dtype.startsWith('int'),
        littleEndian: true,
        vlen: false,
        total_size: 0,
        // It starts empty along its first axis, because creation always writes the whole extent; then it is given its true one.
        shape: [0n, ...shape.slice(1).map(BigInt)],
        maxshape: shape.map(BigInt),
        chunks: chunks.map(BigInt),
        compression: level === 0 ? 0 : DEFLATE,
        compression_opts: level === 0 ? [] : [level],
      } as Parameters<typeof hdf5.create_dataset>[3]);
      hdf5.resize_dataset(this.#file.id, path, shape.map(BigInt));
    });
    this.#datasets.set(path, options);
  }

  #makeGroups(path: string): void {
    const parts = path.split('/').slice(1, -1);
    parts.forEach((_, i) => {
      const group = `/${parts.slice(0, i + 1).join('/')}`;
      if (hdf5.get_type(this.#file.id, group) === -1) hdf5.create_group(this.#file.id, group, false);
    });
  }

  /** Writes one hyperslab; whole chunks at a time are fastest. Errors: E_DATA if it does not fit the dataset. */
  writeSlice(name: string, ranges: readonly Range[], { dtype, shape, data }: Tensor): void {
    const path = name.startsWith('/') ? name : `/${name}`;
    const options = this.#datasets.get(path);
    const extents = extentsOf(ranges);
    if (options === undefined || options.dtype !== dtype || extents.join() !== shape.join() || sizeOf(shape) !== data.length) {
      throw new PipelineError('E_DATA', `a tensor does not fit its slice of "${name}"`, {
        facts: {
          expected: options === undefined ? 'a dataset that was created' : `${options.dtype} [${extents.join(', ')}]`,
          found: `${dtype} [${shape.join(', ')}] of ${data.length} elements`,
        },
      });
    }
    checkRanges(name, options.shape, ranges);
    if (data.length === 0) return;
    const pointer = hdf5._malloc(data.byteLength);
    if (pointer === 0) {
      throw new PipelineError('E_DATA', `a slice of "${name}" is larger than the HDF5 library can hold`, { facts: { expected: 'about 1 GiB at most', found: data.byteLength }, hint: 'Write it in parts.' });
    }
    try {
      hdf5.HEAPU8.set(bytesOf(data), pointer);
      const count = extents.map(BigInt);
      const offset = ranges.map(([start]) => BigInt(start));
      this.#file.call('written', () => hdf5.set_dataset_data(this.#file.id, path, count, offset, count.map(() => 1n), BigInt(pointer)));
    } finally {
      hdf5._free(pointer);
    }
  }

  close(): void {
    this.#file.close();
  }
}

function defaultChunks(shape: Shape, width: number): Shape {
  const rowBytes = Math.max(1, sizeOf(shape.slice(1)) * width);
  return [Math.max(1, Math.min(shape[0] ?? 1, Math.floor(DEFAULT_CHUNK_BYTES / rowBytes))), ...shape.slice(1)];
}
