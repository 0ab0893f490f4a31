/**
 * Two layers of a pipeline file become one: what a file extends, and the file; a pipeline, and a profile. Fields that hold things by name
 * (params, stages, profiles, and in a stage its params, inputs, resources and matrix) are merged name by name, every other value is replaced
 * as a whole. A field that is left empty changes nothing. Every value keeps its place, so errors name the file that it was written in.
 */
import { PipelineError } from '../core/errors.js';
import type { Diagnostics } from './diagnostics.js';
import { describeNode } from './source-node.js';
import type { MapEntry, MapNode, SourceNode } from './source-node.js';
import { suggestion } from './suggest.js';

/** How the fields of a map are merged: by name with these rules, or (absent) replaced. */
interface Rules {
  readonly fields?: Readonly<Record<string, Rules>>;
  /** of every name that `fields` does not list */
  readonly each?: Rules;
}

const BY_NAME: Rules = { each: {} };
const STAGE: Rules = { fields: { params: BY_NAME, inputs: BY_NAME, resources: BY_NAME, matrix: BY_NAME } };
const PROFILE: Rules = { fields: { params: BY_NAME, stages: { each: STAGE } } };
const FILE: Rules = { fields: { params: BY_NAME, stages: { each: STAGE }, profiles: { each: PROFILE } } };

/** What `later` says counts; what it does not say stays. */
export function mergeLayers(earlier: SourceNode, later: SourceNode, diagnostics: Diagnostics): SourceNode {
  return merged(earlier, later, FILE, 'the pipeline file', diagnostics);
}

function merged(earlier: SourceNode, later: SourceNode, rules: Rules, what: string, diagnostics: Diagnostics): SourceNode {
  const byName = rules.fields !== undefined || rules.each !== undefined;
  if (!byName || later.kind !== 'map') return byName && isEmpty(later) ? earlier : later;
  if (earlier.kind !== 'map') {
    // it would be lost without a word
    if (!isEmpty(earlier)) diagnostics.error('E_WRONG_TYPE', `${what} has the wrong type`, { facts: { expected: 'a map', found: describeNode(earlier) }, hint: 'write one "name: value" a line', span: earlier.span });
    return later;
  }
  const entries = new Map(earlier.entries);
  for (const [name, entry] of later.entries) {
    const before = entries.get(name);
    const rule = rules.fields?.[name] ?? rules.each;
    entries.set(name, before === undefined || rule === undefined ? entry : { key: name, keySpan: entry.keySpan, value: merged(before.value, entry.value, rule, `"${name}"`, diagnostics) });
  }
  return { kind: 'map', entries, span: later.span };
}

function isEmpty(node: SourceNode): boolean {
  return node.kind === 'scalar' && node.value === null;
}

/** The layer without what the paths of `remove:` name: `stages.dream`, `params.steps`, `stages.dream.params.steps`. Errors: E_WRONG_TYPE, E_UNKNOWN_REFERENCE. */
export function removeFrom(layer: SourceNode, remove: SourceNode, diagnostics: Diagnostics): SourceNode {
  if (remove.kind !== 'list') {
    diagnostics.error('E_WRONG_TYPE', 'remove has the wrong type', { facts: { expected: 'a list of paths', found: describeNode(remove) }, hint: 'write e.g. remove: [stages.dream]', span: remove.span });
    return layer;
  }
  return remove.items.reduce((left, item) => {
    return diagnostics.attempt(item.span, () => {
      if (item.kind !== 'scalar' || typeof item.value !== 'string') throw new PipelineError('E_WRONG_TYPE', 'a path of remove: is not text', { facts: { expected: 'a path', found: describeNode(item) }, hint: 'write e.g. remove: [stages.dream]' });
      return without(left, item.value.split('.'), item.value, '');
    }) ?? left;
  }, layer);
}

function without(node: SourceNode | undefined, path: readonly string[], whole: string, walked: string): MapNode {
  const [name = '', ...rest] = path;
  const entries = new Map<string, MapEntry>(node?.kind === 'map' ? node.entries : []);
  const entry = entries.get(name);
  if (node?.kind !== 'map' || entry === undefined) {
    throw new PipelineError('E_UNKNOWN_REFERENCE', `"${whole}" is not inherited: ${walked === '' ? 'what the file extends' : `"${walked}"`} has no "${name}"`, { hint: suggestion(name, [...entries.keys()], 'remove this path') });
  }
  if (rest.length === 0) entries.delete(name);
  else entries.set(name, { ...entry, value: without(entry.value, rest, whole, walked === '' ? name : `${walked}.${name}`) });
  return { ...node, entries };
}
