/**
 * `--set path=value`: changes of single values from the command line, applied to the located values before anything is resolved, so that a
 * value from there is checked exactly as one from the file. Only what is there can be changed: a misspelt path is an error, never a new field.
 * The value is YAML (`64`, `[1, 2]`, `{a: 1}`, text); an empty value is the empty text.
 */
import { PipelineError } from '../core/errors.js';
import { overrideSpan } from './diagnostics.js';
import type { Diagnostics } from './diagnostics.js';
import { MATRIX_LISTS, STAGE_FIELDS } from './pipeline-file.js';
import { FORBIDDEN_NAMES, kindOf } from './source-node.js';
import type { MapEntry, MapNode, SourceNode } from './source-node.js';
import { suggestion } from './suggest.js';
import { Places } from './yaml-guard.js';
import { parseYaml } from './yaml-spans.js';

export interface Override {
  readonly node: SourceNode;
  /** of `--set` the characters behind `=`: what a parameter that is text takes, whatever YAML makes of them */
  readonly text?: string;
}
export interface Overridden {
  readonly root: SourceNode;
  /** replaced params of the pipeline by name; their defaults stay in `root`, because they fix the type */
  readonly params: ReadonlyMap<string, Override>;
}

/** Applies the arguments in order, on top of what profiles have `given` params; of two for the same path the later wins. Errors: E_USAGE, E_UNKNOWN_STAGE_NAME, those of YAML. */
export function applyOverrides(root: SourceNode, args: readonly string[], diagnostics: Diagnostics, given: ReadonlyMap<string, Override> = new Map()): Overridden {
  const params = new Map(given);
  let changed = root;
  for (const argument of args) {
    diagnostics.attempt(overrideSpan(argument), () => {
      const { path, override } = parseArgument(argument, diagnostics);
      if (override === undefined || root.kind !== 'map') return;
      checkPath(root, path, argument);
      const [head, name = '', ...part] = path;
      const replaced = params.get(name);
      if (head === 'params' && part.length === 0) params.set(name, override);
      else if (head === 'params' && replaced !== undefined) params.set(name, { node: replaceAt(replaced.node, part, override) });
      else changed = replaceAt(changed, path, override);
    });
  }
  return { root: changed, params };
}

const INSTANCE = /^\s*stages\.([A-Za-z][A-Za-z0-9_-]*)\[[^\]]*\]?/;

function parseArgument(argument: string, diagnostics: Diagnostics): { path: string[]; override: Override | undefined } {
  const [instance, stage] = INSTANCE.exec(argument) ?? [];
  if (instance !== undefined) {
    throw new PipelineError('E_USAGE', `"${instance.trim()}" cannot be set on its own`, {
      facts: { expected: `stages.${stage as string}, which sets all its instances`, found: `--set ${argument}` },
      hint: 'instances cannot be set one by one: make the value depend on ${matrix.AXIS} in the file, or change an axis with --set stages.NAME.matrix.AXIS',
    });
  }
  const equals = argument.indexOf('=');
  const path = equals < 0 ? [] : argument.slice(0, equals).trim().split('.');
  if (path.length === 0 || path.some((part) => part === '' || FORBIDDEN_NAMES.has(part))) {
    throw new PipelineError('E_USAGE', `"--set ${argument}" names no value`, { facts: { expected: '--set path=value', found: argument }, hint: 'write e.g. --set params.steps=64' });
  }
  const text = argument.slice(equals + 1);
  const span = overrideSpan(argument, equals + 2);
  if (text.trim() === '') return { path, override: { node: { kind: 'scalar', value: '', span }, text } };
  const node = parseYaml(new Places(text, span.file, equals + 2), diagnostics);
  return { path, override: node === undefined ? undefined : { node, text } };
}

/** Throws unless the path leads to something that may be set. */
function checkPath(root: MapNode, path: readonly string[], argument: string): void {
  const [head, second, field, ...rest] = path as [string, ...string[]];
  const fail = (message: string, hint: string, code: 'E_USAGE' | 'E_UNKNOWN_STAGE_NAME' = 'E_USAGE'): never => {
    throw new PipelineError(code, message, { facts: { found: `--set ${argument}` }, hint });
  };
  const params = mapOf(root.entries.get('params')?.value);
  const stages = mapOf(root.entries.get('stages')?.value);
  if (head === 'seed' && path.length === 1) return;
  if (head === 'params' && second !== undefined) {
    let place = params;
    for (const [index, name] of path.slice(1).entries()) {
      const entry = place.get(name);
      const where = path.slice(0, index + 1).join('.');
      if (entry === undefined) return fail(`"${name}" is not in ${where} of the pipeline`, suggestion(name, [...place.keys()], `${where} holds nothing that could be set`));
      place = mapOf(entry.value);
    }
    return;
  }
  if (head === 'stages' && second !== undefined) {
    if (!stages.has(second)) fail(`stage "${second}" is not in the pipeline`, suggestion(second, [...stages.keys()], 'check the name of the stage'), 'E_UNKNOWN_STAGE_NAME');
    if ((field === 'seed' || field === 'when' || field === 'retries') && rest.length === 0) return;
    if ((field === 'params' || field === 'resources') && rest.length > 0) return;
    if (field === 'matrix' && rest.length === 1) {
      const fields = mapOf(mapOf(stages.get(second)?.value).get('matrix')?.value);
      const settable = fields.size === 0 ? [] : [...new Set([...fields.keys(), ...MATRIX_LISTS])];
      if (!settable.includes(rest[0] as string)) fail(`"${rest[0] as string}" is not an axis of stage "${second}"`, suggestion(rest[0] as string, settable, `stage "${second}" has no matrix`));
      return;
    }
    const settable = ['params.NAME', 'resources.NAME', 'matrix.AXIS', 'seed', 'when', 'retries'];
    const known = STAGE_FIELDS.find((name) => name === field);
    fail(`"${path.join('.')}" cannot be set`, known === undefined && field !== undefined ? suggestion(field, ['params', 'resources', 'matrix', 'seed', 'when', 'retries'], '') : `use one of: ${settable.map((name) => `stages.${second}.${name}`).join(', ')}`);
  }
  if (params.has(head)) fail(`"${path.join('.')}" cannot be set`, `did you mean "params.${path.join('.')}"?`);
  if (stages.has(head)) fail(`"${path.join('.')}" cannot be set`, `did you mean "stages.${path.join('.')}"?`);
  fail(`"${path.join('.')}" cannot be set`, suggestion(head, ['params', 'stages', 'seed'], ''));
}

function mapOf(node: SourceNode | undefined): ReadonlyMap<string, MapEntry> {
  return node?.kind === 'map' ? node.entries : new Map<string, MapEntry>();
}

/** The tree with the value at `path` replaced or, for parameters and fields that a stage leaves to their defaults, added. */
function replaceAt(node: SourceNode | undefined, path: readonly string[], override: Override): SourceNode {
  const [name, ...rest] = path;
  if (name === undefined) return keepText(node, override);
  const entries = new Map(mapOf(node));
  const before = entries.get(name);
  entries.set(name, { key: name, keySpan: before?.keySpan ?? override.node.span, value: replaceAt(before?.value, rest, override) });
  return { kind: 'map', entries, span: node?.span ?? override.node.span };
}

/** `5` for a value that is text in the file means the text "5". */
function keepText(before: SourceNode | undefined, override: Override): SourceNode {
  const { node, text } = override;
  const wasText = before?.kind === 'scalar' && typeof before.value === 'string' && !before.value.includes('${');
  return wasText && node.kind === 'scalar' && kindOf(node.value) !== 'text' && text !== undefined ? { kind: 'scalar', value: text, span: node.span } : node;
}
