/** Which files of a stage's outputs a person wants to see: those that the output ports name with patterns (`*` within one path segment). Pure. */
import type { Artifact, ArtifactFile } from './artifact.js';
import type { StageManifest } from './stage.js';

export interface PublishedFile {
  readonly output: string;
  readonly file: ArtifactFile;
}

export function publishedFiles(manifest: StageManifest, outputs: Readonly<Record<string, Artifact>>): PublishedFile[] {
  const found: PublishedFile[] = [];
  for (const [output, port] of Object.entries(manifest.outputs)) {
    const patterns = (port.publish ?? []).map(matcher);
    if (patterns.length === 0) continue;
    for (const file of outputs[output]?.files ?? []) if (patterns.some((matches) => matches(file.name))) found.push({ output, file });
  }
  return found;
}

function matcher(pattern: string): (name: string) => boolean {
  const wanted = pattern.split('/').map((segment) => segment.split('*'));
  return (name) => {
    const segments = name.split('/');
    return segments.length === wanted.length && segments.every((segment, i) => matchesParts(segment, wanted[i] ?? []));
  };
}

/** `parts` are the pieces between the stars; each is looked for after the one before (linear, no backtracking). */
function matchesParts(segment: string, parts: readonly string[]): boolean {
  const [first = '', ...rest] = parts;
  const last = rest.pop();
  if (last === undefined) return segment === first;
  if (!segment.startsWith(first) || !segment.endsWith(last) || segment.length < first.length + last.length) return false;
  let at = first.length;
  for (const part of rest) {
    const found = segment.indexOf(part, at);
    if (found < 0) return false;
    at = found + part.length;
  }
  return at <= segment.length - last.length;
}
