/**
 * Artifacts: typed, immutable sets of named files. An artifact's digest covers its type and, for every file, logical name and content digest;
 * never a path, a time or a machine. Bytes live in the store's objects, in the record itself (small files), or outside (listed externals).
 */
import type { Digest } from '../core/digest.js';
import type { JsonValue } from '../core/json.js';

export interface ArtifactFile {
  /** logical name with `/` separators, unique in the artifact */
  readonly name: string;
  readonly digest: Digest;
  readonly size: number;
  /** base64 of the content, for files of at most 4 KiB: kept in the record so that it survives gc */
  readonly inline?: string;
  /** true: the bytes are an outside file; they are found by digest among the externals of the run */
  readonly external?: true;
}

export interface Artifact {
  readonly type: string;
  readonly digest: Digest;
  /** sorted by the UTF-8 bytes of their names */
  readonly files: readonly ArtifactFile[];
  /** holds or shows data that may not be redistributed; inherited by everything derived from it. Not part of the digest. */
  readonly restricted?: true;
}

/** A verified input artifact, as a stage sees it. */
export interface ArtifactReader {
  readonly type: string;
  readonly digest: Digest;
  readonly restricted: boolean;
  readonly files: readonly ArtifactFile[];
  has(name: string): boolean;
  file(name: string): ArtifactFile;
  /** absolute path of the bytes: read only; the file has no extension. Throws E_DATA naming the nearest file for an unknown name. */
  path(name: string): string;
  text(name: string): string;
  /** parsed JSON; the caller states the type it wrote */
  json<T = JsonValue>(name: string): T;
}

export interface ArtifactWriter {
  /** a path to create the file `name` at (parent folders exist); it joins the artifact when the stage succeeds */
  path(name: string): string;
  write(name: string, content: string | Uint8Array): void;
  /** JSON with sorted keys; refuses NaN and infinities (write null instead) */
  json(name: string, value: unknown): void;
  /** takes a file of an input artifact or of a memo entry under a new name, without copying */
  adopt(name: string, file: ArtifactFile): void;
  /** takes a listed outside file without copying it */
  external(name: string, externalName: string): void;
  /** closes the artifact, all of whose files are written: its digest, for another output that has to name it */
  seal(): Digest;
  /** flags the artifact: it holds or shows data that may not be redistributed */
  restrict(): void;
}

export interface MemoEntry {
  readonly files: readonly ArtifactFile[];
  readonly restored: boolean;
  file(name: string): ArtifactFile;
  path(name: string): string;
}
