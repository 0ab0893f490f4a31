/**
 * `profiles:` of a pipeline file: named overlays that are chosen on the command line. Every profile is checked whether it is chosen or not: its
 * fields, and that what it changes is there. Values are checked when it is applied, exactly like those of the file.
 */
import type { SourceSpan } from '../core/source-span.js';
import { optionSpan } from './diagnostics.js';
import type { Diagnostics } from './diagnostics.js';
import { mergeLayers } from './merge-layers.js';
import { NAME_PATTERN } from './pipeline-file.js';
import { describeNode, FORBIDDEN_NAMES } from './source-node.js';
import type { MapEntry, MapNode, SourceNode } from './source-node.js';
import { suggestion } from './suggest.js';

export const PROFILE_FIELDS = ['description', 'seed', 'params', 'stages'] as const;
/** What a profile may change of a stage: everything but what it is and what it is connected to. */
export const PROFILE_STAGE_FIELDS = ['params', 'resources', 'seed', 'when', 'matrix', 'retries'] as const;

export interface Profiled {
  readonly root: SourceNode;
  /** params of the pipeline that a chosen profile changes; their defaults stay in `root`, because they fix the type */
  readonly params: ReadonlyMap<string, { readonly node: SourceNode }>;
}

/** Applies the chosen profiles in their order. Errors: E_USAGE for a profile that is not there, E_UNKNOWN_FIELD, E_UNKNOWN_REFERENCE, E_WRONG_TYPE. */
export function applyProfiles(root: SourceNode, chosen: readonly string[], diagnostics: Diagnostics): Profiled {
  const field = root.kind === 'map' ? root.entries.get('profiles') : undefined;
  const profiles = root.kind === 'map' ? checkProfiles(root, field?.value, diagnostics) : new Map<string, MapEntry>();
  const params = new Map<string, { readonly node: SourceNode }>();
  let changed = root;
  for (const name of chosen) {
    const profile = profiles.get(name)?.value;
    if (profile === undefined) {
      diagnostics.error('E_USAGE', `"${name}" is not a profile of this pipeline`, { hint: suggestion(name, [...profiles.keys()], 'the file has no profiles: add profiles:'), span: optionSpan('--profile', name) });
      continue;
    }
    if (profile.kind !== 'map') continue;
    for (const { key, value } of mapOf(profile.entries.get('params')?.value).values()) params.set(key, { node: value });
    const rest = new Map([...profile.entries].filter(([key]) => key === 'seed' || key === 'stages'));
    changed = mergeLayers(changed, { kind: 'map', entries: rest, span: root.span }, diagnostics);
  }
  return { root: changed, params };
}

/** What is wrong is reported, each at its place. */
function checkProfiles(root: MapNode, node: SourceNode | undefined, diagnostics: Diagnostics): ReadonlyMap<string, MapEntry> {
  const profiles = checkedMap(node, 'profiles', diagnostics);
  const params = mapOf(root.entries.get('params')?.value);
  const stages = mapOf(root.entries.get('stages')?.value);
  for (const { key, keySpan, value } of profiles.values()) {
    const where = `profile "${key}"`;
    if (!new RegExp(NAME_PATTERN).test(key) || FORBIDDEN_NAMES.has(key)) diagnostics.error('E_BAD_NAME', `"${key}" cannot be the name of a profile`, { facts: { expected: 'a letter, then up to 63 letters, digits, _ and -' }, hint: 'choose another name', span: keySpan });
    const fields = checkedMap(value, where, diagnostics);
    known(fields, PROFILE_FIELDS, where, diagnostics);
    for (const param of checkedMap(fields.get('params')?.value, `"params" of ${where}`, diagnostics).values()) if (!params.has(param.key)) unknown(`"${param.key}" is not among the params of the pipeline`, param.key, params, param.keySpan, diagnostics);
    for (const stage of checkedMap(fields.get('stages')?.value, `"stages" of ${where}`, diagnostics).values()) {
      if (!stages.has(stage.key)) unknown(`stage "${stage.key}" is not in the pipeline`, stage.key, stages, stage.keySpan, diagnostics);
      known(checkedMap(stage.value, `stage "${stage.key}" of ${where}`, diagnostics), PROFILE_STAGE_FIELDS, `a stage of ${where}`, diagnostics);
    }
  }
  return profiles;
}

function known(fields: ReadonlyMap<string, MapEntry>, names: readonly string[], where: string, diagnostics: Diagnostics): void {
  for (const { key, keySpan } of fields.values()) if (!names.includes(key)) diagnostics.error('E_UNKNOWN_FIELD', `"${key}" is not a field of ${where}`, { hint: suggestion(key, names, ''), span: keySpan });
}

function unknown(message: string, name: string, there: ReadonlyMap<string, unknown>, span: SourceSpan, diagnostics: Diagnostics): void {
  diagnostics.error('E_UNKNOWN_REFERENCE', message, { hint: suggestion(name, [...there.keys()], 'add it to the pipeline first'), span });
}

function checkedMap(node: SourceNode | undefined, what: string, diagnostics: Diagnostics): ReadonlyMap<string, MapEntry> {
  if (node !== undefined && node.kind !== 'map' && !(node.kind === 'scalar' && node.value === null)) diagnostics.error('E_WRONG_TYPE', `${what} has the wrong type`, { facts: { expected: 'a map', found: describeNode(node) }, hint: 'write one "name: value" a line', span: node.span });
  return mapOf(node);
}

function mapOf(node: SourceNode | undefined): ReadonlyMap<string, MapEntry> {
  return node?.kind === 'map' ? node.entries : new Map<string, MapEntry>();
}
