/**
 * Weights in other files: what an ONNX tensor says of where its bytes lie. Paths of a file that somebody sent are not trusted: a location is relative to
 * the model's folder and cannot lead out of it by what is written in it; whoever opens it (model-file.ts) checks links as well.
 * Source: https://github.com/onnx/onnx/blob/main/docs/ExternalData.md
 */
import { PipelineError } from '../../core/errors.js';
import { ENTRY } from './schema.js';
import { stringOf, wireFields } from './wire.js';

export interface ExternalLocation {
  /** relative, with `/`, below the folder of the model */
  readonly path: string;
  readonly offset: number;
  readonly length: number;
}

/** Gives the bytes of locations. */
export interface ExternalData {
  /** Exactly `length` bytes. Errors: E_GRAPH naming the file and the tensor. */
  read(location: ExternalLocation, tensor: string): Uint8Array;
}

/** `expected` bytes are needed. Errors: E_GRAPH for a location that leads elsewhere or holds another number of bytes. */
export function readLocation(entries: readonly Uint8Array[], tensor: string, expected: number): ExternalLocation {
  const found = new Map<string, string>();
  for (const entry of entries) {
    let key = '';
    let value = '';
    for (const field of wireFields(entry)) {
      if (field.number === ENTRY.key) key = stringOf(field);
      if (field.number === ENTRY.value) value = stringOf(field);
    }
    found.set(key, value);
  }
  const path = checkedPath(found.get('location') ?? '', tensor);
  const offset = found.has('offset') ? number(found.get('offset') as string) : 0;
  const length = found.has('length') ? number(found.get('length') as string) : expected;
  if (offset === undefined || length === undefined || length !== expected) {
    throw new PipelineError('E_GRAPH', `the weights '${tensor}' do not fill their shape`, { facts: { expected: `${expected} bytes in '${path}'`, found: `offset ${found.get('offset') ?? 0}, length ${found.get('length') ?? 'not given'}` }, hint: 'Export the model again.' });
  }
  return { path, offset, length };
}

/** The folder's own files and those below it; nothing that some system takes for a way out. */
function checkedPath(path: string, tensor: string): string {
  const segments = path.split('/');
  const leads = path === '' || path.startsWith('/') || /[\\\0]|^[A-Za-z]:/.test(path) || segments.includes('..') || segments.at(-1) === '' || segments.at(-1) === '.';
  if (leads) {
    throw new PipelineError('E_GRAPH', `the weights '${tensor}' lie outside the folder of the model`, {
      facts: { expected: 'a relative path below the folder of the model', found: JSON.stringify(path.slice(0, 200)) },
      hint: 'Save the model again with its data beside it; do not use a file that names other places.',
    });
  }
  return segments.filter((segment) => segment !== '.' && segment !== '').join('/');
}

function number(text: string): number | undefined {
  const value = /^\d{1,16}$/.test(text) ? Number(text) : undefined;
  return value !== undefined && Number.isSafeInteger(value) ? value : undefined;
}
