/**
 * Loads the modules that a pipeline file lists, and no others: nothing is looked up in working folders or by convention. From memory where their
 * sources are as they were; otherwise they are bundled, and a process of its own says what they define.
 */
import { mkdtempSync, realpathSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { extname, join, sep } from 'node:path';
import { PipelineError } from '../../core/errors.js';
import type { StageManifest } from '../stage.js';
import { errnoOf, nodeFs } from '../store/fs-port.js';
import { layoutOf, readFormat } from '../store/layout.js';
import type { OwnPackage } from './bundle.js';
import { ModuleMemory } from './memory.js';

export interface ModuleLoaderOptions {
  /** of the project: modules lie in it */
  readonly root: string;
  /** the folder of the store, made if need be; undefined: write nothing there */
  readonly storeDirectory: string | undefined;
  readonly workerEntry: string;
  readonly env: NodeJS.ProcessEnv;
  readonly own: OwnPackage;
  /** version of this program */
  readonly version: string;
}

const EXTENSIONS: ReadonlySet<string> = new Set(['.ts', '.mts', '.js', '.mjs']);
const NOT_WRITABLE: ReadonlySet<string> = new Set(['EROFS', 'EACCES', 'EPERM', 'ENOTDIR', 'EEXIST', 'ENOSPC', 'EDQUOT']);

/** Errors: E_MODULE, E_ENVIRONMENT. */
export async function loadModule(path: string, options: ModuleLoaderOptions): Promise<readonly StageManifest[]> {
  const real = checkedPath(path, options.root);
  const folder = await memoryFolder(options.storeDirectory);
  if (folder !== undefined) {
    const memory = new ModuleMemory(folder, options.version);
    const known = await memory.find(real);
    if (known !== undefined) return known;
    try {
      return await bundled(real, memory, options);
    } catch (error) {
      if (!NOT_WRITABLE.has(errnoOf(error) ?? '')) throw error;
    }
  }
  return bundled(real, new ModuleMemory(scratchFolder(), options.version), options);
}

/** What is remembered of a module whose sources are as they were; undefined if it has to be bundled. Writes nothing. Errors: E_MODULE for a path that cannot be one. */
export async function knownModule(path: string, { root, storeDirectory, version }: { readonly root: string; readonly storeDirectory: string; readonly version: string }): Promise<readonly StageManifest[] | undefined> {
  return new ModuleMemory(join(storeDirectory, 'modules'), version).find(checkedPath(path, root));
}

async function bundled(path: string, memory: ModuleMemory, { root, own, workerEntry, env }: ModuleLoaderOptions): Promise<readonly StageManifest[]> {
  const [{ bundleModule }, { askFor }] = await Promise.all([import('./bundle.js'), import('./ask.js')]);
  const bundle = await bundleModule(path, root, own);
  const code = await memory.place(bundle);
  const manifests = (await askFor(code, workerEntry, env)).map((manifest) => ({ ...manifest, code }));
  await memory.remember(path, bundle, code, manifests);
  return manifests;
}

function checkedPath(path: string, root: string): string {
  const stats = statSync(path, { throwIfNoEntry: false });
  if (stats?.isFile() !== true) {
    throw new PipelineError('E_MODULE', `"${path}" ${stats === undefined ? 'does not exist' : 'is not a file'}`, { facts: { expected: 'a TypeScript or JavaScript module', found: stats === undefined ? 'nothing at this path' : 'a folder or device' }, hint: 'correct the path; it is relative to the pipeline file' });
  }
  const real = realpathSync(path);
  const home = realpathSync(root);
  if (!real.startsWith(home.endsWith(sep) ? home : home + sep)) {
    throw new PipelineError('E_MODULE', `"${path}" lies outside the project`, { facts: { expected: `a file below ${home}`, found: real }, hint: 'put it into the project, or make a package of it and import it from a module of the project' });
  }
  if (!EXTENSIONS.has(extname(real))) {
    throw new PipelineError('E_MODULE', `"${path}" is not a module`, { facts: { expected: [...EXTENSIONS].join(', '), found: extname(real) === '' ? 'no extension' : extname(real) }, hint: 'name a TypeScript or JavaScript module' });
  }
  return real;
}

/** undefined: this folder is left alone, because it is not to be written or belongs to a newer program. */
async function memoryFolder(store: string | undefined): Promise<string | undefined> {
  if (store === undefined) return undefined;
  const format = await readFormat(nodeFs, layoutOf(store)).catch(() => 'foreign');
  return format === 'foreign' ? undefined : join(store, 'modules');
}

let scratch: string | undefined;

/** For this process alone: where the store is not to be written. */
function scratchFolder(): string {
  if (scratch === undefined) {
    const made = mkdtempSync(join(tmpdir(), 'pipeline-modules-'));
    process.once('exit', () => rmSync(made, { recursive: true, force: true }));
    scratch = made;
  }
  return scratch;
}
