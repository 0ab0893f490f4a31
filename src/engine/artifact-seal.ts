/**
 * Turns a finished set of files into an artifact. The digest covers the type and, per file, logical name and content digest; where the
 * bytes live (object, record, outside) and the `restricted` flag are not part of it. The same files in another order are the same artifact.
 */
import { PipelineError } from '../core/errors.js';
import type { Digest } from '../core/digest.js';
import type { Artifact, ArtifactFile } from './artifact.js';
import { canonicalDigest, compareUtf8 } from './canonical.js';
import type { ArtifactDraft } from './store/store.js';

/** E_DATA for a name that is empty or used twice. */
export function sealArtifact(draft: ArtifactDraft): Artifact {
  const files = [...draft.files].sort((a, b) => compareUtf8(a.name, b.name));
  const content = Object.create(null) as Record<string, Digest>;
  let previous: ArtifactFile | undefined;
  for (const file of files) {
    if (file.name === '' || file.name === previous?.name) {
      throw new PipelineError('E_DATA', `"${file.name}" cannot be a file of an artifact of type ${draft.type}`, {
        facts: { expected: 'a name that is not empty and used once', found: file.name === '' ? 'an empty name' : 'the name twice' },
        hint: 'Give every file of an output a name of its own.',
      });
    }
    content[file.name] = file.digest;
    previous = file;
  }
  const digest = canonicalDigest('artifact/1', { type: draft.type, files: content });
  return { type: draft.type, digest, files, ...(draft.restricted ? { restricted: true as const } : {}) };
}
