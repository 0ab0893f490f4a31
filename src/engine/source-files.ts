/**
 * The texts that a pipeline is written in: the file, what it `extends:` (files relative to it, and what those extend in turn), merged into one
 * located tree. The guards of one file hold for each; beyond them only regular files within the project are read, no chain comes back to
 * itself, and neither depth nor the number of files and bytes is unbounded. A file that is reached twice is read once.
 */
import { lstatSync, realpathSync } from 'node:fs';
import { dirname, isAbsolute, join, relative, resolve } from 'node:path';
import { digestOf, type Digest } from '../core/digest.js';
import { PipelineError } from '../core/errors.js';
import type { SourceSpan } from '../core/source-span.js';
import { canonicalDigest } from './canonical.js';
import { placeOf } from './diagnostics.js';
import type { Diagnostics } from './diagnostics.js';
import { mergeLayers, removeFrom } from './merge-layers.js';
import { findProjectRoot } from './project.js';
import { describeNode } from './source-node.js';
import type { MapEntry, ScalarNode, SourceNode } from './source-node.js';
import { Places, readPipelineText } from './yaml-guard.js';
import { parseYaml } from './yaml-spans.js';

/** One text that the plan was made from. */
export interface SourceFile {
  /** absolute path */
  readonly path: string;
  readonly digest: Digest;
}

const MAX_LEVELS = 16;
const MAX_FILES = 64;
/** of all files together: each may have 1 MiB */
const MAX_BYTES = 4 * 1024 * 1024;

interface Link {
  readonly real: string;
  /** as messages name it */
  readonly shown: string;
  /** where the file before it names it */
  readonly span: SourceSpan;
}

export class SourceFiles {
  /** in the order in which they were first read, the pipeline file first */
  readonly read: SourceFile[] = [];
  readonly #diagnostics: Diagnostics;
  readonly #known = new Map<string, SourceNode | undefined>();
  #bytes = 0;

  constructor(diagnostics: Diagnostics) {
    this.#diagnostics = diagnostics;
  }

  /** The pipeline in `file` with everything that it extends; undefined when nothing can be read. */
  load(file: string): SourceNode | undefined {
    const root = this.parse(file, undefined);
    return root?.kind === 'map' && (root.entries.has('extends') || root.entries.has('remove')) ? this.#extended(root.entries, root, file, [{ real: realOf(file), shown: file, span: root.span }]) : root;
  }

  /** The tree of one text, and the text among those that were read. */
  parse(file: string, span: SourceSpan | undefined): SourceNode | undefined {
    const text = this.#diagnostics.attempt(span, () => readPipelineText(file));
    if (text === undefined) return undefined;
    this.#bytes += Buffer.byteLength(text);
    this.read.push({ path: resolve(file), digest: digestOf(text) });
    return parseYaml(new Places(text, file), this.#diagnostics);
  }

  /** One digest for all texts; of a single file that of its text. */
  digest(): Digest {
    const [first, ...more] = this.read;
    if (first !== undefined && more.length === 0) return first.digest;
    return canonicalDigest('pipeline-source/1', this.read.map(({ digest }) => digest));
  }

  #extended(entries: ReadonlyMap<string, MapEntry>, root: SourceNode, file: string, chain: readonly Link[]): SourceNode | undefined {
    const own = new Map(entries);
    own.delete('extends');
    own.delete('remove');
    const tree: SourceNode = { kind: 'map', entries: own, span: root.span };
    const field = entries.get('extends');
    const remove = entries.get('remove');
    if (field === undefined) {
      if (remove !== undefined) this.#diagnostics.error('E_EXTENDS', '"remove" stands in a file that extends nothing', { hint: 'add extends:, or remove this field', span: remove.keySpan });
      return tree;
    }
    const bases = this.#listed(field.value).map((node) => this.#base(node, file, chain));
    // Without all of them the rest of the file looks wrong where it is not.
    if (bases.length === 0 || bases.some((base) => base === undefined)) return undefined;
    const inherited = (bases as readonly SourceNode[]).reduce((earlier, later) => mergeLayers(earlier, later, this.#diagnostics));
    return mergeLayers(remove === undefined ? inherited : removeFrom(inherited, remove.value, this.#diagnostics), tree, this.#diagnostics);
  }

  #listed(node: SourceNode): (ScalarNode & { readonly value: string })[] {
    const items = node.kind === 'list' ? node.items : [node];
    if (items.length === 0) this.#diagnostics.error('E_EXTENDS', '"extends" names no file', { hint: 'write extends: base.yaml, or remove it', span: node.span });
    return items.flatMap((item) => {
      if (item.kind === 'scalar' && typeof item.value === 'string') return [{ ...item, value: item.value }];
      this.#diagnostics.error('E_WRONG_TYPE', '"extends" has the wrong type', { facts: { expected: 'the path of a file, or a list of them', found: describeNode(item) }, hint: 'write extends: base.yaml', span: item.span });
      return [];
    });
  }

  /** The tree of a file that is extended, with what it extends itself. */
  #base(node: ScalarNode & { readonly value: string }, from: string, chain: readonly Link[]): SourceNode | undefined {
    const { value, span } = node;
    const link = this.#diagnostics.attempt(span, () => this.#locate(value, from, span, chain));
    if (link === undefined) return undefined;
    if (this.#known.has(link.real)) return this.#known.get(link.real);
    const root = this.parse(link.shown, span);
    const whole = root?.kind === 'map' ? this.#extended(root.entries, root, link.shown, [...chain, link]) : root;
    if (whole !== undefined && whole.kind !== 'map') this.#diagnostics.error('E_WRONG_TYPE', `"${value}" is not a layer of a pipeline`, { facts: { expected: 'a map', found: describeNode(whole) }, hint: 'extend a file with fields of a pipeline', span });
    const tree = whole?.kind === 'map' ? whole : undefined;
    this.#known.set(link.real, tree);
    return tree;
  }

  /** Errors: E_EXTENDS, E_CYCLE, E_FILE_NOT_FOUND. */
  #locate(value: string, from: string, span: SourceSpan, chain: readonly Link[]): Link {
    const refuse = (message: string, expected: string, found: string, hint: string): PipelineError => new PipelineError('E_EXTENDS', message, { facts: { expected, found }, hint, span });
    if (value.includes('${')) throw refuse(`"${value}" cannot be extended`, 'a path as it is: what is extended must not depend on params', 'a reference', 'write the path out, or choose with --profile');
    if (/^[A-Za-z][A-Za-z0-9+.-]*:/.test(value)) throw refuse(`"${value}" cannot be extended`, 'a file of this project', 'an address', 'put a copy of the file into the project');
    if (isAbsolute(value) || value.startsWith('~') || value.includes('\\')) throw refuse(`"${value}" cannot be extended`, 'a path relative to this file, with /', 'another kind of path', 'write the path relative to the file that extends');
    const shown = join(dirname(from), value);
    const real = this.#realPath(shown, value, span);
    const project = realOf(findProjectRoot(dirname(chain[0]?.real ?? from)));
    const below = relative(project, real);
    if (below === '' || below === '..' || below.startsWith('../') || isAbsolute(below)) throw refuse(`"${value}" lies outside of the project`, `a file below ${project}`, real, 'move it into the project');
    const link = { real, shown, span };
    const seen = chain.findIndex((each) => each.real === real);
    if (seen >= 0) throw cycle([...chain.slice(seen), link], dirname(chain[0]?.shown ?? from), span);
    if (chain.length > MAX_LEVELS) throw refuse('files extend one another too deeply', `at most ${MAX_LEVELS} levels`, 'more', 'merge some of them');
    if (!this.#known.has(real) && this.read.length >= MAX_FILES) throw refuse('too many files are extended', `at most ${MAX_FILES}`, 'more', 'merge some of them');
    if (this.#bytes > MAX_BYTES) throw refuse('the files that are extended are too large', `at most ${MAX_BYTES} bytes together`, `${this.#bytes} bytes`, 'move data into files of their own that stages read');
    return link;
  }

  #realPath(shown: string, value: string, span: SourceSpan): string {
    try {
      return realpathSync(shown);
    } catch (cause) {
      const { code } = cause as NodeJS.ErrnoException;
      const dangling = code === 'ENOENT' && lstatSync(shown, { throwIfNoEntry: false })?.isSymbolicLink() === true;
      const found = code === 'ELOOP' ? 'symbolic links that lead to one another' : dangling ? 'a symbolic link to nothing' : code === 'ENOENT' ? 'no such file' : String(code);
      throw new PipelineError('E_FILE_NOT_FOUND', `"${value}", which this file extends, cannot be opened`, { facts: { expected: 'a file, relative to this one', found }, hint: 'correct the path', span, cause });
    }
  }
}

function cycle(links: readonly Link[], folder: string, span: SourceSpan): PipelineError {
  const names = links.map(({ shown }) => relative(folder, shown));
  const steps = links.slice(1).map((link, i) => [`"${names[i] as string}" extends "${names[i + 1] as string}"`, placeOf(link.span)]);
  return new PipelineError('E_CYCLE', `files extend one another: ${names.join(' -> ')}`, { facts: Object.fromEntries(steps) as Record<string, string>, hint: 'remove one of these', span });
}

function realOf(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return resolve(path);
  }
}
