/** The part of `pipeline show` that is about artifacts: their files, where the bytes lie, and the text of a small one. */
import { PipelineError } from '../../core/errors.js';
import type { Artifact, ArtifactFile } from '../../engine/artifact.js';
import { readArtifactFile } from '../../engine/read-artifact-file.js';
import type { StageKey } from '../../engine/record.js';
import type { Store } from '../../engine/store/store.js';
import { suggestion } from '../../engine/suggest.js';
import type { Invocation } from '../invocation.js';
import { flagOption, textOption } from '../option-values.js';
import { formatBytes } from '../render/duration.js';
import { shortKey } from '../render/stage-line.js';
import { textTable } from '../render/text-table.js';
import { printable } from '../terminal.js';

export interface ShownArtifact {
  /** `ridge.readout`, or how else it was found */
  readonly title: string;
  readonly artifact: Artifact;
  readonly key: StageKey;
  readonly facts: Readonly<Record<string, string>>;
}

const LARGEST_TEXT = 1_000_000;

export async function showArtifact(invocation: Invocation, shown: ShownArtifact, store: Store): Promise<number> {
  const { io, options, out } = invocation;
  const { artifact, title, key, facts } = shown;
  const name = textOption(options, 'cat');
  if (name !== undefined) return cat(invocation, fileOf(artifact, name, title), store);
  if (flagOption(options, 'path')) return paths(invocation, artifact, store);
  if (options.json) {
    const files = artifact.files.map(({ name: file, size, digest, inline, external }) => ({ name: file, size, digest, where: inline !== undefined ? 'record' : external === true ? 'outside' : 'object', path: inline !== undefined || external === true ? null : store.objectPath(digest) }));
    io.stdout.write(`${JSON.stringify({ schema: 'pipeline.show.artifact.v1', ...facts, type: artifact.type, digest: artifact.digest, restricted: artifact.restricted === true, key, files })}\n`);
    return 0;
  }
  const rows = artifact.files.map((file) => [printable(file.name), formatBytes(file.size), shortKey(file.digest), placeOf(file)]);
  const lines = [
    `${out.bold(title)}  ${artifact.type}  ${artifact.digest}${artifact.restricted === true ? `  ${out.yellow('restricted: may not be redistributed')}` : ''}`,
    ...Object.entries(facts).map(([fact, value]) => `  ${fact} ${value}`),
    `  key ${key}`,
    '',
    textTable(['file', '#size', 'digest', 'where'], rows),
  ];
  io.stdout.write(`${lines.join('\n')}\n`);
  return 0;
}

function placeOf(file: ArtifactFile): string {
  return file.inline !== undefined ? 'in the record' : file.external === true ? 'outside' : 'object';
}

/** E_USAGE with the nearest name. */
function fileOf(artifact: Artifact, name: string, title: string): ArtifactFile {
  const file = artifact.files.find((each) => each.name === name);
  if (file !== undefined) return file;
  const names = artifact.files.map((each) => each.name);
  throw new PipelineError('E_USAGE', `"${name}" is not a file of ${title}`, { facts: { expected: `one of ${names.length} files`, found: name }, hint: suggestion(name, names, 'it holds no file') });
}

function paths({ io, options }: Invocation, artifact: Artifact, store: Store): number {
  const lying = artifact.files.filter(({ inline, external }) => inline === undefined && external !== true);
  if (options.json) {
    const names = (kind: (file: ArtifactFile) => boolean): string[] => artifact.files.filter(kind).map(({ name }) => name);
    const elsewhere = { inRecord: names(({ inline }) => inline !== undefined), outside: names(({ external }) => external === true) };
    io.stdout.write(`${JSON.stringify({ schema: 'pipeline.show.paths.v1', paths: Object.fromEntries(lying.map(({ name, digest }) => [name, store.objectPath(digest)])), ...elsewhere })}\n`);
    return 0;
  }
  // One path stands alone, so that a script can open it; of several nobody knows which is which without the names.
  for (const { name, digest } of lying) io.stdout.write(`${store.objectPath(digest)}${lying.length > 1 ? `\t${printable(name)}` : ''}\n`);
  for (const file of artifact.files) {
    if (file.inline !== undefined) io.stderr.write(`${printable(file.name)} is small and lies in the record: use --cat ${printable(file.name)}\n`);
    if (file.external === true) io.stderr.write(`${printable(file.name)} lies outside the store, where the stage found it\n`);
  }
  return 0;
}

/** Errors: E_USAGE for what is no text or too long for a terminal, E_OBJECT_DAMAGED. */
async function cat({ io, options }: Invocation, file: ArtifactFile, store: Store): Promise<number> {
  const refused = (found: string): PipelineError => new PipelineError('E_USAGE', `"${file.name}" cannot be printed`, { facts: { expected: `text of at most ${formatBytes(LARGEST_TEXT)}`, found }, hint: 'print where it lies with --path and open it with a program for its format' });
  if (file.size > LARGEST_TEXT) throw refused(formatBytes(file.size));
  if (file.external === true) throw refused('an outside file, which is not in the store');
  const bytes = await readArtifactFile(file, store, new Map());
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw refused('bytes that are no text');
  }
  if (text.includes('\0')) throw refused('bytes that are no text');
  if (options.json) io.stdout.write(`${JSON.stringify({ schema: 'pipeline.show.file.v1', name: file.name, digest: file.digest, text })}\n`);
  else io.stdout.write(io.stdout.isTTY === true ? printable(text) : text);
  return 0;
}
