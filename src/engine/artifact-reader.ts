/**
 * An artifact as a stage sees it. Bytes stay where they are: an object of the store, the record itself, or an outside file. A file kept in
 * the record gets a path only if somebody asks for one (a copy in a private folder, written once).
 * Must not know how the bytes were verified: the executor does that before a reader is made.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Digest } from '../core/digest.js';
import { PipelineError } from '../core/errors.js';
import type { JsonValue } from '../core/json.js';
import type { Artifact, ArtifactFile, ArtifactReader } from './artifact.js';
import { nearest } from './suggest.js';

/** Finds the bytes of a file wherever they lie. */
export class FileLocator {
  readonly #objectPath: (digest: Digest) => string;
  readonly #outside: ReadonlyMap<Digest, string>;
  readonly #folder: string;

  /** `folder`: private, for copies of files that are kept in records; made when the first is needed. */
  constructor(objectPath: (digest: Digest) => string, outside: ReadonlyMap<Digest, string>, folder: string) {
    this.#objectPath = objectPath;
    this.#outside = outside;
    this.#folder = folder;
  }

  path(file: ArtifactFile): string {
    if (file.inline !== undefined) return this.#written(file.digest, file.inline);
    return file.external === true ? outsidePath(file, this.#outside) : this.#objectPath(file.digest);
  }

  read(file: ArtifactFile): Buffer {
    return file.inline === undefined ? readFileSync(this.path(file)) : Buffer.from(file.inline, 'base64');
  }

  #written(digest: Digest, inline: string): string {
    const path = join(this.#folder, digest);
    if (!existsSync(path)) {
      mkdirSync(this.#folder, { recursive: true });
      writeFileSync(path, Buffer.from(inline, 'base64'));
    }
    return path;
  }
}

/** E_DATA if no stage of this run declared a file with these bytes. */
export function outsidePath(file: ArtifactFile, outside: ReadonlyMap<Digest, string>): string {
  const path = outside.get(file.digest);
  if (path !== undefined) return path;
  throw new PipelineError('E_DATA', `"${file.name}" is an outside file that no stage of this run has listed`, {
    facts: { expected: 'a file with this digest among the externals of the run', found: 'none', digest: file.digest },
    hint: 'Run the pipeline again with the stage that reads the outside files.',
  });
}

export class StoredArtifact implements ArtifactReader {
  readonly type: string;
  readonly digest: Digest;
  readonly restricted: boolean;
  readonly files: readonly ArtifactFile[];
  readonly #byName: ReadonlyMap<string, ArtifactFile>;
  readonly #locator: FileLocator;

  constructor(artifact: Artifact, locator: FileLocator) {
    this.type = artifact.type;
    this.digest = artifact.digest;
    this.restricted = artifact.restricted === true;
    this.files = artifact.files;
    this.#byName = new Map(artifact.files.map((file) => [file.name, file]));
    this.#locator = locator;
  }

  has(name: string): boolean {
    return this.#byName.has(name);
  }

  file(name: string): ArtifactFile {
    return fileNamed(name, this.#byName, `an artifact of type ${this.type}`);
  }

  path(name: string): string {
    return this.#locator.path(this.file(name));
  }

  text(name: string): string {
    return this.#locator.read(this.file(name)).toString('utf8');
  }

  json<T = JsonValue>(name: string): T {
    try {
      return JSON.parse(this.text(name)) as T;
    } catch (error) {
      if (error instanceof PipelineError) throw error;
      throw new PipelineError('E_FORMAT', `"${name}" in an artifact of type ${this.type} is not JSON`, {
        facts: { expected: 'JSON', found: error instanceof Error ? error.message : String(error) },
        hint: 'Read it as what the stage that wrote it wrote.',
        cause: error,
      });
    }
  }
}

/** E_DATA naming the nearest file. */
export function fileNamed(name: string, files: ReadonlyMap<string, ArtifactFile>, where: string): ArtifactFile {
  const file = files.get(name);
  if (file !== undefined) return file;
  const near = nearest(name, files.keys());
  throw new PipelineError('E_DATA', `"${name}" is not a file of ${where}`, {
    facts: { expected: near === undefined ? `one of ${files.size} files` : `"${near}" or another of its ${files.size} files`, found: `"${name}"` },
    hint: near === undefined ? 'Look at the list of its files (`pipeline show`).' : `Did you mean "${near}"?`,
  });
}
