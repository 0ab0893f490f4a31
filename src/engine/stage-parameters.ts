/**
 * The parameters of one stage: resolved, checked against the schema of its type, defaults filled. Paths to outside files are relative to the
 * pipeline file and become absolute; whether they exist is asked later, because a stage that is skipped needs none of them.
 */
import { statSync } from 'node:fs';
import { resolve } from 'node:path';
import type { JsonObject, JsonValue } from '../core/json.js';
import type { SourceSpan } from '../core/source-span.js';
import type { Diagnostics } from './diagnostics.js';
import { escapePointer, unescapePointer } from './json-pointer.js';
import { reportParameterErrors } from './parameter-errors.js';
import type { StageEntry } from './pipeline-file.js';
import type { Scope } from './scope.js';
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

export function readParameters(entry: StageEntry, manifest: StageManifest, folder: string, scope: Scope, registry: StageRegistry, diagnostics: Diagnostics): StageParameters {
  const spans = new Map<string, SourceSpan>();
  const unresolved = new Set<string>();
  const given: Record<string, JsonValue> = {};
  for (const field of entry.params.values()) {
    const value = scope.resolve(field.value, `/${escapePointer(field.key)}`, spans);
    if (value === undefined) unresolved.add(field.key);
    else given[field.key] = value;
  }
  // a copy: defaults are filled in place, and a value may be one that other stages refer to as well
  const params = structuredClone(given);
  const errors = needsNoCheck(manifest.params, params) ? [] : validatorOf(manifest, registry)(params);
  if (errors.length > 0) {
    reportParameterErrors(errors, {
      stage: entry.name, stageSpan: entry.span, type: manifest.type, schema: manifest.params, value: params, unresolved,
      valueSpan: (pointer) => nearestSpan(spans, pointer) ?? entry.span,
      keySpan: (pointer) => keySpan(entry, pointer) ?? nearestSpan(spans, pointer) ?? entry.span,
      source: (pointer) => sourceOf(entry, pointer),
    }, diagnostics);
  }
  for (const [name] of externalParameters(manifest.params)) {
    const path = params[name];
    if (typeof path === 'string' && path !== '') params[name] = resolve(folder, path);
  }
  return { params, spans };
}

/** A type without parameters, used without any: the validator need not be loaded. */
function needsNoCheck(schema: JsonObject, params: JsonObject): boolean {
  return Object.keys(params).length === 0 && Object.keys(schemaOf(schema['properties'])).length === 0;
}

/** Errors: E_EXTERNAL_MISSING for each outside file or folder that is not there. An empty path means "none" and is not looked for. */
export function checkExternals(entry: StageEntry, manifest: StageManifest, { params, spans }: StageParameters, diagnostics: Diagnostics): void {
  for (const [name, kind] of externalParameters(manifest.params)) {
    const path = params[name];
    if (typeof path !== 'string' || path === '') continue;
    const stats = statSync(path, { throwIfNoEntry: false });
    if (stats !== undefined && (kind === 'file' ? stats.isFile() : stats.isDirectory())) continue;
    const wanted = kind === 'file' ? 'a file' : 'a folder';
    diagnostics.error('E_EXTERNAL_MISSING', `"${path}", which stage "${entry.name}" reads, ${stats === undefined ? 'does not exist' : `is not ${wanted}`}`, {
      facts: { expected: wanted, found: stats === undefined ? 'nothing at this path' : stats.isDirectory() ? 'a folder' : 'a file', parameter: name },
      hint: 'correct the path; relative paths start at the folder of the pipeline file',
      span: nearestSpan(spans, `/${escapePointer(name)}`) ?? entry.span,
    });
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
