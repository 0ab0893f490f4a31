/**
 * The NIfTI-1 header (348 bytes): shape, type, scale and the voxel-to-space affine, in either byte order. Only single files (`n+1`); the two-file
 * form (.hdr/.img) is refused, because its header names no data file that could be trusted. The array on disk is in Fortran order, x fastest.
 * Source: nifti1.h (NIfTI-1.1 standard, 2007).
 */
import { BYTES_PER_ELEMENT, type DType, type Shape } from '../core/tensor.js';
import { formatError } from './bytes.js';

export interface NiftiHeader {
  /** (x, y, z, t, …) as nibabel shows it; trailing extents are kept */
  readonly shape: Shape;
  readonly dtype: DType;
  readonly bigEndian: boolean;
  /** byte at which the elements start, after decompression */
  readonly dataOffset: number;
  /** value = stored · slope + intercept; slope 0 or NaN on disk means no scale and is given as 1, 0 */
  readonly slope: number;
  readonly intercept: number;
  /** row-major 4×4, voxel indices → mm */
  readonly affine: readonly number[];
  /** mm for the first three axes, seconds for the fourth where the file says so */
  readonly voxelSize: readonly number[];
}

export const HEADER_BYTES = 348;
/** header and the four bytes that say that no extension follows */
export const DATA_OFFSET = 352;

const CODES: Readonly<Record<number, DType>> = { 2: 'uint8', 4: 'int16', 8: 'int32', 16: 'float32', 64: 'float64', 256: 'int8', 512: 'uint16', 768: 'uint32', 1024: 'int64' };

const codeOf = (dtype: DType): number => Number(Object.keys(CODES).find((code) => CODES[Number(code)] === dtype) ?? 0);

/** @param bytes at least 348 of them. Errors: E_FORMAT naming the field. */
export function parseHeader(path: string, bytes: Uint8Array): NiftiHeader {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.byteLength < HEADER_BYTES) throw formatError(path, 'is too short for a NIfTI-1 header', { expected: `${HEADER_BYTES} bytes`, found: bytes.byteLength });
  const little = view.getInt32(0, true) === HEADER_BYTES;
  if (!little && view.getInt32(0, false) !== HEADER_BYTES) {
    const isVersion2 = view.getInt32(0, true) === 540 || view.getInt32(0, false) === 540;
    throw formatError(path, isVersion2 ? 'is a NIfTI-2 file' : 'is not a NIfTI-1 file', { expected: 'header size 348', found: view.getInt32(0, true), hint: 'Convert it to NIfTI-1.' });
  }
  const magic = Buffer.from(bytes.subarray(344, 348)).toString('latin1');
  if (magic !== 'n+1\0') {
    const twoFiles = magic === 'ni1\0';
    throw formatError(path, twoFiles ? 'is half of a two-file NIfTI (.hdr/.img)' : 'has no NIfTI-1 magic', {
      expected: 'n+1 (header and data in one file)',
      found: JSON.stringify(magic),
      hint: 'Convert it to one .nii file.',
    });
  }
  const dtype = CODES[view.getInt16(70, little)];
  if (dtype === undefined || view.getInt16(72, little) !== 8 * BYTES_PER_ELEMENT[dtype]) {
    throw formatError(path, 'has a datatype that is not read', {
      expected: 'int8 … int64, uint8 … uint32, float32 or float64, with fitting bitpix',
      found: `datatype ${view.getInt16(70, little)}, bitpix ${view.getInt16(72, little)}`,
    });
  }
  const rank = view.getInt16(40, little);
  const shape = Array.from({ length: Math.max(0, Math.min(7, rank)) }, (_, i) => view.getInt16(42 + 2 * i, little));
  if (rank < 1 || rank > 7 || shape.some((extent) => extent < 1) || !Number.isSafeInteger(shape.reduce((a, b) => a * b, 8))) {
    throw formatError(path, 'has impossible extents', { expected: '1 … 7 axes of at least 1', found: `dim[0] = ${rank}: ${shape.join(', ')}` });
  }
  const dataOffset = view.getFloat32(108, little);
  if (!Number.isInteger(dataOffset) || dataOffset < DATA_OFFSET) {
    throw formatError(path, 'has an impossible vox_offset', { expected: `an integer of at least ${DATA_OFFSET}`, found: dataOffset });
  }
  const slope = view.getFloat32(112, little);
  const intercept = view.getFloat32(116, little);
  const scaled = Number.isFinite(slope) && slope !== 0 && Number.isFinite(intercept);
  const voxelSize = shape.map((_, i) => view.getFloat32(80 + 4 * i, little));
  return {
    shape, dtype, bigEndian: !little, dataOffset, voxelSize,
    slope: scaled ? slope : 1,
    intercept: scaled ? intercept : 0,
    affine: affineOf(path, view, little),
  };
}

/** sform if its code says so, else qform, else the voxel sizes alone (the standard's methods 3, 2, 1). */
function affineOf(path: string, view: DataView, little: boolean): number[] {
  const float = (offset: number): number => view.getFloat32(offset, little);
  const spacing = [float(80), float(84), float(88)].map((size) => Math.abs(size));
  let rows: number[];
  if (view.getInt16(254, little) > 0) {
    rows = Array.from({ length: 12 }, (_, i) => float(280 + 4 * i));
  } else if (view.getInt16(252, little) > 0) {
    rows = quaternionRows([float(256), float(260), float(264)], spacing, float(76) < 0 ? -1 : 1, [float(268), float(272), float(276)]);
  } else {
    rows = [spacing[0] as number, 0, 0, 0, 0, spacing[1] as number, 0, 0, 0, 0, spacing[2] as number, 0];
  }
  if (!rows.every(Number.isFinite)) throw formatError(path, 'has an affine that is not finite', { expected: 'finite sform or qform', found: rows.join(', ') });
  return [...rows, 0, 0, 0, 1];
}

/** R of the unit quaternion (a, b, c, d), columns scaled by the voxel sizes, the third by qfac too. @source nifti1.h, "METHOD 2" */
function quaternionRows([b, c, d]: readonly [number, number, number], spacing: readonly number[], qfac: number, offset: readonly number[]): number[] {
  const a = Math.sqrt(Math.max(0, 1 - (b * b + c * c + d * d)));
  const rotation = [
    a * a + b * b - c * c - d * d, 2 * (b * c - a * d), 2 * (b * d + a * c),
    2 * (b * c + a * d), a * a + c * c - b * b - d * d, 2 * (c * d - a * b),
    2 * (b * d - a * c), 2 * (c * d + a * b), a * a + d * d - c * c - b * b,
  ];
  const scale = [spacing[0] as number, spacing[1] as number, (spacing[2] as number) * qfac];
  return [0, 1, 2].flatMap((row) => [...[0, 1, 2].map((column) => (rotation[3 * row + column] as number) * (scale[column] as number)), offset[row] as number]);
}

/**
 * The affine that NSD's own volumes carry: diagonal voxel size, translation −origin·size with origin = ((1,1,1) + shape) / 2 − 1. A convention, not scanner space.
 * @source cvnlab/nsdcode, nsd_savenifti.m
 */
export function nsdAffine(shape: Shape, voxelSize: number): number[] {
  const shift = [0, 1, 2].map((axis) => -((1 + (shape[axis] as number)) / 2 - 1) * voxelSize);
  return [voxelSize, 0, 0, shift[0] as number, 0, voxelSize, 0, shift[1] as number, 0, 0, voxelSize, shift[2] as number, 0, 0, 0, 1];
}

/** 352 bytes, little-endian, sform only. @param repetition seconds between volumes, for a fourth axis */
export function encodeHeader(shape: Shape, dtype: DType, affine: readonly number[], repetition: number): Uint8Array {
  const bytes = new Uint8Array(DATA_OFFSET);
  const view = new DataView(bytes.buffer);
  view.setInt32(0, HEADER_BYTES, true);
  view.setUint8(38, 'r'.charCodeAt(0));
  view.setInt16(40, shape.length, true);
  for (let axis = 0; axis < 7; axis += 1) view.setInt16(42 + 2 * axis, shape[axis] ?? 1, true);
  view.setInt16(70, codeOf(dtype), true);
  view.setInt16(72, 8 * BYTES_PER_ELEMENT[dtype], true);
  view.setFloat32(76, 1, true);
  for (let axis = 0; axis < 3; axis += 1) view.setFloat32(80 + 4 * axis, Math.hypot(affine[axis] ?? 0, affine[4 + axis] ?? 0, affine[8 + axis] ?? 0), true);
  for (let axis = 3; axis < 7; axis += 1) view.setFloat32(80 + 4 * axis, axis === 3 && shape.length > 3 ? repetition : 1, true);
  view.setFloat32(108, DATA_OFFSET, true);
  view.setFloat32(112, 1, true);
  // mm and seconds
  view.setUint8(123, 2 | 8);
  // sform_code 1: scanner-anchored, the code that nibabel reads by default
  view.setInt16(254, 1, true);
  for (let i = 0; i < 12; i += 1) view.setFloat32(280 + 4 * i, affine[i] as number, true);
  bytes.set(Buffer.from('n+1\0', 'latin1'), 344);
  return bytes;
}
