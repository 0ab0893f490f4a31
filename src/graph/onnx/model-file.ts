/**
 * An ONNX model in a file, with the files beside it that hold its weights. Those are read by ranges, one tensor at a time, so they may be larger than
 * memory; the model itself is a protobuf message and ends below 2 GiB. A file of weights must be a plain file below the model's folder: a symbolic link
 * out of it, or a file with another name somewhere else (hard link), could be anything on the machine and is refused.
 */
import { closeSync, constants, fstatSync, openSync, readFileSync, readSync, realpathSync, statSync } from 'node:fs';
import { dirname, join, sep } from 'node:path';
import { PipelineError } from '../../core/errors.js';
import type { ExternalData, ExternalLocation } from './external-data.js';

/** A protobuf message holds less than 2 GiB. @source https://protobuf.dev/programming-guides/encoding/ */
const LARGEST_MESSAGE = 2 ** 31 - 1;

export interface ModelFile {
  readonly bytes: Uint8Array;
  readonly external: ExternalData;
}

/** Errors: E_GRAPH for a file that is no model by its size; those of `external` come when weights are read. */
export function openModelFile(path: string): ModelFile {
  const { size } = statSync(path);
  if (size > LARGEST_MESSAGE) {
    throw new PipelineError('E_GRAPH', `'${path}' is too large for an ONNX model`, { facts: { expected: `at most ${LARGEST_MESSAGE} bytes`, found: size }, hint: 'Store the weights in a second file (external data).' });
  }
  return { bytes: readFileSync(path), external: { read: (location, tensor) => readRange(dirname(path), location, tensor) } };
}

/** The real path of a file of weights. Errors: E_GRAPH if it is missing, leads out of the folder or is no plain file. */
export function externalPath(folder: string, location: string, tensor: string): string {
  const root = realpathSync(folder);
  let real: string;
  try {
    real = realpathSync(join(root, location));
  } catch (cause) {
    throw refused(location, tensor, 'a file beside the model', 'nothing', 'Put the file of weights next to the model.', cause);
  }
  if (!real.startsWith(root + sep)) throw refused(location, tensor, 'a file below the folder of the model', 'a link that leads out of it', 'Copy the file of weights into the folder of the model.');
  const stats = statSync(real);
  if (!stats.isFile()) throw refused(location, tensor, 'a plain file', stats.isDirectory() ? 'a folder' : 'something else', 'Put the file of weights next to the model.');
  if (stats.nlink > 1) throw refused(location, tensor, 'a file with this name only', `a file with ${stats.nlink} names (hard links)`, 'Copy the file of weights into the folder of the model.');
  return real;
}

function readRange(folder: string, location: ExternalLocation, tensor: string): Uint8Array {
  const { path, offset, length } = location;
  const handle = openSync(externalPath(folder, path, tensor), constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0));
  try {
    const { size, nlink } = fstatSync(handle);
    if (nlink > 1 || offset + length > size) {
      throw refused(path, tensor, `bytes ${offset} to ${offset + length}`, `a file of ${size} bytes`, 'Check that the file of weights was copied completely and belongs to this model.');
    }
    const bytes = new Uint8Array(length);
    for (let done = 0; done < length; ) {
      const read = readSync(handle, bytes, done, Math.min(length - done, LARGEST_MESSAGE), offset + done);
      if (read === 0) throw refused(path, tensor, `bytes ${offset} to ${offset + length}`, `the end of the file at ${offset + done}`, 'Check that the file of weights is not being written.');
      done += read;
    }
    return bytes;
  } finally {
    closeSync(handle);
  }
}

function refused(location: string, tensor: string, expected: string, found: string, hint: string, cause?: unknown): PipelineError {
  return new PipelineError('E_GRAPH', `'${location}', which holds the weights '${tensor}', cannot be used`, { facts: { expected, found }, hint, ...(cause === undefined ? {} : { cause }) });
}
