/**
 * Writes a NIfTI-1 file as a stream of elements, x fastest, compressed or not. The same elements in the same pieces give the same bytes: the gzip
 * header carries no time and no name. What is written must fill the shape exactly.
 */
import { createWriteStream } from 'node:fs';
import { PassThrough, type Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import { PipelineError } from '../core/errors.js';
import { sizeOf, type DType, type Shape } from '../core/tensor.js';
import { bytesOf, holds, type TypedArray } from './bytes.js';
import { encodeHeader } from './nifti-header.js';

export interface NiftiOptions {
  /** (x, y, z) or (x, y, z, t) …; every extent 1 … 32767 */
  readonly shape: Shape;
  readonly dtype: Exclude<DType, 'bool'>;
  /** row-major 4×4, voxel indices → mm */
  readonly affine: readonly number[];
  /** seconds between volumes, stored for a fourth axis; default 1 */
  readonly repetition?: number;
  /** default: by the name of the file, `.gz` or not */
  readonly gzip?: boolean;
  /** zlib's 1 (fast) … 9 (small); default 6 */
  readonly level?: number;
}

const BLOCK_BYTES = 1 << 20;
const LARGEST_EXTENT = 32767; // dim is int16
const LARGEST_RANK = 7;

export class NiftiWriter {
  readonly #path: string;
  readonly #options: NiftiOptions;
  readonly #gzip: boolean;
  readonly #input: Transform;
  readonly #finished: Promise<void>;
  readonly #size: number;
  #written = 0;
  #started = false;

  /** Errors: E_DATA for a shape that NIfTI-1 cannot hold. */
  constructor(path: string, options: NiftiOptions) {
    const { shape, affine } = options;
    if (shape.length < 1 || shape.length > LARGEST_RANK || shape.some((extent) => !Number.isInteger(extent) || extent < 1 || extent > LARGEST_EXTENT) || affine.length !== 16) {
      throw new PipelineError('E_DATA', `"${path}" cannot hold this volume`, {
        facts: { expected: `1 … ${LARGEST_RANK} axes of 1 … ${LARGEST_EXTENT}, and an affine of 16 numbers`, found: `(${shape.join(', ')}), ${affine.length} numbers` },
      });
    }
    this.#path = path;
    this.#options = options;
    this.#size = sizeOf(shape);
    this.#gzip = options.gzip ?? path.endsWith('.gz');
    this.#input = this.#gzip ? createGzip({ level: options.level ?? 6, chunkSize: BLOCK_BYTES }) : new PassThrough({ highWaterMark: BLOCK_BYTES });
    this.#finished = pipeline(this.#input, createWriteStream(path, { highWaterMark: BLOCK_BYTES }));
    // Told to whoever calls append or close; until then it is not an unhandled rejection.
    this.#finished.catch(() => undefined);
  }

  /** The next elements: a frame, or any other piece. The array may be used again once this resolves. Errors: E_DATA, E_STORE_IO. */
  async append(data: TypedArray): Promise<void> {
    const { dtype, shape, affine, repetition } = this.#options;
    if (!holds(dtype, data) || this.#written + data.length > this.#size) {
      throw new PipelineError('E_DATA', `"${this.#path}" cannot take these elements`, {
        facts: { expected: `${this.#size} elements of ${dtype} in all`, found: `${data.length} more in a ${data.constructor.name} after ${this.#written}` },
      });
    }
    if (!this.#started) {
      this.#started = true;
      await this.#push(encodeHeader(shape, dtype, affine, repetition ?? 1));
    }
    // zlib has taken the bytes when it calls back; a plain stream still holds them, and the caller may reuse its array.
    await this.#push(this.#gzip ? bytesOf(data) : bytesOf(data).slice());
    this.#written += data.length;
  }

  async #push(bytes: Uint8Array): Promise<void> {
    try {
      await new Promise<void>((resolve, reject) => {
        this.#input.write(bytes, (error) => (error === null || error === undefined ? resolve() : reject(error)));
      });
    } catch (error) {
      await this.#ended();
      throw error;
    }
  }

  async #ended(): Promise<void> {
    try {
      await this.#finished;
    } catch (cause) {
      const found = cause instanceof Error ? cause.message : String(cause);
      throw new PipelineError(found.includes('ENOSPC') ? 'E_NO_SPACE' : 'E_STORE_IO', `"${this.#path}" cannot be written`, { facts: { expected: 'space and permission to write', found }, hint: 'Check the disk.', cause });
    }
  }

  /** Errors: E_DATA if elements are missing; E_STORE_IO, E_NO_SPACE. */
  async close(): Promise<void> {
    this.#input.end();
    await this.#ended();
    if (this.#written !== this.#size) {
      throw new PipelineError('E_DATA', `"${this.#path}" was closed before it was full`, { facts: { expected: `${this.#size} elements for (${this.#options.shape.join(', ')})`, found: this.#written } });
    }
  }
}

/** A whole volume; `data` x fastest. */
export async function writeNifti(path: string, options: NiftiOptions, data: TypedArray): Promise<void> {
  const writer = new NiftiWriter(path, options);
  await writer.append(data);
  await writer.close();
}
