/**
 * What is known of the modules of a project, so that planning again neither bundles nor runs them. Lies in `modules/` of the store's folder and is a
 * memory, not a truth: an entry counts only while every file that the bundle was made from has the content it had, and damage or loss costs
 * bundling again. Contents are compared, not times: the sources of stage types are small.
 *
 *   modules/<64 hex of the module's path>.json   manifests, what they were made from, and a hash of itself
 *   modules/<64 hex>/bundle.mjs                  the code, read-only
 *   modules/<64 hex>/node_modules/…              links to the packages that it imports, so that they resolve as in the project
 */
import { randomBytes } from 'node:crypto';
import { mkdir, readdir, readFile, readlink, rename, rm, stat, symlink, unlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { digestOf, type Digest } from '../../core/digest.js';
import type { JsonValue } from '../../core/json.js';
import { canonicalDigest, compareUtf8, sortedJson } from '../canonical.js';
import type { StageCode, StageManifest } from '../stage.js';
import { publishFile, TEMPORARY_PREFIX } from '../store/durable.js';
import { nodeFs } from '../store/fs-port.js';
import { isPlainObject } from '../store/plain.js';
import type { Bundle } from './bundle.js';

/** Raised when what an entry means changes, or how a module is bundled. */
const FORMAT = 1;
const KEPT_MS = 7 * 24 * 3600 * 1000;

interface Entry {
  readonly format: typeof FORMAT;
  /** the version of this program */
  readonly by: string;
  readonly module: string;
  /** absolute path → digest of content */
  readonly files: Readonly<Record<string, Digest>>;
  /** folders of the sources → digest of the names in them: a new file may be what an import means now */
  readonly folders: Readonly<Record<string, Digest>>;
  readonly code: StageCode;
  readonly links: Readonly<Record<string, string>>;
  readonly manifests: readonly StageManifest[];
}

export class ModuleMemory {
  readonly #folder: string;
  readonly #by: string;

  /** `folder`: made when something is put into it. */
  constructor(folder: string, by: string) {
    this.#folder = folder;
    this.#by = by;
  }

  /** The manifests of a module whose sources are as they were; undefined if it has to be bundled. */
  async find(module: string): Promise<readonly StageManifest[] | undefined> {
    try {
      const data: unknown = JSON.parse(await readFile(this.#entryPath(module), 'utf8'));
      if (!isPlainObject(data) || !isPlainObject(data['entry']) || canonicalDigest('module-memory/1', data['entry'] as JsonValue) !== data['selfHash']) return undefined;
      const entry = data['entry'] as unknown as Entry;
      if (entry.format !== FORMAT || entry.by !== this.#by || entry.module !== module) return undefined;
      for (const [file, digest] of Object.entries(entry.files)) if (digestOf(await readFile(file)) !== digest) return undefined;
      for (const [folder, digest] of Object.entries(entry.folders)) if ((await namesIn(folder)) !== digest) return undefined;
      for (const [name, target] of Object.entries(entry.links)) if ((await readlink(linkPath(dirname(entry.code.bundle), name))) !== target) return undefined;
      if (digestOf(await readFile(entry.code.bundle)) !== entry.code.file) return undefined;
      return entry.manifests;
    } catch {
      return undefined; // absent, unreadable or damaged: the module is bundled again
    }
  }

  /** Puts the code where it can be loaded: under a name of its content and of where its packages lie. */
  async place({ digest, text, links }: Bundle): Promise<StageCode> {
    const file = digestOf(text);
    const folder = join(this.#folder, canonicalDigest('module-folder/1', { file, links }));
    const code = { digest, bundle: join(folder, 'bundle.mjs'), file };
    if ((await readFile(code.bundle).then(digestOf, () => undefined)) !== file) {
      await mkdir(folder, { recursive: true });
      const temporary = join(folder, temporaryName());
      await writeFile(temporary, text, { mode: 0o444, flush: true });
      await rename(temporary, code.bundle);
    }
    for (const [name, target] of Object.entries(links)) await link(linkPath(folder, name), target);
    return code;
  }

  async remember(module: string, { sources, packageFiles, links }: Bundle, code: StageCode, manifests: readonly StageManifest[]): Promise<void> {
    const files: Record<string, Digest> = {};
    const folders: Record<string, Digest> = {};
    for (const file of [...sources, ...packageFiles]) files[file] = digestOf(await readFile(file));
    for (const folder of new Set(sources.map((source) => dirname(source)))) folders[folder] = await namesIn(folder);
    const entry: Entry = { format: FORMAT, by: this.#by, module, files, folders, code, links, manifests };
    const text = sortedJson({ entry, selfHash: canonicalDigest('module-memory/1', entry as unknown as JsonValue) }, 1);
    await publishFile(nodeFs, this.#entryPath(module), Buffer.from(`${text}\n`), temporaryName());
    await this.#tidy();
  }

  /** Bundles that no entry names any more and that no run of this week can have planned with. */
  async #tidy(): Promise<void> {
    const names = await readdir(this.#folder);
    const texts = await Promise.all(names.filter((name) => name.endsWith('.json')).map((name) => readFile(join(this.#folder, name), 'utf8').catch(() => '')));
    for (const name of names) {
      const path = join(this.#folder, name);
      if (name.endsWith('.json') || texts.some((text) => text.includes(name))) continue;
      const age = await stat(path).then(({ mtimeMs }) => Date.now() - mtimeMs, () => 0);
      if (age > KEPT_MS) await rm(path, { recursive: true, force: true });
    }
  }

  #entryPath(module: string): string {
    return join(this.#folder, `${digestOf(module)}.json`);
  }
}

function temporaryName(): string {
  return `${TEMPORARY_PREFIX}module-${randomBytes(8).toString('hex')}`;
}

function linkPath(folder: string, name: string): string {
  return join(folder, 'node_modules', ...name.split('/'));
}

async function link(path: string, target: string): Promise<void> {
  if ((await readlink(path).catch(() => undefined)) === target) return;
  await mkdir(dirname(path), { recursive: true });
  await unlink(path).catch(() => undefined);
  await symlink(target, path, 'junction').catch(async (error: unknown) => {
    // another process that plans the same was first
    if ((await readlink(path).catch(() => undefined)) !== target) throw error;
  });
}

/** Only these can come to stand before a file that an import means; a cache or a folder of results beside a module says nothing. */
const RESOLVABLE = /\.(?:[cm]?[jt]s|[jt]sx|json)$/;

async function namesIn(folder: string): Promise<Digest> {
  const names = (await readdir(folder)).filter((name) => RESOLVABLE.test(name));
  return canonicalDigest('module-folder-names/1', names.sort(compareUtf8));
}
