/**
 * The stage types that `modules:` of a pipeline file bring, joined to those that are built in: paths are resolved, names must not collide, and a type of
 * an artifact that looks misspelt is pointed at. Pure; modules are loaded by module-loader.ts, and only those that the file names.
 */
import { realpathSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { PipelineError } from '../../core/errors.js';
import type { SourceSpan } from '../../core/source-span.js';
import type { Diagnostics } from '../diagnostics.js';
import type { ModuleEntry } from '../pipeline-file.js';
import type { InputPort, OutputPort, StageManifest, StageRegistry } from '../stage.js';
import { nearest } from '../suggest.js';

/** Absolute path as the file names it → what it defines. */
export type LoadedModules = ReadonlyMap<string, readonly StageManifest[]>;

export interface WantedModule {
  readonly path: string;
  readonly span: SourceSpan;
}

export interface JoinedTypes {
  readonly registry: StageRegistry;
  /** modules that have to be loaded first; the registry then lacks their types */
  readonly wanted: readonly WantedModule[];
}

export function joinTypes(entries: readonly ModuleEntry[], registry: StageRegistry, loaded: LoadedModules | undefined, diagnostics: Diagnostics): JoinedTypes {
  if (entries.length === 0) return { registry, wanted: [] };
  const places = new Map<string, WantedModule>();
  for (const { path, span } of entries) {
    // beside the file that lists it, which may be one that the pipeline extends
    const absolute = resolve(dirname(span.file), path);
    const same = [...places.keys()].find((known) => realPath(known) === realPath(absolute));
    if (same === undefined) places.set(absolute, { path: absolute, span });
    else diagnostics.error('E_MODULE', `"${path}" is listed twice under modules`, { hint: 'remove one', span });
  }
  const wanted = [...places.values()].filter(({ path }) => loaded?.has(path) !== true);
  if (wanted.length > 0) {
    const [first] = wanted as [WantedModule];
    if (loaded === undefined) diagnostics.error('E_MODULE', `"${first.path}" was not loaded`, { hint: 'load the plan with its modules', span: first.span });
    return { registry, wanted };
  }
  const manifests = new Map(registry.manifests);
  const from = new Map<string, string>();
  for (const { path, span } of places.values()) {
    for (const manifest of loaded?.get(path) ?? []) {
      const other = from.get(manifest.type) ?? (manifests.has(manifest.type) ? 'the built-in types' : undefined);
      if (other !== undefined) {
        diagnostics.error('E_MODULE', `stage type "${manifest.type}" is defined twice`, { facts: { expected: 'a name of its own', found: `${path} and ${other}` }, hint: 'rename the one in the module', span });
        continue;
      }
      from.set(manifest.type, path);
      manifests.set(manifest.type, manifest);
      for (const service of manifest.needs) checkService(manifest, service, registry, span, diagnostics);
    }
  }
  warnOfMisspelt(from, manifests, places, diagnostics);
  return { registry: { ...registry, manifests }, wanted: [] };
}

function realPath(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path; // it is missing, which is said when it is loaded
  }
}

function checkService({ type }: StageManifest, service: string, registry: StageRegistry, span: SourceSpan, diagnostics: Diagnostics): void {
  try {
    registry.serviceIdentity(service);
  } catch (error) {
    if (!(error instanceof PipelineError)) throw error;
    diagnostics.error('E_MODULE', `stage type "${type}" needs the service "${service}", which does not exist`, { facts: error.facts, hint: 'correct `needs` of the stage type', span });
  }
}

/** An artifact type that only this module knows may be meant so; one that is nearly a known one hardly is. */
function warnOfMisspelt(from: ReadonlyMap<string, string>, manifests: ReadonlyMap<string, StageManifest>, places: ReadonlyMap<string, WantedModule>, diagnostics: Diagnostics): void {
  const known = new Set([...manifests.values()].filter(({ type }) => !from.has(type)).flatMap(({ inputs, outputs }) => [...Object.values(inputs), ...Object.values(outputs)].map(({ type }) => type)));
  for (const [type, path] of from) {
    const { inputs, outputs } = manifests.get(type) as StageManifest;
    for (const [kind, ports] of [['input', inputs], ['output', outputs]] as const) {
      for (const [name, port] of Object.entries<InputPort | OutputPort>(ports)) {
        const near = known.has(port.type) ? undefined : nearest(port.type, known);
        if (near === undefined) continue;
        diagnostics.warning('E_MODULE', `${kind} "${name}" of stage type "${type}" has the artifact type "${port.type}", which no built-in stage knows`, { hint: `did you mean "${near}"?`, span: (places.get(path) as WantedModule).span });
      }
    }
  }
}
