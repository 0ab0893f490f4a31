/**
 * Reads one HDF5 file: datasets of plain numbers, by hyperslab. Only the part asked for is in memory. Links into other files, external storage,
 * virtual datasets and filters that are not built in are refused by name before anything is read.
 */
import { closeSync } from 'node:fs';
import { PipelineError } from '../../core/errors.js';
import { allocate, BYTES_PER_ELEMENT, sizeOf, tensor, type DType, type Shape, type Tensor } from '../../core/tensor.js';
import { bytesOf, formatError, openForReading, type TypedArray } from '../bytes.js';
import { gatherColumns } from './columns.js';
import { hdf5, openVirtual, type VirtualFile } from './library.js';
import { checkRanges, extentsOf, type Range } from './range.js';

export interface Hdf5Dataset {
  readonly name: string;
  readonly shape: Shape;
  readonly dtype: DType;
  /** extents of a chunk; null: contiguous */
  readonly chunks: Shape | null;
  /** One range per axis. @shape the extents of the ranges. Errors: E_DATA outside the dataset, E_FORMAT for damaged or oversized data. */
  readSlice(ranges: readonly Range[]): Tensor;
  /** As `readSlice`, into an array of the dataset's dtype that holds exactly that many elements: for who reads much and keeps little. Errors: E_DATA if it does not fit. */
  readInto(ranges: readonly Range[], target: TypedArray): void;
  /**
   * All of the first axis at `n` places of the others: out[t, i] = data[t, …] at places[i]. Fast for one chunk a place (NSD's betas) and for any
   * other layout, which is read once from front to back.
   * @param places int32 [n], row-major positions over all axes but the first (for betas [trial, z, y, x]: x + X·(y + Y·z)), in any order
   * @shape of the dataset's dtype [extent of axis 0, n], row-major
   */
  readColumns(places: Int32Array): TypedArray;
}

export interface Hdf5File {
  readonly path: string;
  /** names in the root group */
  names(): readonly string[];
  /** Errors: E_FORMAT if there is no such dataset, or it is one that is refused. */
  dataset(name: string): Hdf5Dataset;
  close(): void;
}

/** Largest piece read at once: it stands in the library's 32-bit memory too. */
const LARGEST_SLICE = 1 << 30;
const BUILT_IN_FILTERS = new Set<number>([1, 2, 3, 5, 6]);
const KNOWN_FILTERS: Readonly<Record<number, string>> = {
  4: 'szip', 32000: 'LZF', 32001: 'Blosc', 32004: 'LZ4', 32008: 'bitshuffle', 32013: 'ZFP', 32015: 'Zstandard', 32026: 'Blosc2',
};

/** Errors: E_FORMAT for anything but a complete HDF5 file; E_EXTERNAL_MISSING if it cannot be opened. */
export function openHdf5(path: string): Hdf5File {
  const { fd, size } = openForReading(path);
  if (size === 0) {
    closeSync(fd);
    throw formatError(path, 'is empty', { expected: 'an HDF5 file', found: '0 bytes' });
  }
  const file = openVirtual(path, fd, size, 'read');
  return {
    path,
    names: () => file.call('listed', () => hdf5.get_names(file.id, '/', false)),
    dataset: (name) => openDataset(file, name.startsWith('/') ? name : `/${name}`),
    close: () => {
      try {
        file.close();
      } catch (error) {
        // What was read from a damaged file has been checked already; closing it changes nothing on disk.
        if (!(error instanceof PipelineError)) throw error;
      }
    },
  };
}

function openDataset(file: VirtualFile, name: string): Hdf5Dataset {
  const { path } = file;
  const kind = file.call('searched', () => hdf5.get_type(file.id, name));
  if (kind !== hdf5.H5G_DATASET) throw notADataset(file, name, kind);
  const metadata = file.call('read', () => hdf5.get_dataset_metadata(file.id, name));
  if (metadata.virtual_sources !== undefined) {
    throw formatError(path, `has "${name}" as a virtual dataset`, {
      expected: 'data in the file itself',
      found: `sources ${metadata.virtual_sources.map((source) => source.file_name).join(', ')}`,
      hint: 'Copy the data into one file.',
    });
  }
  const dtype = dtypeOf(metadata);
  if (dtype === undefined) {
    throw formatError(path, `has "${name}" of a type that is not read`, {
      expected: 'integers of 1 to 8 bytes, float32, float64 or h5py booleans',
      found: `HDF5 class ${metadata.type}, ${metadata.size} bytes${metadata.signed ? '' : ', unsigned'}`,
    });
  }
  const { shape } = metadata;
  if (shape === null || shape.some((extent) => !Number.isSafeInteger(extent)) || !Number.isSafeInteger(shape.reduce((a, b) => a * b, 1))) {
    throw formatError(path, `has "${name}" of an impossible shape`, { expected: 'fewer than 2^53 elements', found: String(shape) });
  }
  for (const { id, name: label } of file.call('read', () => hdf5.get_dataset_filters(file.id, name))) {
    if (!BUILT_IN_FILTERS.has(id)) {
      throw formatError(path, `has "${name}" compressed with ${KNOWN_FILTERS[id] ?? `filter ${id} (${label})`}`, {
        expected: 'deflate, shuffle, fletcher32, nbit or scaleoffset',
        found: `filter ${id}`,
        hint: `Rewrite it, for example: h5repack -f "${name.slice(1)}:GZIP=4" IN OUT.`,
      });
    }
  }
  const readInto = (ranges: readonly Range[], target: TypedArray): void => readHyperslab(file, name, shape, ranges, target);
  return {
    name,
    shape,
    dtype,
    chunks: metadata.chunks,
    readSlice: (ranges) => {
      checkRanges(name, shape, ranges);
      const extents = extentsOf(ranges);
      const data = allocateWithin(path, name, dtype, extents);
      readInto(ranges, data);
      return tensor(dtype, extents, data);
    },
    readInto: (ranges, target) => {
      checkRanges(name, shape, ranges);
      const extents = extentsOf(ranges);
      if (target.length !== sizeOf(extents) || target.BYTES_PER_ELEMENT !== BYTES_PER_ELEMENT[dtype]) {
        throw new PipelineError('E_DATA', `an array does not fit its slice of "${name}"`, {
          facts: { expected: `${dtype} [${extents.join(', ')}]`, found: `${target.length} elements of ${target.BYTES_PER_ELEMENT} bytes` },
        });
      }
      readInto(ranges, target);
    },
    readColumns: (places) => {
      const out = allocateWithin(path, name, dtype, [shape[0] ?? 1, places.length]);
      gatherColumns({ name, shape, dtype, chunks: metadata.chunks, readInto }, places, out);
      return out;
    },
  };
}

function allocateWithin<D extends DType>(path: string, name: string, dtype: D, extents: Shape): Tensor<D>['data'] {
  const bytes = sizeOf(extents) * BYTES_PER_ELEMENT[dtype];
  if (bytes > LARGEST_SLICE) {
    throw formatError(path, `is asked for too much of "${name}" at once`, {
      expected: `at most ${LARGEST_SLICE} bytes`,
      found: `${bytes} bytes for [${extents.join(', ')}]`,
      hint: 'Read it in parts; if the file should be small, its shape is damaged.',
    });
  }
  return allocate(dtype, bytes / BYTES_PER_ELEMENT[dtype]);
}

/** Fills `target` (as many elements as the ranges hold). */
function readHyperslab(file: VirtualFile, name: string, shape: Shape, ranges: readonly Range[], target: TypedArray): void {
  if (target.length === 0) return;
  const bytes = bytesOf(target);
  const pointer = hdf5._malloc(bytes.byteLength);
  if (pointer === 0) throw formatError(file.path, `needs more memory than there is for "${name}"`, { expected: `${bytes.byteLength} bytes`, found: 'none' });
  try {
    const scalar = shape.length === 0;
    const count = scalar ? null : ranges.map(([start, stop]) => BigInt(stop - start));
    const offset = scalar ? null : ranges.map(([start]) => BigInt(start));
    const stride = scalar ? null : ranges.map(() => 1n);
    const status = file.call('read', () => hdf5.get_dataset_data(file.id, name, count, offset, stride, BigInt(pointer)));
    if (status < 0) throw formatError(file.path, `has damaged data in "${name}"`, { expected: 'readable data', found: `status ${status}` });
    // The heap is looked up after the call: it moves when it grows.
    bytes.set(hdf5.HEAPU8.subarray(pointer, pointer + bytes.byteLength));
  } finally {
    hdf5._free(pointer);
  }
}

type Metadata = ReturnType<typeof hdf5.get_dataset_metadata>;

function dtypeOf(metadata: Metadata): DType | undefined {
  const { H5T_INTEGER, H5T_FLOAT, H5T_ENUM } = hdf5.H5T_class_t;
  const { type, size, signed, enum_type: members } = metadata;
  if (type === H5T_FLOAT.value) return size === 4 ? 'float32' : size === 8 ? 'float64' : undefined;
  if (type === H5T_ENUM.value) {
    // h5py writes booleans as an enumeration of one byte.
    const isBoolean = members !== undefined && members.nmembers === 2 && members.members['FALSE'] === 0 && members.members['TRUE'] === 1;
    return isBoolean && size === 1 ? 'bool' : undefined;
  }
  if (type !== H5T_INTEGER.value) return undefined;
  if (size === 1) return signed ? 'int8' : 'uint8';
  if (size === 2) return signed ? 'int16' : 'uint16';
  if (size === 4) return signed ? 'int32' : 'uint32';
  return size === 8 && signed ? 'int64' : undefined;
}

function notADataset(file: VirtualFile, name: string, kind: number): PipelineError {
  if (kind === hdf5.H5G_UDLINK) {
    return formatError(file.path, `has "${name}" as a link into another file`, {
      expected: 'data in the file itself',
      found: JSON.stringify(file.call('read', () => hdf5.get_external_link(file.id, name)).filename),
      hint: 'Copy the data into one file.',
    });
  }
  if (kind === hdf5.H5G_LINK) return formatError(file.path, `has "${name}" as a link that leads nowhere`, { expected: 'a dataset', found: 'a broken soft link' });
  const names = file.call('listed', () => hdf5.get_names(file.id, '/', false));
  const found = kind === hdf5.H5G_GROUP ? 'a group of that name' : `${names.slice(0, 10).join(', ') || 'an empty file'}`;
  return formatError(file.path, `has no dataset "${name}"`, { expected: name, found, hint: 'Name a dataset that the file holds.' });
}
