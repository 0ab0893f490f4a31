/** Reads files of artifacts from outside a stage (the report, `pipeline show`). Bytes are checked against their digest when they are read. */
import { readFile } from 'node:fs/promises';
import { digestOf, type Digest } from '../core/digest.js';
import { PipelineError } from '../core/errors.js';
import type { ArtifactFile } from './artifact.js';
import { outsidePath } from './artifact-reader.js';
import type { Store } from './store/store.js';

/** E_OBJECT_DAMAGED if the bytes are not the file's; E_DATA for an outside file that `outside` does not know. */
export async function readArtifactFile(file: ArtifactFile, store: Store, outside: ReadonlyMap<Digest, string>): Promise<Buffer> {
  if (file.inline !== undefined) return Buffer.from(file.inline, 'base64');
  const path = file.external === true ? outsidePath(file, outside) : store.objectPath(file.digest);
  const bytes = await readFile(path).catch(() => undefined);
  if (bytes !== undefined && digestOf(bytes) === file.digest) return bytes;
  throw new PipelineError('E_OBJECT_DAMAGED', `"${file.name}" cannot be read: its bytes are not what they were`, {
    facts: { expected: file.digest, found: bytes === undefined ? 'nothing' : `${bytes.byteLength} other bytes`, path },
    hint: 'Run the pipeline again: what is damaged is made again.',
  });
}
