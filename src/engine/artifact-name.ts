/** Logical names of files in artifacts: relative, with `/`, the same on every file system, never leading out of a folder. */
import { PipelineError } from '../core/errors.js';

const MAX_BYTES = 1024; // well under PATH_MAX with the folders before it
const MAX_SEGMENT_BYTES = 240; // file systems allow 255; some room for a suffix
/** Results are copied to wherever people work: these names cannot be files on Windows, whatever follows the first dot. */
const RESERVED = /^(?:con|prn|aux|nul|com\d|lpt\d)(?:\.|$)/i;

/** Throws E_DATA for a name that could not be a file below any folder. */
export function checkFileName(name: string): void {
  const why = problemOf(name);
  if (why === undefined) return;
  throw new PipelineError('E_DATA', `"${printable(name)}" cannot be the name of a file in an artifact`, {
    facts: { expected: 'a relative path with "/" and without "..", such as maps/v1.npy', found: why },
    hint: 'Choose another name in the stage that writes it.',
  });
}

function problemOf(name: string): string | undefined {
  if (name === '') return 'an empty name';
  if (name.startsWith('/') || /^[A-Za-z]:/.test(name)) return 'an absolute path';
  if (name.includes('\\')) return 'a backslash';
  // eslint-disable-next-line no-control-regex -- these are what is refused
  if (/[\u0000-\u001f\u007f]/.test(name)) return 'a control character';
  if (Buffer.byteLength(name) > MAX_BYTES) return `more than ${MAX_BYTES} bytes`;
  for (const segment of name.split('/')) {
    if (segment === '') return 'an empty path segment';
    if (segment === '.' || segment === '..') return `a path segment "${segment}"`;
    if (Buffer.byteLength(segment) > MAX_SEGMENT_BYTES) return `a path segment of more than ${MAX_SEGMENT_BYTES} bytes`;
    if (/[. ]$/.test(segment)) return 'a path segment that ends with a dot or a space';
    if (RESERVED.test(segment)) return `a path segment "${segment}", which some systems take for a device`;
  }
  return undefined;
}

function printable(name: string): string {
  const quoted = JSON.stringify(name).slice(1, -1);
  return quoted.length > 80 ? `${quoted.slice(0, 80)}…` : quoted;
}
