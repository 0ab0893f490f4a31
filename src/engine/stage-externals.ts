/**
 * The outside files of a stage: which ones it will read, what is in them, and whether they stayed as they were. The list comes from a light
 * module of the stage type; nothing else of a stage is loaded to find a key.
 */
import { statSync } from 'node:fs';
import type { Digest } from '../core/digest.js';
import { PipelineError } from '../core/errors.js';
import { checkFileName } from './artifact-name.js';
import { currentStamp, type ExternalDigest, type ExternalDigests } from './external-digests.js';
import type { PlannedStage } from './plan.js';
import { externalParameters } from './external-parameters.js';
import type { ExternalFile, StageRegistry } from './stage.js';
import type { Stamp } from './store/stamp.js';

/** What the outside files of a stage follow from. */
type StageOutside = Pick<PlannedStage, 'name' | 'manifest' | 'params'>;

export interface KnownExternal extends ExternalFile {
  readonly content: ExternalDigest;
}

/** In the order of the stage type. Errors: E_EXTERNAL_MISSING and what else the stage type says; E_DATA for a name that is listed twice. */
export async function listExternals(stage: StageOutside, registry: StageRegistry, pass?: object): Promise<readonly ExternalFile[]> {
  const { type } = stage.manifest;
  const module = Object.hasOwn(registry.modules, type) ? registry.modules[type] : undefined;
  const files = module?.externals === undefined ? filesOfParameters(stage) : await (await module.externals())(stage.params, Object.keys(stage.manifest.inputs), pass);
  const seen = new Set<string>();
  for (const { name } of files) {
    checkFileName(name);
    if (seen.has(name)) {
      throw new PipelineError('E_DATA', `"${name}" is listed twice among the outside files of "${stage.name}"`, {
        facts: { expected: 'every logical name once', found: 'the name twice', type },
        hint: 'Correct the list of externals of the stage type.',
      });
    }
    seen.add(name);
  }
  return files;
}

/**
 * Without a module that lists them: every parameter marked as an outside file, under the parameter's own name. A path is never in the key, so a type
 * that takes one and lists nothing would have the same key for every content; hence this, and the refusal for folders.
 */
function filesOfParameters(stage: StageOutside): ExternalFile[] {
  return externalParameters(stage.manifest.params).flatMap(([name, kind]) => {
    const path = stage.params[name];
    if (typeof path !== 'string' || path === '') return [];
    if (kind === 'file') return [{ name, path }];
    throw new PipelineError('E_DATA', `stage type "${stage.manifest.type}" takes the folder "${name}" but does not list its files`, {
      facts: { expected: 'a list of externals in the registry', found: 'none' },
      hint: 'Give the stage type a module that lists the files it reads.',
    });
  });
}

export interface DigestOptions {
  readonly signal: AbortSignal;
  /** bytes read of all the files that have to be read; not called if all are known */
  onProgress(done: number, total: number): void;
  /** called now and then, so that a kill does not cost hours of reading */
  keep(): Promise<unknown>;
}

const KEEP_EVERY_MS = 10_000;

/** Reads what is not known yet, as many files at once as there are threads for large ones. */
export async function digestExternals(files: readonly ExternalFile[], digests: ExternalDigests, options: DigestOptions): Promise<KnownExternal[]> {
  const unknown = new Map(files.filter(({ path }) => digests.known(path) === undefined).map(({ path }) => [path, 0]));
  const total = [...unknown.keys()].reduce((sum, path) => sum + statSync(path).size, 0);
  const contents = new Map<string, ExternalDigest>();
  let done = 0;
  let kept = performance.now();
  const read = async (path: string): Promise<void> => {
    const content = await digests.digest(path, (bytes) => advance(path, bytes), options.signal);
    contents.set(path, content);
    advance(path, content.size);
    if (performance.now() - kept < KEEP_EVERY_MS) return;
    kept = performance.now();
    await options.keep();
  };
  const advance = (path: string, bytes: number): void => {
    done += bytes - (unknown.get(path) as number);
    unknown.set(path, bytes);
    options.onProgress(done, total);
  };
  await eachAtOnce([...unknown.keys()], digests.atOnce, async (path) => {
    options.signal.throwIfAborted();
    await read(path);
  });
  const known: KnownExternal[] = [];
  for (const file of files) {
    options.signal.throwIfAborted();
    known.push({ ...file, content: contents.get(file.path) ?? (await digests.digest(file.path, undefined, options.signal)) });
  }
  if (unknown.size > 0) await options.keep();
  return known;
}

/** In order, `width` at a time. After an error nothing more begins; it is thrown when what had begun is over. */
async function eachAtOnce<T>(items: readonly T[], width: number, work: (item: T) => Promise<void>): Promise<void> {
  let next = 0;
  let failed = false;
  const lane = async (): Promise<void> => {
    while (next < items.length && !failed) {
      next += 1;
      await work(items[next - 1] as T).catch((error: unknown) => {
        failed = true;
        throw error;
      });
    }
  };
  const lanes = await Promise.allSettled(Array.from({ length: Math.min(width, items.length) }, lane));
  for (const result of lanes) if (result.status === 'rejected') throw result.reason;
}

export function externalContents(known: readonly KnownExternal[]): Record<string, Digest> {
  return Object.fromEntries(known.map(({ name, content }) => [name, content.digest]));
}

export async function areUnchanged(known: Iterable<KnownExternal>, digests: ExternalDigests): Promise<boolean> {
  for (const { path, content } of known) if (!(await digests.unchanged(path, content))) return false;
  return true;
}

/** E_INPUT_CHANGED naming the file if one does not have the content any more that the key was made from. */
export async function assertUnchanged(stage: string, known: Iterable<KnownExternal>, digests: ExternalDigests): Promise<void> {
  for (const { name, path, content } of known) {
    if (await digests.unchanged(path, content)) continue;
    throw new PipelineError('E_INPUT_CHANGED', `"${name}" changed while "${stage}" was using it`, {
      facts: { expected: `the content that was there when the stage was planned (${content.size} bytes)`, found: 'other content or another file', path },
      hint: 'Wait until the file is complete and run again; nothing that was made from the changed file was cached.',
    });
  }
}

/** The same files with the stamps that they have now, before a stage reads them. E_INPUT_CHANGED if one has other content than the key was made from. */
export async function withCurrentStamps(stage: string, known: readonly KnownExternal[], digests: ExternalDigests): Promise<KnownExternal[]> {
  const current: KnownExternal[] = [];
  for (const external of known) {
    const { path, content } = external;
    if (currentStampOf(path) === content.stamp) current.push(external);
    else {
      await assertUnchanged(stage, [external], digests);
      current.push({ ...external, content: await digests.digest(path) });
    }
  }
  return current;
}

/**
 * Those whose stamp has moved since it was taken. Whoever touched them may have put other bytes there for a while: that the content is the same again says
 * nothing of what was read meanwhile. To be asked after the content was found unchanged, not before.
 */
export function touchedSince(known: Iterable<KnownExternal>): KnownExternal[] {
  return [...known].filter(({ path, content }) => currentStampOf(path) !== content.stamp);
}

/** undefined: it cannot be looked at */
function currentStampOf(path: string): Stamp | undefined {
  try {
    return currentStamp(path);
  } catch (error) {
    if (error instanceof PipelineError) return undefined;
    throw error;
  }
}
