/**
 * Collects the files of one output (or memo value) in a private folder, and stores them once the work has succeeded: files of at most 4 KiB
 * in the record itself, others as objects. A name is used once; an output knows nothing of other outputs, so the same bytes may join many.
 * Must not publish anything: what was stored becomes visible only with a record.
 */
import { lstatSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Digest } from '../core/digest.js';
import { digestOf } from '../core/digest.js';
import { PipelineError } from '../core/errors.js';
import type { ArtifactFile, ArtifactWriter } from './artifact.js';
import { checkFileName } from './artifact-name.js';
import { sealArtifact } from './artifact-seal.js';
import { compareUtf8, sortedJson } from './canonical.js';
import type { KnownExternal } from './stage-externals.js';
import type { Store } from './store/store.js';
import { nearest } from './suggest.js';
import type { MadeOutput } from './worker-protocol.js';

/** Files of at most this many bytes are kept in the record: DESIGN section 6. */
export const INLINE_BYTES = 4096;
/** Files stored at a time: enough to overlap the waits for the disk. */
const STORING_AT_ONCE = 8;

export class StagingWriter implements ArtifactWriter {
  readonly #label: string;
  readonly #folder: string;
  readonly #externals: ReadonlyMap<string, KnownExternal>;
  /** name → bytes by reference, or undefined for a file that lies (or will lie) in the folder */
  readonly #files = new Map<string, ArtifactFile | undefined>();
  readonly #type: string | undefined;
  #restricted = false;
  #sealed = false;

  /** `label` names it in messages, e.g. `output "maps" of stage "dream"`; `type` is that of the artifact, where the stage type has declared it. */
  constructor(label: string, folder: string, externals: ReadonlyMap<string, KnownExternal>, type?: string) {
    this.#label = label;
    this.#type = type;
    this.#folder = folder;
    this.#externals = externals;
  }

  path(name: string): string {
    checkFileName(name);
    this.#requireOpen(name);
    // A stage may ask twice for the path of a file that it writes piece by piece; only a reference under the same name is a mistake.
    if (this.#files.get(name) !== undefined) throw this.#twice(name);
    this.#files.set(name, undefined);
    const path = join(this.#folder, name);
    mkdirSync(dirname(path), { recursive: true });
    return path;
  }

  write(name: string, content: string | Uint8Array): void {
    if (this.#files.has(name)) throw this.#twice(name);
    writeFileSync(this.path(name), content);
  }

  json(name: string, value: unknown): void {
    this.write(name, `${sortedJson(value, 1)}\n`);
  }

  adopt(name: string, file: ArtifactFile): void {
    checkFileName(name);
    this.#requireOpen(name);
    if (this.#files.has(name)) throw this.#twice(name);
    this.#files.set(name, { ...file, name });
  }

  external(name: string, externalName: string): void {
    const external = this.#externals.get(externalName);
    if (external === undefined) {
      const near = nearest(externalName, this.#externals.keys());
      throw new PipelineError('E_DATA', `"${externalName}" is not an outside file that this stage has listed`, {
        facts: { expected: near === undefined ? `one of ${this.#externals.size} listed files` : `"${near}"`, found: `"${externalName}"` },
        hint: 'List it in the externals of the stage type.',
      });
    }
    this.adopt(name, { name, digest: external.content.digest, size: external.content.size, external: true });
  }

  restrict(): void {
    this.#restricted = true;
  }

  seal(): Digest {
    if (this.#type === undefined) throw new PipelineError('E_DATA', `${this.#label} cannot be sealed by its stage`, { facts: { expected: 'an output that the stage type declares', found: 'one that the pipeline file or a memo declares' }, hint: 'Let another output name this one by its content.' });
    this.#sealed = true;
    const files = [...this.#files].map(([name, known]): ArtifactFile => {
      if (known !== undefined) return known;
      const path = join(this.#folder, name);
      return { name, size: this.#sizeOf(name, path), digest: digestOf(readFileSync(path)) };
    });
    return sealArtifact({ type: this.#type, files, restricted: false }).digest;
  }

  /** Stores every file and returns the references, sorted by name. E_OUTPUT_MISSING for a path that was asked for and not written. */
  async finish(store: Store): Promise<MadeOutput> {
    const names = [...this.#files.keys()].sort(compareUtf8);
    const files: ArtifactFile[] = new Array<ArtifactFile>(names.length);
    let next = 0;
    const work = async (): Promise<void> => {
      for (let i = next; i < names.length; i = next) {
        next += 1;
        const name = names[i] as string;
        files[i] = this.#files.get(name) ?? (await this.#store(store, name));
      }
    };
    await Promise.all(Array.from({ length: Math.min(STORING_AT_ONCE, names.length) }, work));
    return { files, restricted: this.#restricted };
  }

  async #store(store: Store, name: string): Promise<ArtifactFile> {
    const path = join(this.#folder, name);
    const size = this.#sizeOf(name, path);
    if (size <= INLINE_BYTES) {
      const bytes = readFileSync(path);
      return { name, digest: digestOf(bytes), size: bytes.byteLength, inline: bytes.toString('base64') };
    }
    const stored: { readonly digest: Digest; readonly size: number } = await store.putFile(path);
    return { name, digest: stored.digest, size: stored.size };
  }

  #sizeOf(name: string, path: string): number {
    const stats = lstatSync(path, { throwIfNoEntry: false });
    if (stats?.isFile() === true) return stats.size;
    throw new PipelineError('E_OUTPUT_MISSING', `"${name}" of ${this.#label} was not written`, {
      facts: { expected: 'a regular file at the path that the stage asked for', found: stats === undefined ? 'nothing' : stats.isDirectory() ? 'a folder' : 'a link or device' },
      hint: 'Write the file at that path before `run` resolves, or do not ask for its path.',
    });
  }

  #requireOpen(name: string): void {
    if (!this.#sealed) return;
    throw new PipelineError('E_DATA', `"${name}" is written to ${this.#label} after it was sealed`, {
      facts: { expected: 'every file before the digest is asked for', found: 'one after it' },
      hint: 'Write all files of an output, then seal it.',
    });
  }

  #twice(name: string): PipelineError {
    return new PipelineError('E_DATA', `"${name}" is written twice in ${this.#label}`, {
      facts: { expected: 'every name once', found: 'the name twice' },
      hint: 'Give each file of an output a name of its own.',
    });
  }
}
