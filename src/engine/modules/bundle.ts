/**
 * A module of the project → one file: its code and everything local that it imports, transpiled; packages stay imports. The digest for keys covers
 * the code without comments, layout and types, and the name and version of every package that it imports; no path, so a moved project or a renamed
 * file is the same code. esbuild is loaded here and nowhere else, and only when there is something to bundle.
 *
 * tsconfig.json of the project plays no part: what decides the bytes stands in the module.
 */
import { existsSync, readFileSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { join, resolve, sep } from 'node:path';
import type { BuildFailure, Message, Plugin } from 'esbuild';
import { digestOf, type Digest } from '../../core/digest.js';
import { PipelineError } from '../../core/errors.js';
import type { JsonObject } from '../../core/json.js';
import { canonicalDigest } from '../canonical.js';

/** The package that stage modules import `defineStage` from: this program. */
export interface OwnPackage {
  readonly name: string;
  readonly folder: string;
  /** raised when what it gives to modules would give other bytes; its version is in no key, so that an update keeps everybody's results */
  readonly api: number;
}

export interface Bundle {
  /** for keys */
  readonly digest: Digest;
  /** what is loaded: the code with its source map */
  readonly text: string;
  /** absolute paths of the files that went in */
  readonly sources: readonly string[];
  /** package.json of every package that it imports, absolute */
  readonly packageFiles: readonly string[];
  /** package as it is imported → the folder where it lies */
  readonly links: Readonly<Record<string, string>>;
}

interface ImportedPackage {
  readonly folder: string;
  readonly title: string;
}

/** Errors: E_MODULE, at line and column where there is one. */
export async function bundleModule(path: string, root: string, own: OwnPackage): Promise<Bundle> {
  const { build, stop, transform } = await import('esbuild');
  const packages = new Map<string, ImportedPackage>();
  try {
    const result = await build({
      entryPoints: [path], absWorkingDir: root, outfile: join(root, 'bundle.mjs'), bundle: true, write: false, metafile: true,
      format: 'esm', platform: 'node', target: 'node20', charset: 'utf8', sourcemap: 'inline', sourcesContent: false, sourceRoot: `${root}${sep}`, legalComments: 'none',
      tsconfigRaw: {}, logLevel: 'silent', plugins: [packagesStayOutside(packages, own)],
    });
    const text = result.outputFiles[0]?.text ?? '';
    const { code } = await transform(text, { minifyWhitespace: true, legalComments: 'none', charset: 'utf8', sourcemap: false });
    const versions: JsonObject = Object.fromEntries([...packages].map(([name, { title }]) => [name, title]));
    const foreign = [...packages].filter(([name]) => name !== own.name);
    return {
      digest: canonicalDigest('stage-module/1', { code: digestOf(code), packages: versions }),
      text,
      sources: Object.keys(result.metafile.inputs).map((source) => resolve(root, source)),
      packageFiles: foreign.map(([, { folder }]) => join(folder, 'package.json')),
      links: Object.fromEntries([...packages].map(([name, { folder }]) => [name, folder])),
    };
  } catch (error) {
    const [first] = (error as Partial<BuildFailure>).errors ?? [];
    throw first === undefined ? error : notBundled(path, root, first);
  } finally {
    await stop();
  }
}

const SEEN = { seen: true };

/** Packages are imports of the bundle; what is linked into node_modules from elsewhere (a workspace) is code of the project, whose version says nothing. */
function packagesStayOutside(packages: Map<string, ImportedPackage>, own: OwnPackage): Plugin {
  return {
    name: 'packages-stay-outside',
    setup({ onResolve, resolve: find }) {
      onResolve({ filter: /^(?:[^./]|\.[^./])/ }, async ({ path, resolveDir, importer, kind, pluginData }) => {
        if (pluginData === SEEN || kind === 'entry-point') return undefined;
        if (isBuiltin(path)) return { path, external: true };
        const name = packageName(path);
        if (name === own.name) {
          packages.set(name, { folder: own.folder, title: `stage api ${own.api}` });
          return { path, external: true };
        }
        const found = await find(path, { resolveDir, importer, kind, pluginData: SEEN });
        if (found.errors.length > 0) return { errors: found.errors };
        const at = found.path.lastIndexOf(`${sep}node_modules${sep}`);
        if (at < 0 || name.startsWith('#')) return { path: found.path };
        const folder = packageFolder(found.path, at);
        const known = packages.get(name);
        if (known !== undefined && known.folder !== folder) return { errors: [{ text: `"${name}" means two packages here: ${known.folder} and ${folder}` }] };
        packages.set(name, { folder, title: titleOf(folder) });
        return { path, external: true };
      });
    },
  };
}

export function packageName(specifier: string): string {
  const parts = specifier.split('/');
  return specifier.startsWith('@') ? parts.slice(0, 2).join('/') : (parts[0] as string);
}

/** `at`: of the last node_modules in the path. */
function packageFolder(path: string, at: number): string {
  const below = `${sep}node_modules${sep}`.length + at;
  return path.slice(0, below) + packageName(path.slice(below).split(sep).join('/')).split('/').join(sep);
}

function titleOf(folder: string): string {
  const file = join(folder, 'package.json');
  if (!existsSync(file)) return 'unknown';
  const { name, version } = JSON.parse(readFileSync(file, 'utf8')) as { name?: string; version?: string };
  return `${name ?? 'unknown'}@${version ?? 'unknown'}`;
}

function notBundled(path: string, root: string, { text, location, notes }: Message): PipelineError {
  const [note] = notes;
  return new PipelineError('E_MODULE', `"${path}" cannot be read as a module: ${text}`, {
    ...(note === undefined ? {} : { facts: { note: note.text.slice(0, 300) } }),
    hint: text.startsWith('Could not resolve') ? 'correct the import, or install the package beside the module; `Type` and `defineStage` come from "pipeline-encoding/stage"' : 'correct the module',
    ...(location === null ? {} : { span: { file: resolve(root, location.file), line: location.line, column: location.column + 1, length: Math.max(1, location.length) } }),
  });
}
