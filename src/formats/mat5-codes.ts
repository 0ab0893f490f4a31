/** The numbers of the MATLAB Level 5 format: storage types, array classes and flags. Source: MATLAB MAT-File Format (R2019b), tables 1-1 and 1-3. */
import type { DType } from '../core/tensor.js';

export const ENDIAN_OFFSET = 126;
export const HEADER_BYTES = 128;
export const VERSION = 0x0100;

/** storage types of data elements */
export const MI = { INT8: 1, UINT32: 6, INT32: 5, UINT64: 13, MATRIX: 14, COMPRESSED: 15, UTF8: 16 } as const;
export const STORAGE: Readonly<Record<number, DType>> = {
  1: 'int8', 2: 'uint8', 3: 'int16', 4: 'uint16', 5: 'int32', 6: 'uint32', 7: 'float32', 9: 'float64', 12: 'int64',
};

/** array classes with numbers in them */
export const CLASSES: Readonly<Record<number, DType>> = {
  6: 'float64', 7: 'float32', 8: 'int8', 9: 'uint8', 10: 'int16', 11: 'uint16', 12: 'int32', 13: 'uint32', 14: 'int64',
};
export const OTHER_CLASSES: Readonly<Record<number, string>> = {
  1: 'a cell array', 2: 'a struct', 3: 'an object', 4: 'text', 5: 'a sparse matrix', 15: 'uint64', 16: 'a function handle', 17: 'an opaque object',
};
export const FLAG_COMPLEX = 0x08;
export const FLAG_LOGICAL = 0x02;

export function codeOf(table: Readonly<Record<number, DType>>, dtype: DType): number {
  return Number(Object.keys(table).find((code) => table[Number(code)] === dtype));
}
