/**
 * The parameters of one stage: resolved, checked against the schema of its type, defaults filled. Paths to outside files are relative to the
 * file that they are written in (from the command line: to the pipeline file) and become absolute; whether they exist is asked later, because a stage that is skipped needs none of them.
 */
import { statSync, type Stats } from 'node:fs';
import { dirname, resolve } from 'node:path';
import type { JsonObject, JsonValue } from '../core/json.js';
import type { SourceSpan } from '../core/source-span.js';
import { isOverrideSpan } from './diagnostics.js';
import type { Diagnostics } from './diagnostics.js';
import { escapePointer, unescapePointer } from './json-pointer.js';
import { reportParameterErrors } from './parameter-errors.js';
import type { StageEntry } from './pipeline-file.js';
import type { StageScope } from './scope.js';
import { externalParameters } from './external-parameters.js';
import { validatorOf } from './schema-validator.js';
import { schemaOf } from './schema-words.js';
import type { MapEntry, SourceNode } from './source-node.js';
import type { StageManifest, StageRegistry } from './stage.js';

export interface StageParameters {
  readonly params: JsonObject;
  /** JSON pointer → place */
  readonly spans: ReadonlyMap<string, SourceSpan>;
}

/** Places of everything under `params:` of a stage, by JSON pointer: the same for all its instances. */
export function parameterSpans(entry: StageEntry): ReadonlyMap<string, SourceSpan> {
  const spans = new Map<string, SourceSpan>();
  const add = (pointer: string, node: SourceNode): void => {
    spans.set(pointer, node.span);
    if (node.kind === 'list') node.items.forEach((item, index) => add(`${pointer}/${index}`, item));
    else if (node.kind === 'map') for (const { key, value } of node.entries.values()) add(`${pointer}/${escapePointer(key)}`, value);
  };
  for (const { key, value } of entry.params.values()) add(`/${escapePointer(key)}`, value);
  return spans;
}

/** `name`: of the instance, for messages. */
export function readParameters(entry: StageEntry, name: string, spans: ReadonlyMap<string, SourceSpan>, manifest: StageManifest, folder: string, scope: StageScope, registry: StageRegistry, diagnostics: Diagnostics): StageParameters {
  const unresolved = new Set<string>();
  const given: Record<string, JsonValue> = {};
  for (const field of entry.params.values()) {
    const value = scope.resolve(field.value);
    if (value === undefined) unresolved.add(field.key);
    else given[field.key] = value;
  }
  // a copy: defaults are filled in place, and a value may be one that other stages refer to as well
  const params = structuredClone(given);
  const errors = needsNoCheck(manifest.params, params) ? [] : validatorOf(manifest, registry)(params);
  if (errors.length > 0) {
    reportParameterErrors(errors, {
      stage: name, stageSpan: entry.span, type: manifest.type, schema: manifest.params, value: params, unresolved,
      valueSpan: (pointer) => nearestSpan(spans, pointer) ?? entry.span,
      keySpan: (pointer) => keySpan(entry, pointer) ?? nearestSpan(spans, pointer) ?? entry.span,
      source: (pointer) => sourceOf(entry, pointer),
    }, diagnostics);
  }
  for (const [external] of externalParameters(manifest.params)) {
    const path = params[external];
    if (typeof path === 'string' && path !== '') params[external] = resolve(folderOf(entry.params.get(external), folder, scope), path);
  }
  return { params, spans };
}

function folderOf(field: MapEntry | undefined, folder: string, scope: StageScope): string {
  const span = field === undefined ? undefined : scope.originOf(field.value);
  return span === undefined || isOverrideSpan(span) ? folder : dirname(resolve(span.file));
}

/** A type without parameters, used without any: the validator need not be loaded. */
function needsNoCheck(schema: JsonObject, params: JsonObject): boolean {
  return Object.keys(params).length === 0 && Object.keys(schemaOf(schema['properties'])).length === 0;
}

/** Errors: E_EXTERNAL_MISSING for each outside file or folder that is not there. An empty path means "none" and is not looked for. */
export function checkExternals(entry: StageEntry, stage: string, manifest: StageManifest, { params, spans }: StageParameters, diagnostics: Diagnostics): void {
  for (const [name, kind] of externalParameters(manifest.params)) {
    const path = params[name];
    if (typeof path !== 'string' || path === '') continue;
    const { stats, why } = look(path);
    if (stats !== undefined && (kind === 'file' ? stats.isFile() : stats.isDirectory())) continue;
    const wanted = kind === 'file' ? 'a file' : 'a folder';
    diagnostics.error('E_EXTERNAL_MISSING', `"${path}", which stage "${stage}" reads, ${stats === undefined ? (why === NOTHING ? 'does not exist' : 'cannot be looked at') : `is not ${wanted}`}`, {
      facts: { expected: wanted, found: stats === undefined ? why : stats.isDirectory() ? 'a folder' : 'a file', parameter: name },
      hint: 'correct the path; relative paths start at the folder of the pipeline file',
      span: nearestSpan(spans, `/${escapePointer(name)}`) ?? entry.span,
    });
  }
}

const NOTHING = 'nothing at this path';

/** A path can also be too long, lead through a loop of links, a file or a folder that is closed to us, or hold a NUL: all mistakes of who wrote it. */
function look(path: string): { readonly stats: Stats | undefined; readonly why: string } {
  try {
    return { stats: statSync(path, { throwIfNoEntry: false }), why: NOTHING };
  } catch (error) {
    return { stats: undefined, why: String((error as NodeJS.ErrnoException).code ?? error) };
  }
}

function nearestSpan(spans: ReadonlyMap<string, SourceSpan>, pointer: string): SourceSpan | undefined {
  for (let at = pointer; at !== ''; at = at.slice(0, at.lastIndexOf('/'))) {
    const span = spans.get(at);
    if (span !== undefined) return span;
  }
  return undefined;
}

function walk(entry: StageEntry, pointer: string): { readonly field: MapEntry | undefined; readonly node: SourceNode | undefined } {
  let entries: ReadonlyMap<string, MapEntry> = entry.params;
  let field: MapEntry | undefined;
  let node: SourceNode | undefined;
  for (const segment of pointer.split('/').slice(1).map(unescapePointer)) {
    field = node?.kind === 'list' ? undefined : entries.get(segment);
    node = node?.kind === 'list' ? node.items[Number(segment)] : field?.value;
    entries = node?.kind === 'map' ? node.entries : new Map<string, MapEntry>();
  }
  return { field, node };
}

function keySpan(entry: StageEntry, pointer: string): SourceSpan | undefined {
  return walk(entry, pointer).field?.keySpan;
}

function sourceOf(entry: StageEntry, pointer: string): string | undefined {
  const { node } = walk(entry, pointer);
  return node?.kind === 'scalar' && typeof node.value === 'string' && node.value.includes('${') ? node.value : undefined;
}
