/**
 * Reads `pipeline.config.yaml` behind the same guards as a pipeline file. Every unknown or misshapen field is reported with its place; what is
 * left is a flat list of values that know where they stand.
 */
import type { JsonValue } from '../../core/json.js';
import type { SourceSpan } from '../../core/source-span.js';
import { Diagnostics, type Diagnostic } from '../diagnostics.js';
import { describeNode, type SourceNode } from '../source-node.js';
import { suggestion } from '../suggest.js';
import { Places, readPipelineText } from '../yaml-guard.js';
import { parseYaml } from '../yaml-spans.js';
import { CONFIG_FIELDS, CONFIG_GROUPS, namesIn } from './fields.js';

export interface ConfigValue {
  readonly value: JsonValue;
  readonly span: SourceSpan;
}

export interface ProjectConfig {
  /** as diagnostics name it */
  readonly file: string;
  /** name of the field → value */
  readonly values: ReadonlyMap<string, ConfigValue>;
}

/** `config` holds what could be read: use it only if no diagnostic is an error. */
export interface LoadedConfig {
  readonly config: ProjectConfig;
  readonly diagnostics: readonly Diagnostic[];
}

/** root of a project → its configuration, if it has one */
export type ProjectConfigs = ReadonlyMap<string, LoadedConfig>;

/** The file has to exist. */
export function readProjectConfig(file: string): LoadedConfig {
  const diagnostics = new Diagnostics();
  const values = new Map<string, ConfigValue>();
  const text = diagnostics.attempt(undefined, () => readPipelineText(file));
  // an empty file only marks the root of a project
  if (text !== undefined && text.split('\n').some((line) => line.trim() !== '' && !line.trim().startsWith('#'))) {
    const root = parseYaml(new Places(text, file), diagnostics);
    if (root !== undefined) readGroup(root, '', values, diagnostics);
  }
  return { config: { file, values }, diagnostics: diagnostics.sorted() };
}

function readGroup(node: SourceNode, group: string, values: Map<string, ConfigValue>, diagnostics: Diagnostics): void {
  const where = group === '' ? 'the project configuration' : `"${group}"`;
  if (node.kind === 'scalar' && node.value === null) return; // left empty
  if (node.kind !== 'map') {
    diagnostics.error('E_WRONG_TYPE', `${where} has the wrong type`, { facts: { expected: 'a map', found: describeNode(node) }, hint: 'write one "name: value" a line', span: node.span });
    return;
  }
  const known = namesIn(group);
  for (const { key, keySpan, value } of node.entries.values()) {
    const name = group === '' ? key : `${group}.${key}`;
    const field = CONFIG_FIELDS.find((each) => each.name === name);
    if (!known.includes(key)) diagnostics.error('E_UNKNOWN_FIELD', `"${key}" is not a field of ${where}`, { hint: suggestion(key, known, ''), span: keySpan });
    else if (Object.hasOwn(CONFIG_GROUPS, name)) readGroup(value, name, values, diagnostics);
    else if (field !== undefined) {
      const plain = plainValue(value);
      if (field.accepts(plain)) values.set(name, { value: plain, span: value.span });
      else diagnostics.error('E_WRONG_TYPE', `"${name}" cannot be read`, { facts: { expected: field.expected, found: describeNode(value) }, hint: `write ${field.expected}`, span: value.span });
    }
  }
}

function plainValue(node: SourceNode): JsonValue {
  if (node.kind === 'scalar') return node.value;
  if (node.kind === 'list') return node.items.map(plainValue);
  return Object.fromEntries([...node.entries.values()].map(({ key, value }) => [key, plainValue(value)]));
}
